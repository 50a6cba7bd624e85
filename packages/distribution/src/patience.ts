/**
 * Timers that judge a peer. A stall of this node's own event loop looks like silence: the timer fires late,
 * and before the bytes that came meanwhile have been read. So such a timer waits two more turns, in which the
 * sockets are read, and tells whether it was late, in which case nothing should be held against anybody. A stall
 * between those turns makes it late as well: what came meanwhile is unread again.
 */
import type { Environment, Timer } from '@liminal-node/scheduler';

/** @param callback `late` where it comes later than half the delay again. */
export function setPatientTimer(environment: Environment, delayMs: number, callback: (late: boolean) => void): Timer {
  const dueAt = environment.now() + delayMs;
  let cancelled = false;
  const timer = environment.setTimer(delayMs, () => {
    environment.setImmediate(() => {
      environment.setImmediate(() => {
        if (!cancelled) callback(environment.now() - dueAt > delayMs / 2);
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
