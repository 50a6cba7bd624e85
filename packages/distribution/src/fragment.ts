/**
 * Long messages in pieces, so that none of them holds up what others send.
 *
 *   FRAGMENT   u32 stream, u8 flags (1: first, 2: last) | of the first: u8 type, u32 bytes of the whole body | part
 *
 * 1. A body of more than `FRAGMENT_BYTES` travels as fragments of one stream, in order; fragments of other
 *    streams, and whole frames, may come between them. A stream's number is free again behind its last fragment.
 * 2. The sender has at most `MAX_STREAMS` streams open, and begins one beside others only while the bodies of all
 *    of them together are no more than twice the longest body that the peer takes. More is a violation: so a peer
 *    can make a node hold no more than that.
 * 3. Only a peer that announced the feature is sent fragments.
 */
import { type AnyBytes, ByteReader, ByteWriter, giveAway, ProtocolError } from '@liminal-node/scheduler';
import { FIRST_HANDLED_TYPE } from './frame-type.js';

/** The longest body that travels whole, and the most of a body in one fragment. */
export const FRAGMENT_BYTES = 64 * 1_024;

export const MAX_STREAMS = 64;

const FIRST = 1;
const LAST = 2;

/** Whether a body of so many bytes may be begun beside the open ones. */
export function mayOpen(bodyBytes: number, openStreams: number, openBytes: number, maxBodyBytes: number): boolean {
  return openStreams === 0 || (openStreams < MAX_STREAMS && openBytes + bodyBytes <= 2 * maxBodyBytes);
}

/** What stands before the part of `body` that ends at `end`, and begins at `start`. */
export function fragmentHead(stream: number, type: number, body: AnyBytes, start: number, end: number): Uint8Array {
  const flags = (start === 0 ? FIRST : 0) | (end === body.length ? LAST : 0);
  const writer = new ByteWriter(10).u32(stream).u8(flags);
  if (start === 0) writer.u8(type).u32(body.length);
  return writer.take();
}

/**
 * Once so much of a body has arrived, there is room for all of it. Nothing is allocated because a peer said so, and memory
 * that nothing is written to yet costs nothing.
 */
const WHOLE_AT = 1 / 12;

/**
 * So many blocks that came before there was room are moved to their place with each part that comes. All of them at once were a
 * turn of 10 to 20 ms for a body of 64 MB, in which nothing else was read.
 */
const MOVED_AT_ONCE = 2;

/** A body that is under way. */
class OpenStream {
  readonly type: number;
  readonly bodyBytes: number;
  /** Bytes that have arrived. */
  bytes = 0;
  #body: Uint8Array | undefined;
  /** What came before there was room, in order and up to the next that is moved. */
  readonly #early: Block[] = [];
  #moved = 0;

  constructor(type: number, bodyBytes: number) {
    this.type = type;
    this.bodyBytes = bodyBytes;
  }

  /** @param part whose memory may change when this is over. */
  append(part: Uint8Array): void {
    const at = this.bytes;
    this.bytes += part.length;
    if (this.bytes >= this.bodyBytes * WHOLE_AT) this.#body ??= Buffer.allocUnsafeSlow(this.bodyBytes);
    if (this.#body === undefined) return this.#keep(part);
    this.#body.set(part, at);
    this.#move(this.#body, MOVED_AT_ONCE);
  }

  /** The body, all of which has arrived. */
  whole(): Uint8Array {
    const body = this.#body as Uint8Array;
    this.#move(body, this.#early.length);
    return body;
  }

  /** In few blocks, however short the parts are, which take at most three times what has come. */
  #keep(part: Uint8Array): void {
    let block = this.#early.at(-1);
    if (block === undefined || block.used + part.length > block.memory.length) {
      const room = Math.max(part.length, Math.min(this.bytes, FRAGMENT_BYTES));
      block = { memory: Buffer.allocUnsafeSlow(room), used: 0 };
      this.#early.push(block);
    }
    block.memory.set(part, block.used);
    block.used += part.length;
  }

  #move(body: Uint8Array, most: number): void {
    if (this.#early.length === 0) return;
    for (const { memory, used } of this.#early.splice(0, most)) {
      body.set(memory.subarray(0, used), this.#moved);
      this.#moved += used;
    }
  }
}

interface Block {
  readonly memory: Uint8Array;
  used: number;
}

/** Puts the fragments of one session together. */
export class FragmentAssembler {
  readonly #maxBodyBytes: number;
  readonly #streams = new Map<number, OpenStream>();
  #openBytes = 0;

  /** @param maxBodyBytes the longest body that this node takes. */
  constructor(maxBodyBytes: number) {
    this.#maxBodyBytes = maxBodyBytes;
  }

  /** Bytes that it holds. */
  get heldBytes(): number {
    let held = 0;
    for (const { bytes } of this.#streams.values()) held += bytes;
    return held;
  }

  /**
   * @returns the frame that is whole now, if one is.
   * @throws ProtocolError `bad fragment`, `frame too long`, `too many streams`.
   */
  push(fragment: Uint8Array): { readonly type: number; readonly body: Uint8Array } | undefined {
    const reader = new ByteReader(fragment);
    const number = reader.u32();
    const flags = reader.u8();
    const stream = (flags & FIRST) === 0 ? this.#streams.get(number) : this.#open(number, reader.u8(), reader.u32());
    if (stream === undefined)
      throw new ProtocolError('bad fragment', `fragment of stream ${number}, which is not open`);
    const part = reader.rest();
    const bytes = stream.bytes + part.length;
    const isLast = (flags & LAST) !== 0;
    if (bytes > stream.bodyBytes || isLast !== (bytes === stream.bodyBytes) || part.length === 0) {
      throw new ProtocolError('bad fragment', `${bytes} of ${stream.bodyBytes} bytes, last: ${isLast}`);
    }
    stream.append(part);
    if (!isLast) return undefined;
    this.#streams.delete(number);
    this.#openBytes -= stream.bodyBytes;
    return { type: stream.type, body: giveAway(stream.whole()) };
  }

  #open(number: number, type: number, bodyBytes: number): OpenStream {
    if (this.#streams.has(number)) throw new ProtocolError('bad fragment', `stream ${number} is open already`);
    if (type < FIRST_HANDLED_TYPE) throw new ProtocolError('bad fragment', `frame of type ${type} in fragments`);
    if (bodyBytes > this.#maxBodyBytes) {
      throw new ProtocolError('frame too long', `body of ${bodyBytes} bytes announced; at most ${this.#maxBodyBytes}`);
    }
    if (!mayOpen(bodyBytes, this.#streams.size, this.#openBytes, this.#maxBodyBytes)) {
      throw new ProtocolError('too many streams', `${this.#streams.size} streams of ${this.#openBytes} bytes are open`);
    }
    const stream = new OpenStream(type, bodyBytes);
    this.#streams.set(number, stream);
    this.#openBytes += bodyBytes;
    return stream;
  }
}
