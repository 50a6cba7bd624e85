/** A program's handle for one channel. */
import type { Pid } from '@liminal-node/scheduler';
import type { Channels } from './channels.js';
import type { Gap } from './loss.js';
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
   * Publishes in the name of the program. Publishes are sent in the order of the calls, awaited or not. With
   * `whenFull: 'wait'` it resolves when there was room for it everywhere, or the wait is over: the receipt says which.
   * Rejects with PayloadError where the payload does not fit the schema, with NotPortableError where it is no
   * portable value, with PayloadTooLargeError, with ChannelsClosedError, and with the reason of a signal that was
   * aborted before; nobody receives it then.
   */
  async publish(payload: T, options: PublishOptions = {}): Promise<Receipt> {
    const valid = validatePayload(this.name, this.#schema, payload);
    const { receipt, remote } = this.#channels.publish(this.name, valid, options);
    const settled = receipt instanceof Promise ? await receipt : receipt;
    if (options.flush) await remote.flushed();
    return settled;
  }

  /** Subscribes the program. Envelopes published on this node after the call, and soon those of other nodes, arrive. */
  subscribe(options: SubscribeOptions & { readonly gaps: true }): Subscription<T, Gap>;
  subscribe(options?: SubscribeOptions): Subscription<T>;
  /**
   * Subscribes the program, and resolves when every node that is connected now has acknowledged that, or is connected no
   * more: what is published there afterwards arrives. Rejects with NotAcknowledgedError (ERR_LIMINAL_NOT_ACKNOWLEDGED),
   * which names those that have not, after `timeoutMs`, and with the signal's reason; nothing is subscribed then.
   */
  subscribe(options: ClusterSubscribeOptions & { readonly gaps: true }): Promise<Subscription<T, Gap>>;
  subscribe(options: ClusterSubscribeOptions): Promise<Subscription<T>>;
  /**
   * Subscribes a process of this node, until `close` or its end. With `gaps` it gets a `Gap` where envelopes are missing
   * that were lost on the way; what its own mailbox drops, it is told by the option `gaps` of its mailbox.
   * @throws TypeError for a process of another node.
   */
  subscribe(pid: Pid, options?: { readonly gaps?: boolean }): ProcessSubscription;
  subscribe(
    target?: SubscribeOptions | ClusterSubscribeOptions | Pid,
    options?: { readonly gaps?: boolean },
  ):
    | Subscription<T>
    | Subscription<T, Gap>
    | ProcessSubscription
    | Promise<Subscription<T>>
    | Promise<Subscription<T, Gap>> {
    if (typeof target !== 'string') {
      return isForCluster(target)
        ? this.#subscribeAcknowledged(target)
        : this.#channels.subscribe<T>(this.name, target);
    }
    this.#channels.subscribeProcess(this.name, target, options);
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
