/** What a publisher gives beside the payload, and what it gets. */

export interface PublishOptions {
  /** Ids of the envelopes that led to this one, at most 64. @default none */
  readonly parents?: readonly string[];
  /** @default 'application/cbor' */
  readonly contentType?: string;
  /** Trace context, as W3C `traceparent`. @default none */
  readonly trace?: string;
  /** Resolve only when the message has been handed to the kernel for every node that had subscribers. @default false */
  readonly flush?: boolean;
}

/** What became of a publish on the publisher's own node. */
export interface Receipt {
  /** Local subscribers that it was given to. */
  readonly local: number;
  /** Other nodes with subscribers that it was queued for. */
  readonly nodes: number;
  /** Local subscribers and other nodes that will not get it, because a bound was reached. */
  readonly dropped: number;
}
