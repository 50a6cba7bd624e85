/** A subscription of the program: an async iterable of envelopes, with a bounded mailbox of its own. */
import type { AttachedProcess, MailboxBound, Pid } from '@liminal-node/scheduler';
import { type Envelope, isEnvelope } from './envelope.js';
import { SubscriptionOverflowError } from './errors.js';
import type { AcknowledgeOptions } from './observer.js';

/** The bound of a subscription. With `overflow: 'exit'` it ends instead of losing anything. */
export type SubscribeOptions = Partial<MailboxBound>;

/** Subscribe, and wait until other nodes know of it. */
export interface ClusterSubscribeOptions extends SubscribeOptions, AcknowledgeOptions {
  readonly ready: 'cluster';
}

export class Subscription<T = unknown> implements AsyncIterable<Envelope<T>>, AsyncDisposable {
  readonly channel: string;
  readonly #process: AttachedProcess;
  readonly #end: () => void;
  #ended = false;
  #stopReading: (() => void) | undefined;

  constructor(channel: string, process: AttachedProcess, end: () => void) {
    this.channel = channel;
    this.#process = process;
    this.#end = end;
    process.signal.addEventListener('abort', () => this.#onEnd());
  }

  /** The member of the channel's group that stands for this subscription. */
  get pid(): Pid {
    return this.#process.pid;
  }

  /** Envelopes that its bound has cost it. */
  get dropped(): number {
    return this.#process.dropped;
  }

  /**
   * Every envelope from the subscribe on; one reader at a time. Ends with the subscription; leaving the loop
   * leaves the subscription open.
   * @throws SubscriptionOverflowError while iterating, where its bound has ended it.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Envelope<T>, void, undefined> {
    for (;;) {
      const envelope = await this.#next();
      if (envelope === undefined) {
        if (hasOverflowed(this.#process.signal.reason)) throw new SubscriptionOverflowError(this.channel);
        return;
      }
      yield envelope;
    }
  }

  /** Ends it at once; a reader's loop ends, and what it had not read is gone. Idempotent. */
  close(): void {
    this.#end();
    this.#onEnd();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #next(): Promise<Envelope<T> | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return resolve(undefined);
      // The receive of a process that has ended never settles.
      this.#stopReading = () => resolve(undefined);
      this.#receive().then(resolve, reject);
    });
  }

  /** Anybody who knows its pid may send to it, on any node: what is no envelope of its channel is dropped and counted. */
  async #receive(): Promise<Envelope<T>> {
    for (;;) {
      const message = await this.#process.receive();
      if (isEnvelope(message, this.channel)) return message as Envelope<T>;
      this.#process.countDropped('not for a subscription');
    }
  }

  #onEnd(): void {
    this.#ended = true;
    this.#stopReading?.();
  }
}

function hasOverflowed(reason: unknown): boolean {
  return typeof reason === 'object' && reason !== null && 'mailboxFull' in reason;
}
