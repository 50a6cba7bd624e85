/**
 * What waits to be written to one peer: a queue of control frames and a queue of data frames, each with a
 * budget in bytes.
 *
 * 1. `push` queues a frame or refuses it. A `signal` frame stands in the data queue, in order with the data of
 *    its sender, but is paid for from the control budget, because it must be delivered. A frame is always taken
 *    where nothing else is paid for from its budget, so that a budget never forbids a frame of legal size.
 * 2. `take` fills a buffer with the next bytes: control frames first, then data; a frame that was begun is
 *    finished before anything else. Frames may be cut anywhere between two buffers.
 * 3. `release` gives a buffer's bytes back to the budgets once it is written. `clear` gives back all there is;
 *    a release after it does nothing. So every byte is given back exactly once.
 */
import { Fifo } from './fifo.js';
import { HEADER_BYTES, writeHeader } from './frame.js';
import type { Lane } from './session.js';

/** The most bytes in one buffer to write. */
export const BATCH_BYTES = 256 * 1_024;

export interface QueueLimits {
  readonly maxControlQueueBytes: number;
  readonly maxDataQueueBytes: number;
}

export type PushOutcome = 'queued' | 'over data budget' | 'over control budget';

/** One buffer to write, and what it settles. */
export interface Batch {
  readonly bytes: Uint8Array;
  /** Paid for from the control budget. */
  readonly controlBytes: number;
  readonly dataBytes: number;
  /** Frames that end in this buffer, by queue. */
  readonly controlFrames: number;
  readonly dataFrames: number;
}

/** A point in both queues: how many frames each had taken in before. */
export interface QueueMark {
  readonly control: number;
  readonly data: number;
}

interface Entry {
  readonly type: number;
  readonly body: Uint8Array;
  readonly lane: Lane;
}

export class OutboundQueue {
  readonly #limits: QueueLimits;
  readonly #control = new Fifo<Entry>();
  readonly #data = new Fifo<Entry>();
  /** The frame of which a part is in a batch already, and how many of its bytes. */
  #begun: Entry | undefined;
  #begunBytes = 0;
  #waitingBytes = 0;
  #controlBytes = 0;
  #dataBytes = 0;
  #pushed = { control: 0, data: 0 };
  #written = { control: 0, data: 0 };
  #cleared = false;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
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

  /** Whether the bytes taken so far end with a whole frame. */
  get atFrameEnd(): boolean {
    return this.#begun === undefined || this.#begunBytes === 0;
  }

  push(type: number, body: Uint8Array, lane: Lane): PushOutcome {
    const size = HEADER_BYTES + body.length;
    if (lane === 'data') {
      if (this.#dataBytes > 0 && this.#dataBytes + size > this.#limits.maxDataQueueBytes) return 'over data budget';
      this.#dataBytes += size;
    } else {
      if (this.#controlBytes > 0 && this.#controlBytes + size > this.#limits.maxControlQueueBytes) {
        return 'over control budget';
      }
      this.#controlBytes += size;
    }
    this.#waitingBytes += size;
    if (lane === 'control') {
      this.#pushed.control++;
      this.#control.push({ type, body, lane });
    } else {
      this.#pushed.data++;
      this.#data.push({ type, body, lane });
    }
    return 'queued';
  }

  /** The next bytes to write, at most `BATCH_BYTES`; undefined where nothing waits. */
  take(): Batch | undefined {
    if (this.#waitingBytes === 0) return undefined;
    const bytes = Buffer.allocUnsafe(Math.min(BATCH_BYTES, this.#waitingBytes));
    const batch = { bytes: bytes as Uint8Array, controlBytes: 0, dataBytes: 0, controlFrames: 0, dataFrames: 0 };
    let at = 0;
    while (at < bytes.length) {
      const entry = this.#begun ?? this.#control.shift() ?? this.#data.shift();
      if (entry === undefined) break;
      const start = at;
      let done = this.#begun === undefined ? 0 : this.#begunBytes;
      this.#begun = entry;
      if (done === 0) {
        if (bytes.length - at < HEADER_BYTES) {
          this.#begunBytes = 0;
          break;
        }
        writeHeader(bytes, at, entry.type, entry.body.length);
        at += HEADER_BYTES;
        done = HEADER_BYTES;
      }
      const from = done - HEADER_BYTES;
      const room = bytes.length - at;
      const part = entry.body.length - from <= room && from === 0 ? entry.body : entry.body.subarray(from, from + room);
      bytes.set(part, at);
      at += part.length;
      done += part.length;
      this.#begunBytes = done;
      if (entry.lane === 'data') batch.dataBytes += at - start;
      else batch.controlBytes += at - start;
      if (done === HEADER_BYTES + entry.body.length) {
        this.#begun = undefined;
        if (entry.lane === 'control') batch.controlFrames++;
        else batch.dataFrames++;
      }
    }
    this.#waitingBytes -= at;
    batch.bytes = at === bytes.length ? bytes : bytes.subarray(0, at);
    return batch;
  }

  release(batch: Batch): void {
    if (this.#cleared) return;
    this.#controlBytes -= batch.controlBytes;
    this.#dataBytes -= batch.dataBytes;
    this.#written.control += batch.controlFrames;
    this.#written.data += batch.dataFrames;
  }

  /** Where the queues end now. */
  mark(): QueueMark {
    return { ...this.#pushed };
  }

  /** Whether all before `mark` has been written. */
  isPast(mark: QueueMark): boolean {
    return this.#written.control >= mark.control && this.#written.data >= mark.data;
  }

  /** Throws away what waits. @returns frames that were not written in full, as far as is known. */
  clear(): number {
    if (this.#cleared) return 0;
    this.#cleared = true;
    this.#control.clear();
    this.#data.clear();
    this.#begun = undefined;
    this.#waitingBytes = 0;
    this.#controlBytes = 0;
    this.#dataBytes = 0;
    const { control, data } = this.#pushed;
    return control - this.#written.control + data - this.#written.data;
  }
}
