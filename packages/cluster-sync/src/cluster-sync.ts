/**
 * The bridge between channels and the cluster.
 *
 *   1. A local subscribe joins the process to the channel's group, and `pg` tells every connected peer; an
 *      unsubscribe, or the end of the process, leaves it and tells.
 *   2. A peer that connects is told of every local member by `pg`, computed from the members themselves: there
 *      is no second table that could differ.
 *   3. A publish is sent once to each node that has members, whatever their number; what is published while it waits to
 *      be written goes with it, as one frame (`publication-block.ts`), and is counted, refused and told of by itself. There the subscribers of that
 *      moment receive it: whether a subscription still exists is decided on its own node.
 *   4. A lost connection purges exactly that node's members, before anybody is told of the loss.
 *
 *   5. A node whose queue is full is skipped, which the receipt says, and is told what its subscribers miss, in the
 *      order of what the publisher sends; or the publish waits there in that order, where the publisher waits.
 *   6. The subscribers here are told when a connection was lost: some publishes may have been lost with it. Nothing is
 *      told of a node that has left in order: it has delivered what it had accepted, unless its drain was cut short.
 *
 * Not guaranteed: that a publish reaches a subscriber whose join is still on its way (who subscribes may wait until it
 * has been acknowledged), or a node that is lost before it has read it. A node that has gone, or whose queue is full, is
 * counted; it is never an error for the publisher.
 */
import {
  type AcknowledgeOptions,
  type BlockCarrier,
  type Channels,
  type ClusterObserver,
  encodeLoss,
  type Loss,
  type LossReason,
  type Publication,
  type PublicationBlock,
  type RemoteReceipt,
  type RemoteTarget,
  type WaitingPublish,
} from '@liminal-node/channels';
import {
  type Distribution,
  FrameType,
  type GrowingFrame,
  type PendingSend,
  type SendOutcome,
  type Session,
} from '@liminal-node/distribution';
import type { Pg } from '@liminal-node/pg';
import type { AnyBytes, Logger, NodeName, Pid } from '@liminal-node/scheduler';

/** The scope whose groups are the channels. */
export const CHANNELS_SCOPE = 'channels';

/** What the bridge needs of `pg`. */
export type GroupsPort = Pick<
  Pg,
  'join' | 'leave' | 'acknowledged' | 'nodes' | 'remoteMembers' | 'localMemberships' | 'membersOf'
>;

/** What the bridge needs of `distribution`. */
export type SessionsPort = Pick<
  Distribution,
  'session' | 'send' | 'sendGrowing' | 'sendWhenRoom' | 'tellLoss' | 'flush' | 'onFrame' | 'onLoss' | 'onMembership'
>;

/** A publish that waits at one node. */
interface Wait {
  readonly session: Session;
  readonly pending: PendingSend;
  reason: LossReason;
}

/** What became of a publish: an object of a class, because there is one for each. */
class QueuedPublish implements RemoteReceipt {
  readonly nodes: number;
  readonly losses: readonly Loss[];
  readonly waiting: WaitingPublish | undefined;
  readonly #sessions: SessionsPort;
  readonly #queued: readonly Session[];

  /** @param queued also those that are added while it waits. */
  constructor(
    sessions: SessionsPort,
    queued: readonly Session[],
    nodes: number,
    losses: readonly Loss[],
    waiting: WaitingPublish | undefined,
  ) {
    this.nodes = nodes;
    this.losses = losses;
    this.waiting = waiting;
    this.#sessions = sessions;
    this.#queued = queued;
  }

  async flushed(): Promise<void> {
    if (this.#queued.length > 0) await this.#sessions.flush(this.#queued);
  }
}

/** What became of a publish at each node so far. */
class Outcomes {
  readonly queued: Session[] = [];
  readonly losses: Loss[] = [];
  readonly waits: Wait[] = [];
}

/** A block in the queues of all nodes with members. */
class CarriedBlock implements BlockCarrier {
  readonly #areSame: () => boolean;
  readonly nodes: readonly NodeName[];
  /** One for each of them. */
  readonly frames: readonly GrowingFrame[];
  /** Of each publication in it that all of them have taken. */
  readonly receipt: RemoteReceipt;

  /** @param areSame whether the nodes are still those with members. */
  constructor(
    areSame: () => boolean,
    nodes: readonly NodeName[],
    frames: readonly GrowingFrame[],
    receipt: RemoteReceipt,
  ) {
    this.#areSame = areSame;
    this.nodes = nodes;
    this.frames = frames;
    this.receipt = receipt;
  }

