/**
 * The log of a node that the CLI runs: on stderr, for people by pino-pretty, with `--json` an object a line.
 */
import { isatty } from 'node:tty';
import type { Logger } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

const STDERR = 2;

export async function openLog(level: LogLevel, json: boolean): Promise<Logger> {
  const { pino } = await import('pino');
  // The pid and the host name say nothing to somebody who looks at one process.
  const options = { level, base: null };
  if (json) return pino(options, pino.destination({ fd: STDERR, sync: true }));
  const { default: pretty } = await import('pino-pretty');
  const colorize = isatty(STDERR) && process.env['NO_COLOR'] === undefined;
  return pino(
    options,
    pretty({ destination: STDERR, sync: true, colorize, translateTime: 'SYS:HH:MM:ss.l', singleLine: true }),
  );
}
