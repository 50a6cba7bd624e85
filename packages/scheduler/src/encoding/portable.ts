/**
 * The portable set: what a message may be made of, so that it looks alike in the same thread, in another
 * thread and on another node. It is null, undefined, booleans, numbers, bigints, well-formed strings, dense
 * arrays, plain objects, Map, Set, Date, RegExp, ArrayBuffer, typed arrays and Error, nested in one another.
 *
 * Beyond the boundary of a thread some things take their plain form: a Buffer arrives as a Uint8Array, an
 * object without a prototype as one with it, and an error of another class as an `Error` of the same name
 * that has kept name, message, code, cause and stack. An object that is met twice arrives as two.
 *
 * Refused, with the path to it: functions, symbols, instances of classes, getters and setters, array holes,
 * DataView (send its bytes), proxies, shared memory, detached buffers, cycles and whatever is nested too deep.
 */
import { types } from 'node:util';
import { NotPortableError } from '../errors.js';

/** Arrays, objects, maps, sets and errors may be nested so deep in one another. */
export const MAX_DEPTH = 64;

/** A message holds at most so many arrays, objects and other things that are not primitive. */
export const MAX_OBJECTS = 1_000_000;

/** The longest source of a RegExp, in characters. */
export const MAX_REGEXP_LENGTH = 16_384;

/** The longest bigint, in hexadecimal digits: 64 KiB. */
export const MAX_BIGINT_DIGITS = 131_072;

/** To negate it at each use would make 64 KiB of garbage each time. */
const MAX_BIGINT = 1n << BigInt(4 * MAX_BIGINT_DIGITS);
const MIN_BIGINT = -MAX_BIGINT;

/** Below it a walk is cheaper than remembering that the walk was made. */
const REMEMBERED_OBJECTS = 32;

/** The prototypes of the typed arrays that are portable. A Buffer is taken for the Uint8Array that it is. */
const VIEW_PROTOTYPES: ReadonlySet<unknown> = new Set([
  Buffer.prototype,
  Int8Array.prototype,
  Uint8Array.prototype,
  Uint8ClampedArray.prototype,
  Int16Array.prototype,
  Uint16Array.prototype,
  Int32Array.prototype,
  Uint32Array.prototype,
  BigInt64Array.prototype,
  BigUint64Array.prototype,
  Float32Array.prototype,
  Float64Array.prototype,
]);

/** What is wrong, and the way to it, which the walk completes as it returns. */
interface Fault {
  readonly what: string;
  path: string;
}

let objects = 0;

/**
 * Refuses what is not portable. It sees more than an encoder can afford to: proxies, getters and setters, hidden
 * and symbol keys, and named properties of arrays.
 * @throws NotPortableError (`ERR_LIMINAL_NOT_PORTABLE`) with the path, for instance `.orders[3].callback`.
 */
export function checkPortable(value: unknown): void {
  if (typeof value === 'object' && value !== null && frozen.has(value)) return;
  objects = 0;
  const fault = faultIn(value, 0);
  if (fault !== undefined) throw new NotPortableError(fault.path, fault.what);
}

/** Large messages that were frozen through and through, and so need no second walk when they are sent on. */
const frozen = new WeakSet<object>();

/**
 * Freezes a portable value in place, as deep as it goes, and returns it. The entries of a Map or Set, the
 * time of a Date and the elements of an ArrayBuffer or typed array cannot be frozen.
 */
export function freezeMessage<T>(value: T): T {
  if (typeof value !== 'object' || value === null || frozen.has(value)) return value;
  objects = 0;
  freeze(value, 0);
  if (objects >= REMEMBERED_OBJECTS) frozen.add(value);
  return value;
}

function freeze(value: object, depth: number): void {
  objects += 1;
  if (ArrayBuffer.isView(value) || depth > MAX_DEPTH || objects > MAX_OBJECTS) return;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' && item !== null) freeze(item, depth + 1);
  } else if (value instanceof Map) {
    for (const [key, item] of value) {
      if (typeof key === 'object' && key !== null) freeze(key, depth + 1);
      if (typeof item === 'object' && item !== null) freeze(item, depth + 1);
    }
  } else if (value instanceof Set) {
    for (const item of value) if (typeof item === 'object' && item !== null) freeze(item, depth + 1);
  } else if (value instanceof Error) {
    const { cause } = value;
    if (typeof cause === 'object' && cause !== null) freeze(cause, depth + 1);
  } else {
    for (const key in value) {
      const item = (value as Record<string, unknown>)[key];
      if (typeof item === 'object' && item !== null) freeze(item, depth + 1);
    }
  }
  Object.freeze(value);
}

function faultIn(value: unknown, depth: number): Fault | undefined {
  switch (typeof value) {
    case 'string':
      return isWellFormed(value) ? undefined : fault('a string with half of a surrogate pair');
    case 'number':
    case 'boolean':
    case 'undefined':
      return undefined;
    case 'bigint':
      return isBigIntInBounds(value) ? undefined : fault('a bigint of more than 64 KiB');
    case 'object':
      return value === null ? undefined : faultInObject(value, depth + 1);
    default:
      return fault(`a ${typeof value}`);
  }
}

function faultInObject(value: object, depth: number): Fault | undefined {
  if (depth > MAX_DEPTH) return fault(`nested in itself, or more than ${MAX_DEPTH} levels deep`);
  objects += 1;
  if (objects > MAX_OBJECTS) return fault(`part of more than ${MAX_OBJECTS} objects`);
  if (types.isProxy(value)) return fault('a Proxy');
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) {
    return faultInFields(value as Record<string, unknown>, depth);
  }
  if (prototype === Array.prototype) return faultInArray(value as unknown[], depth);
  if (prototype === Map.prototype) return faultInMap(value as Map<unknown, unknown>, depth);
  if (prototype === Set.prototype) return faultInItems([...(value as Set<unknown>)], depth);
  if (value instanceof Error) return faultInError(value, depth);
  const what = faultOfLeaf(value, prototype);
  return what === undefined ? undefined : fault(what);
}