  get mayGrow(): boolean {
    for (const frame of this.frames) if (!frame.mayGrow) return false;
    return this.#areSame();
  }
}

export interface ClusterSyncCounters {
  /** Publishes queued for peers, one for each peer. */
  sent: number;
  /** Publishes that came from peers. */
  received: number;
  /** Peers with members that did not get a publish, by reason. */
  readonly skipped: Record<'gone' | 'queue full' | 'too long' | 'too many waiting' | 'given up', number>;
}

export class ClusterSync implements ClusterObserver {
  readonly counters: ClusterSyncCounters = {
    sent: 0,
    received: 0,
    skipped: { gone: 0, 'queue full': 0, 'too long': 0, 'too many waiting': 0, 'given up': 0 },
  };
  readonly #groups: GroupsPort;
  readonly #sessions: SessionsPort;
  readonly #logger: Logger;

  /** Does nothing yet; see {@link connectChannels}. */
  constructor(groups: GroupsPort, sessions: SessionsPort, logger: Logger) {
    this.#groups = groups;
    this.#sessions = sessions;
    this.#logger = logger;
  }

  onSubscribe(channel: string, pid: Pid): void {
    this.#groups.join(channel, pid);
  }

  onUnsubscribe(channel: string, pid: Pid): void {
    // False where the process had ended and `pg` has heard of it first.
    this.#groups.leave(channel, pid);
  }

  acknowledged(options: AcknowledgeOptions): Promise<void> {
    return this.#groups.acknowledged(options);
  }

  onPublish(publication: Publication, wait: boolean): RemoteReceipt {
    const block = wait ? undefined : publication.block?.();
    const { carrier } = block ?? {};
    // It is the block's last publication now, and the carrier has said that it takes one more.
    if (block !== undefined && carrier instanceof CarriedBlock) return this.#grow(block, carrier, publication);
    const { channel } = publication;
    const nodes = this.#groups.nodes(channel);
    const outcomes = new Outcomes();
    const frames: GrowingFrame[] = [];
    for (const node of nodes) {
      const session = this.#sessions.session(node);
      if (session === undefined) this.#settle(outcomes, node, undefined, 'gone', publication, wait);
      else if (block !== undefined && session.takesPublicationBlocks) {
        block.isKept = true;
        const frame = this.#sessions.sendGrowing(session, FrameType.PUBLISH_BLOCK, block, publication.flow);
        if (typeof frame !== 'string') frames.push(frame);
        const outcome = typeof frame === 'string' ? frame : 'queued';
        this.#settle(outcomes, node, session, outcome, publication, wait);
      } else {
        const outcome = this.#send(session, publication.encode(), publication.flow, wait);
        this.#settle(outcomes, node, session, outcome, publication, wait);
      }
    }
    const receipt = this.#receipt(outcomes, publication);
    if (block !== undefined && frames.length > 0 && frames.length === nodes.length) {
      const areSame = (): boolean => isSame(this.#groups.nodes(channel), nodes);
      block.carrier = new CarriedBlock(areSame, nodes, frames, receipt);
    }
    return receipt;
  }

  /** One more publication in the frames of a block. */
  #grow(block: PublicationBlock, carrier: CarriedBlock, publication: Publication): RemoteReceipt {
    const { frames, nodes } = carrier;
    let outcomes: Outcomes | undefined;
    for (const [at, frame] of frames.entries()) {
      let outcome = frame.grow();
      // A getter in the payload has sent something, or a write that another frame caused: it goes behind that by itself.
      if (outcome === 'closed') outcome = this.#sendAlone(frame.session, publication);
      else if (outcome === 'queued' && outcomes === undefined) continue;
      // From here on the nodes differ in what they have: the next publication begins a block.
      block.carrier = undefined;
      if (outcomes === undefined) {
        outcomes = new Outcomes();
        for (const before of frames.slice(0, at)) outcomes.queued.push(before.session);
      }
      this.#settle(outcomes, nodes[at] as NodeName, frame.session, outcome, publication, false);
    }
    if (outcomes !== undefined) return this.#receipt(outcomes, publication);
    this.counters.sent += frames.length;
    return carrier.receipt;
  }

  #sendAlone(session: Session, publication: Publication): SendOutcome {
    return this.#sessions.send(session, FrameType.PUBLISH, publication.encode(), 'data', publication.flow);
  }

