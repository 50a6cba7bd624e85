/**
 * Writing and reading binary headers: fixed-width big-endian numbers, and text and bytes behind a length.
 *
 * The writer grows; the reader never allocates from a declared length before it has checked that length
 * against the bytes that are there, and every fault is a `ProtocolError`.
 */
import { ProtocolError } from '../errors.js';

// A byte order mark is text like any other.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const NO_BYTES = Buffer.alloc(0);

/** Of a UTF-16 code unit in UTF-8, at most. */
const LONGEST_CHARACTER_BYTES = 3;

/** What a writer allocates at least, when it grows. */
const MIN_CAPACITY = 256;

const LOOPED_BYTES = 64;

export class ByteWriter {
  readonly #allocate: (bytes: number) => Buffer;
  #buffer: Buffer;
  #length = 0;

  /**
   * @param capacity bytes to start with; one that is right saves the copies of growing.
   * @param transferable whether what is taken has an ArrayBuffer of its own; memory shared with others is faster.
   */
  constructor(capacity = 0, transferable = false) {
    this.#allocate = transferable ? Buffer.allocUnsafeSlow : Buffer.allocUnsafe;
    this.#buffer = capacity === 0 ? NO_BYTES : this.#allocate(capacity);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
    return this;
  }

  u16(value: number): this {
    this.#reserve(2);
    if (value !== (value & 0xffff)) throw outOfRange(value, 16);
    const bytes = this.#buffer;
    bytes[this.#length++] = value >>> 8;
    bytes[this.#length++] = value;
    return this;
  }

  // By hand: less than half of what Node's own take.
  u32(value: number): this {
    this.#reserve(4);
    if (value !== value >>> 0) throw outOfRange(value, 32);
    const at = this.#length;
    const bytes = this.#buffer;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
    this.#length = at + 4;
    return this;
  }

  u48(value: number): this {
    const high = Math.floor(value / 2 ** 32);
    if (high > 0xffff || high < 0) throw outOfRange(value, 48);
    return this.u16(high).u32(value - high * 2 ** 32);
  }

  f64(value: number): this {
    this.#reserve(8);
    this.#length = this.#buffer.writeDoubleBE(value, this.#length);
    return this;
  }

  /** The bytes as they are, without a length. */
  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** Those from `from` to `to`. */
  part(bytes: Uint8Array, from: number, to: number): this {
    const length = to - from;
    this.#reserve(length);
    const at = this.#length - from;
    // For few, a loop is faster than the view of them that `set` needs.
    if (length > LOOPED_BYTES) this.#buffer.set(bytes.subarray(from, to), this.#length);
    else for (let index = from; index < to; index++) this.#buffer[at + index] = bytes[index] as number;
    this.#length += length;
    return this;
  }

  /** The bytes behind a 32-bit length. */
  block(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  /** UTF-8 behind a 16-bit length, so at most 65,535 bytes. */
  text(value: string): this {
    const most = value.length * LONGEST_CHARACTER_BYTES;
    const length = most > 0xffff ? Buffer.byteLength(value) : most;
    if (length > 0xffff) throw new RangeError(`text of ${length} bytes; at most 65535`);
    this.#reserve(2 + length);
    const written = this.#buffer.write(value, this.#length + 2);
    this.u16(written);
    this.#length += written;
    return this;
  }

  /** Overwrites four bytes that were written before, for a length known only afterwards. */
  patchU32(at: number, value: number): void {
    this.#buffer.writeUInt32BE(value, at);
  }

  /**
   * The memory behind the writer, with room for `more` bytes behind position `from`: for a codec that writes
   * by itself and then calls `setLength`. What it wrote before `from` is kept when the memory grows.
   */
  room(from: number, more: number): Buffer {
    if (from + more > this.#buffer.length) this.#grow(from, more);
    return this.#buffer;
  }

  /** Makes what a codec wrote into `room` part of what was written, or takes back what was written last. */
  setLength(length: number): void {
    this.#length = length;
  }

  /** What was written; the writer starts afresh, and the bytes are the caller's own. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.#buffer.subarray(0, this.#length) as Uint8Array<ArrayBuffer>;
    this.#buffer = NO_BYTES;
    this.#length = 0;
    return bytes;
  }

  #reserve(more: number): void {
    if (this.#length + more > this.#buffer.length) this.#grow(this.#length, more);
  }

  #grow(from: number, more: number): void {
    const grown = this.#allocate(Math.max(from + more, this.#buffer.length * 2, MIN_CAPACITY));
    this.#buffer.copy(grown, 0, 0, from);
    this.#buffer = grown;
  }
}

export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    return this.#bytes[this.#advance(1)] as number;
  }

  u16(): number {
    const at = this.#advance(2);
    const bytes = this.#bytes;
    return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  }

  // By hand: what `readUInt32BE` would check has been checked.
  u32(): number {
    const at = this.#advance(4);
    const bytes = this.#bytes;
    return (
      (((bytes[at] as number) << 24) |
        ((bytes[at + 1] as number) << 16) |
        ((bytes[at + 2] as number) << 8) |
        (bytes[at + 3] as number)) >>>
      0
    );
  }

  u48(): number {
    return this.u16() * 2 ** 32 + this.u32();
  }

  f64(): number {
    return this.#bytes.readDoubleBE(this.#advance(8));
  }

  /** The next `length` bytes, as a view and not a copy. */
  raw(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Bytes behind a 32-bit length, as a view; more than `max` is refused. */
  block(max: number): Uint8Array {
    const length = this.u32();
    if (length > max) throw new ProtocolError('too long', `block of ${length} bytes; at most ${max}`);
    return this.raw(length);
  }

  /** UTF-8 behind a 16-bit length; more than `max` bytes is refused, and so is text that is not UTF-8. */
  text(max: number): string {
    const length = this.u16();
    if (length > max) throw new ProtocolError('too long', `text of ${length} bytes; at most ${max}`);
    const at = this.#advance(length);
    // Half the cost of a view and the decoder, and a third until they are compiled.
    if (length <= SHORT_TEXT && isAscii(this.#bytes, at, at + length)) {
      return this.#bytes.toString('latin1', at, at + length);
    }
    const bytes = this.#bytes.subarray(at, at + length);
    try {
      return utf8.decode(bytes);
    } catch (cause) {
      throw new ProtocolError('bad text', 'text is not UTF-8', { cause });
    }
  }

  /**
   * A 32-bit count of items that each take at least `itemBytes` bytes: refused where that many cannot
   * follow, so that a caller may allocate for it.
   */
  count(itemBytes: number): number {
    const count = this.u32();
    if (count * itemBytes > this.left) {
      throw new ProtocolError('bad count', `${count} items declared, ${this.left} bytes left`);
    }
    return count;
  }

  /** All that is left, as a view. */
  rest(): Uint8Array {
    return this.raw(this.left);
  }

  /** Refuses bytes behind the end of a message. */
  end(): void {
    if (this.left > 0) throw new ProtocolError('trailing bytes', `${this.left} bytes behind the end`);
  }

  #advance(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at) {
      throw new ProtocolError('truncated', `${length} bytes wanted, ${this.left} left`);
    }
    this.#at = at + length;
    return at;
  }
}

/** Text of so many bytes is looked at before it is decoded. */
const SHORT_TEXT = 64;

function isAscii(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if ((bytes[at] as number) > 0x7f) return false;
  return true;
}

function outOfRange(value: number, bits: number): RangeError {
  return new RangeError(`${value} is no unsigned number of ${bits} bits`);
}
