/**
 * What a process does when its turn comes for the first time: it runs its body.
 *
 * Until then it keeps this one object, and no `Self`, which is made when the body asks for it. Thousands of processes
 * may be spawned before the first of them runs, so what each keeps until then is what the garbage
 * collector copies: a closure and a `Self` in its place halve the rate at which handlers start and end.
 */
import type { MessageHandler, ProcessBody } from './definition.js';
import type { Process } from './process.js';
import type { Self } from './self.js';

export class Start {
  readonly #selfOf: (process: Process) => Self;
  readonly #body: ProcessBody<never>;
  readonly #args: readonly unknown[];

  /** @param selfOf makes what stands for a process in its own code. */
  constructor(selfOf: (process: Process) => Self, body: ProcessBody<never>, args: readonly unknown[]) {
    this.#selfOf = selfOf;
    this.#body = body;
    this.#args = args;
  }

  run(process: Process): void | MessageHandler | Promise<void | MessageHandler> {
    // Not as a method: the code of a process has no `this`.
    const body = this.#body;
    return body(this.#selfOf(process), ...(this.#args as never));
  }
}
