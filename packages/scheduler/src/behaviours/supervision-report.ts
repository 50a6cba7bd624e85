/**
 * What supervisors tell their node: that a child was started again, waits for it, was killed as it was stopped,
 * and that a supervisor has given up.
 *
 * A supervisor on any thread tells the home thread, which writes it to the node's log and tells whoever watches.
 * A report is on the home thread before anything that follows from it where the supervisor waits for `tell`.
 */
import { DIAGNOSTICS, publishEvent } from '../diagnostics.js';
import { describeReason, type ExitReason } from '../exit-reason.js';
import type { Logger } from '../logger.js';
import type { Pid } from '../pid.js';
import type { Self } from '../self.js';

/** The service of the home thread that takes reports. */
export const SUPERVISION = 'supervision';

interface Reported {
  /** The process of the supervisor, and the name of its definition. */
  readonly supervisor: Pid;
  readonly name: string;
  /** The id of its spec; that of the template for a dynamic child. */
  readonly child: string;
}

/** A child was started again, or should have been. */
export interface RestartReport extends Reported {
  readonly type: 'restart';
  /** Of its new life; undefined where its start failed or it asked to be ignored. */
  readonly pid: Pid | undefined;
  readonly formerPid: Pid | undefined;
  /** The id of the child whose failure led to this: its own, or of one that took it along. */
  readonly because: string;
  /** Why that child had ended, or had not started. */
  readonly reason: ExitReason;
  /** Why this start failed; it will be tried again. */
  readonly failure: ExitReason | undefined;
  /** How often it was started again, this time among them. */
  readonly restarts: number;
}

/** A child is to be started again after a back-off. */
export interface WaitReport extends Reported {
  readonly type: 'wait';
  readonly reason: ExitReason;
  readonly waitMs: number;
}

/** A supervisor ends because of a child: it had to restart too often, or a significant child has ended. */
export interface GiveUpReport extends Reported {
  readonly type: 'giveUp';
  readonly because: 'intensity' | 'significant';
  /** Why the child ended last. */
  readonly reason: ExitReason;
}

/** A child that was told to stop did not end within its `shutdown` time, and was killed. */
export interface KillReport extends Reported {
  readonly type: 'kill';
  readonly pid: Pid;
  readonly shutdownMs: number;
}

export type SupervisionReport = RestartReport | WaitReport | GiveUpReport | KillReport;

/** Tells the node of `self`. Resolves when it has been told; never rejects, because nobody's life depends on it. */
export async function tell(self: Self, report: SupervisionReport): Promise<void> {
  if (report.type === 'restart' && DIAGNOSTICS.restart.hasSubscribers) publishEvent('restart', report);
  await self.request(SUPERVISION, report).catch(() => {});
}

/** On the home thread: writes reports to the log and passes them on. */
export class SupervisionLog {
  readonly #logger: Logger;
  readonly #watchers = new Set<(report: SupervisionReport) => void>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Calls back for each report from now on. @returns ends that. */
  watch(callback: (report: SupervisionReport) => void): () => void {
    // A function of its own for each call, so that one callback can watch twice.
    const watcher = (report: SupervisionReport): void => callback(report);
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Takes a report. What is none is left to whoever sent it. */
  take(report: SupervisionReport): void {
    log(this.#logger, report);
    for (const watcher of this.#watchers) watcher(report);
  }
}

function log(logger: Logger, report: SupervisionReport): void {
  const { name, supervisor, child } = report;
  const who = { supervisor: name, supervisorPid: supervisor, child };
  switch (report.type) {
    case 'restart': {
      const { pid, because, restarts } = report;
      const fields = { ...who, pid, restarts, because, reason: describeReason(report.reason) };
      if (report.failure === undefined) return logger.warn(fields, 'a child was started again');
      return logger.warn({ ...fields, failure: describeReason(report.failure) }, 'a child did not start again');
    }
    case 'wait': {
      const { waitMs, reason } = report;
      const fields = { ...who, waitMs: Math.ceil(waitMs), reason: describeReason(reason) };
      return logger.warn(fields, 'a child waits to be started again');
    }
    case 'giveUp': {
      const fields = { ...who, reason: describeReason(report.reason) };
      if (report.because === 'significant') return logger.info(fields, 'a supervisor ends with its significant child');
      return logger.error(fields, 'a supervisor gave up: it had to start children again too often');
    }
    case 'kill': {
      const { pid, shutdownMs } = report;
      return logger.warn({ ...who, pid, shutdownMs }, 'a child was killed: it did not end within its shutdown time');
    }
    default:
      report satisfies never;
  }
}
