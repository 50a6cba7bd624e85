/**
 * What waits to be written to one peer: a queue of control frames, and the flows of what processes send, each
 * with a budget in bytes.
 *
 * 1. `push` queues a frame or refuses it. A `signal` frame stands in its sender's flow, in order with the data of
 *    that sender, but is paid for from the control budget, because it must be delivered. A frame is always taken
 *    where nothing else is paid for from its budget, so that a budget never forbids a frame of legal size.
 * 2. `take` fills a buffer with the next bytes: control frames first, then the flows in turn (`flow-queue.ts`);
 *    a piece that was begun is finished before anything else. Pieces may be cut anywhere between two buffers.
 * 3. `release` gives a buffer's bytes back to the budgets once it is written, and its memory to the next one.
 *    `clear` gives back all there is; a release after it does nothing. So every byte is given back exactly once.
 * 4. `clear` tells what was still waiting, which the peer has never seen, from what was in a buffer that had been
 *    taken and not released: the peer may have that or not.
 * 5. `pushPending` queues a data frame beyond the budget, for a sender that waits (`pending-sends.ts`). `lose` tells
 *    the peer of a frame that is not queued, in the order of its flow (`loss-notice.ts`).
 * 6. `pushGrowing` queues a data frame that more may be added to while it waits (`growing-frame.ts`).
 */
import { type AnyBytes, hold, inOnePiece, letGo } from '@liminal-node/scheduler';
import { type Batch, type OpenBatch, openBatch, type Unwritten } from './batch.js';
import { Fifo } from './fifo.js';
import { type Flow, NO_BODY, type NoticeChange, type QueuedFrame, queuedFrame } from './flow.js';
import { FlowQueue, type PeerLimits, type Piece } from './flow-queue.js';
import { HEADER_BYTES, writeHeader } from './frame.js';
import { FrameType } from './frame-type.js';
import type { GrowingBody } from './growing-frame.js';
import type { Loss } from './loss-notice.js';
import { type PendingOutcome, PendingSends } from './pending-sends.js';
import type { DataTraffic, Lane } from './session.js';

/** The most bytes in one buffer to write. */
export const BATCH_BYTES = 256 * 1_024;

/** A buffer of more is written into memory that is kept for the next one; a shorter one gives that back. */
const UNKEPT_BYTES = 16 * 1_024;

/** Room in a buffer for what fragments have beside the bytes that were paid for. */
const FRAGMENT_HEADS_BYTES = 64;

/** Room in a buffer for what is short, beside the fragments that may go. */
const SHORT_FRAMES_BYTES = 32 * 1_024;

export interface QueueLimits {
  readonly maxControlQueueBytes: number;
  readonly maxDataQueueBytes: number;
  readonly maxPendingBytes: number;
}

/** A frame whose sender waits. */
export interface PendingFrame {
  /**
   * Gives up, and tells the peer of the loss, if it shall be told.
   * @returns undefined where the frame has been admitted, or the queue cleared, before.
   */
  withdraw(loss: Loss | undefined): NoticeOutcome | undefined;
}

/** A frame that may grow, and where it is. */
export interface GrowingQueuedFrame {
  readonly frame: QueuedFrame;
  readonly flow: Flow;
}

export type NoticeOutcome = 'queued' | 'over control budget';

export type PushOutcome = 'queued' | 'over data budget' | 'over control budget';

export class OutboundQueue {
  readonly #limits: QueueLimits;
  readonly #control = new Fifo<QueuedFrame>();
  readonly #flows: FlowQueue;
  readonly #pending: PendingSends;
  /** The piece of which a part is in a batch already, and how many of its bytes. */
  #begun: Piece | undefined;
  #begunBytes = 0;
  /** Memory of a buffer that was released. */
  #spare: ArrayBufferLike | undefined;
  #waitingBytes = 0;
  #controlBytes = 0;
  #dataBytes = 0;
  /** Frames that were pushed since have this mark; one that is asked for goes to those before. */
  #mark = 0;
  /** Messages that have not been written, by mark, oldest first. */
  readonly #unwritten = new Map<number, number>();
  /** Messages in buffers that were taken and not released, and those of the data lane among them. */
  #takenMessages = 0;
  #takenDataMessages = 0;
  readonly #traffic = { queued: 0, written: 0, dropped: 0, uncertain: 0 };
  #cleared = false;

