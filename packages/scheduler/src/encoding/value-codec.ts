/**
 * Messages as bytes: the portable set (`portable.ts`) in CBOR, written and read by cbor-x.
 *
 * 1. `encodeValue` walks the value once: it refuses what would not arrive intact, and puts a tagged stand-in
 *    where cbor-x alone would not give back what it was given (see the table). A value without such places is
 *    not copied.
 * 2. cbor-x writes it, without any state that both ends would have to share.
 * 3. `decodeValue` reads it. Binary data is copied out of the bytes, so that nothing decoded refers to them; long binary
 *    data is not, where the bytes were given away (`long-bytes.ts`).
 *
 * | what | cbor-x alone | here |
 * | --- | --- | --- |
 * | -0 | 0 | tag 600 over 0 |
 * | bigint beyond 64 bits | in quadratic time | tag 601 over hexadecimal text |
 * | ArrayBuffer, Buffer | a Buffer | tag 602 over bytes; tag 64, as any Uint8Array |
 * | Error | name and message | tag 603 over [name, message, stack, code?, cause?] |
 * | text that begins with a byte order mark | without the mark | tag 604 over text with a dot before it |
 * | object with keys such as "1000" | 12 KiB of memory for a 9-byte object | tag 605 over [key, value, …] |
 * | Date beyond the year 37,000 | a millisecond off | tag 606 over milliseconds |
 *
 * Bytes of a peer go through `cbor-guard.ts` first. The tags are registered with cbor-x for the whole thread.
 */
import { endianness } from 'node:os';
import { addExtension, Encoder, Tag } from 'cbor-x';
import { NotPortableError, ProtocolError } from '../errors.js';
import { checkCbor } from './cbor-guard.js';
import { isGivenAway, LONG_BYTES } from './long-bytes.js';
import {
  checkPortable,
  faultOfKey,
  faultOfLeaf,
  isBigIntInBounds,
  isWellFormed,
  MAX_DEPTH,
  MAX_OBJECTS,
  portableError,
  startsWithMark,
} from './portable.js';
import { VALUE_TAG } from './value-tags.js';

const codec = new Encoder({
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  tagUint8Array: true,
  // The handlers of the tags below copy what has to be copied, and do it once.
  copyBuffers: false,
});

/** cbor-x writes one message behind the other into a block of this size, and never over what it returned. */
const BLOCK_BYTES = 16 * 1024;

/**
 * `value` as bytes that no later call overwrites, and that keep at most 16 KiB of other memory alive.
 * Getters and proxies are read, and keys that are symbols left out: `checkPortable` is the one that refuses them.
 * @param allocate gives memory of at least so many bytes for a value with long binary data in it, which is not used
 * for anything else.
 * @throws NotPortableError (`ERR_LIMINAL_NOT_PORTABLE`) with the path to what would not arrive intact.
 */
export function encodeValue(value: unknown, allocate = allocateFresh): Uint8Array {
  objects = 0;
  longBytes = 0;
  let bytes: Uint8Array;
  let given: ArrayBuffer | undefined;
  try {
    const whole = standIn(value, 0);
    // Room for all of it at once: fresh memory costs more than what is copied into it.
    if (longBytes > 0) {
      given = allocate(longBytes + BLOCK_BYTES);
      useBlock(given);
    }
    bytes = codec.encode(whole);
  } catch (error) {
    if (given !== undefined) useBlock();
    checkPortable(value);
    throw error instanceof NotPortableError ? error : new NotPortableError('', `not encodable (${String(error)})`);
  }
  if (bytes.buffer.byteLength <= BLOCK_BYTES) return bytes;
  // A large message made cbor-x take a block of up to four times its size, or was given one: it would go on using it.
  useBlock();
  // A typed array's copy has exactly its size, where a Buffer's would stand in a pool of up to 64 KiB.
  const isOfItsSize = bytes.buffer === given || bytes.buffer.byteLength - bytes.length <= BLOCK_BYTES;
  return isOfItsSize ? bytes : new Uint8Array(bytes);
}

function allocateFresh(bytes: number): ArrayBuffer {
  return Buffer.allocUnsafeSlow(bytes).buffer as ArrayBuffer;
}

function useBlock(memory = allocateFresh(BLOCK_BYTES)): void {
  (codec as Encoder & { useBuffer(buffer: Uint8Array): void }).useBuffer(Buffer.from(memory));
}
useBlock();

/** Messages up to this size are copied to one place: for cbor-x a new view costs more than the copy. */
const SMALL_BYTES = 1024;
const small = Buffer.allocUnsafeSlow(SMALL_BYTES);
const decode = codec.decode.bind(codec) as (bytes: Uint8Array, end?: number) => unknown;

