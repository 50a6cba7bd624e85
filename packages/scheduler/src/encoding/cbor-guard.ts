/**
 * Looks through CBOR that came from a peer before cbor-x may see it: cbor-x allocates what a header declares,
 * recurses as deep as the bytes ask, and knows more tags than are used here.
 *
 * One pass over the bytes, without recursion and without allocation. It lets pass exactly one item of what
 * `value-codec.ts` writes: definite lengths that fit into the bytes left, nesting to a fixed depth, a fixed
 * number of objects, the tags of that codec over what it puts under them, and text that is UTF-8. What it has
 * passed cbor-x decodes in time and memory in proportion to its length; a RegExp may still have bad syntax.
 */
import { isUtf8 } from 'node:buffer';
import { ProtocolError } from '../errors.js';
import { MAX_BIGINT_DIGITS, MAX_DEPTH, MAX_OBJECTS, MAX_REGEXP_LENGTH } from './portable.js';
import { VALUE_TAG } from './value-tags.js';

const UNSIGNED = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const TAG = 6;

/** The initial byte of text of up to 23 bytes, to which the length is added. */
const SHORT_TEXT = 0x60;

const FALSE = 0xf4;
const UNDEFINED = 0xf7;
const FLOAT64 = 0xfb;
const UINT32 = 0x1a;

/** Bytes per element of the typed array that a tag from 64 on stands for; 0 where the tag is not known. */
const ELEMENT_BYTES = [1, 2, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 0, 2, 4, 8, 0, 4, 8, 0, 0, 4, 8, 0];
const FIRST_VIEW_TAG = 64;

const PROTO = Buffer.from('__proto__');
const REGEXP = Buffer.from([0x83, 0x66, ...Buffer.from('RegExp')]);
const MAX_FLAGS = 16;

// The state of the pass, one at a time. `left` counts the items that a level still lacks, a map's keys and
// values each for one.
const left = new Float64Array(MAX_DEPTH + 1);
const isObject = new Uint8Array(MAX_DEPTH + 1);
let depth = 0;
let objects = 0;
let at = 0;
let end = 0;
let source: Uint8Array = new Uint8Array();

/**
 * Refuses bytes that are not one value as `encodeValue` writes it.
 * @throws ProtocolError (`ERR_LIMINAL_PROTOCOL`).
 */
export function checkCbor(bytes: Uint8Array): void {
  source = bytes;
  end = bytes.length;
  at = 0;
  depth = 0;
  objects = 0;
  left[0] = 1;
  isObject[0] = 0;
  try {
    checkItems();
  } finally {
    source = REGEXP;
  }
}

function checkItems(): void {
  const bytes = source;
  const stop = end;
  for (;;) {
    const lacking = left[depth] as number;
    if (lacking === 0) {
      if (depth === 0) break;
      depth -= 1;
      continue;
    }
    left[depth] = lacking - 1;
    // Short ASCII text takes a loop here and no call: most of a message is made of it.
    const start = at + 1;
    const next = start + (bytes[at] as number) - SHORT_TEXT;
    const isShortText = next >= start && next - start < 24 && next <= stop && isAscii(bytes, start, next);
    if (isObject[depth] === 1 && lacking % 2 === 0) {
      if (isShortText && startsWithLetter(bytes, start)) at = next;
      else checkKey();
    } else if (isShortText) at = next;
    else checkItem();
  }
  if (at < end) throw new ProtocolError('trailing bytes', `${end - at} bytes behind the value`);
}

function isAscii(bytes: Uint8Array, from: number, to: number): boolean {
  let bits = 0;
  for (let index = from; index < to; index++) bits |= bytes[index] as number;
  return bits < 0x80;
}

/** Text that does is neither `__proto__` nor an index. */
function startsWithLetter(bytes: Uint8Array, at: number): boolean {
  const first = bytes[at] as number;
  return first >= 0x61 && first <= 0x7a;
}

function checkItem(): void {
  const initial = readByte();
  const major = initial >> 5;
  switch (major) {
    case UNSIGNED:
    case NEGATIVE:
      if ((initial & 0x1f) === 27) skip(8);
      else readArgument(initial);
      return;
    case TEXT:
      checkText(readLength(initial));
      return;
    case ARRAY:
    case MAP:
      enter(major, readLength(initial), major === MAP);
      return;
    case TAG:
      checkTag(readArgument(initial));
      return;
    default:
      if (initial === FLOAT64) skip(8);
      else if (initial < FALSE || initial > UNDEFINED) unexpected(initial);
  }
}

function checkTag(tag: number): void {
  switch (tag) {
    case 1:
      checkDate();
      break;
    case 27:
      checkRegExp();
      break;
    case 258:
      enterSequence(0, Number.POSITIVE_INFINITY);
      break;
    case 259: {
      const initial = readByte();
      if (initial >> 5 !== MAP) unexpected(initial);
      enter(MAP, readLength(initial), false);
      break;
    }
    case VALUE_TAG.negativeZero:
      readExpected(0);
      break;
    case VALUE_TAG.bigInt:
      checkText(readLengthOf(TEXT, MAX_BIGINT_DIGITS + 1));
      break;
    case VALUE_TAG.arrayBuffer:
      countObject();
      skip(readLengthOf(BYTES, end));
      break;
    case VALUE_TAG.error:
      enterSequence(3, 5);
      break;
    case VALUE_TAG.markedText:
      checkText(readLengthOf(TEXT, end));
      break;
    case VALUE_TAG.indexedObject:
      enterSequence(2, Number.POSITIVE_INFINITY);
      break;
    case VALUE_TAG.date:
      countObject();
      readExpected(FLOAT64);
      skip(8);
      break;
    default:
      checkView(tag);
  }
}

