/**
 * Callbacks for the end of processes, for the node's own parts on the home thread: one attached process holds
 * a monitor for each.
 */
import type { ExitReason } from './exit-reason.js';
import type { AnyPid, Ref } from './pid.js';
import type { Self } from './self.js';
import { isDown } from './signal.js';

export class ExitWatch {
  readonly #self: Self;
  readonly #callbacks = new Map<Ref, (reason: ExitReason) => void>();

  constructor(self: Self) {
    this.#self = self;
    void this.#watch();
  }

  /** Calls back once, when the process has ended, or soon where it is dead already. @returns cancels it. */
  add(pid: AnyPid, callback: (reason: ExitReason) => void): () => void {
    const ref = this.#self.monitor(pid);
    this.#callbacks.set(ref, callback);
    return () => {
      if (this.#callbacks.delete(ref)) this.#self.demonitor(ref, { flush: true });
    };
  }

  async #watch(): Promise<void> {
    for await (const message of this.#self.messages()) {
      if (!isDown(message)) continue;
      const callback = this.#callbacks.get(message.ref);
      this.#callbacks.delete(message.ref);
      callback?.(message.reason);
    }
  }
}