/** What `encodeValue` made `bytes` from. Only for bytes that it made in this OS process; nothing is checked. */
export function decodeValue(bytes: Uint8Array): unknown {
  if (isGivenAway(bytes)) return decodeReferring(bytes);
  if (bytes.length > SMALL_BYTES) return decode(bytes);
  small.set(bytes);
  return decode(small, bytes.length);
}

function decodeReferring(bytes: Uint8Array): unknown {
  mayRefer = true;
  try {
    return decode(bytes);
  } finally {
    mayRefer = false;
  }
}

/**
 * What `encodeValue` of another OS process made `bytes` from. Takes time and memory in proportion to the
 * bytes: at most some 100 bytes of memory for each, and never more than {@link MAX_OBJECTS} objects. Not
 * defended against: numbers and bigints chosen so that their hashes collide as keys of one Map or Set.
 * @throws ProtocolError (`ERR_LIMINAL_PROTOCOL`) and nothing else, whatever the bytes are.
 */
export function decodeUntrusted(bytes: Uint8Array): unknown {
  checkCbor(bytes);
  try {
    return decodeValue(bytes);
  } catch (cause) {
    throw new ProtocolError('bad value', `value cannot be decoded: ${String(cause)}`, { cause });
  }
}

let objects = 0;
/** Of long binary data in the value that is being encoded. */
let longBytes = 0;
/** Whether what is being decoded may refer to the bytes. */
let mayRefer = false;

/** Only says that the value is to be refused; `checkPortable` then finds the place. */
function refuse(what: string): never {
  throw new NotPortableError('', what);
}

/** `value`, or what is to be encoded in its place. */
function standIn(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      if (!isWellFormed(value)) refuse('half of a surrogate pair');
      return startsWithMark(value) ? new Tag(`.${value}`, VALUE_TAG.markedText) : value;
    case 'number':
      return value === 0 && Object.is(value, -0) ? NEGATIVE_ZERO : value;
    case 'boolean':
    case 'undefined':
      return value;
    case 'bigint':
      return BigInt.asIntN(64, value) === value ? value : largeBigInt(value);
    case 'object':
      return value === null ? null : standInForObject(value, depth + 1);
    default:
      return refuse(`a ${typeof value}`);
  }
}

const NEGATIVE_ZERO = new Tag(0, VALUE_TAG.negativeZero);

function largeBigInt(value: bigint): Tag {
  if (!isBigIntInBounds(value)) refuse('a bigint out of bounds');
  return new Tag(value.toString(16), VALUE_TAG.bigInt);
}

function standInForObject(value: object, depth: number): unknown {
  if (depth > MAX_DEPTH) refuse('nested too deep');
  objects += 1;
  if (objects > MAX_OBJECTS) refuse('too many objects');
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype) return standInForFields(value as Record<string, unknown>, depth);
  if (prototype === Array.prototype) return standInForArray(value as unknown[], depth);
  if (prototype === null) return standInForFields({ ...value }, depth);
  if (prototype === Map.prototype) return standInForMap(value as Map<unknown, unknown>, depth);
  if (prototype === Set.prototype) return standInForSet(value as Set<unknown>, depth);
  if (value instanceof Error) return standInForError(value, depth);
  const fault = faultOfLeaf(value, prototype);
  if (fault !== undefined) refuse(fault);
  const { byteLength: bytes = 0 } = value as { readonly byteLength?: number };
  if (bytes >= LONG_BYTES) longBytes += bytes;
  if (prototype === Buffer.prototype) {
    const { buffer, byteOffset, byteLength } = value as Buffer;
    return new Uint8Array(buffer, byteOffset, byteLength);
  }
  if (value instanceof ArrayBuffer) return new Tag(Buffer.from(value), VALUE_TAG.arrayBuffer);
  if (value instanceof Date && Math.abs(value.getTime()) > MAX_SECONDS_DATE) {
    return new Tag(value.getTime(), VALUE_TAG.date);
  }
  return value;
}

/** Up to here, in milliseconds, a Date survives the division and multiplication by 1,000 of tag 1. */
const MAX_SECONDS_DATE = 2 ** 50;

function standInForFields(value: Record<string, unknown>, depth: number): unknown {
  let result = value;
  let hasIndexes = false;
  for (const key in value) {
    const first = key.charCodeAt(0);
    if (first < 0x61 || first > 0x7a) {
      if (faultOfKey(key) !== undefined) refuse('a key');
      if (isIndex(key)) hasIndexes = true;
    } else if (!isWellFormed(key)) refuse('a key');
    const item = value[key];
    // The usual kinds come first, without a call.
    if (typeof item === 'number' ? item !== 0 : typeof item === 'boolean') continue;
    const itemIn = standIn(item, depth);
    if (!Object.is(itemIn, item)) {
      if (result === value) result = { ...value };
      result[key] = itemIn;
    }
  }
  return hasIndexes ? new Tag(Object.entries(result).flat(1), VALUE_TAG.indexedObject) : result;
}