  /** Notes what became of a publish at one node, and tells the node where it will not get it. */
  #settle(
    outcomes: Outcomes,
    node: NodeName,
    session: Session | undefined,
    outcome: SendOutcome | PendingSend,
    publication: Publication,
    wait: boolean,
  ): void {
    if (session === undefined || outcome === 'gone') {
      this.counters.skipped.gone++;
      outcomes.losses.push({ node, reason: 'noconnection', count: 1 });
    } else if (outcome === 'queued') {
      outcomes.queued.push(session);
    } else if (outcome === 'dropped') {
      const { channel, publisher, flow } = publication;
      const { length } = publication.encode();
      const reason = length > session.maxBodyBytes ? 'too long' : wait ? 'too many waiting' : 'queue full';
      this.counters.skipped[reason]++;
      outcomes.losses.push({ node, reason, count: 1 });
      this.#sessions.tellLoss(session, FrameType.PUBLISH, encodeLoss(channel, publisher, reason), flow);
    } else {
      outcomes.waits.push({ session, pending: outcome, reason: 'noconnection' });
    }
  }

  #receipt({ queued, losses, waits }: Outcomes, { channel, publisher }: Publication): RemoteReceipt {
    const nodes = queued.length;
    this.counters.sent += nodes;
    const labelOf = (reason: LossReason): Uint8Array => encodeLoss(channel, publisher, reason);
    const waiting = waits.length === 0 ? undefined : this.#wait(waits, labelOf, queued);
    return new QueuedPublish(this.#sessions, queued, nodes, losses, waiting);
  }

  #send(session: Session, body: AnyBytes, flow: number, wait: boolean): ReturnType<SessionsPort['sendWhenRoom']> {
    return wait
      ? this.#sessions.sendWhenRoom(session, FrameType.PUBLISH, body, flow)
      : this.#sessions.send(session, FrameType.PUBLISH, body, 'data', flow);
  }

  /** @param queued is given the sessions that it is queued for in the end. */
  #wait(waits: readonly Wait[], labelOf: (reason: LossReason) => Uint8Array, queued: Session[]): WaitingPublish {
    const settled = Promise.all(waits.map(({ pending }) => pending.settled)).then((outcomes) => {
      const losses: Loss[] = [];
      for (const [at, { session, reason }] of waits.entries()) {
        const outcome = outcomes[at];
        if (outcome === 'queued') {
          queued.push(session);
          continue;
        }
        this.counters.skipped[outcome === 'gone' ? 'gone' : 'given up']++;
        losses.push({ node: session.node, reason, count: 1 });
      }
      const nodes = waits.length - losses.length;
      this.counters.sent += nodes;
      return { nodes, losses };
    });
    const giveUp = (reason: 'timed out' | 'aborted'): void => {
      for (const wait of waits) if (wait.pending.withdraw(labelOf(reason))) wait.reason = reason;
    };
    return { settled, giveUp };
  }

  onPeerJoin(node: NodeName): void {
    this.#logger.info({ node }, 'peer joined; pg has told it of every local subscription');
  }

  onPeerLeave(node: NodeName, reason: string): void {
    this.#logger.info({ node, reason }, 'peer left; its subscriptions are purged');
  }

  remoteTargets(channel: string): readonly RemoteTarget[] {
    return this.#groups.remoteMembers(channel);
  }

  /** What a peer that connects now is told: every channel with local subscribers, and who they are. */
  memberships(): ReadonlyMap<string, readonly Pid[]> {
    return this.#groups.localMemberships();
  }
}

/** Joins a node's channels to the cluster. Call it in the turn in which distribution has started. */
export function connectChannels(
  channels: Channels,
  groups: GroupsPort,
  sessions: SessionsPort,
  logger: Logger,
): ClusterSync {
  const sync = new ClusterSync(groups, sessions, logger);
  /** Hidden nodes that have published: most only look, and nothing is lost with them. */
  const visitors = new WeakSet<Session>();
  sessions.onFrame(FrameType.PUBLISH, (session, body) => {
    sync.counters.received++;
    if (session.hidden) visitors.add(session);
    channels.receive(session, body);
  });
  sessions.onFrame(FrameType.PUBLISH_BLOCK, (session, body) => {
    if (session.hidden) visitors.add(session);
    sync.counters.received += channels.receiveBlock(session, body);
  });
  sessions.onLoss(FrameType.PUBLISH, (session, label, count) => channels.receiveLoss(session, label, count));
  sessions.onMembership('everyone', (event) => {
    const { session } = event;
    if (event.type === 'down' && event.reason !== 'left' && (!session.hidden || visitors.has(session))) {
      channels.peerLost(session.node);
    }
    // Hidden nodes are visitors and no members; what they subscribe to comes and goes by pg all the same.
    if (event.session.hidden) return;
    if (event.type === 'up') sync.onPeerJoin(event.session.node);
    else sync.onPeerLeave(event.session.node, event.reason);
  });
  channels.setObserver(sync);
  return sync;
}

function isSame(some: readonly NodeName[], others: readonly NodeName[]): boolean {
  return some.length === others.length && some.every((node, at) => node === others[at]);
}
