/**
 * A process's mailbox: first in, first out, with selective take, bounded by items and by bytes.
 *
 * Signals (exit and down messages) are never refused or dropped: whoever linked or monitored is owed them.
 * Everything else is subject to the bound, and `push` says what became of it.
 */

/** What happens to a message for which there is no room. */
export type Overflow =
  /** The message is dropped. */
  | 'drop-newest'
  /** The oldest messages are dropped until it fits. */
  | 'drop-oldest'
  /** The receiving process ends with the reason `{ mailboxFull: … }`. */
  | 'exit';

export interface MailboxBound {
  /** @default 1,000,000 messages */
  readonly maxItems: number;
  /** Counted for messages that came from another thread or node, whose size is known. @default 64 MiB */
  readonly maxBytes: number;
  /** @default 'drop-newest' */
  readonly overflow: Overflow;
}

export const DEFAULT_MAILBOX_BOUND: MailboxBound = {
  maxItems: 1_000_000,
  maxBytes: 64 * 1024 * 1024,
  overflow: 'drop-newest',
};

export type Match = (message: unknown) => boolean;

/** Stands for "no message"; a mailbox can hold undefined. */
export const NOTHING = Symbol('nothing');

/** In the place of a size: the message is a signal, which the bound neither counts nor drops. */
const SIGNAL = -1;

/** Beyond this many taken slots the array is cut, which keeps a take cheap on average. */
const COMPACT_AT = 1024;

export class Mailbox {
  readonly #bound: MailboxBound;
  #messages: unknown[] = [];
  #sizes: number[] = [];
  #head = 0;
  #bytes = 0;
  /** Messages that the bound counts. */
  #bounded = 0;
  /** How many of the oldest messages the take under way has passed over, because they did not match. */
  #passed = 0;
  /** Messages that the bound has cost this process so far. */
  dropped = 0;

  constructor(bound: MailboxBound) {
    this.#bound = bound;
  }

  get length(): number {
    return this.#messages.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns how many messages were dropped for it: 0 where there was room, or 'exit' by the policy. */
  push(message: unknown, bytes: number): number | 'exit' {
    if (this.#fits(bytes)) {
      this.#append(message, bytes);
      return 0;
    }
    switch (this.#bound.overflow) {
      case 'exit':
        return 'exit';
      case 'drop-newest':
        this.dropped++;
        return 1;
      case 'drop-oldest': {
        let dropped = 0;
        while (!this.#fits(bytes)) {
          this.#remove(this.#oldestBounded());
          dropped++;
        }
        this.#append(message, bytes);
        this.dropped += dropped;
        return dropped;
      }
      default:
        return this.#bound.overflow satisfies never;
    }
  }

  /** Adds a message that the bound neither refuses, counts nor drops. */
  pushSignal(message: unknown): void {
    this.#messages.push(message);
    this.#sizes.push(SIGNAL);
  }

  /** Removes and returns the first message that matches, or NOTHING. */
  take(match?: Match): unknown {
    this.rewind();
    return this.takeNext(match);
  }

  /** Like `take`, but passes over what earlier calls have passed over since the last `rewind`. */
  takeNext(match?: Match): unknown {
    for (; this.#passed < this.length; this.#passed++) {
      const at = this.#head + this.#passed;
      const message = this.#messages[at];
      if (match === undefined || match(message)) {
        this.#remove(at);
        return message;
      }
    }
    return NOTHING;
  }

  /** The next `takeNext` begins at the oldest message. */
  rewind(): void {
    this.#passed = 0;
  }

  /** Messages that `takeNext` has not passed over. */
  get unseen(): number {
    return this.length - this.#passed;
  }

  /** Removes every message that matches; for flushing. */
  removeAll(match: Match): void {
    for (let at = this.#messages.length - 1; at >= this.#head; at--) if (match(this.#messages[at])) this.#remove(at);
  }

  clear(): void {
    this.#messages = [];
    this.#sizes = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#bounded = 0;
    this.#passed = 0;
  }

  #fits(bytes: number): boolean {
    // One message always fits an empty mailbox, or a large one could never be received at all.
    return this.#bounded === 0 || (this.#bounded < this.#bound.maxItems && this.#bytes + bytes <= this.#bound.maxBytes);
  }

  #oldestBounded(): number {
    let at = this.#head;
    while (this.#sizes[at] === SIGNAL) at++;
    return at;
  }

  #append(message: unknown, bytes: number): void {
    this.#messages.push(message);
    this.#sizes.push(bytes);
    this.#bytes += bytes;
    this.#bounded++;
  }

  #remove(at: number): void {
    const size = this.#sizes[at] as number;
    if (size !== SIGNAL) {
      this.#bytes -= size;
      this.#bounded--;
    }
    if (at - this.#head < this.#passed) this.#passed--;
    if (at > this.#head) {
      this.#messages.splice(at, 1);
      this.#sizes.splice(at, 1);
      return;
    }
    this.#messages[at] = undefined;
    this.#head++;
    if (this.#head === this.#messages.length) {
      this.#messages.length = 0;
      this.#sizes.length = 0;
      this.#head = 0;
    } else if (this.#head >= COMPACT_AT && this.#head * 2 >= this.#messages.length) {
      this.#messages = this.#messages.slice(this.#head);
      this.#sizes = this.#sizes.slice(this.#head);
      this.#head = 0;
    }
  }
}
