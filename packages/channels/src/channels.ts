/**
 * The channels of one node.
 *
 * A publish: the payload is checked and made into one envelope; local subscribers are given it, the same object
 * in each thread; then the observer hears of it and says what became of it beyond this node. A publish that
 * comes from another node goes to the local subscribers of that moment and no further.
 *
 * Guarantees: what one process publishes to one channel reaches each subscriber in that order, at most once.
 * Who subscribed before a publish on the same node is given it, who unsubscribed before is not.
 */
import {
  type AnyPid,
  type AttachedProcess,
  encodeValue,
  type Logger,
  type NodeLife,
  type Pid,
  type Scheduler,
  SharedMessage,
} from '@liminal-node/scheduler';
import { Channel, type ChannelOptions } from './channel.js';
import { checkChannelName, type EnvelopeHead } from './envelope.js';
import { ChannelsClosedError, PayloadTooLargeError } from './errors.js';
import type { AcknowledgeOptions, ClusterObserver, RemoteReceipt } from './observer.js';
import { type ChannelsOptions, resolveChannelsOptions } from './options.js';
import { answerProcesses } from './process-channel.js';
import { checkHead, decodePublication, encodePublication, envelopeBytes } from './publication.js';
import type { PublishOptions, Receipt } from './receipt.js';
import { type SubscribeOptions, Subscription } from './subscription.js';
import { Subscriptions } from './subscriptions.js';

export interface ChannelsCounters {
  /** Publishes on this node. */
  published: number;
  /** Publishes from other nodes. */
  received: number;
  /** Local subscribers that were given an envelope. */
  delivered: number;
  /** Envelopes that did not reach a subscriber, by reason. */
  readonly dropped: Record<'mailbox full' | 'remote' | 'no subscriber', number>;
}

const nobodyElse: RemoteReceipt = { nodes: 0, dropped: 0, flushed: async () => {} };

export class Channels {
  readonly counters: ChannelsCounters = {
    published: 0,
    received: 0,
    delivered: 0,
    dropped: { 'mailbox full': 0, remote: 0, 'no subscriber': 0 },
  };
  readonly #scheduler: Scheduler;
  readonly #options: ChannelsOptions;
  readonly #subscriptions = new Subscriptions();
  readonly #exits = new Map<Pid, () => void>();
  readonly #logger: Logger;
  #observer: ClusterObserver | undefined;
  #sequence = 0;
  #closed = false;

  constructor(scheduler: Scheduler, options?: Partial<ChannelsOptions>) {
    this.#scheduler = scheduler;
    this.#options = resolveChannelsOptions(options);
    this.#logger = this.#options.logger;
    answerProcesses(scheduler, this);
  }

  /** Fills the port; the last one counts, and is told of what is subscribed already. */
  setObserver(observer: ClusterObserver): void {
    this.#observer = observer;
    for (const channel of this.#subscriptions.channels) {
      for (const members of this.#subscriptions.audience(channel)?.threads.values() ?? []) {
        for (const pid of members.values()) observer.onSubscribe(channel, pid as Pid);
      }
    }
  }

  /**
   * A handle for the channel; channels need no other making.
   * @throws TypeError for what cannot name a channel.
   */
  channel<T>(name: string, options?: ChannelOptions<T>): Channel<T> {
    checkChannelName(name);
    return new Channel(this, name, options);
  }

  /**
   * Publishes in the name of `publisher`.
   * @throws ChannelsClosedError, NotPortableError, PayloadTooLargeError, RangeError; nobody receives it then.
   */
  publish(
    channel: string,
    payload: unknown,
    options: PublishOptions = {},
    publisher = this.#scheduler.root,
  ): Receipt & { flushed(): Promise<void> } {
    // Encoding at once refuses what could not reach a subscriber elsewhere, whether there is one now or not.
    return this.publishEncoded(channel, encodeValue(payload), options, publisher);
  }

