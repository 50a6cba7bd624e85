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
  /** The largest body of a frame, in bytes, that both ends take. */
  readonly maxBodyBytes: number;
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
