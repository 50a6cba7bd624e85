/**
 * Frames on a byte stream: u32 length of what follows, u8 type, body.
 *
 * The decoder takes bytes as they come, cut anywhere. A length is checked against the cap as soon as its four
 * bytes are there, and a frame that has not arrived in full is held in a buffer that grows with the bytes that
 * did arrive: nothing is ever allocated because a peer said so. Bodies that lie in one chunk are views of it. Fragments,
 * which are copied from by whoever puts them together, are held in the same memory one after the other.
 */
import { ProtocolError } from '@liminal-node/scheduler';
import { FrameType } from './frame-type.js';

/** Length and type. */
export const HEADER_BYTES = 5;

const LENGTH_BYTES = 4;

const NO_BYTES = new Uint8Array(0);

/** Writes the header of a frame; the caller sees to the room. */
export function writeHeader(target: Uint8Array, at: number, type: number, bodyBytes: number): void {
  const length = bodyBytes + 1;
  target[at] = length >>> 24;
  target[at + 1] = length >>> 16;
  target[at + 2] = length >>> 8;
  target[at + 3] = length;
  target[at + 4] = type;
}

export function encodeFrame(type: number, body: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  writeHeader(frame, 0, type, body.length);
  frame.set(body, HEADER_BYTES);
  return frame;
}

/** Takes one frame; false says that no more are wanted. The body of a FRAGMENT may change once it has returned. */
export type FrameSink = (type: number, body: Uint8Array) => boolean;

export class FrameDecoder {
  /** The cap on type and body together. May change between frames, also from within the sink. */
  maxFrameBytes: number;
  /** The start of a frame that has not arrived in full, length included. */
  #held: Uint8Array = NO_BYTES;
  #heldBytes = 0;
  /** Frames that did not arrive in one piece. */
  #begun = 0;

  constructor(maxFrameBytes: number) {
    this.maxFrameBytes = maxFrameBytes;
  }

  /** Which frame has begun and not arrived in full, as a number of its own; 0 for none. */
  get partial(): number {
    return this.#heldBytes === 0 ? 0 : this.#begun;
  }

  /**
   * Gives every frame that is complete with `chunk` to `sink`, and holds the rest for the next chunk. Where the
   * sink says false, or something is thrown, the stream is over: do not push again.
   * @throws ProtocolError `empty frame`, `frame too long`; and whatever the sink throws.
   */
  push(chunk: Uint8Array, sink: FrameSink): void {
    let at = 0;
    while (this.#heldBytes > 0) {
      const total = this.#heldBytes < LENGTH_BYTES ? LENGTH_BYTES : LENGTH_BYTES + this.#lengthAt(this.#held, 0);
      if (this.#heldBytes === total) {
        const frame = this.#held;
        const type = frame[LENGTH_BYTES] as number;
        let body = frame.subarray(HEADER_BYTES, total);
        if (type !== FrameType.FRAGMENT) {
          // The memory goes with the frame, unless it is that of a fragment.
          if (frame.length > total) body = new Uint8Array(body);
          else this.#held = NO_BYTES;
        }
        this.#heldBytes = 0;
        if (!sink(type, body)) return;
      } else if (at === chunk.length) {
        return;
      } else {
        const end = Math.min(chunk.length, at + total - this.#heldBytes);
        this.#hold(chunk.subarray(at, end), total);
        at = end;
      }
    }
    while (chunk.length - at >= LENGTH_BYTES) {
      const start = at + LENGTH_BYTES;
      const end = start + this.#lengthAt(chunk, at);
      if (end > chunk.length) break;
      at = end;
      if (!sink(chunk[start] as number, chunk.subarray(start + 1, end))) return;
    }
    if (at === chunk.length) return;
    this.#begun++;
    this.#hold(chunk.subarray(at), 0);
  }

  /** The checked length of the frame whose length field is at `at`. */
  #lengthAt(bytes: Uint8Array, at: number): number {
    const high = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    const length = high * 256 + (bytes[at + 3] as number);
    if (length === 0) throw new ProtocolError('empty frame');
    if (length > this.maxFrameBytes) {
      throw new ProtocolError('frame too long', `frame of ${length} bytes announced; at most ${this.maxFrameBytes}`);
    }
    return length;
  }

  /** @param total bytes of the whole frame, 0 where that is not known yet: no more than that is reserved. */
  #hold(bytes: Uint8Array, total: number): void {
    const needed = this.#heldBytes + bytes.length;
    if (needed > this.#held.length) {
      const doubled = Math.max(needed, 2 * this.#held.length);
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(doubled, total)));
      grown.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = grown;
    }
    this.#held.set(bytes, this.#heldBytes);
    this.#heldBytes = needed;
  }
}
