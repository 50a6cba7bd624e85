/**
 * The port through which channels tell what happens to them. `cluster-sync` fills it; without it, channels are
 * those of one node, and carry no network code.
 */
import type { AnyBytes, NodeName, Pid } from '@liminal-node/scheduler';
import type { Loss } from './loss.js';
import type { PublicationBlock } from './publication-block.js';
import type { WaitingPublish } from './room.js';

/** A publish on this node, after its local subscribers have been given it. */
export interface Publication {
  readonly channel: string;
  readonly publisher: Pid;
  /** Which order it keeps, see `flowOfPid`. */
  readonly flow: number;
  /**
   * The bytes for other nodes; made at the first call, once for all of them. Whoever keeps them beyond `onPublish` calls
   * `hold`, and `letGo` when they were read for the last time: their memory may be lent.
   */
  encode(): AnyBytes;
  /** The block that it stands in as the last one, to be sent instead to nodes that take such; undefined where it is in none. */
  block?(): PublicationBlock | undefined;
}

/** What became of a publication beyond this node. */
export interface RemoteReceipt {
  /** Nodes that it was queued for. */
  readonly nodes: number;
  /** Nodes that have subscribers and will not get it. */
  readonly losses: readonly Loss[];
  /** Nodes that it waits for; undefined where it waits for none. */
  readonly waiting?: WaitingPublish | undefined;
  /** Resolves when it has been handed to the kernel for all those nodes, and those that it waited for until now. */
  flushed(): Promise<void>;
}

/** A process on another node that subscribes to a channel. */
export interface RemoteTarget {
  readonly node: NodeName;
  readonly pid: Pid;
}

/** How long to wait for other nodes. */
export interface AcknowledgeOptions {
  /** Milliseconds. @default 15000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface ClusterObserver {
  /** A local process subscribed, which it had not before. */
  onSubscribe(channel: string, pid: Pid): void;
  /**
   * Resolves when every node that is connected now knows of what is subscribed here now, or is connected no more.
   * Rejects with an error of its own after `timeoutMs`, and with the signal's reason.
   */
  acknowledged(options: AcknowledgeOptions): Promise<void>;
  /** A local process gave up its last subscription to the channel, or ended. */
  onUnsubscribe(channel: string, pid: Pid): void;
  /** @param wait the publisher waits for room. */
  onPublish(publication: Publication, wait: boolean): RemoteReceipt;
  onPeerJoin(node: NodeName): void;
  onPeerLeave(node: NodeName, reason: string): void;
  /** Who on other nodes a publish to the channel reaches. */
  remoteTargets(channel: string): readonly RemoteTarget[];
}