function checkView(tag: number): void {
  const elementBytes = ELEMENT_BYTES[tag - FIRST_VIEW_TAG] ?? 0;
  if (elementBytes === 0) throw new ProtocolError('unknown tag', `tag ${tag} is not used`);
  countObject();
  const length = readLengthOf(BYTES, end);
  if (length % elementBytes !== 0) {
    throw new ProtocolError('bad length', `${length} bytes for elements of ${elementBytes}`);
  }
  skip(length);
}

function checkDate(): void {
  countObject();
  const initial = readByte();
  if (initial === UINT32) skip(4);
  else if (initial === FLOAT64) skip(8);
  else unexpected(initial);
}

function checkRegExp(): void {
  countObject();
  for (const byte of REGEXP) readExpected(byte);
  checkText(readLengthOf(TEXT, 3 * MAX_REGEXP_LENGTH));
  checkText(readLengthOf(TEXT, MAX_FLAGS));
}

function enterSequence(min: number, max: number): void {
  const initial = readByte();
  if (initial >> 5 !== ARRAY) unexpected(initial);
  const count = readLength(initial);
  if (count < min || count > max) throw new ProtocolError('bad count', `${count} items under a tag`);
  enter(ARRAY, count, false);
}

/** Goes one level down, into `count` items or pairs. Every item takes a byte at least. */
function enter(major: number, count: number, plainObject: boolean): void {
  countObject();
  const items = major === MAP ? count * 2 : count;
  if (items > end - at) throw new ProtocolError('bad count', `${items} items declared, ${end - at} bytes left`);
  if (depth === MAX_DEPTH) throw new ProtocolError('too deep', `nested more than ${MAX_DEPTH} levels deep`);
  depth += 1;
  left[depth] = items;
  isObject[depth] = plainObject ? 1 : 0;
}

function countObject(): void {
  objects += 1;
  if (objects > MAX_OBJECTS) throw new ProtocolError('too many objects', `more than ${MAX_OBJECTS} objects`);
}

/** The key of a plain object: text, not `__proto__`, and no array index, which has a tag of its own. */
function checkKey(): void {
  const length = readLengthOf(TEXT, end);
  const start = at;
  checkText(length);
  if (length === PROTO.length && PROTO.equals(source.subarray(start, at))) {
    throw new ProtocolError('bad key', 'an object with a key of __proto__');
  }
  if (length > 10 || length === 0) return;
  for (let index = start; index < at; index++) {
    const byte = source[index] as number;
    if (byte < 0x30 || byte > 0x39) return;
  }
  throw new ProtocolError('bad key', 'an object with an index for a key, and without the tag for it');
}

/** Beyond it a call into the runtime is cheaper than a loop. */
const LONG_TEXT = 48;

function checkText(length: number): void {
  const start = at;
  skip(length);
  if (length < LONG_TEXT && isAscii(source, start, at)) return;
  if (!isUtf8(source.subarray(start, at))) throw new ProtocolError('bad text', 'text is not UTF-8');
}

function readLengthOf(major: number, max: number): number {
  const initial = readByte();
  if (initial >> 5 !== major) unexpected(initial);
  const length = readLength(initial);
  if (length > max) throw new ProtocolError('too long', `${length} bytes; at most ${max}`);
  return length;
}

function readLength(initial: number): number {
  const length = readArgument(initial);
  if (length > end - at) throw new ProtocolError('truncated', `${length} bytes wanted, ${end - at} left`);
  return length;
}

/** The number that an initial byte brings with it; of 64 bits, and indefinite lengths, there are none. */
function readArgument(initial: number): number {
  const short = initial & 0x1f;
  if (short < 24) return short;
  const from = at;
  if (short === 24) {
    skip(1);
    return source[from] as number;
  }
  if (short === 25) {
    skip(2);
    return ((source[from] as number) << 8) | (source[from + 1] as number);
  }
  if (short !== 26) unexpected(initial);
  skip(4);
  return (
    (source[from] as number) * 0x1000000 +
    (((source[from + 1] as number) << 16) | ((source[from + 2] as number) << 8) | (source[from + 3] as number))
  );
}

function readByte(): number {
  if (at >= end) throw new ProtocolError('truncated', 'the value is cut short');
  return source[at++] as number;
}

function readExpected(byte: number): void {
  const found = readByte();
  if (found !== byte) unexpected(found);
}

function skip(length: number): void {
  if (length > end - at) throw new ProtocolError('truncated', `${length} bytes wanted, ${end - at} left`);
  at += length;
}

function unexpected(initial: number): never {
  throw new ProtocolError('unexpected item', `initial byte 0x${initial.toString(16)} is not used here`);
}
