/** The reading end of `value-stream.ts`. */
import { Shape } from './shapes.js';
import { KIND, LOOPED_TEXT, NO_BYTES, type TextBuffer } from './value-stream.js';

/**
 * Bytes up to here are views into memory that they share with others, as those of `Buffer.from` are: an
 * ArrayBuffer of its own costs ten times as much as the copy.
 */
const MAX_POOLED_BYTES = 1024;

/** As much as `Buffer.allocUnsafe` takes from its pool. */
const POOL_BYTES = 4088;

/** The reading end of a way. It must be given every value that was written, in order. */
export class ValueReader {
  #shapes: Shape[] = [];
  #bytes = NO_BYTES;
  #at = 0;
  #pool: Buffer = NO_BYTES;
  #poolUsed = 0;
  readonly #next = (): unknown => this.#value();

  /** The value that was written at `at`. Nothing in it refers to `bytes`. */
  read(bytes: Buffer, at: number): unknown {
    this.#bytes = bytes as TextBuffer;
    this.#at = at;
    const value = this.#value();
    this.#bytes = NO_BYTES;
    return value;
  }

  #value(): unknown {
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
      case KIND.utf8: {
        const length = this.#count();
        this.#at += length;
        return this.#bytes.utf8Slice(this.#at - length, this.#at);
      }
      case KIND.object:
        this.#at += 2;
        return this.#object((this.#bytes[this.#at - 2] as number) | ((this.#bytes[this.#at - 1] as number) << 8));
      case KIND.newShape:
        return this.#newShape().make(this.#next);
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
        this.#shapes = [];
        return this.#value();
      default:
        throw new TypeError(`value of unknown kind ${kind}`);
    }
  }

  #count(): number {
    const bytes = this.#bytes;
    const at = this.#at;
    this.#at = at + 4;
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

  #ascii(length: number): string {
    const at = this.#at;
    this.#at = at + length;
    if (length > LOOPED_TEXT) return this.#bytes.latin1Slice(at, at + length);
    let text = '';
    for (let index = at; index < at + length; index++) text += String.fromCharCode(this.#bytes[index] as number);
    return text;
  }

  #newShape(): Shape {
    const keys: string[] = [];
    for (let left = this.#count(); left > 0; left--) keys.push(this.#value() as string);
    const shape = new Shape(keys);
    this.#shapes.push(shape);
    return shape;
  }

  #object(id: number): object {
    return (this.#shapes[id] as Shape).make(this.#next);
  }

  #array(length: number): unknown[] {
    const items: unknown[] = [];
    for (let left = length; left > 0; left--) items.push(this.#value());
    return items;
  }

  #map(size: number): Map<unknown, unknown> {
    const map = new Map();
    for (let left = size; left > 0; left--) {
      const key = this.#value();
      map.set(key, this.#value());
    }
    return map;
  }

  #set(size: number): Set<unknown> {
    const set = new Set();
    for (let left = size; left > 0; left--) set.add(this.#value());
    return set;
  }

  #binary(length: number): Uint8Array {
    const at = this.#at;
    this.#at = at + length;
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
