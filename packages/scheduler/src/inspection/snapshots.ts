/**
 * Snapshots of a node, for as many as ask: one is taken at a time, and all who ask while it is taken share the next, so that
 * nobody is given one that was begun before the question.
 */
import type { Snapshot } from './snapshot.js';

export class Snapshots {
  readonly #take: () => Promise<Snapshot>;
  #running: Promise<unknown> | undefined;
  #next: Promise<Snapshot> | undefined;

  constructor(take: () => Promise<Snapshot>) {
    this.#take = take;
  }

  take(): Promise<Snapshot> {
    if (this.#running === undefined) return this.#begin();
    this.#next ??= this.#running.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  #begin(): Promise<Snapshot> {
    this.#next = undefined;
    const snapshot = this.#take();
    this.#running = snapshot;
    const over = (): void => {
      if (this.#running === snapshot && this.#next === undefined) this.#running = undefined;
    };
    snapshot.then(over, over);
    return snapshot;
  }
}
