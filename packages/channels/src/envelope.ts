/**
 * The envelope: what a subscriber receives. It is made once, by the node of the publisher, and is the same for
 * every subscriber on every node.
 */
import type { Pid } from '@liminal-node/scheduler';

export interface Envelope<T = unknown> {
  /** Unique in the cluster; of two envelopes of one publisher's node the later has the greater number at its end. */
  readonly id: string;
  readonly channel: string;
  readonly publisher: Pid;
  /** Milliseconds since 1970 by the publisher's clock. For people: clocks of nodes differ. */
  readonly timestamp: number;
  /** Ids of the envelopes that led to this one. */
  readonly parents: readonly string[];
  /** Trace context in the W3C `traceparent` format, where the publisher gave one. */
  readonly trace?: string;
  /** What the payload is, for instance `application/json`. @default 'application/cbor' */
  readonly contentType: string;
  readonly payload: T;
}

/** An envelope without its payload. */
export type EnvelopeHead = Omit<Envelope, 'payload'>;

/** Whether a message in a process's mailbox is an envelope, of that channel if one is named. */
export function isEnvelope(message: unknown, channel?: string): message is Envelope {
  return (
    typeof message === 'object' &&
    message !== null &&
    'channel' in message &&
    'publisher' in message &&
    'payload' in message &&
    (channel === undefined || message.channel === channel)
  );
}

/** Longest name of a channel, in bytes of UTF-8. */
export const MAX_CHANNEL_BYTES = 255;

/** @throws TypeError for what cannot name a channel. */
export function checkChannelName(name: string): void {
  const bytes = Buffer.byteLength(name);
  if (bytes === 0 || bytes > MAX_CHANNEL_BYTES) {
    throw new TypeError(`the name of a channel has 1 to ${MAX_CHANNEL_BYTES} bytes, not ${bytes}`);
  }
  if (!name.isWellFormed()) throw new TypeError('the name of a channel must be well-formed text');
}
