/**
 * Stopping children: each is sent `shutdown`, or `kill`, and waited for; those that outlast their time are
 * killed. Children that are stopped together are stopped at the same time.
 */
import type { Environment } from '../environment.js';
import { ReceiveTimeoutError } from '../errors.js';
import type { Pid, Ref } from '../pid.js';
import type { Self } from '../self.js';
import { type DownMessage, type ExitMessage, isDown, isExit } from '../signal.js';
import type { Shutdown } from './child-spec.js';
import type { RunningChild } from './child-table.js';

/**
 * Resolves when all have ended, with those that had to be killed because their time was up. A child that ends by itself meanwhile has been stopped as well.
 * Nothing of theirs stays in the mailbox; other messages stay, in order.
 */
export async function stopChildren(
  self: Self,
  children: readonly RunningChild[],
  shutdown: Shutdown,
  { now }: Pick<Environment, 'now'>,
): Promise<readonly RunningChild[]> {
  const left = new Map<Ref, Pid>(children.map(({ monitor, pid }) => [monitor, pid]));
  const pids = new Set<Pid>(left.values());
  // An exit comes before the down of the same process.
  const isOfThem = (message: unknown): message is ExitMessage | DownMessage =>
    isDown(message) ? left.has(message.ref) : isExit(message) && pids.has(message.from);
  const ended = async (timeoutMs: number): Promise<void> => {
    const message = await self.receive({ match: isOfThem, timeoutMs });
    if (isDown(message)) left.delete(message.ref);
  };

  const reason = shutdown === 'brutal_kill' ? 'kill' : 'shutdown';
  const deadline = now() + (typeof shutdown === 'number' ? shutdown : Number.POSITIVE_INFINITY);
  for (const pid of pids) self.exitProcess(pid, reason);
  try {
    while (left.size > 0) await ended(Math.max(0, deadline - now()));
    return [];
  } catch (error) {
    if (!(error instanceof ReceiveTimeoutError)) throw error;
    const late = children.filter(({ monitor }) => left.has(monitor));
    for (const { pid } of late) self.exitProcess(pid, 'kill');
    while (left.size > 0) await ended(Number.POSITIVE_INFINITY);
    return late;
  }
}
