/**
 * A process's mailbox: first in, first out, with selective take, bounded by items and by bytes.
 *
 * Signals (exit and down messages) are never refused or dropped: whoever linked or monitored is owed them.
 * Everything else is subject to the bound, and `push` says what became of it.
 */

import { addLost, type GapMessage, lostWith } from './gap.js';

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
  /** Put a `GapMessage` in the place of what is dropped; one for all that are dropped in one place. @default false */
  readonly gaps?: boolean;
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

/** An empty mailbox keeps room for so many messages, so that the next ones allocate nothing. */
const KEPT_SLOTS = 32;

export class Mailbox {
  readonly #bound: MailboxBound;
  /** Slots from `#head` to `#tail` hold messages. */
  #messages: unknown[] = [];
  /** Bytes of the message in the same slot. Missing while all are 0: messages of the same thread have no size. */
  #sizes: number[] | undefined;
  #head = 0;
  #tail = 0;
  #bytes = 0;
  /** Messages that the bound does not count. */
  #signals = 0;
  /** How many of the oldest messages the take under way has passed over, because they did not match. */
  #passed = 0;
  /** The gap that was put in last; it may have been taken. */
  #gap: { -readonly [K in keyof GapMessage]: GapMessage[K] } | undefined;
  /** Messages that the bound has cost this process so far. */
  dropped = 0;

  constructor(bound: MailboxBound) {
    this.#bound = bound;
  }

  get length(): number {
    return this.#tail - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a message of so many bytes would be taken without a drop. */
  hasRoom(bytes: number): boolean {
    return this.#fits(bytes);
  }

  /** @returns how many messages were dropped for it: 0 where there was room, or 'exit' by the policy. */
  push(message: unknown, bytes: number): number | 'exit' {
    // The way of nearly every message, which writes a slot and nothing else.
    if (bytes === 0 && this.#sizes === undefined && this.#tail - this.#head < this.#bound.maxItems) {
      this.#messages[this.#tail++] = message;
      return 0;
    }
    return this.#pushWithin(message, bytes);
  }

  #pushWithin(message: unknown, bytes: number): number | 'exit' {
    if (this.#fits(bytes)) {
      this.#append(message, bytes);
      return 0;
    }
    switch (this.#bound.overflow) {
      case 'exit':
        return 'exit';
      case 'drop-newest':
        this.dropped++;
        if (this.#bound.gaps === true && !this.#widenGap(this.#tail, message))
          this.#write(this.#newGap(message), SIGNAL);
        return 1;
      case 'drop-oldest': {
        let dropped = 0;
        while (!this.#fits(bytes)) {
          this.#dropOldest();
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
    this.#write(message, SIGNAL);
  }

  /** Removes and returns the first message that matches, or NOTHING. */
  take(match?: Match): unknown {
    this.#passed = 0;
    if (match !== undefined) return this.takeNext(match);
    if (this.#head === this.#tail) return NOTHING;
    const message = this.#messages[this.#head];
    if (this.#sizes !== undefined) this.#uncount(this.#head);
    this.#removeFirst();
    return message;
  }

  /** Removes and returns the first message that matches, behind those that were passed over since the last `rewind`. */
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
    for (let at = this.#tail - 1; at >= this.#head; at--) if (match(this.#messages[at])) this.#remove(at);
  }

  clear(): void {
    this.#messages = [];
    this.#sizes = undefined;
    this.#head = 0;
    this.#tail = 0;
    this.#bytes = 0;
    this.#signals = 0;
    this.#passed = 0;
    this.#gap = undefined;
  }

  #fits(bytes: number): boolean {
    // One message always fits an empty mailbox, or a large one could never be received at all.
    const bounded = this.length - this.#signals;
    return bounded === 0 || (bounded < this.#bound.maxItems && this.#bytes + bytes <= this.#bound.maxBytes);
  }

  #dropOldest(): void {
    const at = this.#oldestBounded();
    const message = this.#messages[at];
    if (this.#bound.gaps !== true || this.#widenGap(at, message)) return this.#remove(at);
    this.#bytes -= this.#sizeAt(at);
    this.#signals++;
    this.#sizes ??= new Array(this.#tail).fill(0);
    this.#sizes[at] = SIGNAL;
    this.#messages[at] = this.#newGap(message);
  }

  /** Adds a message to the gap right before slot `at`. @returns false where there is none. */
  #widenGap(at: number, message: unknown): boolean {
    const gap = this.#gap;
    if (gap === undefined || at === this.#head || this.#messages[at - 1] !== gap) return false;
    gap.count = addLost(gap.count, lostWith(message));
    return true;
  }

  #newGap(message: unknown): GapMessage {
    this.#gap = { signal: 'gap', count: lostWith(message), reason: 'mailbox full' };
    return this.#gap;
  }

  #oldestBounded(): number {
    let at = this.#head;
    while (this.#sizeAt(at) === SIGNAL) at++;
    return at;
  }

  #append(message: unknown, bytes: number): void {
    this.#write(message, bytes);
    this.#bytes += bytes;
  }

  #write(message: unknown, size: number): void {
    if (size === SIGNAL) this.#signals++;
    if (size !== 0 && this.#sizes === undefined) this.#sizes = new Array(this.#tail).fill(0);
    if (this.#sizes !== undefined) this.#sizes[this.#tail] = size;
    this.#messages[this.#tail++] = message;
  }

  #sizeAt(at: number): number {
    return this.#sizes === undefined ? 0 : (this.#sizes[at] as number);
  }

  #remove(at: number): void {
    if (this.#sizes !== undefined) this.#uncount(at);
    if (at - this.#head < this.#passed) this.#passed--;
    if (at === this.#head) return this.#removeFirst();
    this.#messages.splice(at, 1);
    this.#sizes?.splice(at, 1);
    this.#tail--;
  }

  #uncount(at: number): void {
    const size = this.#sizeAt(at);
    if (size === SIGNAL) this.#signals--;
    else this.#bytes -= size;
  }

  #removeFirst(): void {
    this.#messages[this.#head++] = undefined;
    if (this.#head === this.#tail) {
      this.#head = 0;
      this.#tail = 0;
      if (this.#messages.length > KEPT_SLOTS) {
        this.#messages = [];
        this.#sizes = undefined;
      }
    } else if (this.#head >= COMPACT_AT && this.#head * 2 >= this.#tail) {
      this.#messages = this.#messages.slice(this.#head, this.#tail);
      this.#sizes = this.#sizes?.slice(this.#head, this.#tail);
      this.#tail -= this.#head;
      this.#head = 0;
    }
  }
}
