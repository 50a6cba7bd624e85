/**
 * Timers that judge a peer. A stall of this node's own event loop looks like silence: the timer fires late,
 * and before the bytes that came meanwhile have been read. So such a timer waits two more turns, in which the
 * sockets are read, and tells whether it was late, in which case nothing should be held against anybody, and by how
 * much. A stall between those turns makes it late as well: what came meanwhile is unread again.
 */
import type { Environment, Timer } from '@liminal-node/scheduler';

/** @param callback `lateMs` where it comes later than half the delay again, otherwise 0. */
export function setPatientTimer(environment: Environment, delayMs: number, callback: (lateMs: number) => void): Timer {
  const dueAt = environment.now() + delayMs;
  let cancelled = false;
  const timer = environment.setTimer(delayMs, () => {
    environment.setImmediate(() => {
      environment.setImmediate(() => {
        const lateMs = environment.now() - dueAt;
        if (!cancelled) callback(lateMs > delayMs / 2 ? lateMs : 0);
      });
    });
  });
  return {
    cancel: () => {
      cancelled = true;
      timer.cancel();
    },
  };
}
