/**
 * The channels of one node.
 *
 * A publish: the payload is checked and made into one envelope; local subscribers are given it, the same object
 * in each thread; then the observer hears of it and says what became of it beyond this node. A publish that
 * comes from another node goes to the local subscribers of that moment and no further.
 *
 * What does not reach a subscriber is in the publisher's receipt, as far as its node can know, and is told to the
 * subscribers that ask for gaps: what a peer could not send (`receiveLoss`), what a thread had no room for
 * (`untold-gaps.ts`), what was lost with a connection (`peerLost`), and, by its own mailbox, what its bound dropped.
 *
 * Guarantees: what one process publishes to one channel reaches each subscriber in that order, at most once.
 * Who subscribed before a publish on the same node is given it, who unsubscribed before is not.
 */
import {
  type AnyPid,
  type AttachedProcess,
  type Audience,
  type LentBytes,
  type Logger,
  LongMemory,
  type Multicast,
  type NodeLife,
  type NodeName,
  type Pid,
  type Scheduler,
  SharedMessage,
} from '@liminal-node/scheduler';
import { Channel, type ChannelOptions } from './channel.js';
import { checkChannelName } from './envelope.js';
import { ChannelsClosedError, PayloadTooLargeError } from './errors.js';
import { decodeLoss, type Gap, type Loss, type LossReason } from './loss.js';
import type { AcknowledgeOptions, ClusterObserver, Publication, RemoteReceipt } from './observer.js';
import { type ChannelsOptions, resolveChannelsOptions } from './options.js';
import { answerProcesses } from './process-channel.js';
import { MAX_BLOCK_BYTES } from './publication-block.js';
import { PublicationReader, PublicationWriter } from './publications.js';
import type { PublishOptions, Receipt } from './receipt.js';
import { checkWait, waitForRoom } from './room.js';
import { type SubscribeOptions, Subscription } from './subscription.js';
import { Subscriptions } from './subscriptions.js';
import { UntoldGaps } from './untold-gaps.js';

export interface ChannelsCounters {
  /** Publishes on this node. */
  published: number;
  /** Publishes from other nodes. */
  received: number;
  /** Local subscribers that were given an envelope. */
  delivered: number;
  /** Envelopes that did not reach a subscriber, by reason. */
  readonly dropped: Record<'mailbox full' | 'thread queue full' | 'remote' | 'no subscriber', number>;
  /** Publishes that were refused, by reason. */
  readonly refused: Record<'payload too large', number>;
  /** Publishes that waited for room at another node. */
  waited: number;
  /** Envelopes that other nodes said they could not send to the subscribers here, by the reason that they gave. */
  readonly missed: Partial<Record<LossReason, number>>;
}

const NO_LOSSES: readonly Loss[] = [];

/** What became of a publish on this node. */
interface Delivered {
  readonly local: number;
  readonly losses: readonly Loss[];
}

const NOBODY: Delivered = { local: 0, losses: NO_LOSSES };

const nobodyElse: RemoteReceipt = { nodes: 0, losses: NO_LOSSES, flushed: async () => {} };

/** A publish that is done here. */
export interface Published {
  /** A promise where it waits for room elsewhere. */
  readonly receipt: Receipt | Promise<Receipt>;
  /** Whose `flushed` resolves when it has been handed to the kernel for every node; to be asked when there is a receipt. */
  readonly remote: Pick<RemoteReceipt, 'flushed'>;
}

export class Channels {
  readonly counters: ChannelsCounters = {
    published: 0,
    received: 0,
    delivered: 0,
    dropped: { 'mailbox full': 0, 'thread queue full': 0, remote: 0, 'no subscriber': 0 },
    refused: { 'payload too large': 0 },
    waited: 0,
    missed: {},
  };
  readonly #scheduler: Scheduler;
  readonly #options: ChannelsOptions;
  readonly #subscriptions: Subscriptions;
  readonly #exits = new Map<Pid, () => void>();
  readonly #logger: Logger;
  readonly #untold: UntoldGaps;
  #observer: ClusterObserver | undefined;
  readonly #longMemory: LongMemory;
  readonly #publisher: PublicationWriter;
  readonly #receiver = new PublicationReader();
  #closed = false;

