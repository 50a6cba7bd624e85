/**
 * For layers that gather what they tell in one turn, so that many small things become one frame.
 *
 * Whoever gathers asks to be called back; that happens once, at the end of the turn, or before anything is written to
 * any peer, whichever comes first. So what was gathered stands in the queues before the next bytes leave, and nothing
 * that was sent behind it overtakes it but control frames.
 */
import type { Environment } from '@liminal-node/scheduler';

export class Gathering {
  readonly #environment: Environment;
  #waiting: (() => void)[] = [];

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  add(callback: () => void): void {
    this.#waiting.push(callback);
    if (this.#waiting.length === 1) this.#environment.setImmediate(() => this.end());
  }

  /** Calls everybody back who has asked. */
  end(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const callback of waiting) callback();
  }
}
