/** Which threads of a node are awake, in memory that they share, so that none stays awake at another's expense. */
import { availableParallelism } from 'node:os';
import { MAX_THREADS } from './placement.js';

export class Cores {
  readonly #awake: Int32Array;
  readonly #slot: number;
  readonly #cores: number;

  /**
   * @param awake one word for each slot of a thread; see {@link Cores.makeAwake}.
   * @param slot this thread's.
   * @param cores processors that the node may use.
   */
  constructor(awake: Int32Array, slot: number, cores = availableParallelism()) {
    this.#awake = awake;
    this.#slot = slot;
    this.#cores = cores;
  }

  static makeAwake(): Int32Array {
    return new Int32Array(new SharedArrayBuffer(4 * MAX_THREADS));
  }

  wake(): void {
    this.#awake[this.#slot] = 1;
  }

  rest(): void {
    this.#awake[this.#slot] = 0;
  }

  /** Whether every thread that is awake, this one included, has a processor for itself. Slots count from 0 to `slots`. */
  suffice(slots: number): boolean {
    let awake = 0;
    for (let slot = 0; slot <= slots; slot++) awake += this.#awake[slot] as number;
    return awake <= this.#cores;
  }
}
