/** A program's handle for one channel. */
import type { Pid } from '@liminal-node/scheduler';
import type { Channels } from './channels.js';
import type { PublishOptions, Receipt } from './receipt.js';
import { type PayloadSchema, validatePayload } from './schema.js';
import type { SubscribeOptions, Subscription } from './subscription.js';

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
  /** Subscribes a process of this node, until `close` or its end. @throws TypeError for a process of another node. */
  subscribe(pid: Pid): ProcessSubscription;
  subscribe(target?: SubscribeOptions | Pid): Subscription<T> | ProcessSubscription {
    if (typeof target !== 'string') return this.#channels.subscribe<T>(this.name, target);
    this.#channels.subscribeProcess(this.name, target);
    let open = true;
    const close = (): void => {
      if (open) this.#channels.unsubscribeProcess(this.name, target);
      open = false;
    };
    return { pid: target, close, [Symbol.dispose]: close };
  }
}
