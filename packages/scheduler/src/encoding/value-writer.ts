/** The writing end of `value-stream.ts`. */
import type { ByteWriter } from './bytes.js';
import { LONG_BYTES } from './long-bytes.js';
import { isBigIntInBounds, isWellFormed, MAX_DEPTH, MAX_OBJECTS } from './portable.js';
import { MAX_SHAPES, ShapeTree } from './shapes.js';
import { KIND, LOOPED_TEXT, MAX_SHORT_TEXT, NO_BYTES, type TextBuffer } from './value-stream.js';

/** The keys of a shape take at most so many bytes: their number of bytes has 24 bits. */
const MAX_DEFINITION_BYTES = 0xffffff;

/** What a number, a head or looped text takes at most. */
const MAX_SMALL = 16;

/** The writing end of a stream: what it has defined, the reading end has read. */
export class ValueWriter {
  readonly #shapes = new ShapeTree();
  #writer: ByteWriter | undefined;
  #bytes = NO_BYTES;
  #at = 0;
  #objects = 0;
  /** The table was full: the other end is told with the next value. */
  #mustForget = false;

  /** What is written from now on can be read without what was written before; see `ValueReader.restart`. */
  restart(): void {
    this.#shapes.clear();
  }

  /** Shapes defined so far; with `undefineFrom` a value can be taken back that was written last. */
  get shapes(): number {
    return this.#shapes.count;
  }

  undefineFrom(count: number): void {
    this.#shapes.undefineFrom(count);
  }

  /** Writes `value`. @returns false, with nothing written, where it is one for `encodeValue`. */
  write(writer: ByteWriter, value: unknown): boolean {
    this.#writer = writer;
    this.#at = writer.length;
    this.#bytes = writer.room(this.#at, 2 * MAX_SMALL) as TextBuffer;
    this.#objects = 0;
    this.#mustForget ||= this.#shapes.count >= MAX_SHAPES;
    if (this.#mustForget) {
      this.#shapes.clear();
      this.#head(KIND.forgetShapes);
    }
    const defined = this.#shapes.count;
    let isWritten: boolean;
    try {
      isWritten = this.#value(value, 0);
    } catch {
      // A getter has thrown: the other codec says so.
      isWritten = false;
    }
    this.#bytes = NO_BYTES;
    if (isWritten) {
      writer.setLength(this.#at);
      this.#mustForget = false;
    } else this.#shapes.undefineFrom(defined);
    return isWritten;
  }

  #room(more: number): void {
    if (this.#at + more > this.#bytes.length) this.#bytes = this.#writer?.room(this.#at, more) as TextBuffer;
  }

  #value(value: unknown, depth: number): boolean {
    this.#room(MAX_SMALL);
    switch (typeof value) {
      case 'string':
        return this.#text(value);
      case 'number':
        return this.#number(value);
      case 'boolean':
        return this.#head(value ? KIND.true : KIND.false);
      case 'undefined':
        return this.#head(KIND.undefined);
      case 'object':
        return value === null ? this.#head(KIND.null) : this.#object(value, depth + 1);
      case 'bigint':
        return this.#bigInt(value);
      default:
        return false;
    }
  }

