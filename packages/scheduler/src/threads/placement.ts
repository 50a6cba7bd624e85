/**
 * Which thread a new process goes to: the one with the fewest, counting those that were asked for and have
 * not started yet. Threads of a node publish their counts in shared memory.
 */

interface PromiseWithResolvers {
  readonly promise: Promise<number>;
  readonly resolve: (thread: number) => void;
  readonly reject: (error: Error) => void;
}

/** Threads that a node can have alive at once, home included. */
export const MAX_THREADS = 256;

export class Placement {
  readonly #loads: Int32Array;
  readonly #slots = new Map<number, number>();
  readonly #pending = new Map<number, number>();
  readonly #otherwise: number | undefined;
  #waiting: PromiseWithResolvers | undefined;
  #closed: Error | undefined;

  /**
   * @param loads processes by slot; see {@link Placement.makeLoads}.
   * @param otherwise the thread for a node without any; undefined where a lost one is replaced.
   */
  constructor(loads: Int32Array, otherwise?: number) {
    this.#loads = loads;
    this.#otherwise = otherwise;
  }

  static makeLoads(): Int32Array {
    return new Int32Array(new SharedArrayBuffer(4 * MAX_THREADS));
  }

  add(thread: number, slot: number): void {
    this.#slots.set(thread, slot);
    this.#waiting?.resolve(thread);
    this.#waiting = undefined;
  }

  delete(thread: number): void {
    this.#slots.delete(thread);
    this.#pending.delete(thread);
  }

  has(thread: number): boolean {
    return this.#slots.has(thread);
  }

  load(thread: number): number {
    return this.#loads[this.#slots.get(thread) ?? -1] ?? 0;
  }

  /** The thread with the fewest processes; undefined where there is none. */
  pick(): number | undefined {
    let best: number | undefined;
    let bestLoad = Number.POSITIVE_INFINITY;
    for (const thread of this.#slots.keys()) {
      const load = this.load(thread) + (this.#pending.get(thread) ?? 0);
      if (load < bestLoad) {
        best = thread;
        bestLoad = load;
      }
    }
    return best;
  }

  /** For when `pick` finds none: the next thread that comes. */
  next(): number | Promise<number> {
    if (this.#otherwise !== undefined) return this.#otherwise;
    if (this.#closed !== undefined) throw this.#closed;
    this.#waiting ??= withResolvers();
    return this.#waiting.promise;
  }

  /** No thread comes any more: fails with `error` who waits for one, now or later. */
  close(error: Error): void {
    this.#closed = error;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }

  /** A process was asked for on `thread`; call the result when it has started or failed. */
  reserve(thread: number): () => void {
    this.#pending.set(thread, (this.#pending.get(thread) ?? 0) + 1);
    return () => {
      const left = (this.#pending.get(thread) ?? 0) - 1;
      if (left > 0) this.#pending.set(thread, left);
      else this.#pending.delete(thread);
    };
  }
}

function withResolvers(): PromiseWithResolvers {
  let resolve: (thread: number) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<number>((one, other) => {
    [resolve, reject] = [one, other];
  });
  return { promise, resolve, reject };
}
