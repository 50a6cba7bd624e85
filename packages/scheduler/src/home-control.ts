/** What home does for one scheduler thread that asks it. */
import type { BlockingWork } from './blocking-work.js';
import { BlockingWorkError } from './errors.js';
import type { Logger } from './logger.js';
import type { NameAuthority } from './names.js';
import type { HomeControl } from './thread-control.js';

export function makeHomeControl(authority: NameAuthority, blockingWork: BlockingWork, logger: Logger): HomeControl {
  const jobs = new Map<number, AbortController>();
  return {
    register: (name, pid) => authority.register(name, pid),
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
}