  #head(kind: number): true {
    this.#bytes[this.#at++] = kind;
    return true;
  }

  #headWithCount(kind: number, count: number): true {
    const bytes = this.#bytes;
    const at = this.#at;
    bytes[at] = kind;
    bytes[at + 1] = count;
    bytes[at + 2] = count >>> 8;
    bytes[at + 3] = count >>> 16;
    bytes[at + 4] = count >>> 24;
    this.#at = at + 5;
    return true;
  }

  #number(value: number): true {
    if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
      if (value >= 0 && value < 0x80) return this.#head(value);
      return this.#headWithCount(KIND.int32, value);
    }
    this.#bytes[this.#at] = KIND.float64;
    this.#at = this.#bytes.writeDoubleLE(value, this.#at + 1);
    return true;
  }

  #bigInt(value: bigint): boolean {
    if (!isBigIntInBounds(value) || BigInt.asIntN(64, value) !== value) return false;
    this.#bytes[this.#at] = KIND.bigInt;
    this.#at = this.#bytes.writeBigInt64LE(value, this.#at + 1);
    return true;
  }

  #text(text: string): boolean {
    const length = text.length;
    if (length <= LOOPED_TEXT && this.#loopedText(text)) return true;
    this.#room(5 + 3 * length);
    const bytes = this.#bytes;
    const at = this.#at;
    const start = length <= MAX_SHORT_TEXT ? at + 1 : at + 5;
    // As many bytes as characters: it is ASCII. That is told sooner afterwards than before.
    if (bytes.utf8Write(text, start, 3 * length) === length) {
      if (start === at + 1) bytes[at] = KIND.shortText + length;
      else this.#headWithCount(KIND.ascii, length);
      this.#at = start + length;
      return true;
    }
    if (!isWellFormed(text)) return false;
    const taken = bytes.utf8Write(text, at + 5, 3 * length);
    this.#headWithCount(KIND.utf8, taken);
    this.#at += taken;
    return true;
  }

  #loopedText(text: string): boolean {
    const bytes = this.#bytes;
    const start = this.#at + 1;
    let bits = 0;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      bytes[start + index] = code;
      bits |= code;
    }
    if (bits >= 0x80) return false;
    bytes[start - 1] = KIND.shortText + text.length;
    this.#at = start + text.length;
    return true;
  }

  #object(value: object, depth: number): boolean {
    this.#objects += 1;
    if (depth > MAX_DEPTH || this.#objects > MAX_OBJECTS) return false;
    const prototype = Object.getPrototypeOf(value);
    if (prototype === Object.prototype) return this.#fields(value as Record<string, unknown>, depth);
    if (prototype === Array.prototype) return this.#array(value as unknown[], depth);
    if (prototype === Uint8Array.prototype || prototype === Buffer.prototype) return this.#binary(value as Uint8Array);
    if (prototype === Date.prototype) {
      this.#bytes[this.#at] = KIND.date;
      this.#at = this.#bytes.writeDoubleLE((value as Date).getTime(), this.#at + 1);
      return true;
    }
    if (prototype === Map.prototype) return this.#map(value as Map<unknown, unknown>, depth);
    if (prototype === Set.prototype) return this.#set(value as Set<unknown>, depth);
    return false;
  }

  #fields(value: Record<string, unknown>, depth: number): boolean {
    const start = this.#at;
    const defined = this.#shapes.count;
    let node = this.#shapes.root;
    // Which shape it is shows at its end: the number is filled in then.
    this.#at = start + 3;
    for (const key in value) {
      const next = node.lastKey === key ? node.last : node.next(key);
      if (next === undefined) return this.#fieldsOfNewShape(value, depth, start, defined);
      node = next;
      if (!this.#value(value[key], depth)) return false;
    }
    if (!this.#shapes.has(node)) return this.#fieldsOfNewShape(value, depth, start, defined);
    const bytes = this.#bytes;
    bytes[start] = KIND.object;
    bytes[start + 1] = node.id;
    bytes[start + 2] = node.id >>> 8;
    return true;
  }

  /** From the object's beginning once more, its keys before its values. */
  #fieldsOfNewShape(value: Record<string, unknown>, depth: number, start: number, defined: number): boolean {
    this.#shapes.undefineFrom(defined);
    this.#at = start;
    const keys: string[] = [];
    for (const key in value) keys.push(key);
    if (!this.#shapes.define(keys)) return false;
    this.#at = start + 5;
    for (const key of keys) {
      this.#room(MAX_SMALL);
      this.#text(key);
    }
    const end = this.#at;
    const bytes = end - start - 5;
    if (bytes > MAX_DEFINITION_BYTES) return false;
    this.#at = start;
    this.#headWithCount(KIND.newShape, keys.length | (bytes << 8));
    this.#at = end;
    for (const key of keys) if (!this.#value(value[key], depth)) return false;
    return true;
  }

  #array(items: unknown[], depth: number): boolean {
    const { length } = items;
    this.#headWithCount(KIND.array, length);
    for (let index = 0; index < length; index++) {
      const item = items[index];
      if (item === undefined && !(index in items)) return false;
      if (!this.#value(item, depth)) return false;
    }
    return items.length === length;
  }

  #map(map: Map<unknown, unknown>, depth: number): boolean {
    const { size } = map;
    this.#headWithCount(KIND.map, size);
    for (const [key, item] of map) if (!this.#value(key, depth) || !this.#value(item, depth)) return false;
    return map.size === size;
  }

  #set(set: Set<unknown>, depth: number): boolean {
    const { size } = set;
    this.#headWithCount(KIND.set, size);
    for (const item of set) if (!this.#value(item, depth)) return false;
    return set.size === size;
  }

  #binary(binary: Uint8Array): boolean {
    const { length } = binary;
    // Shared memory is refused, and so is a detached buffer, which looks like an empty one. What is long, the other codec
    // writes in a way that it need not be copied from then on.
    if (length === 0 || length >= LONG_BYTES || Object.getPrototypeOf(binary.buffer) !== ArrayBuffer.prototype)
      return false;
    this.#headWithCount(KIND.bytes, length);
    this.#room(length);
    this.#bytes.set(binary, this.#at);
    this.#at += length;
    return true;
  }
}
