/**
 * Memory for the bytes of long messages that is used again, because memory which nobody has touched costs three times what
 * is copied into it: a copy of 64 MB into fresh memory takes 37 ms of one turn, into such as was used before 10.
 *
 * 1. `encode` writes a long value into the memory that was kept, or into new memory, and lends it: a `Loan`.
 * 2. Whoever goes on referring to the bytes once the call that gave them is over holds the loan, and lets it go when it
 *    has read them for the last time. Whoever cannot say when that is holds it and never lets go: then the memory is
 *    collected as any other. So forgetting to let go costs speed, and nothing else.
 * 3. Once all have let go the memory is kept for the next one: at most one of `MAX_KEPT_BYTES`, for `KEPT_MS`.
 */
import type { Environment, Timer } from '../environment.js';
import { encodeValue } from './value-codec.js';

/** Longer memory than this is not kept, in bytes. */
export const MAX_KEPT_BYTES = 64 * 1_024 * 1_024;

/** How long memory is kept that nobody uses. */
export const KEPT_MS = 1_000;

/** Memory is used for what needs at least this share of it, so that a short message does not keep a long one's. */
const LEAST_USE = 1 / 2;

/** Memory that somebody refers to. Begins with one holder: who has had it encoded. */
export class Loan {
  readonly #over: () => void;
  #holders = 1;

  /** @param over called once, when the last holder lets go. */
  constructor(over: () => void) {
    this.#over = over;
  }

  hold(): void {
    if (this.#holders === 0) throw new Error('the memory is not lent any more');
    this.#holders++;
  }

  /** To be called once by each holder. */
  letGo(): void {
    if (this.#holders === 0) throw new Error('the memory was let go more often than held');
    this.#holders--;
    if (this.#holders === 0) this.#over();
  }
}

export interface LentBytes {
  readonly bytes: Uint8Array;
  /** Undefined where the bytes are as any other: they are short, or longer than what is kept. */
  readonly loan: Loan | undefined;
}

export class LongMemory {
  readonly #environment: Environment;
  #kept: ArrayBuffer | undefined;
  #expiry: Timer | undefined;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Bytes of memory that wait for the next message. */
  get keptBytes(): number {
    return this.#kept?.byteLength ?? 0;
  }

  /** As `encodeValue`. @throws NotPortableError (`ERR_LIMINAL_NOT_PORTABLE`) */
  encode(value: unknown): LentBytes {
    let lent: ArrayBuffer | undefined;
    const bytes = encodeValue(value, (size) => {
      lent = this.#take(size);
      return lent;
    });
    const memory = lent;
    if (memory === undefined || memory.byteLength > MAX_KEPT_BYTES) return { bytes, loan: undefined };
    // What is not long in it was more than there was room for beside the long.
    if (bytes.buffer !== memory) {
      this.#keep(memory);
      return { bytes, loan: undefined };
    }
    return { bytes, loan: new Loan(() => this.#keep(memory)) };
  }

  #take(size: number): ArrayBuffer {
    const kept = this.#kept;
    if (kept === undefined || size > kept.byteLength || size < kept.byteLength * LEAST_USE) {
      return Buffer.allocUnsafeSlow(size).buffer as ArrayBuffer;
    }
    this.#forget();
    return kept;
  }

  #keep(memory: ArrayBuffer): void {
    this.#forget();
    this.#kept = memory;
    this.#expiry = this.#environment.setTimer(KEPT_MS, () => this.#forget(), true);
  }

  #forget(): void {
    this.#kept = undefined;
    this.#expiry?.cancel();
    this.#expiry = undefined;
  }
}
