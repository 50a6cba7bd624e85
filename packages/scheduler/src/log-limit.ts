/**
 * A bound for log lines that somebody's faulty code can cause as often as it likes: a process that crashes, a
 * child that is started again.
 *
 * Lines are of a kind where level and message are the same. Of each kind the first so many of a period pass, and
 * the last of them says for how long it is the last (`quietMs`). All others are counted, and the next line that
 * passes says how many they were (`leftOut`).
 */
import type { Environment } from './environment.js';
import type { Logger } from './logger.js';

const LINES = 20;
const PERIOD_MS = 10_000;

/** Kinds remembered; a new one beyond pushes out the oldest. Messages are constants, so this is never reached. */
const MAX_KINDS = 1_000;

interface Kind {
  since: number;
  lines: number;
  leftOut: number;
}

/** @returns a logger that passes 20 lines of each kind in 10 s on to `logger`. */
export function limitLog(logger: Logger, environment: Pick<Environment, 'now'>): Logger {
  const kinds = new Map<string, Kind>();
  const limited =
    (level: keyof Logger) =>
    (fields: object, message: string): void => {
      const key = `${level} ${message}`;
      const at = environment.now();
      let kind = kinds.get(key);
      if (kind === undefined || at - kind.since >= PERIOD_MS) {
        kind = { since: at, lines: 0, leftOut: kind?.leftOut ?? 0 };
        kinds.set(key, kind);
        if (kinds.size > MAX_KINDS) kinds.delete(kinds.keys().next().value ?? key);
      }
      kind.lines++;
      if (kind.lines > LINES) {
        kind.leftOut++;
        return;
      }
      const quietMs = kind.lines === LINES ? Math.ceil(kind.since + PERIOD_MS - at) : undefined;
      const { leftOut } = kind;
      kind.leftOut = 0;
      logger[level]({ ...fields, ...(leftOut > 0 && { leftOut }), ...(quietMs !== undefined && { quietMs }) }, message);
    };
  return { debug: limited('debug'), info: limited('info'), warn: limited('warn'), error: limited('error') };
}
