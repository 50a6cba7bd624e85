/** What home does for one scheduler thread that asks it, for as long as that thread lives. */

import { BlockingWorkError, SpawnError, ThreadDownError } from '../errors.js';
import type { Logger } from '../logger.js';
import type { NameAuthority } from '../names.js';
import type { BlockingWork } from './blocking-work.js';
import type { ThreadResourceLimits } from './resource-limits.js';
import type { HomeControl } from './thread-control.js';

export interface ThreadDesk {
  /** What the thread may ask. */
  readonly control: HomeControl;
  /** The thread has ended: aborts the blocking work that it had asked for and that nobody waits for now. */
  close(): void;
}

/** @param startOwnThread rejects with SpawnError where there are too many. */
export function openDesk(
  authority: NameAuthority,
  blockingWork: BlockingWork,
  startOwnThread: (limits: ThreadResourceLimits | undefined) => Promise<number>,
  logger: Logger,
): ThreadDesk {
  const jobs = new Map<number, AbortController>();
  const control: HomeControl = {
    register: (name, pid) => authority.register(name, pid),
    startOwnThread: (limits) =>
      startOwnThread(limits).catch((error: unknown) => {
        if (error instanceof SpawnError || error instanceof ThreadDownError) return error.message;
        throw error;
      }),
    block: async (job, work) => {
      const controller = new AbortController();
      jobs.set(job, controller);
      try {
        return { ok: true, value: await blockingWork.run(work, controller.signal) };
      } catch (error) {
        const refused = error instanceof BlockingWorkError;
        return { ok: false, refused, error: refused ? error.message : error };
      } finally {
        jobs.delete(job);
      }
    },
    cancelBlock: (job) => jobs.get(job)?.abort(),
    log: (level, fields, message) => logger[level](fields, message),
  };
  return {
    control,
    close: () => {
      for (const job of jobs.values()) job.abort();
    },
  };
}
