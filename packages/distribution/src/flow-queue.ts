/**
 * Frames of many senders that wait for one peer, taken fairly: the frames of one flow, which is what one process
 * sends, keep their order; flows take turns, a quantum of bytes at a time, however much each has queued. A frame
 * that is longer than a fragment may be comes in pieces, and its flow takes turns between them.
 *
 * A frame that grows stops when another comes behind it in its flow, and is moved to where it takes no more memory than it
 * is paid for (`packed-memory.ts`).
 */
import { inOnePiece } from '@liminal-node/scheduler';
import { Fifo } from './fifo.js';
import { Flow, type QueuedFrame, seal, stopGrowing } from './flow.js';
import { FRAGMENT_BYTES, fragmentHead, mayOpen } from './fragment.js';
import { FrameType } from './frame-type.js';
import { PackedMemory } from './packed-memory.js';

/** Bytes that a flow may send before the next one's turn. */
const QUANTUM_BYTES = FRAGMENT_BYTES;

/** What goes onto the wire as one frame: a queued frame, or a fragment of one. */
export interface Piece {
  readonly type: number;
  /** Of a fragment; empty for a whole frame. */
  readonly head: Uint8Array;
  readonly part: Uint8Array;
  readonly of: QueuedFrame;
  /** Whether the queued frame is complete with it. */
  readonly isLast: boolean;
}

export interface PeerLimits {
  /** The longest body that the peer takes. */
  readonly maxBodyBytes: number;
  /** Whether the peer puts fragments together. */
  readonly takesFragments: boolean;
}

const NO_HEAD = new Uint8Array(0);

export class FlowQueue {
  readonly #peer: PeerLimits;
  readonly #flows = new Map<number, Flow>();
  /** Flows with frames, in the order of their turns. */
  readonly #turns = new Fifo<Flow>();
  readonly #memory = new PackedMemory();
  #nextStream = 0;
  #openStreams = 0;
  #openBytes = 0;

  constructor(peer: PeerLimits) {
    this.#peer = peer;
  }

  push(key: number, frame: QueuedFrame): Flow {
    const flow = this.flow(key);
    const { last } = flow;
    if (last !== undefined && stopGrowing(last)) last.body = this.#memory.copy(inOnePiece(last.body));
    flow.push(frame);
    return flow;
  }

  /** The flow of a sender, which must be given a frame now if it has none. */
  flow(key: number): Flow {
    let flow = this.#flows.get(key);
    if (flow === undefined) {
      flow = new Flow(key);
      this.#flows.set(key, flow);
      this.#turns.push(flow);
    }
    return flow;
  }

  /**
   * The next piece; undefined where nothing waits that may go.
   * @param mayFragment whether fragments may.
   */
  shift(mayFragment = true): Piece | undefined {
    /** Flows that only have fragments to give now. */
    let heldUp = 0;
    while (heldUp <= this.#turns.length) {
      const flow = this.#turns.first;
      if (flow === undefined) return undefined;
      const frame = flow.first;
      if (frame === undefined) {
        // All that it had was withdrawn.
        this.#turns.shift();
        this.#flows.delete(flow.key);
        continue;
      }
      const isLong = frame.body.length > FRAGMENT_BYTES && this.#peer.takesFragments;
      if (isLong && !mayFragment) heldUp++;
      else if (flow.spent < QUANTUM_BYTES) {
        if (!isLong) return this.#whole(flow, frame);
        if (flow.sent > 0 || this.#mayOpen(frame)) return this.#fragment(flow, frame);
      }
      // There is always one that gets on: a flow that waits to open a stream waits for those that have one.
      flow.spent = 0;
      this.#turns.shift();
      this.#turns.push(flow);
    }
    return undefined;
  }

  clear(): void {
    this.#flows.clear();
    this.#turns.clear();
    this.#memory.clear();
  }

  #mayOpen({ body }: QueuedFrame): boolean {
    return mayOpen(body.length, this.#openStreams, this.#openBytes, this.#peer.maxBodyBytes);
  }

  #whole(flow: Flow, frame: QueuedFrame): Piece {
    seal(frame);
    const { type } = frame;
    const body = inOnePiece(frame.body);
    this.#finish(flow, frame, body.length);
    return { type, head: NO_HEAD, part: body, of: frame, isLast: true };
  }

  #fragment(flow: Flow, frame: QueuedFrame): Piece {
    const { type, body } = frame;
    const start = flow.sent;
    const end = Math.min(body.length, start + FRAGMENT_BYTES);
    if (start === 0) {
      flow.stream = this.#nextStream;
      this.#nextStream = (this.#nextStream + 1) >>> 0;
      this.#openStreams++;
      this.#openBytes += body.length;
    }
    const head = fragmentHead(flow.stream, type, body, start, end);
    const isLast = end === body.length;
    if (isLast) {
      this.#openStreams--;
      this.#openBytes -= body.length;
      this.#finish(flow, frame, end - start);
    } else {
      flow.sent = end;
      flow.spent += end - start;
    }
    return { type: FrameType.FRAGMENT, head, part: body.subarray(start, end), of: frame, isLast };
  }

  /** The first frame of the flow whose turn it is has been taken to its end. */
  #finish(flow: Flow, frame: QueuedFrame, bytes: number): void {
    flow.remove(frame);
    flow.sent = 0;
    flow.spent += bytes;
    if (flow.first !== undefined) return;
    this.#turns.shift();
    this.#flows.delete(flow.key);
  }
}
