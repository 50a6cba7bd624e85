/** What a caller gets in the place of a reply. */
import { LiminalError } from '../errors.js';
import { describeReason, type ExitReason } from '../exit-reason.js';

/**
 * A call had no reply, and will have none. `reason` says why: the reason that the server ended with, `noproc`
 * where it was not there, `noconnection` where its node was lost and with it the knowledge of what became of
 * the call, `calling_self`, or `{ noSuchCall: name }`. Where it is `timeout` it is a {@link CallTimeoutError}.
 */
export class CallError extends LiminalError {
  readonly code: string = 'ERR_LIMINAL_CALL';
  /** What was asked for: the name of the call. */
  readonly call: string;
  readonly reason: ExitReason;

  constructor(call: string, reason: ExitReason, message = `call ${call}: ${describeReason(reason)}`) {
    super(message);
    this.call = call;
    this.reason = reason;
  }
}

/** No reply in time. The server may still be at work on the call; a reply that comes later reaches nobody. */
export class CallTimeoutError extends CallError {
  override readonly code = 'ERR_LIMINAL_CALL_TIMEOUT';
  readonly timeoutMs: number;

  constructor(call: string, timeoutMs: number) {
    super(call, 'timeout', `call ${call}: no reply within ${timeoutMs} ms`);
    this.timeoutMs = timeoutMs;
  }
}
