/** What becomes of an offer that is not accepted. */
import { LiminalError } from './errors.js';
import { describeReason, type ExitReason } from './exit-reason.js';

/**
 * A message that was offered is not in the receiver's mailbox. `reason` is the exit reason of the receiver,
 * `noproc` where it was not there, `noconnection` where its node is lost or has no room for it on the way, or
 * `{ tooManyOffers }`. After `noconnection` nobody knows whether it arrived.
 */
export class OfferError extends LiminalError {
  readonly code: string = 'ERR_LIMINAL_OFFER';
  readonly reason: ExitReason;

  constructor(reason: ExitReason, message = `offer: ${describeReason(reason)}`) {
    super(message);
    this.reason = reason;
  }
}

/** The receiver's mailbox had no room for the message in time. The message is withdrawn, unless it was just being accepted. */
export class OfferTimeoutError extends OfferError {
  override readonly code = 'ERR_LIMINAL_OFFER_TIMEOUT';
  readonly timeoutMs: number;

  constructor(timeoutMs: number) {
    super('timeout', `offer: no room in the mailbox within ${timeoutMs} ms`);
    this.timeoutMs = timeoutMs;
  }
}