/** Whether `key` may be an array index, for which engines set memory aside ahead of need. */
function isIndex(key: string): boolean {
  return key.length <= 10 && /^\d+$/.test(key);
}

function standInForArray(value: unknown[], depth: number): unknown {
  let result = value;
  for (let index = 0; index < value.length; index++) {
    const item = value[index];
    if (item === undefined && !(index in value)) refuse('a hole');
    const itemIn = standIn(item, depth);
    if (!Object.is(itemIn, item)) {
      if (result === value) result = value.slice();
      result[index] = itemIn;
    }
  }
  return result;
}

function standInForMap(value: Map<unknown, unknown>, depth: number): unknown {
  const result = new Map();
  for (const [key, item] of value) result.set(standIn(key, depth), standIn(item, depth));
  return result;
}

function standInForSet(value: Set<unknown>, depth: number): unknown {
  const result = new Set();
  for (const item of value) result.add(standIn(item, depth));
  return result;
}

function standInForError(error: Error, depth: number): Tag {
  const { name, message, stack, code, cause } = portableError(error);
  const parts: unknown[] = [name, message, stack];
  if (code !== undefined || Object.hasOwn(error, 'cause')) parts.push(code);
  if (Object.hasOwn(error, 'cause')) parts.push(cause);
  return new Tag(standInForArray(parts, depth), VALUE_TAG.error);
}

/** Registers how the content of a tag becomes a value. Without a class, cbor-x asks only when it decodes. */
function onTag<T>(tag: number, decodeContent: (content: T) => unknown): void {
  addExtension({ tag, decode: decodeContent } as unknown as Parameters<typeof addExtension>[0]);
}

onTag(VALUE_TAG.negativeZero, () => -0);

onTag(VALUE_TAG.bigInt, (hex: string) => (hex.startsWith('-') ? -BigInt(`0x${hex.slice(1)}`) : BigInt(`0x${hex}`)));

onTag(VALUE_TAG.arrayBuffer, copyOf);

/** Binary data in memory of its own. */
function copyOf(bytes: Uint8Array): ArrayBufferLike {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
}

type BinaryType = {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, at?: number, length?: number): unknown;
};

/** Typed arrays with their tags (RFC 8746), of which those from 68 on stand for the order of little-endian machines. */
const BINARY_TYPES: readonly (readonly [number, BinaryType])[] = [
  [64, Uint8Array],
  [68, Uint8ClampedArray],
  [69, Uint16Array],
  [70, Uint32Array],
  [71, BigUint64Array],
  [72, Int8Array],
  [77, Int16Array],
  [78, Int32Array],
  [79, BigInt64Array],
  [85, Float32Array],
  [86, Float64Array],
];

for (const [tag, Type] of BINARY_TYPES) {
  const itemBytes = Type.BYTES_PER_ELEMENT;
  // The other order cbor-x copies item by item.
  const native = itemBytes === 1 || endianness() === 'LE' ? tag : tag - 4;
  onTag(native, (bytes: Uint8Array) => {
    const { buffer, byteOffset: at, length } = bytes;
    const isView = mayRefer && length >= LONG_BYTES && at % itemBytes === 0;
    return isView ? new Type(buffer, at, length / itemBytes) : new Type(copyOf(bytes));
  });
}

onTag(VALUE_TAG.markedText, (text: string) => text.slice(1));

onTag(VALUE_TAG.date, (ms: number) => new Date(ms));

onTag(VALUE_TAG.indexedObject, (entries: readonly unknown[]) => {
  const object: Record<string, unknown> = {};
  // Touching the greatest index makes the engine keep indexes in a hash table instead of an array.
  object[4_294_967_294] = 0;
  delete object[4_294_967_294];
  for (let at = 0; at + 1 < entries.length; at += 2) {
    const key = entries[at];
    if (typeof key !== 'string' || key === '__proto__') throw new TypeError('bad key of an object');
    object[key] = entries[at + 1];
  }
  return object;
});

const ERROR_CLASSES: ReadonlyMap<unknown, ErrorConstructor> = new Map(
  [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((type) => [type.name, type]),
);

onTag(VALUE_TAG.error, (parts: readonly unknown[]) => {
  const [name, message, stack, code, cause] = parts;
  if (typeof name !== 'string' || typeof message !== 'string') throw new TypeError('bad error');
  if (stack !== undefined && typeof stack !== 'string') throw new TypeError('bad stack of an error');
  const error = withoutStack(() => new (ERROR_CLASSES.get(name) ?? Error)(message));
  if (error.name !== name) define(error, 'name', name);
  define(error, 'stack', stack);
  if (code !== undefined) Object.assign(error, { code });
  if (parts.length > 4) define(error, 'cause', cause);
  return error;
});

/** Runs `make` while errors do not record where they are made, which costs much and is overwritten here. */
function withoutStack(make: () => Error): Error {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = before;
  }
}

function define(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false });
}
