/** The reading end of `value-stream.ts`. */
import { isUtf8 } from 'node:buffer';
import { ProtocolError } from '../errors.js';
import { MAX_DEPTH, MAX_OBJECTS } from './portable.js';
import { MAX_STREAM_SHAPES, type Shape, ShapeCache } from './shapes.js';
import { KIND, LOOPED_TEXT, NO_BYTES, type TextBuffer } from './value-stream.js';

/**
 * Bytes up to here are views into memory that they share with others, as those of `Buffer.from` are: an
 * ArrayBuffer of its own costs ten times as much as the copy.
 */
const MAX_POOLED_BYTES = 1024;

/** As much as `Buffer.allocUnsafe` takes from its pool. */
const POOL_BYTES = 4088;

/**
 * The reading end of a stream. It must be given every value that was written, in order. Whatever the bytes are, it
 * reads none beyond the end that it is given, and takes time and memory in proportion to how many there are.
 */
export class ValueReader {
  readonly #known = new ShapeCache();
  readonly #shapes: Shape[] = [];
  #bytes = NO_BYTES;
  #at = 0;
  #end = 0;
  #depth = 0;
  #objects = 0;
  #pool: Buffer = NO_BYTES;
  #poolUsed = 0;
  readonly #next = (): unknown => this.#value();

  /** Where the value that was read last ends. */
  get at(): number {
    return this.#at;
  }

  /** From here on comes what a writer has written since it began afresh; see `ValueWriter.restart`. */
  restart(): void {
    this.#shapes.length = 0;
  }

  /**
   * The value that was written at `at`. Nothing in it refers to `bytes`.
   * @param end no byte from here on belongs to it.
   * @throws ProtocolError, and of bytes that no writer has written any other error as well.
   */
  read(bytes: Buffer, at: number, end: number): unknown {
    this.#bytes = bytes as TextBuffer;
    this.#at = at;
    this.#end = end;
    this.#depth = 0;
    this.#objects = 0;
    const value = this.#value();
    this.#bytes = NO_BYTES;
    if (this.#at > end) throw truncated();
    return value;
  }

  #value(): unknown {
    if (this.#at >= this.#end) throw truncated();
    const kind = this.#bytes[this.#at++] as number;
    if (kind < KIND.null) return kind;
    if (kind >= KIND.shortText) return this.#ascii(kind - KIND.shortText);
    switch (kind) {
      case KIND.null:
        return null;
      case KIND.undefined:
        return undefined;
      case KIND.false:
        return false;
      case KIND.true:
        return true;
      case KIND.int32:
        return this.#count() | 0;
      case KIND.float64:
        return this.#float64();
      case KIND.bigInt:
        this.#at += 8;
        return this.#bytes.readBigInt64LE(this.#at - 8);
      case KIND.ascii:
        return this.#ascii(this.#count());
      case KIND.utf8:
        return this.#utf8(this.#count());
      case KIND.object:
        this.#at += 2;
        return this.#object((this.#bytes[this.#at - 2] as number) | ((this.#bytes[this.#at - 1] as number) << 8));
      case KIND.newShape: {
        const head = this.#count();
        return this.#made(this.#newShape(head & 0xff, head >>> 8));
      }
      case KIND.array:
        return this.#array(this.#count());
      case KIND.map:
        return this.#map(this.#count());
      case KIND.set:
        return this.#set(this.#count());
      case KIND.date:
        return new Date(this.#float64());
      case KIND.bytes:
        return this.#binary(this.#count());
      case KIND.forgetShapes:
        this.restart();
        return this.#value();
      default:
        throw new ProtocolError('unknown kind', `value of kind ${kind}`);
    }
  }

  #count(): number {
    const bytes = this.#bytes;
    const at = this.#take(4);
    return (
      (bytes[at] as number) +
      ((bytes[at + 1] as number) << 8) +
      ((bytes[at + 2] as number) << 16) +
      (bytes[at + 3] as number) * 0x1000000
    );
  }

  #float64(): number {
    this.#at += 8;
    return this.#bytes.readDoubleLE(this.#at - 8);
  }

