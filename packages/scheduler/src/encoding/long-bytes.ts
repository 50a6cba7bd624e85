/**
 * Bytes that are long: what takes a thread too long to copy in one turn, and is therefore passed on as it is.
 *
 * 1. What is put before long bytes is joined to them without a copy: `join` gives `JoinedBytes`, whose parts whoever
 *    writes them takes one after the other. Bytes that are not long are copied behind their head.
 * 2. Memory that holds one long message and nothing else is marked by whoever has filled it (`giveAway`). What is
 *    decoded from it may refer to it, and keeps it alive, so that binary data in it is not copied once more.
 * 3. Memory that is used again when nobody refers to it any more goes with its loan (`long-memory.ts`, `block-memory.ts`).
 */
import type { Loan } from './long-memory.js';

/** From here on bytes are long. */
export const LONG_BYTES = 64 * 1_024;

/** Long bytes and what stands before them, as one. The memory of neither may change any more, while a loan is held. */
export class JoinedBytes {
  readonly head: Uint8Array;
  readonly tail: Uint8Array;
  /** Of the memory of `tail`, where it is lent. */
  readonly loan: Loan | undefined;

  constructor(head: Uint8Array, tail: Uint8Array, loan?: Loan) {
    this.head = head;
    this.tail = tail;
    this.loan = loan;
  }

  get length(): number {
    return this.head.length + this.tail.length;
  }

  /** As that of a Uint8Array, for `start` and `end` within the length; a copy where it is of both parts. */
  subarray(start: number, end: number): Uint8Array {
    const headBytes = this.head.length;
    if (start >= headBytes) return this.tail.subarray(start - headBytes, end - headBytes);
    if (end <= headBytes) return this.head.subarray(start, end);
    return Buffer.concat([this.head.subarray(start), this.tail.subarray(0, end - headBytes)]);
  }
}

/** Bytes at the beginning of memory that is lent; what is cut out of it is not. They may not change while the loan is held. */
export class LentBlock extends Uint8Array<ArrayBuffer> {
  static readonly [Symbol.species] = Uint8Array;
  readonly loan: Loan;

  constructor(memory: ArrayBuffer, length: number, loan: Loan) {
    super(memory, 0, length);
    this.loan = loan;
  }
}

export type AnyBytes = Uint8Array | JoinedBytes;

/** `head` and then `tail`, which is not copied where it is long. */
export function join(head: Uint8Array, tail: Uint8Array, loan?: Loan): AnyBytes {
  return tail.length < LONG_BYTES ? Buffer.concat([head, tail]) : new JoinedBytes(head, tail, loan);
}

/** To be called by whoever goes on referring to bytes that may be lent, before the call that gave them is over. */
export function hold(bytes: AnyBytes): void {
  if (bytes instanceof LentBlock || bytes instanceof JoinedBytes) bytes.loan?.hold();
}

/** To be called once for each `hold`, when the bytes have been read for the last time. */
export function letGo(bytes: AnyBytes): void {
  if (bytes instanceof LentBlock || bytes instanceof JoinedBytes) bytes.loan?.letGo();
}

/** All of it in one piece: a copy where it is joined. */
export function inOnePiece(bytes: AnyBytes): Uint8Array {
  return bytes instanceof JoinedBytes ? bytes.subarray(0, bytes.length) : bytes;
}

/** What stands before long bytes, or all of what is in one piece. */
export function headOf(bytes: AnyBytes): Uint8Array {
  return bytes instanceof JoinedBytes ? bytes.head : bytes;
}

const givenAway = new WeakSet<ArrayBufferLike>();

/** Says that nobody will write to the memory of `bytes` again, and that nothing else is in it. @returns `bytes` */
export function giveAway<T extends Uint8Array>(bytes: T): T {
  if (bytes.length >= LONG_BYTES) givenAway.add(bytes.buffer);
  return bytes;
}

/** Whether a value may refer to these bytes. */
export function isGivenAway(bytes: Uint8Array): boolean {
  return bytes.length >= LONG_BYTES && givenAway.has(bytes.buffer);
}
