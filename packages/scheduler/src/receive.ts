/** What a `receive` can be asked for: which message, until when. `process.ts` carries it out. */
import type { Match } from './mailbox.js';

export interface ReceiveOptions<T = unknown> {
  /** Reject with `ReceiveTimeoutError` when no matching message came within so many ms. @default no limit */
  readonly timeoutMs?: number;
  /** Take the first message for which this is true and leave the others in order. @default any message */
  readonly match?: (message: unknown) => message is T;
  /** Reject with the signal's reason when it is aborted. */
  readonly signal?: AbortSignal;
}

/** What a `receive` with options asks for, beside the next message. */
export interface Condition {
  readonly match: Match | undefined;
  readonly timeoutMs: number;
  readonly reject: (error: unknown) => void;
  /** Its time is up: it gets what is there now, or is rejected. */
  expired: boolean;
  readonly cancel: () => void;
}