  constructor(limits: QueueLimits, peer: PeerLimits) {
    this.#limits = limits;
    this.#flows = new FlowQueue(peer);
    this.#pending = new PendingSends(limits.maxPendingBytes);
  }

  /** Bytes in no batch yet. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Bytes charged to the control budget: waiting, or taken and not yet released. */
  get controlBytes(): number {
    return this.#controlBytes;
  }

  get dataBytes(): number {
    return this.#dataBytes;
  }

  /** Of frames whose senders wait. */
  get pendingBytes(): number {
    return this.#pending.bytes;
  }

  /** Of the data lane, so far. */
  get traffic(): DataTraffic {
    return this.#traffic;
  }

  /** Whether the bytes taken so far end with a whole frame. */
  get atFrameEnd(): boolean {
    return this.#begun === undefined || this.#begunBytes === 0;
  }

  /**
   * @param flow whose order the frame keeps; without meaning for `control`.
   * @param messages how many it counts for.
   */
  push(type: number, body: AnyBytes, lane: Lane, flow = 0, messages = 1): PushOutcome {
    const size = HEADER_BYTES + body.length;
    if (lane === 'data') {
      if (!this.#hasRoom(size)) return 'over data budget';
      this.#dataBytes += size;
      this.#traffic.queued += messages;
    } else {
      if (!this.#hasControlRoom(size)) return 'over control budget';
      this.#controlBytes += size;
    }
    const frame = this.#queued(type, body, lane, messages);
    if (lane === 'control') this.#control.push(frame);
    else this.#flows.push(flow, frame);
    return 'queued';
  }

  /**
   * Queues a data frame for which there is no room, in the order of its flow, for a sender that waits.
   * @param settled called once, in a later turn of the queue: there is room for it, or the queue was cleared.
   * @returns undefined where too much waits already.
   */
  pushPending(
    type: number,
    body: AnyBytes,
    flow: number,
    settled: (outcome: PendingOutcome) => void,
  ): PendingFrame | undefined {
    if (!this.#pending.fits(HEADER_BYTES + body.length)) return undefined;
    const frame = this.#queued(type, body, 'pending');
    const its = this.#flows.push(flow, frame);
    this.#pending.add(frame, settled);
    return { withdraw: (loss) => (this.#pending.settle(frame) ? this.#withdraw(its, frame, loss) : undefined) };
  }

  /** Queues a data frame of one message so far. @returns undefined where it is over the budget. */
  pushGrowing(type: number, body: GrowingBody, flow = 0): GrowingQueuedFrame | undefined {
    const size = HEADER_BYTES + body.length;
    if (!this.#hasRoom(size)) return undefined;
    this.#dataBytes += size;
    this.#waitingBytes += size;
    this.#traffic.queued++;
    this.#count(this.#mark, 1);
    const frame = queuedFrame(type, NO_BODY, 'data', this.#mark);
    frame.growing = body;
    frame.grownTo = body.length;
    return { frame, flow: this.#flows.push(flow, frame) };
  }

  mayGrow({ frame, flow }: GrowingQueuedFrame): boolean {
    return frame.growing !== undefined && flow.last === frame && frame.mark === this.#mark && !this.#cleared;
  }

  /** Takes what was added to the body of a frame as one more message. */
  grow(growing: GrowingQueuedFrame): PushOutcome | 'closed' {
    const { frame } = growing;
    if (frame.growing === undefined || !this.mayGrow(growing)) return 'closed';
    const { length } = frame.growing;
    const added = length - frame.grownTo;
    if (!this.#hasRoom(added)) return 'over data budget';
    this.#dataBytes += added;
    this.#waitingBytes += added;
    this.#traffic.queued++;
    this.#count(frame.mark, 1);
    frame.messages++;
    frame.grownTo = length;
    return 'queued';
  }

  /** Tells the peer, behind all that its flow has queued, of a frame that it will not get. */
  lose(loss: Loss, flow = 0): NoticeOutcome {
    return this.#notice(this.#flows.flow(flow).lose(loss, this.#mark));
  }

  /**
   * The next bytes to write, at most `BATCH_BYTES`; undefined where nothing waits that may go.
   * @param fragmentRoom bytes of fragments that may; the last one may go beyond.
   */
  take(fragmentRoom = Number.POSITIVE_INFINITY): Batch | undefined {
    if (this.#waitingBytes === 0) return undefined;
    const wanted = Math.min(this.#waitingBytes + FRAGMENT_HEADS_BYTES, Math.max(0, fragmentRoom) + SHORT_FRAMES_BYTES);
    const bytes = this.#memory(Math.min(BATCH_BYTES, wanted));
    const batch = openBatch(bytes);
    let at = 0;
    while (at < bytes.length) {
      const piece = this.#begun ?? this.#next(batch.fragmentBytes < fragmentRoom);
      if (piece === undefined) break;
      const least = HEADER_BYTES + piece.head.length + Math.min(1, piece.part.length);
      if (this.#begun === undefined && bytes.length - at < least) {
        this.#begun = piece;
        this.#begunBytes = 0;
        break;
      }
      if (piece.type === FrameType.FRAGMENT && this.#begunBytes === 0) batch.fragmentBytes += fragmentBytes(piece);
      at = this.#copy(piece, bytes, at);
      if (this.#begun === undefined) this.#settle(piece, batch);
    }
    if (at === 0) {
      this.#keep(bytes);
      return undefined;
    }
    batch.bytes = at === bytes.length ? bytes : bytes.subarray(0, at);
    this.#takenMessages += batch.messages;
    this.#takenDataMessages += batch.dataMessages;
    return batch;
  }

  /** Fresh memory is what writing much would spend most on: its pages, and the garbage collections that it brings. */
  #memory(bytes: number): Buffer {
    const spare = this.#spare;
    this.#spare = undefined;
    if (bytes <= UNKEPT_BYTES) return Buffer.allocUnsafe(bytes);
    return Buffer.from(spare ?? new ArrayBuffer(BATCH_BYTES), 0, bytes);
  }

  #keep({ buffer }: Uint8Array): void {
    if (buffer.byteLength === BATCH_BYTES) this.#spare = buffer;
  }

  #next(mayFragment: boolean): Piece | undefined {
    const control = this.#control.shift();
    if (control === undefined) {
      const piece = this.#flows.shift(mayFragment);
      if (piece?.of.lane === 'pending') this.#admit(piece.of);
      return piece;
    }
    return { type: control.type, head: NO_BODY, part: inOnePiece(control.body), of: control, isLast: true };
  }

  /** Copies as much of the piece as there is room for. @returns where it ends. */
  #copy(piece: Piece, target: Uint8Array, start: number): number {
    const { type, head, part } = piece;
    let at = start;
    if (this.#begun === undefined || this.#begunBytes === 0) {
      writeHeader(target, at, type, head.length + part.length);
      target.set(head, at + HEADER_BYTES);
      at += HEADER_BYTES + head.length;
    }
    const from = this.#begun === undefined ? 0 : this.#begunBytes;
    const room = target.length - at;
    const copied = from === 0 && part.length <= room ? part : part.subarray(from, from + room);
    target.set(copied, at);
    const done = from + copied.length === part.length;
    this.#begun = done ? undefined : piece;
    this.#begunBytes = done ? 0 : from + copied.length;
    return at + copied.length;
  }

  /** A piece is in the batch to its end. */
  #settle({ part, of, isLast }: Piece, batch: OpenBatch): void {
    const cost = part.length + (isLast ? HEADER_BYTES : 0);
    this.#waitingBytes -= cost;
    if (of.lane === 'data') batch.dataBytes += cost;
    else batch.controlBytes += cost;
    if (!isLast) return;
    letGo(of.body);
    const { messages } = of;
    batch.frames++;
    batch.messages += messages;
    if (of.lane === 'data') batch.dataMessages += messages;
    const last = batch.byMark.at(-1);
    if (last?.mark === of.mark) last.messages += messages;
    else batch.byMark.push({ mark: of.mark, messages });
  }

  release(batch: Batch): void {
    if (this.#cleared) return;
    this.#keep(batch.bytes);
    this.#controlBytes -= batch.controlBytes;
    this.#dataBytes -= batch.dataBytes;
    this.#takenMessages -= batch.messages;
    this.#takenDataMessages -= batch.dataMessages;
    this.#traffic.written += batch.dataMessages;
    for (const { mark, messages } of batch.byMark) this.#count(mark, -messages);
    this.#admitPending();
  }

  /** A mark behind everything that has been pushed so far. */
  mark(): number {
    return this.#mark++;
  }

  /** Whether all that was pushed before `mark` was asked for has been written. */
  isPast(mark: number): boolean {
    const oldest = this.#unwritten.keys().next();
    return oldest.done === true || oldest.value > mark;
  }

  /** Throws away what waits. @returns what that was; nothing the second time. */
  clear(): Unwritten {
    if (this.#cleared) return { dropped: 0, uncertain: 0 };
    this.#cleared = true;
    this.#control.clear();
    this.#flows.clear();
    this.#pending.clear();
    this.#begun = undefined;
    this.#spare = undefined;
    this.#waitingBytes = 0;
    this.#controlBytes = 0;
    this.#dataBytes = 0;
    let unwritten = 0;
    for (const messages of this.#unwritten.values()) unwritten += messages;
    this.#unwritten.clear();
    this.#traffic.uncertain = this.#takenDataMessages;
    this.#traffic.dropped = this.#traffic.queued - this.#traffic.written - this.#takenDataMessages;
    return { dropped: unwritten - this.#takenMessages, uncertain: this.#takenMessages };
  }

  #queued(type: number, body: AnyBytes, lane: QueuedFrame['lane'], messages = 1): QueuedFrame {
    this.#waitingBytes += HEADER_BYTES + body.length;
    this.#count(this.#mark, messages);
    hold(body);
    return queuedFrame(type, body, lane, this.#mark, messages);
  }

  #hasRoom(bytes: number): boolean {
    return this.#dataBytes === 0 || this.#dataBytes + bytes <= this.#limits.maxDataQueueBytes;
  }

  #hasControlRoom(bytes: number): boolean {
    return this.#controlBytes === 0 || this.#controlBytes + bytes <= this.#limits.maxControlQueueBytes;
  }

  #withdraw(flow: Flow, frame: QueuedFrame, loss: Loss | undefined): NoticeOutcome {
    this.#waitingBytes -= HEADER_BYTES + frame.body.length;
    if (loss === undefined) {
      flow.remove(frame);
      return this.#notice({ bytes: 0, added: false, removed: [frame] });
    }
    return this.#notice(flow.replace(frame, loss));
  }

  #notice({ bytes, added, removed }: NoticeChange): NoticeOutcome {
    if (added) this.#count(this.#mark, 1);
    for (const { mark } of removed) this.#count(mark, -1);
    const fits = bytes <= 0 || this.#hasControlRoom(bytes);
    this.#controlBytes += bytes;
    this.#waitingBytes += bytes;
    return fits ? 'queued' : 'over control budget';
  }

  #count(mark: number, messages: number): void {
    const left = (this.#unwritten.get(mark) ?? 0) + messages;
    if (left > 0) this.#unwritten.set(mark, left);
    else this.#unwritten.delete(mark);
  }

  #admitPending(): void {
    for (let frame = this.#pending.oldest; frame !== undefined; frame = this.#pending.oldest) {
      if (!this.#hasRoom(HEADER_BYTES + frame.body.length)) return;
      this.#admit(frame);
    }
  }

  #admit(frame: QueuedFrame): void {
    frame.lane = 'data';
    this.#dataBytes += HEADER_BYTES + frame.body.length;
    this.#traffic.queued++;
    this.#pending.settle(frame, 'queued');
  }
}

/** What the peer counts of it. */
function fragmentBytes({ head, part }: Piece): number {
  return head.length + part.length;
}
