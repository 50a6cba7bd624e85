/**
 * Memory for what waits for a peer that hardly reads: one behind the other, with nothing in between. What a writer grew in
 * is up to four times as much, and Node.js keeps what shares a pool with it.
 */

/** One allocation. What is taken out in about the order in which it came gives them back one by one. */
const PACK_BYTES = 64 * 1_024;

export class PackedMemory {
  #pack = new Uint8Array(0);
  #used = 0;

  /** @returns a copy. */
  copy(bytes: Uint8Array): Uint8Array {
    const { length } = bytes;
    if (this.#used + length > this.#pack.length) {
      this.#pack = new Uint8Array(Math.max(PACK_BYTES, length));
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += length;
    this.#pack.set(bytes, start);
    return this.#pack.subarray(start, this.#used);
  }

  clear(): void {
    this.#pack = new Uint8Array(0);
    this.#used = 0;
  }
}
