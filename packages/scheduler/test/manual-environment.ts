/** An environment in which nothing happens by itself: the test moves the clock and turns the event loop. */
import type { Environment } from '../src/environment.js';

interface ManualTimer {
  readonly at: number;
  readonly callback: () => void;
}

export class ManualEnvironment implements Environment {
  #now = 0;
  #immediates: (() => void)[] = [];
  readonly #timers = new Set<ManualTimer>();

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return this.#now;
  }

  setTimer(delayMs: number, callback: () => void): { cancel: () => void } {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  setImmediate(callback: () => void): void {
    this.#immediates.push(callback);
  }

  randomBytes(length: number): Uint8Array {
    return new Uint8Array(length).fill(7);
  }

  random(): number {
    return 0.5;
  }

  /** Moves the clock without firing what is due, as work that takes time does. */
  spend(ms: number): void {
    this.#now += ms;
  }

  /** Moves the clock and fires what is due, oldest first. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      const [due] = [...this.#timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.callback();
      await microtasks();
    }
    this.#now = until;
  }

  /** Runs what was set for this turn of the event loop, and the microtasks behind it. */
  async turn(): Promise<void> {
    const immediates = this.#immediates;
    this.#immediates = [];
    for (const callback of immediates) callback();
    await microtasks();
  }

  get immediates(): number {
    return this.#immediates.length;
  }

  get timers(): number {
    return this.#timers.size;
  }
}

/** Resolves when every microtask that is on its way has run. */
export function microtasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
