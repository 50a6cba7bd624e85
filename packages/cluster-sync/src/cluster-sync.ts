/**
 * The bridge between channels and the cluster.
 *
 *   1. A local subscribe joins the process to the channel's group, and `pg` tells every connected peer; an
 *      unsubscribe, or the end of the process, leaves it and tells.
 *   2. A peer that connects is told of every local member by `pg`, computed from the members themselves: there
 *      is no second table that could differ.
 *   3. A publish is sent once to each node that has members, whatever their number. There the subscribers of that
 *      moment receive it: whether a subscription still exists is decided on its own node.
 *   4. A lost connection purges exactly that node's members, before anybody is told of the loss.
 *
 * Not guaranteed: that a publish reaches a subscriber whose join is still on its way (who subscribes may wait until it
 * has been acknowledged), or a node that is lost before it has read it. A node that has gone, or whose queue is full, is skipped and counted; it is never an
 * error for the publisher.
 */
import type {
  AcknowledgeOptions,
  Channels,
  ClusterObserver,
  Publication,
  RemoteReceipt,
  RemoteTarget,
} from '@liminal-node/channels';
import { type Distribution, FrameType, type Session } from '@liminal-node/distribution';
import type { Pg } from '@liminal-node/pg';
import { flowOfPid, type Logger, type NodeName, type Pid } from '@liminal-node/scheduler';

/** The scope whose groups are the channels. */
export const CHANNELS_SCOPE = 'channels';

/** What the bridge needs of `pg`. */
export type GroupsPort = Pick<
  Pg,
  'join' | 'leave' | 'acknowledged' | 'nodes' | 'remoteMembers' | 'localMemberships' | 'membersOf'
>;

/** What the bridge needs of `distribution`. */
export type SessionsPort = Pick<Distribution, 'session' | 'send' | 'flush' | 'onFrame' | 'onMembership'>;

export interface ClusterSyncCounters {
  /** Frames queued for peers. */
  sent: number;
  /** Publishes that came from peers. */
  received: number;
  /** Peers with members that did not get a publish, by reason. */
  readonly skipped: Record<'gone' | 'queue full', number>;
}

export class ClusterSync implements ClusterObserver {
  readonly counters: ClusterSyncCounters = { sent: 0, received: 0, skipped: { gone: 0, 'queue full': 0 } };
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

  onPublish({ channel, head, encode }: Publication): RemoteReceipt {
    const flow = flowOfPid(head.publisher);
    const queued: Session[] = [];
    let dropped = 0;
    for (const node of this.#groups.nodes(channel)) {
      const session = this.#sessions.session(node);
      const outcome =
        session === undefined ? 'gone' : this.#sessions.send(session, FrameType.PUBLISH, encode(), 'data', flow);
      if (outcome === 'queued' && session !== undefined) {
        queued.push(session);
        continue;
      }
      dropped++;
      this.counters.skipped[outcome === 'dropped' ? 'queue full' : 'gone']++;
    }
    this.counters.sent += queued.length;
    const flushed = async (): Promise<void> => {
      if (queued.length > 0) await this.#sessions.flush(queued);
    };
    return { nodes: queued.length, dropped, flushed };
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
  sessions.onFrame(FrameType.PUBLISH, (session, body) => {
    sync.counters.received++;
    channels.receive(session, body);
  });
  sessions.onMembership('everyone', (event) => {
    // Hidden nodes are visitors and no members; what they subscribe to comes and goes by pg all the same.
    if (event.session.hidden) return;
    if (event.type === 'up') sync.onPeerJoin(event.session.node);
    else sync.onPeerLeave(event.session.node, event.reason);
  });
  channels.setObserver(sync);
  return sync;
}
