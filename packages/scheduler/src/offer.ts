/**
 * A message that waits for room instead of being dropped.
 *
 *   1. The sender attaches a mailbox for the answer, monitors the receiver and sends the offer.
 *   2. The receiver's thread puts the message into the mailbox when there is room, oldest offer first, and
 *      answers `accepted`; or `refused`, where too many wait already.
 *   3. A sender that gives up closes its mailbox, which ends the monitor; that withdraws the message, unless
 *      its acceptance is on its way.
 *
 * An offer that waits is overtaken by what the same process sends meanwhile: await it first.
 */
import { ReceiveTimeoutError } from './errors.js';
import type { ExitReason } from './exit-reason.js';
import { OfferError, OfferTimeoutError } from './offer-error.js';
import type { Pid } from './pid.js';
import type { Self } from './self.js';
import { type DownMessage, isDown } from './signal.js';

export interface OfferOptions {
  /** Give up after so many ms. @default no limit */
  readonly timeoutMs?: number;
  /** Give up when it is aborted, with its reason. */
  readonly signal?: AbortSignal;
}

interface Accepted {
  readonly signal: 'accepted';
}

interface Refused {
  readonly signal: 'refused';
  readonly reason: ExitReason;
}

export const ACCEPTED: Accepted = Object.freeze({ signal: 'accepted' });

/** @param send sends the offer in the name of the mailbox that it is given. */
export async function offer(
  self: Self,
  to: Pid,
  { timeoutMs, signal }: OfferOptions,
  send: (sender: Pid) => void,
): Promise<void> {
  signal?.throwIfAborted();
  await using sender = self.attach({ label: 'offer', alias: true });
  const ref = sender.monitor(to);
  send(sender.pid);
  const answer = await sender
    .receive({
      match: (message): message is Accepted | Refused | DownMessage =>
        isDown(message) ? message.ref === ref : isAnswer(message),
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(signal !== undefined && { signal }),
    })
    .catch((error: unknown) => {
      throw error instanceof ReceiveTimeoutError ? new OfferTimeoutError(error.timeoutMs) : error;
    });
  if (answer.signal !== 'accepted') throw new OfferError(answer.reason);
}

function isAnswer(message: unknown): message is Accepted | Refused {
  if (typeof message !== 'object' || message === null || !('signal' in message)) return false;
  return message.signal === 'accepted' || (message.signal === 'refused' && 'reason' in message);
}