/**
 * What is wrong with something that holds no other messages: a Date, a RegExp, a buffer, or else an instance
 * of a class, which is wrong in itself.
 */
export function faultOfLeaf(value: object, prototype: unknown): string | undefined {
  if (VIEW_PROTOTYPES.has(prototype)) return faultOfBuffer((value as Uint8Array).buffer);
  if (prototype === Date.prototype) return undefined;
  if (prototype === ArrayBuffer.prototype) return faultOfBuffer(value as ArrayBuffer);
  if (prototype === RegExp.prototype) return faultOfRegExp(value as RegExp);
  if (ArrayBuffer.isView(value)) return `a ${className(value)}`;
  if (value instanceof SharedArrayBuffer) return 'shared memory';
  return `an instance of class ${className(value)}`;
}

function faultOfBuffer(buffer: ArrayBufferLike): string | undefined {
  if (Object.getPrototypeOf(buffer) === SharedArrayBuffer.prototype) return 'shared memory';
  if (buffer.byteLength > 0) return undefined;
  try {
    // The one way that Node 20 has to tell a detached buffer from an empty one.
    new Uint8Array(buffer);
    return undefined;
  } catch {
    return 'a detached buffer';
  }
}

function faultOfRegExp({ source }: RegExp): string | undefined {
  if (source.length > MAX_REGEXP_LENGTH) return `a RegExp of more than ${MAX_REGEXP_LENGTH} characters`;
  return isWellFormed(source) && !startsWithMark(source) ? undefined : 'a RegExp whose source is not plain text';
}

function faultInFields(value: Record<string, unknown>, depth: number): Fault | undefined {
  const keys = Object.keys(value);
  for (const key of keys) {
    const what = faultOfKey(key);
    if (what !== undefined) return fault(what, segment(key));
    const descriptor = Object.getOwnPropertyDescriptor(value, key);
    if (descriptor !== undefined && descriptor.get !== undefined) return fault('a getter', segment(key));
    if (descriptor !== undefined && descriptor.set !== undefined) return fault('a setter', segment(key));
    const found = faultIn(descriptor?.value, depth);
    if (found !== undefined) return within(segment(key), found);
  }
  if (Object.getOwnPropertyNames(value).length !== keys.length) return fault('an object with hidden properties');
  if (Object.getOwnPropertySymbols(value).length > 0) return fault('an object with a symbol for a key');
  return undefined;
}

/** What is wrong with the key of a plain object. A key cannot be escaped, as a value can. */
export function faultOfKey(key: string): string | undefined {
  if (key === '__proto__') return 'a property that would be a prototype elsewhere';
  return isWellFormed(key) && !startsWithMark(key) ? undefined : 'a property whose name is not plain text';
}

function faultInArray(value: unknown[], depth: number): Fault | undefined {
  const found = faultInItems(value, depth);
  if (found !== undefined) return found;
  return Object.keys(value).length === value.length ? undefined : fault('an array with named properties');
}

function faultInItems(items: unknown[], depth: number): Fault | undefined {
  for (let index = 0; index < items.length; index++) {
    const item = items[index];
    if (item === undefined && !(index in items)) return fault('a hole in an array', `[${index}]`);
    const found = faultIn(item, depth);
    if (found !== undefined) return within(`[${index}]`, found);
  }
  return undefined;
}

function faultInMap(value: Map<unknown, unknown>, depth: number): Fault | undefined {
  let index = 0;
  for (const [key, item] of value) {
    const inKey = faultIn(key, depth);
    if (inKey !== undefined) return within(`.keys()[${index}]`, inKey);
    const found = faultIn(item, depth);
    if (found !== undefined) return within(`.get(${describeKey(key, index)})`, found);
    index += 1;
  }
  return undefined;
}

function faultInError(error: Error, depth: number): Fault | undefined {
  for (const [part, content] of Object.entries(portableError(error))) {
    const found = faultIn(content, depth);
    if (found !== undefined) return within(`.${part}`, found);
  }
  return undefined;
}

/** What of an error travels. `cause` and `code` are there only where the error has them. */
export interface PortableError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly code?: unknown;
  readonly cause?: unknown;
}

export function portableError(error: Error): PortableError {
  return {
    name: String(error.name),
    message: String(error.message),
    stack: error.stack === undefined ? undefined : String(error.stack),
    ...('code' in error && { code: error.code }),
    ...(Object.hasOwn(error, 'cause') && { cause: error.cause }),
  };
}

export function isBigIntInBounds(value: bigint): boolean {
  return value < MAX_BIGINT && value > MIN_BIGINT;
}

/** Whether every surrogate of `text` has its other half. Costs nothing for text of 8-bit characters. */
export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}

/** Whether `text` begins with a byte order mark, which text decoders take off. */
export function startsWithMark(text: string): boolean {
  return text.charCodeAt(0) === 0xfeff;
}

function className(value: object): string {
  const type = value.constructor;
  return typeof type === 'function' && type.name !== '' ? type.name : 'without a name';
}

function segment(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

function describeKey(key: unknown, index: number): string {
  if (typeof key === 'string') return JSON.stringify(key);
  return typeof key === 'object' && key !== null ? `entry ${index}` : String(key);
}

function fault(what: string, path = ''): Fault {
  return { what, path };
}

function within(path: string, found: Fault): Fault {
  found.path = path + found.path;
  return found;
}