  constructor(scheduler: Scheduler, options?: Partial<ChannelsOptions>) {
    this.#scheduler = scheduler;
    this.#subscriptions = new Subscriptions(() => scheduler.createAudience());
    this.#options = resolveChannelsOptions(options);
    this.#publisher = new PublicationWriter(scheduler, this.#options.environment);
    this.#logger = this.#options.logger;
    this.#longMemory = new LongMemory(this.#options.environment);
    this.#untold = new UntoldGaps(this.#options.environment, (thread, gap) => this.#tellThread(thread, gap));
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
   * @throws ChannelsClosedError, NotPortableError, PayloadTooLargeError, RangeError, and the reason of a signal that was
   * aborted before; nobody receives it then.
   */
  publish(
    channel: string,
    payload: unknown,
    options: PublishOptions = {},
    publisher = this.#scheduler.root,
  ): Published {
    if (this.#closed) throw new ChannelsClosedError();
    checkWait(options);
    // Encoding at once refuses what could not reach a subscriber elsewhere, whether there is one now or not.
    if (this.#subscriptions.audience(channel) === undefined && this.#options.maxPayloadBytes >= MAX_BLOCK_BYTES) {
      const publication = this.#publisher.inBlock(channel, payload, options, publisher);
      if (publication !== undefined) {
        this.counters.published++;
        return this.#published(publication, NOBODY, options);
      }
    }
    return this.#publishLent(channel, this.#longMemory.encode(payload), options, publisher);
  }

  /** As `publish`, for a payload that is encoded already. */
  publishEncoded(channel: string, encoded: Uint8Array, options: PublishOptions, publisher: Pid): Published {
    if (this.#closed) throw new ChannelsClosedError();
    checkWait(options);
    return this.#publishLent(channel, { bytes: encoded, loan: undefined }, options, publisher);
  }

  #publishLent(channel: string, encoded: LentBytes, options: PublishOptions, publisher: Pid): Published {
    const { bytes, loan } = encoded;
    try {
      const { maxPayloadBytes } = this.#options;
      if (bytes.length > maxPayloadBytes) {
        this.counters.refused['payload too large']++;
        throw new PayloadTooLargeError(bytes.length, maxPayloadBytes);
      }
      const publication = this.#publisher.publication(channel, encoded, options, publisher);
      this.counters.published++;
      const audience = this.#subscriptions.audience(channel);
      const here = audience === undefined ? NOBODY : this.#deliver(channel, audience, publication.message);
      return this.#published(publication, here, options);
    } finally {
      loan?.letGo();
    }
  }

  /** Hands on what local subscribers have been given. */
  #published(publication: Publication, { local, losses }: Delivered, options: PublishOptions): Published {
    const remote = this.#observer?.onPublish(publication, options.whenFull === 'wait') ?? nobodyElse;
    const { nodes, waiting } = remote;
    this.counters.dropped.remote += remote.losses.length;
    if (waiting === undefined) return { receipt: receiptOf(local, nodes, losses, remote.losses), remote };
    this.counters.waited++;
    const receipt = waitForRoom(waiting, options, this.#options.environment).then((late) => {
      this.counters.dropped.remote += late.losses.length;
      return receiptOf(local, nodes + late.nodes, losses, remote.losses.concat(late.losses));
    });
    return { receipt, remote };
  }

  /**
   * Gives the local subscribers what was published on another node.
   * @throws ProtocolError where the bytes are no publication; a payload that is no value is dropped and counted.
   */
  receive(source: NodeLife, bytes: Uint8Array): void {
    const { channel, message } = this.#receiver.read(source, bytes);
    this.counters.received++;
    const audience = this.#subscriptions.audience(channel);
    // An unsubscribe and this publish crossed on the way.
    if (audience === undefined) this.counters.dropped['no subscriber']++;
    else this.#deliver(channel, audience, message);
  }

  /**
   * As `receive`, of several in one frame.
   * @returns how many they were. @throws ProtocolError where the bytes are no block of publications.
   */
  receiveBlock(source: NodeLife, bytes: Uint8Array): number {
    const { channel, message } = this.#receiver.readBlock(source, bytes);
    const { count } = message;
    this.counters.received += count;
    const audience = this.#subscriptions.audience(channel);
    if (audience === undefined) this.counters.dropped['no subscriber'] += count;
    else this.#deliver(channel, audience, message, count);
    return count;
  }

