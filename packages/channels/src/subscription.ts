/** A subscription of the program: an async iterable of envelopes, with a bounded mailbox of its own. */
import { type AttachedProcess, type GapMessage, isGap, type MailboxBound, type Pid } from '@liminal-node/scheduler';
import { type Envelope, isEnvelope } from './envelope.js';
import { SubscriptionOverflowError } from './errors.js';
import type { Gap } from './loss.js';
import type { AcknowledgeOptions } from './observer.js';

/**
 * The bound of a subscription. With `overflow: 'exit'` it ends instead of losing anything. With `gaps: true` what is
 * missing, by its bound or on the way from another node, is told among the envelopes, see {@link Gap}.
 */
export type SubscribeOptions = Partial<MailboxBound>;

/** Subscribe, and wait until other nodes know of it. */
export interface ClusterSubscribeOptions extends SubscribeOptions, AcknowledgeOptions {
  readonly ready: 'cluster';
}

/** @typeParam G what it yields beside envelopes: `Gap` with `gaps: true`, else nothing. */
export class Subscription<T = unknown, G extends Gap = never>
  implements AsyncIterable<Envelope<T> | G>, AsyncDisposable
{
  readonly channel: string;
  readonly #yieldsGaps: boolean;
  #missed = 0;
  readonly #process: AttachedProcess;
  readonly #end: () => void;
  #ended = false;
  #stopReading: (() => void) | undefined;

  constructor(channel: string, process: AttachedProcess, yieldsGaps: boolean, end: () => void) {
    this.channel = channel;
    this.#yieldsGaps = yieldsGaps;
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
   * Envelopes that are missing before the one that was read last, for whatever reason, as far as their number is known:
   * what was published is what was read, this, and what is still to be read.
   */
  get missed(): number {
    return this.#missed;
  }

  /**
   * Every envelope from the subscribe on; one reader at a time. Ends with the subscription; leaving the loop
   * leaves the subscription open.
   * @throws SubscriptionOverflowError while iterating, where its bound has ended it.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Envelope<T> | G, void, undefined> {
    for (;;) {
      const envelope = await this.#next();
      if (envelope === undefined) {
        if (hasOverflowed(this.#process.signal.reason)) throw new SubscriptionOverflowError(this.channel);
        return;
      }
      if (!isGap(envelope)) {
        yield envelope;
        continue;
      }
      this.#missed += envelope.count ?? 0;
      if (this.#yieldsGaps) yield envelope as G;
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

  #next(): Promise<Envelope<T> | Gap | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return resolve(undefined);
      // The receive of a process that has ended never settles.
      this.#stopReading = () => resolve(undefined);
      this.#receive().then(resolve, reject);
    });
  }

  /** Anybody who knows its pid may send to it, on any node: what is no envelope of its channel is dropped and counted. */
  async #receive(): Promise<Envelope<T> | Gap> {
    for (;;) {
      const message = await this.#process.receive();
      if (isEnvelope(message, this.channel)) return message as Envelope<T>;
      if (isGap(message) && isOfChannel(message, this.channel)) return { ...message, channel: this.channel };
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

/** A gap of its own mailbox names no channel. */
function isOfChannel(gap: GapMessage & { readonly channel?: unknown }, channel: string): gap is Gap {
  return (
    (gap.channel === undefined || gap.channel === channel) &&
    typeof gap.reason === 'string' &&
    (gap.count === undefined || Number.isSafeInteger(gap.count))
  );
}