  /** As `publish`, for a payload that is encoded already. */
  publishEncoded(
    channel: string,
    encoded: Uint8Array,
    { parents = [], contentType = 'application/cbor', trace = '' }: PublishOptions,
    publisher: Pid,
  ): Receipt & { flushed(): Promise<void> } {
    if (this.#closed) throw new ChannelsClosedError();
    const { maxPayloadBytes, environment } = this.#options;
    if (encoded.length > maxPayloadBytes) throw new PayloadTooLargeError(encoded.length, maxPayloadBytes);
    const { node, creation } = this.#scheduler;
    const id = `${node}/${creation.toString(36)}/${this.#sequence++}`;
    const timestamp = environment.wallNow();
    const head: EnvelopeHead = {
      id,
      channel,
      publisher,
      timestamp,
      parents,
      // As on the wire, where an empty one is none.
      ...(trace !== '' && { trace }),
      contentType,
    };
    checkHead(head);
    this.counters.published++;
    const { local, dropped } = this.#deliver(head, encoded, true);
    let publication: Uint8Array | undefined;
    const encode = (): Uint8Array => {
      publication ??= encodePublication(head, encoded);
      return publication;
    };
    const remote = this.#observer?.onPublish({ channel, head, encode }) ?? nobodyElse;
    this.counters.dropped.remote += remote.dropped;
    return { local, nodes: remote.nodes, dropped: dropped + remote.dropped, flushed: remote.flushed };
  }

  /**
   * Gives the local subscribers what was published on another node.
   * @throws ProtocolError where the bytes are no publication; a payload that is no value is dropped and counted.
   */
  receive(source: NodeLife, bytes: Uint8Array): void {
    const { head, payload } = decodePublication(bytes, source);
    this.counters.received++;
    const { local, dropped } = this.#deliver(head, payload, false);
    // An unsubscribe and this publish crossed on the way.
    if (local + dropped === 0) this.counters.dropped['no subscriber']++;
  }

  /** A subscription of the program, with a mailbox of its own. */
  subscribe<T>(channel: string, options: SubscribeOptions = {}): Subscription<T> {
    const process = this.#scheduler.attach({ label: `subscription ${channel}`, mailbox: options });
    try {
      this.subscribeProcess(channel, process.pid);
    } catch (error) {
      process.close();
      throw error;
    }
    return new Subscription<T>(channel, process, () => this.#end(channel, process));
  }

  /**
   * Subscribes a process of this node: envelopes come into its mailbox. Who is dead is unsubscribed again.
   * @throws TypeError for a process of another node, ChannelsClosedError.
   */
  subscribeProcess(channel: string, pid: Pid): void {
    checkChannelName(channel);
    if (this.#closed) throw new ChannelsClosedError();
    if (!this.#scheduler.isLocal(pid)) {
      throw new TypeError(`${pid} is not a process of this node: a process subscribes on its own node`);
    }
    if (!this.#subscriptions.has(pid)) {
      this.#exits.set(
        pid,
        this.#scheduler.onExit(pid, () => this.#onExit(pid)),
      );
    }
    if (!this.#subscriptions.add(channel, pid)) return;
    try {
      this.#observer?.onSubscribe(channel, pid);
    } catch (error) {
      // A limit on what peers are told: half a subscription would be worse than none.
      this.unsubscribeProcess(channel, pid);
      throw error;
    }
  }

  /** Resolves when the nodes that are connected now know of what is subscribed here now; see `ClusterObserver`. */
  async acknowledged(options: AcknowledgeOptions): Promise<void> {
    await this.#observer?.acknowledged(options);
  }

  unsubscribeProcess(channel: string, pid: Pid): void {
    if (!this.#subscriptions.remove(channel, pid)) return;
    this.#observer?.onUnsubscribe(channel, pid);
    if (!this.#subscriptions.has(pid)) this.#forgetExit(pid);
  }

  /** Channels with local subscribers, and how many subscriptions they have in all. */
  get load(): { readonly channels: number; readonly subscriptions: number } {
    return { channels: [...this.#subscriptions.channels].length, subscriptions: this.#subscriptions.size };
  }

  /** Takes no more publishes and subscriptions; what was accepted is on its way. */
  close(): void {
    this.#closed = true;
  }

  #deliver(head: EnvelopeHead, encoded: Uint8Array, trusted: boolean): { local: number; dropped: number } {
    const audience = this.#subscriptions.audience(head.channel);
    if (audience === undefined) return { local: 0, dropped: 0 };
    const message = SharedMessage.ofBytes(envelopeBytes(head, encoded), trusted);
    const dropped = this.#scheduler.sendToAll(audience, message);
    const local = audience.size - dropped;
    this.counters.delivered += local;
    this.counters.dropped['mailbox full'] += dropped;
    if (dropped > 0)
      this.#logger.warn({ channel: head.channel, dropped }, 'a subscriber is too slow; its mailbox is full');
    return { local, dropped };
  }

  #end(channel: string, process: AttachedProcess): void {
    this.unsubscribeProcess(channel, process.pid);
    process.close();
  }

  #onExit(pid: AnyPid): void {
    this.#exits.delete(pid as Pid);
    for (const channel of this.#subscriptions.removeProcess(pid)) this.#observer?.onUnsubscribe(channel, pid as Pid);
  }

  #forgetExit(pid: Pid): void {
    this.#exits.get(pid)?.();
    this.#exits.delete(pid);
  }
}
