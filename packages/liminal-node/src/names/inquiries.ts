/** What a node has asked about holders of names, and waits to be told: of its own threads, and of other nodes. */
import type { Pid } from '@liminal-node/scheduler';

interface Inquiry {
  /** Who was asked: a session, or undefined for a thread of this node. */
  readonly of: number | undefined;
  /** The process that is looked at here. */
  readonly pid: Pid | undefined;
  readonly done: () => void;
}

export class Inquiries {
  readonly #max: number;
  readonly #open = new Map<number, Inquiry>();
  #next = 0;

  /** @param max how many may be open at once. */
  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#open.size;
  }

  get isFull(): boolean {
    return this.#open.size >= this.#max;
  }

  /** @returns its number, which travels in 32 bits. */
  open(of: number | undefined, pid: Pid | undefined, done: () => void): number {
    const number = this.#next++ % 2 ** 32;
    this.#open.set(number, { of, pid, done });
    return number;
  }

  /** What it was about; undefined where it was of somebody else, or is over. */
  close(number: number, of: number | undefined): Inquiry | undefined {
    const inquiry = this.#open.get(number);
    if (inquiry === undefined || inquiry.of !== of) return undefined;
    this.#open.delete(number);
    return inquiry;
  }

  /** Nobody is there any more to answer these. */
  closeAllOf(peer: number): void {
    for (const [number, { of }] of [...this.#open]) if (of === peer) this.close(number, of)?.done();
  }
}
