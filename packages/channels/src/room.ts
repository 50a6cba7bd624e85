/** A publish that waits for room: how long, and what ends the wait. */
import type { Environment, Timer } from '@liminal-node/scheduler';
import type { Loss } from './loss.js';
import type { PublishOptions } from './receipt.js';

/** Other nodes that a publish waits for. */
export interface WaitingPublish {
  /** Resolves when there is nothing to wait for any more: the nodes that it was queued for meanwhile, and the others. */
  readonly settled: Promise<{ readonly nodes: number; readonly losses: readonly Loss[] }>;
  /** Drops it for the nodes that it still waits for. */
  giveUp(reason: 'timed out' | 'aborted'): void;
}

/** @throws RangeError for a policy or a time that is none; and what the signal was aborted with before. */
export function checkWait({ whenFull, timeoutMs, signal }: PublishOptions): void {
  if (whenFull !== undefined && whenFull !== 'drop' && whenFull !== 'wait') {
    throw new RangeError(`whenFull must be 'drop' or 'wait', not ${String(whenFull)}`);
  }
  if (timeoutMs !== undefined && !(timeoutMs >= 0))
    throw new RangeError(`timeoutMs must be 0 or more, not ${timeoutMs}`);
  signal?.throwIfAborted();
}

/** Resolves when the wait is over, whatever ends it. */
export async function waitForRoom(
  { settled, giveUp }: WaitingPublish,
  { timeoutMs = Number.POSITIVE_INFINITY, signal }: PublishOptions,
  environment: Environment,
): Promise<{ readonly nodes: number; readonly losses: readonly Loss[] }> {
  let timer: Timer | undefined;
  if (timeoutMs !== Number.POSITIVE_INFINITY) timer = environment.setTimer(timeoutMs, () => giveUp('timed out'));
  const onAbort = (): void => giveUp('aborted');
  signal?.addEventListener('abort', onAbort);
  try {
    return await settled;
  } finally {
    timer?.cancel();
    signal?.removeEventListener('abort', onAbort);
  }
}
