/**
 * Memory for the blocks of messages that home copies out of an inbox and that wait to be written to a peer, used again and
 * again: it stands outside of the engine's heap, and to make and collect it for each block is a third of what a message
 * of 1 KiB to another node takes.
 *
 * 1. `copy` gives a copy that is lent (`LentBlock`) to whoever has asked, where the bytes fill most of a place; else one that
 *    is collected as any other. So what waits for a peer keeps at most twice its size.
 * 2. Holding and letting go are those of `long-memory.ts`: who lets go too late, or never, costs speed and nothing else.
 * 3. A place that all have let go of is kept for the next block: at most `MAX_KEPT_BLOCKS` of them, and no longer than
 *    `KEPT_BLOCKS_MS` to twice that after the last use.
 */
import type { Environment } from '../environment.js';
import { LentBlock } from './long-bytes.js';
import { Loan } from './long-memory.js';

/** A place holds a block that has grown to 16 KiB, and a message of some KiB that has ended it. */
export const BLOCK_PLACE_BYTES = 20 * 1_024;

/** Places that wait for a block: 2.5 MiB of them. */
export const MAX_KEPT_BLOCKS = 128;

/** How long places are kept that nobody uses. */
export const KEPT_BLOCKS_MS = 1_000;

export class BlockMemory {
  readonly #environment: Environment;
  #kept: ArrayBuffer[] = [];
  #isUsed = false;
  #hasTimer = false;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Bytes of memory that wait for the next block. */
  get keptBytes(): number {
    return this.#kept.length * BLOCK_PLACE_BYTES;
  }

  /** The same bytes in memory of their own. To be let go of by the caller, who may; see `letGo` in `long-bytes.ts`. */
  copy(bytes: Uint8Array): Uint8Array {
    const { length } = bytes;
    if (length > BLOCK_PLACE_BYTES || length < BLOCK_PLACE_BYTES / 2) return Buffer.from(bytes);
    this.#isUsed = true;
    const place = this.#kept.pop() ?? (Buffer.allocUnsafeSlow(BLOCK_PLACE_BYTES).buffer as ArrayBuffer);
    const block = new LentBlock(place, length, new Loan(() => this.#keep(place)));
    block.set(bytes);
    return block;
  }

  #keep(place: ArrayBuffer): void {
    if (this.#kept.length >= MAX_KEPT_BLOCKS) return;
    this.#kept.push(place);
    if (!this.#hasTimer) this.#expireLater();
  }

  /** One timer for all of them: another for each would cost more than it saves. */
  #expireLater(): void {
    this.#hasTimer = true;
    this.#isUsed = false;
    this.#environment.setTimer(
      KEPT_BLOCKS_MS,
      () => {
        this.#hasTimer = false;
        if (this.#isUsed) this.#expireLater();
        else this.#kept = [];
      },
      true,
    );
  }
}
