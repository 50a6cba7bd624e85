/**
 * What one sender has queued for one peer, in order: a list that frames are taken from at the front, and out of
 * which a frame can be taken whose sender no longer waits for it.
 */
import type { AnyBytes } from '@liminal-node/scheduler';
import { HEADER_BYTES } from './frame.js';
import { FrameType } from './frame-type.js';
import type { GrowingBody } from './growing-frame.js';
import { kindOf, type Loss, LossNotice } from './loss-notice.js';
import type { Lane } from './session.js';

/** A frame that waits to be written. In a flow, its neighbours are known. */
export interface QueuedFrame {
  type: number;
  body: AnyBytes;
  /** `pending`: its sender waits for room, see `pending-sends.ts`. */
  lane: Lane | 'pending';
  /** See `OutboundQueue.mark`. */
  readonly mark: number;
  /** How many it counts for: a block is as many as there are in it, anything else is one. */
  messages: number;
  /** Of a frame that tells of losses: its body, as long as there may be more of them. */
  notice: LossNotice | undefined;
  /** Of a frame that may still grow: its body, and how much of it is the frame's. */
  growing: GrowingBody | undefined;
  grownTo: number;
  next: QueuedFrame | undefined;
  previous: QueuedFrame | undefined;
}

export function queuedFrame(
  type: number,
  body: AnyBytes,
  lane: QueuedFrame['lane'],
  mark: number,
  messages = 1,
): QueuedFrame {
  return {
    type,
    body,
    lane,
    mark,
    messages,
    notice: undefined,
    growing: undefined,
    grownTo: 0,
    next: undefined,
    previous: undefined,
  };
}

export const NO_BODY = new Uint8Array(0);

export class Flow {
  readonly key: number;
  first: QueuedFrame | undefined;
  last: QueuedFrame | undefined;
  /** Bytes in its turn so far. */
  spent = 0;
  /** Of the long frame that it has begun. */
  stream = 0;
  sent = 0;

  constructor(key: number) {
    this.key = key;
  }

  push(frame: QueuedFrame): void {
    const { last } = this;
    frame.previous = last;
    if (last === undefined) this.first = frame;
    else last.next = frame;
    this.last = frame;
  }

  remove(frame: QueuedFrame): void {
    const { next, previous } = frame;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.last = previous;
    else next.previous = previous;
    frame.next = undefined;
    frame.previous = undefined;
  }

  /** Tells of a lost frame behind all that is queued. */
  lose(loss: Loss, mark: number): NoticeChange {
    const grown = addTo(this.last, loss);
    if (grown !== undefined) return { bytes: grown, added: false, removed: [] };
    const frame = queuedFrame(FrameType.LOST, NO_BODY, 'signal', mark);
    this.push(frame);
    return { bytes: tellOf(frame, loss), added: true, removed: [] };
  }

  /** Puts the loss of a frame in its place. */
  replace(frame: QueuedFrame, loss: Loss): NoticeChange {
    const { previous } = frame;
    const removed: QueuedFrame[] = [];
    let bytes = addTo(previous, loss);
    let told = previous as QueuedFrame;
    if (bytes === undefined) {
      bytes = tellOf(frame, loss);
      told = frame;
    } else {
      this.remove(frame);
      removed.push(frame);
    }
    const { next } = told;
    const notice = told.notice as LossNotice;
    if (next?.notice !== undefined) {
      const before = notice.bytes + HEADER_BYTES + next.notice.bytes;
      if (notice.absorb(next.notice)) {
        bytes += notice.bytes - before;
        this.remove(next);
        removed.push(next);
      }
    }
    return { bytes, added: false, removed };
  }
}

/** What a loss has changed of what is queued. */
export interface NoticeChange {
  /** That notices are longer now, headers included. */
  readonly bytes: number;
  /** Whether there is one frame more. */
  readonly added: boolean;
  /** Frames that are no longer queued. */
  readonly removed: readonly QueuedFrame[];
}

/** Adds a loss to one of the notices that end with `frame`, if one has room. @returns the bytes by which it grew. */
function addTo(frame: QueuedFrame | undefined, loss: Loss): number | undefined {
  if (frame?.notice === undefined) return undefined;
  const kind = kindOf(loss);
  for (let at: QueuedFrame | undefined = frame; at?.notice !== undefined; at = at.previous) {
    if (at.notice.again(kind)) return 0;
  }
  return frame.notice.add(loss);
}

/** Makes a frame one that tells of a loss. @returns its bytes. */
function tellOf(frame: QueuedFrame, loss: Loss): number {
  const notice = new LossNotice();
  notice.add(loss);
  frame.type = FrameType.LOST;
  frame.body = NO_BODY;
  frame.lane = 'signal';
  frame.notice = notice;
  return HEADER_BYTES + notice.bytes;
}

/** Nothing more can be added to a frame that grows. @returns whether it could until now. */
export function stopGrowing(frame: QueuedFrame): boolean {
  if (frame.growing === undefined) return false;
  frame.body = frame.growing.upTo(frame.grownTo);
  frame.growing = undefined;
  return true;
}

/** Nothing more can be added to a notice, or to a frame that grows: it is about to be written. */
export function seal(frame: QueuedFrame): void {
  stopGrowing(frame);
  if (frame.notice === undefined) return;
  frame.body = frame.notice.encode();
  frame.notice = undefined;
}
