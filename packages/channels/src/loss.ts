/**
 * Why somebody did not get an envelope: the same words for its publisher, in a receipt, and for a subscriber, in a gap.
 *
 * Between nodes a loss travels as the label of a notice of `distribution`:
 *
 *   u8 reason | u32 thread, u48 serial of the publisher | text channel
 */

import type { GapMessage } from '@liminal-node/scheduler';
import {
  ByteReader,
  ByteWriter,
  formatPid,
  type NodeLife,
  type NodeName,
  type Pid,
  parsePid,
} from '@liminal-node/scheduler';
import { MAX_CHANNEL_BYTES } from './envelope.js';

/** On the wire by position: only ever append. */
const REASONS = [
  /** More was waiting for that node than `maxDataQueueBytes`. */
  'queue full',
  /** The node takes no message of that length. */
  'too long',
  /** More publishers than may were waiting for that node. */
  'too many waiting',
  /** Its publisher waited for `timeoutMs`. */
  'timed out',
  /** Its publisher's signal was aborted while it waited. */
  'aborted',
  /** The subscriber's own mailbox was full. */
  'mailbox full',
  /** The thread of the subscriber has fallen behind by more than `threadQueueBytes`. */
  'thread queue full',
  /** There is no connection to that node, or it was lost. */
  'noconnection',
  /** The other node is newer and has another reason. */
  'unknown',
] as const;

export type LossReason = (typeof REASONS)[number];

/** Of a receipt: who does not get an envelope. */
export interface Loss {
  /** The publisher's own node, for local subscribers. */
  readonly node: NodeName;
  readonly reason: LossReason;
  /** Local subscribers that do not get it; 1 for another node, whatever the number of its subscribers. */
  readonly count: number;
}

/**
 * Stands among the envelopes of a subscription where others are missing. What one publisher published is in its
 * order, gaps included.
 */
export interface Gap extends GapMessage<LossReason> {
  readonly channel: string;
  /**
   * Envelopes that are missing. Undefined where nobody can know: of those on a node whose connection was lost, some may
   * have been under way, and what it publishes until it is connected again is missed.
   */
  readonly count: number | undefined;
  /** Whose; missing where they may be of several. */
  readonly publisher?: Pid;
  /** The node that they were published on; missing where there may be several. */
  readonly node?: NodeName;
}

/** @throws TypeError for what is no pid. */
export function encodeLoss(channel: string, publisher: Pid, reason: LossReason): Uint8Array {
  const pid = parsePid(publisher);
  if (pid === undefined) throw new TypeError(`"${publisher}" is not a pid`);
  return new ByteWriter(64).u8(REASONS.indexOf(reason)).u32(pid.thread).u48(pid.serial).text(channel).take();
}

/** @throws ProtocolError */
export function decodeLoss(
  label: Uint8Array,
  source: NodeLife,
): { readonly channel: string; readonly publisher: Pid; readonly reason: LossReason } {
  const reader = new ByteReader(label);
  const reason = REASONS[reader.u8()] ?? 'unknown';
  const publisher = formatPid({ ...source, thread: reader.u32(), serial: reader.u48() });
  const channel = reader.text(MAX_CHANNEL_BYTES);
  reader.end();
  return { channel, publisher, reason };
}
