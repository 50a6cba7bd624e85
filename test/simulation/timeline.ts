/**
 * Everything that happens in a simulated cluster, in one order: by virtual time, and at one time by age.
 *
 * Each step belongs to a loop, which stands for the event loop of one thread of one life of a node. Steps of a loop
 * that is held wait until it is let go, timers first, as after a stall; steps of a loop that has ended never come.
 * A step runs to its end, with all the promise continuations that follow from it, before the next.
 */

/** How often an event may follow another before a run counts as endless. */
const MAX_STEPS = 400_000;

interface Step {
  at: number;
  order: number;
  readonly loop: Loop;
  /** Undefined where it was taken back. */
  run: (() => void) | undefined;
  readonly isTimer: boolean;
}

/** The event loop of one thread. */
export class Loop {
  readonly name: string;
  isOver = false;
  /** Steps that were due while it was held. */
  waiting: Step[] | undefined;
  #holders = 0;
  readonly #timeline: Timeline;

  constructor(timeline: Timeline, name: string) {
    this.#timeline = timeline;
    this.name = name;
  }

  get isHeld(): boolean {
    return this.waiting !== undefined;
  }

  /** Nothing happens on it until the result is called, once for each call. */
  hold(): () => void {
    this.#holders++;
    this.waiting ??= [];
    let isHolding = true;
    return () => {
      if (!isHolding) return;
      isHolding = false;
      if (--this.#holders > 0) return;
      const waiting = this.waiting ?? [];
      this.waiting = undefined;
      for (const step of waiting) if (step.isTimer) this.#timeline.again(step);
      for (const step of waiting) if (!step.isTimer) this.#timeline.again(step);
    };
  }

  end(): void {
    this.isOver = true;
    this.waiting = undefined;
  }
}

export class Timeline {
  /** Monotonic ms. It begins late, so that a time is not taken for a duration. */
  now = 1_000;
  /** Steps taken. */
  steps = 0;
  /** Told of each step before it is taken, where somebody wants to know. */
  onStep: ((at: number, loop: Loop, isTimer: boolean) => void) | undefined;
  readonly #heap: Step[] = [];
  #order = 0;

  /** @returns takes it back. */
  after(delayMs: number, loop: Loop, run: () => void, isTimer = false): () => void {
    const step: Step = { at: this.now + Math.max(0, delayMs), order: this.#order++, loop, run, isTimer };
    this.#push(step);
    return () => {
      step.run = undefined;
    };
  }

  /** Takes place at the end of this time. */
  again(step: Step): void {
    step.at = this.now;
    step.order = this.#order++;
    this.#push(step);
  }

  /** Steps that can still happen, timers among them. */
  pending(of: (loop: Loop) => boolean): { readonly timers: number; readonly others: number } {
    let timers = 0;
    let others = 0;
    for (const { run, loop, isTimer } of this.#heap) {
      if (run === undefined || loop.isOver || !of(loop)) continue;
      if (isTimer) timers++;
      else others++;
    }
    return { timers, others };
  }

  /** Takes the next step. @returns false where there is none. */
  step(): boolean {
    for (;;) {
      const step = this.#pop();
      if (step === undefined) return false;
      const { run, loop, isTimer } = step;
      if (run === undefined || loop.isOver) continue;
      this.now = step.at;
      if (loop.waiting !== undefined) {
        loop.waiting.push(step);
        continue;
      }
      if (++this.steps > MAX_STEPS) throw new Error(`the run is not at its end after ${MAX_STEPS} steps`);
      this.onStep?.(step.at, loop, isTimer);
      run();
      return true;
    }
  }

  #push(step: Step): void {
    const heap = this.#heap;
    let at = heap.push(step) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Step;
      if (above.at < step.at || (above.at === step.at && above.order < step.order)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = step;
  }

  #pop(): Step | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || last === first) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Step, heap[child] as Step)) child++;
      if (isBefore(last, heap[child] as Step)) break;
      heap[at] = heap[child] as Step;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: Step, other: Step): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/**
 * Takes steps until `isOver`, or until none is left. A tick that is asked for by a promise continuation comes when all
 * continuations have run, however many there are, and costs far less than a turn of the event loop.
 */
export function drive(timeline: Timeline, isOver: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const settled = Promise.resolve();
    const tick = (): void => {
      try {
        if (isOver() || !timeline.step()) return resolve();
      } catch (error) {
        return reject(error);
      }
      void settled.then(next);
    };
    const next = (): void => process.nextTick(tick);
    process.nextTick(tick);
  });
}
