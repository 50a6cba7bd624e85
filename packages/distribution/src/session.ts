/** What the other layers see of one connection between two nodes. */
import type { NodeName } from '@liminal-node/scheduler';

/**
 * One connection between two nodes, from up to down. Never reused: a peer that comes back has a new session.
 * Compare by identity, and keep state about a peer with its session.
 */
export interface Session {
  /** Rises strictly on each node. */
  readonly id: number;
  readonly node: NodeName;
  /** Which life of that node. */
  readonly creation: number;
  /** The version of the protocol that both ends speak. */
  readonly version: number;
  /** The peer is told to nobody and is no member of the cluster, for instance a command line. */
  readonly hidden: boolean;
  /** Where the peer listens, as others may dial it; null where it does not. */
  readonly address: string | null;
  /** Milliseconds since 1970. */
  readonly upSince: number;
  /** Milliseconds of the last heartbeat there and back; undefined before the first. */
  readonly roundTripMs: number | undefined;
  /** False from the moment that the session is over, which is before its `down` is told. */
  readonly up: boolean;
  /** The peer said that it is about to go and wants no new work. It may still send. */
  readonly leaving: boolean;
  /** Whether the peer answers requests for processes; a node of an earlier version would end the session. */
  readonly takesSpawns: boolean;
  /** Whether the peer says what it holds of the groups of an earlier session, and takes what it lacks alone. */
  readonly resumesGroups: boolean;
  /** Whether the peer takes several publications in one frame. */
  readonly takesPublicationBlocks: boolean;
  /** The largest body of a frame, in bytes, that both ends take. */
  readonly maxBodyBytes: number;
  /** What has become of the messages of the data lane. */
  readonly traffic: DataTraffic;
}

/**
 * Messages of the data lane that a session took: a frame is one, but for a block, of messages or of publications, which is
 * all that are in it. While it is up, `queued` less `written` are waiting. When it is down, `queued` is `written` and
 * `dropped` and `uncertain`. The peer has at most those that are written or uncertain, in the order of their flows,
 * without a gap: what is lost of a flow is its end.
 */
export interface DataTraffic {
  readonly queued: number;
  /** Handed to the kernel to their last byte. */
  readonly written: number;
  /** Not handed over when the session went down. */
  readonly dropped: number;
  /** In a write that was under way when the session went down: the peer may have them or not. */
  readonly uncertain: number;
}

/** A frame whose sender waits for room, in the order of its flow. */
export interface PendingSend {
  /** Resolves once: there is room for it now, its sender has given up, or the session is over. */
  readonly settled: Promise<SendOutcome>;
  /**
   * Gives up: the frame is dropped, and the peer is told of that where it would have stood.
   * @param label see `Distribution.tellLoss`. @returns false where it was settled before.
   */
  withdraw(label: Uint8Array): boolean;
}

/**
 * - `queued`: it is in the queue of the session.
 * - `dropped`: over the budget for droppable frames, or longer than the peer takes; counted.
 * - `gone`: the session is down, or went down because a frame that must be delivered could not be queued.
 */
export type SendOutcome = 'queued' | 'dropped' | 'gone';

/**
 * - `control`: must be delivered, ahead of everything else that waits.
 * - `signal`: must be delivered, in order with the `data` of its flow.
 * - `data`: dropped where the byte budget is used up.
 */
export type Lane = 'control' | 'signal' | 'data';
