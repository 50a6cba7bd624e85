/** What a publisher gives beside the payload, and what it gets. */
import type { Loss } from './loss.js';

export interface PublishOptions {
  /** Ids of the envelopes that led to this one, at most 64. @default none */
  readonly parents?: readonly string[];
  /** @default 'application/cbor' */
  readonly contentType?: string;
  /** Trace context, as W3C `traceparent`. @default none */
  readonly trace?: string;
  /** Resolve only when the message has been handed to the kernel for every node that had subscribers. @default false */
  readonly flush?: boolean;
  /**
   * What to do where more waits for another node than its queue may hold. `drop`: that node does not get the message.
   * `wait`: it waits for room there, in the order of what its publisher publishes, and nobody else waits with it; a node
   * that goes down ends the wait. At most 1,024 publishes and `maxPendingBytes` wait for a node; beyond, they are
   * dropped. The message reaches everybody else at once. @default 'drop'
   */
  readonly whenFull?: 'drop' | 'wait';
  /** Milliseconds to wait for room; then the message is dropped where it still waits. @default no limit */
  readonly timeoutMs?: number;
  /** Ends the wait: the message is dropped where it still waits. One that was aborted before has nothing published. */
  readonly signal?: AbortSignal;
}

/** What became of a publish on the publisher's own node. */
export interface Receipt {
  /** Local subscribers that it was given to. */
  readonly local: number;
  /** Other nodes with subscribers that it was queued for. */
  readonly nodes: number;
  /** Local subscribers and other nodes that will not get it, because a bound was reached. */
  readonly dropped: number;
  /** Who they are, and why; missing where there are none. */
  readonly losses?: readonly Loss[];
}