  /**
   * A peer could not send so many envelopes to the subscribers here; in order with those of the same publisher.
   * @throws ProtocolError where the label is none of `encodeLoss`.
   */
  receiveLoss(source: NodeLife, label: Uint8Array, count: number): void {
    const { channel, publisher, reason } = decodeLoss(label, source);
    this.counters.missed[reason] = (this.counters.missed[reason] ?? 0) + count;
    const { node } = source;
    this.#logger.warn({ channel, node, publisher, count, reason }, 'a peer could not send what was published');
    this.#tell({ signal: 'gap', channel, count, reason, publisher, node });
  }

  /** The connection to a node was lost, and with it nobody knows what. */
  peerLost(node: NodeName): void {
    for (const channel of this.#subscriptions.channels) {
      this.#tell({ signal: 'gap', channel, count: undefined, reason: 'noconnection', node });
    }
  }

  /** A subscription of the program, with a mailbox of its own. */
  subscribe<T, G extends Gap = never>(channel: string, options: SubscribeOptions = {}): Subscription<T, G> {
    const mailbox = { ...options, gaps: true };
    const process = this.#scheduler.attach({ label: `subscription ${channel}`, mailbox });
    try {
      this.subscribeProcess(channel, process.pid, { gaps: true });
    } catch (error) {
      process.close();
      throw error;
    }
    return new Subscription<T, G>(channel, process, options.gaps === true, () => this.#end(channel, process));
  }

  /**
   * Subscribes a process of this node: envelopes come into its mailbox, with `gaps` what is missing as well. Who is dead
   * is unsubscribed again.
   * @throws TypeError for a process of another node, ChannelsClosedError.
   */
  subscribeProcess(channel: string, pid: Pid, { gaps = false }: { readonly gaps?: boolean } = {}): void {
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
    if (!this.#subscriptions.add(channel, pid, gaps)) return;
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

  /** @param count publications in the message. */
  #deliver(channel: string, audience: Audience, message: Multicast, count = 1): Delivered {
    if (!this.#untold.isEmpty) this.#untold.flush();
    let behind = 0;
    const dropped = this.#scheduler.sendToAll(audience, message, (thread) => {
      behind += count * (audience.threads.get(thread)?.size ?? 0);
      this.#hasNoRoom(thread, channel, count);
    });
    const local = audience.size * count - dropped;
    this.counters.delivered += local;
    if (dropped === 0) return { local, losses: NO_LOSSES };
    const full = dropped - behind;
    this.counters.dropped['mailbox full'] += full;
    this.counters.dropped['thread queue full'] += behind;
    this.#logger.warn({ channel, dropped }, 'a subscriber is too slow; its mailbox is full');
    const { node } = this.#scheduler;
    const losses: Loss[] = [];
    if (full > 0) losses.push({ node, reason: 'mailbox full', count: full });
    if (behind > 0) losses.push({ node, reason: 'thread queue full', count: behind });
    return { local, losses };
  }

  /** Tells the subscribers that ask for gaps. */
  #tell(gap: Gap): void {
    const audience = this.#subscriptions.gapAudience(gap.channel);
    if (audience === undefined) return;
    if (!this.#untold.isEmpty) this.#untold.flush();
    const full = (thread: number): void => this.#hasNoRoom(thread, gap.channel, gap.count);
    this.#scheduler.sendToAll(audience, SharedMessage.ofValue(gap), full);
  }

  #hasNoRoom(thread: number, channel: string, count: number | undefined): void {
    const members = this.#subscriptions.gapAudience(channel)?.threads.get(thread);
    if (members !== undefined) this.#untold.add(thread, channel, count);
  }

  /** @returns false where the thread has no room. */
  #tellThread(thread: number, gap: Gap): boolean {
    const audience = this.#subscriptions.gapAudience(gap.channel);
    return audience === undefined || this.#scheduler.sendToThread(audience, thread, SharedMessage.ofValue(gap));
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

function receiptOf(local: number, nodes: number, here: readonly Loss[], elsewhere: readonly Loss[]): Receipt {
  if (here.length + elsewhere.length === 0) return { local, nodes, dropped: 0 };
  const losses = [...here, ...elsewhere];
  return { local, nodes, dropped: losses.reduce((sum, { count }) => sum + count, 0), losses };
}
