/** A program's handle for one channel. */
import type { Pid } from '@liminal-node/scheduler';
import type { Channels } from './channels.js';
import type { PublishOptions, Receipt } from './receipt.js';
import { type PayloadSchema, validatePayload } from './schema.js';
import type { ClusterSubscribeOptions, SubscribeOptions, Subscription } from './subscription.js';

export interface ChannelOptions<T> {
  /** What payloads must be; checked where they are published. @default anything portable */
  readonly schema?: PayloadSchema<T>;
}

/** The subscription of a process; its envelopes are in its mailbox. */
export interface ProcessSubscription extends Disposable {
  readonly pid: Pid;
  close(): void;
}

export class Channel<T = unknown> {
  readonly name: string;
  readonly #channels: Channels;
  readonly #schema: PayloadSchema<T> | undefined;

  constructor(channels: Channels, name: string, { schema }: ChannelOptions<T> = {}) {
    this.#channels = channels;
    this.name = name;
    this.#schema = schema;
  }

  /**
   * Publishes in the name of the program. Publishes are sent in the order of the calls, awaited or not.
   * Rejects with PayloadError where the payload does not fit the schema, with NotPortableError where it is no
   * portable value, with PayloadTooLargeError, and with ChannelsClosedError; nobody receives it then.
   */
  async publish(payload: T, options: PublishOptions = {}): Promise<Receipt> {
    const valid = validatePayload(this.name, this.#schema, payload);
    const { flushed, ...receipt } = this.#channels.publish(this.name, valid, options);
    if (options.flush) await flushed();
    return receipt;
  }

  /** Subscribes the program. Envelopes published on this node after the call, and soon those of other nodes, arrive. */
  subscribe(options?: SubscribeOptions): Subscription<T>;
  /**
   * Subscribes the program, and resolves when every node that is connected now has acknowledged that, or is connected no
   * more: what is published there afterwards arrives. Rejects with NotAcknowledgedError (ERR_LIMINAL_NOT_ACKNOWLEDGED),
   * which names those that have not, after `timeoutMs`, and with the signal's reason; nothing is subscribed then.
   */
  subscribe(options: ClusterSubscribeOptions): Promise<Subscription<T>>;
  /** Subscribes a process of this node, until `close` or its end. @throws TypeError for a process of another node. */
  subscribe(pid: Pid): ProcessSubscription;
  subscribe(
    target?: SubscribeOptions | ClusterSubscribeOptions | Pid,
  ): Subscription<T> | ProcessSubscription | Promise<Subscription<T>> {
    if (typeof target !== 'string') {
      return isForCluster(target)
        ? this.#subscribeAcknowledged(target)
        : this.#channels.subscribe<T>(this.name, target);
    }
    this.#channels.subscribeProcess(this.name, target);
    let open = true;
    const close = (): void => {
      if (open) this.#channels.unsubscribeProcess(this.name, target);
      open = false;
    };
    return { pid: target, close, [Symbol.dispose]: close };
  }

  async #subscribeAcknowledged(options: ClusterSubscribeOptions): Promise<Subscription<T>> {
    const { ready, timeoutMs, signal, ...bound } = options;
    if (ready !== 'cluster') throw new TypeError(`ready: there is 'cluster' alone, not "${String(ready)}"`);
    signal?.throwIfAborted();
    const subscription = this.#channels.subscribe<T>(this.name, bound);
    try {
      await this.#channels.acknowledged({ ...(timeoutMs !== undefined && { timeoutMs }), ...(signal && { signal }) });
      return subscription;
    } catch (error) {
      subscription.close();
      throw error;
    }
  }
}

function isForCluster(
  options: SubscribeOptions | ClusterSubscribeOptions | undefined,
): options is ClusterSubscribeOptions {
  return options !== undefined && 'ready' in options && options.ready !== undefined;
}