  /** `length` bytes that are about to be read. @returns where they begin. */
  #take(length: number): number {
    const at = this.#at;
    if (length > this.#end - at) throw truncated();
    this.#at = at + length;
    return at;
  }

  #ascii(length: number): string {
    const at = this.#take(length);
    if (length > LOOPED_TEXT) return this.#bytes.latin1Slice(at, at + length);
    let text = '';
    for (let index = at; index < at + length; index++) text += String.fromCharCode(this.#bytes[index] as number);
    return text;
  }

  #utf8(length: number): string {
    const at = this.#take(length);
    if (!isUtf8(this.#bytes.subarray(at, at + length))) throw new ProtocolError('bad text', 'text is not UTF-8');
    return this.#bytes.utf8Slice(at, at + length);
  }

  #newShape(keys: number, bytes: number): Shape {
    if (this.#shapes.length >= MAX_STREAM_SHAPES) throw new ProtocolError('too many shapes');
    const at = this.#take(bytes);
    const definition = this.#bytes.latin1Slice(at, at + bytes);
    const shape = this.#known.get(keys, definition) ?? this.#known.add(definition, this.#keys(keys, at));
    this.#shapes.push(shape);
    return shape;
  }

  /** The keys of a definition, which begins at `at` and has been taken. */
  #keys(count: number, at: number): string[] {
    const [after, end] = [this.#at, this.#end];
    this.#at = at;
    this.#end = after;
    const keys: string[] = [];
    for (let left = count; left > 0; left--) keys.push(this.#key());
    if (this.#at !== after) throw new ProtocolError('bad shape');
    this.#end = end;
    return keys;
  }

  #key(): string {
    const kind = this.#bytes[this.#at++] as number;
    if (kind >= KIND.shortText) return this.#ascii(kind - KIND.shortText);
    if (kind === KIND.ascii) return this.#ascii(this.#count());
    if (kind === KIND.utf8) return this.#utf8(this.#count());
    throw new ProtocolError('bad shape', `key of kind ${kind}`);
  }

  #object(id: number): object {
    const shape = this.#shapes[id];
    if (shape === undefined) throw new ProtocolError('unknown shape', `shape ${id}`);
    return this.#made(shape);
  }

  #made(shape: Shape): object {
    this.#enter();
    const object = shape.make(this.#next);
    this.#depth--;
    return object;
  }

  /** One level further in. */
  #enter(): void {
    if (++this.#depth > MAX_DEPTH) throw new ProtocolError('too deep');
    if (++this.#objects > MAX_OBJECTS) throw new ProtocolError('too many objects');
  }

  #array(length: number): unknown[] {
    this.#enter();
    const items: unknown[] = [];
    for (let left = length; left > 0; left--) items.push(this.#value());
    this.#depth--;
    return items;
  }

  #map(size: number): Map<unknown, unknown> {
    this.#enter();
    const map = new Map();
    for (let left = size; left > 0; left--) {
      const key = this.#value();
      map.set(key, this.#value());
    }
    this.#depth--;
    return map;
  }

  #set(size: number): Set<unknown> {
    this.#enter();
    const set = new Set();
    for (let left = size; left > 0; left--) set.add(this.#value());
    this.#depth--;
    return set;
  }

  #binary(length: number): Uint8Array {
    const at = this.#take(length);
    const binary = length <= MAX_POOLED_BYTES ? this.#pooled(length) : new Uint8Array(length);
    binary.set(this.#bytes.subarray(at, at + length));
    return binary;
  }

  #pooled(length: number): Uint8Array {
    const aligned = Math.ceil(length / 8) * 8;
    if (this.#poolUsed + aligned > this.#pool.length) {
      // Of Node's own pool, so that nobody can transfer it away.
      this.#pool = Buffer.allocUnsafe(POOL_BYTES);
      this.#poolUsed = 0;
    }
    const { buffer, byteOffset } = this.#pool;
    const binary = new Uint8Array(buffer, byteOffset + this.#poolUsed, length);
    this.#poolUsed += aligned;
    return binary;
  }
}

function truncated(): ProtocolError {
  return new ProtocolError('truncated', 'a value ends behind its bytes');
}
