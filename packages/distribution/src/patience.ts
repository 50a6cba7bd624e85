/**
 * Timers that judge a peer. A stall of this node's own event loop looks like silence: the timer fires late,
 * and before the bytes that came meanwhile have been read. So such a timer waits two more turns, in which the
 * sockets are read, and tells whether it was late, in which case nothing should be held against anybody, and by how
 * much. A stall between those turns makes it late as well, and what came meanwhile is unread again: so who is late waits
 * for two turns once more. Once, so that a node which is always late still beats and judges.
 */
import type { Environment, Timer } from '@liminal-node/scheduler';

/** @param callback `lateMs` where it comes later than half the delay again, otherwise 0. */
export function setPatientTimer(environment: Environment, delayMs: number, callback: (lateMs: number) => void): Timer {
  const dueAt = environment.now() + delayMs;
  let cancelled = false;
  const afterTurns = (then: () => void): void =>
    environment.setImmediate(() => environment.setImmediate(() => !cancelled && then()));
  const lateMs = (): number => {
    const late = environment.now() - dueAt;
    return late > delayMs / 2 ? late : 0;
  };
  const tell = (): void => callback(lateMs());
  const timer = environment.setTimer(delayMs, () => afterTurns(() => (lateMs() > 0 ? afterTurns(tell) : tell())));
  return {
    cancel: () => {
      cancelled = true;
      timer.cancel();
    },
  };
}
