/**
 * Parts of a node that live on one of its threads, most of them on the home thread, asked from any thread.
 *
 * A request goes there and its answer comes back as parcels between threads, in order with what the thread sends otherwise:
 * a service finds that every signal has arrived that the same thread sent before it asked, if it looks before it waits for
 * anything. Parcels never come from a peer, so a service knows that who asks is a process of this node.
 */

import { portableError, reviveError } from './encoding/portable-error.js';
import { ThreadDownError } from './errors.js';
import type { Pid } from './pid.js';
import { HOME, type Runtime } from './runtime.js';
import type { ServiceControl } from './threads/parcel.js';

/** Answers a request of the process `from`. What it throws is thrown at whoever asked. */
export type Service = (from: Pid, body: unknown) => unknown;

interface Waiting {
  readonly thread: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class Services {
  readonly #runtime: Runtime;
  readonly #services = new Map<string, Service>();
  readonly #waiting = new Map<number, Waiting>();
  #requests = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Answers requests for `service` to this thread from now on. */
  provide(service: string, answer: Service): void {
    if (this.#services.has(service)) throw new TypeError(`service "${service}" is provided already`);
    this.#services.set(service, answer);
  }

  /** Asks the home thread. Rejects with what the service throws. */
  request(from: Pid, service: string, body: unknown): Promise<unknown> {
    return this.ask(HOME, from, service, body);
  }

  /** Asks a thread. Rejects with what the service throws, and with `ThreadDownError` where the thread is gone or ends. */
  ask(thread: number, from: Pid, service: string, body: unknown): Promise<unknown> {
    if (this.#runtime.options.thread === thread) return this.#askHere(from, service, body);
    return new Promise((resolve, reject) => {
      const request = this.#requests++;
      if (!this.#runtime.sendControl(thread, { type: 'request', request, from, service, body })) {
        return reject(threadDown(thread));
      }
      this.#waiting.set(request, { thread, resolve, reject });
    });
  }

  /** Fails what that thread was asked and can no longer answer. */
  threadDown(thread: number): void {
    for (const [request, waiting] of this.#waiting) {
      if (waiting.thread !== thread) continue;
      this.#waiting.delete(request);
      waiting.reject(threadDown(thread));
    }
  }

  control(thread: number, control: ServiceControl): void {
    switch (control.type) {
      case 'request':
        this.#reply(thread, control);
        break;
      case 'answered':
        this.#take(control.request)?.resolve(control.value);
        break;
      case 'refused':
        this.#take(control.request)?.reject(reviveError(control.error));
        break;
      default:
        control satisfies never;
    }
  }

  async #askHere(from: Pid, service: string, body: unknown): Promise<unknown> {
    return this.#answer(from, service, this.#runtime.prepare(body));
  }

  /** At once, where the service knows the answer: a promise costs as much as the rest. */
  #reply(thread: number, { request, from, service, body }: ServiceControl & { type: 'request' }): void {
    const refuse = (error: unknown): void =>
      void this.#runtime.sendControl(thread, { type: 'refused', request, error: portableError(error) });
    const reply = (value: unknown): void =>
      void this.#runtime.sendControl(thread, { type: 'answered', request, value });
    try {
      const answer = this.#answer(from, service, body);
      if (answer instanceof Promise) answer.then(reply).catch(refuse);
      else reply(answer);
    } catch (error) {
      refuse(error);
    }
  }

  #answer(from: Pid, service: string, body: unknown): unknown {
    const answer = this.#services.get(service);
    if (answer === undefined) throw new TypeError(`this node runs no service "${service}"`);
    return answer(from, body);
  }

  #take(request: number): Waiting | undefined {
    const waiting = this.#waiting.get(request);
    this.#waiting.delete(request);
    return waiting;
  }
}

function threadDown(thread: number): ThreadDownError {
  return new ThreadDownError(`thread ${thread} has ended`);
}
