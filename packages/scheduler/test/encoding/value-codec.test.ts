import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { checkPortable, isWellFormed, MAX_DEPTH, startsWithMark } from '../../src/encoding/portable.js';
import { decodeUntrusted, decodeValue, encodeValue } from '../../src/encoding/value-codec.js';
import { NotPortableError } from '../../src/errors.js';
import { OneWay } from '../threads/thread-way.js';

const thread = new OneWay();
afterAll(() => thread.close());

/** The value after it went through bytes, by way of the guard, without it, and to another thread. */
function roundTrip(value: unknown): unknown {
  checkPortable(value);
  const bytes = encodeValue(value);
  const trusted = decodeValue(bytes);
  expect(decodeUntrusted(bytes)).toStrictEqual(trusted);
  expect(thread.pass(value)).toStrictEqual(trusted);
  return trusted;
}

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) {
    value = [[value], { inner: value }, new Map([['k', value]]), new Set([value])][level % 4];
  }
  return value;
}

const long = 'x'.repeat(100);
const exact: readonly [name: string, value: unknown][] = [
  ['null', null],
  ['undefined', undefined],
  ['booleans', [true, false]],
  ['whole numbers', [0, 1, 23, 24, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53, 1e300]],
  ['negative numbers', [-1, -24, -25, -256, -257, -65_537, -(2 ** 31), -(2 ** 31) - 1, -(2 ** 32), -(2 ** 32) - 1]],
  ['fractions', [0.1, -0.5, 5e-324, 1.7976931348623157e308]],
  ['-0, NaN and infinities', [-0, 0, Number.NaN, Infinity, -Infinity]],
  ['-0 alone', -0],
  ['-0 in an object, beside other values', { a: 1, b: -0, c: [-0], d: new Map([['z', -0]]) }],
  ['small bigints', [0n, 1n, -1n, 2n ** 32n, 2n ** 63n - 1n, -(2n ** 63n)]],
  [
    'bigints around 64 bits',
    [2n ** 63n, 2n ** 64n - 1n, 2n ** 64n, -(2n ** 63n) - 1n, -(2n ** 64n), -(2n ** 64n) - 1n],
  ],
  ['large bigints', [2n ** 4096n + 12_345n, -(2n ** 4096n) - 12_345n, 2n ** 524_288n - 1n]],
  ['text', ['', 'a', 'é', 'ünï𝒸ødé 漢字 😀', '\0', long, `${long}é`, '漢'.repeat(30_000)]],
  ['text that begins with a byte order mark', ['\ufeff', `\ufeff\ufeff${long}`, { a: `\ufeff${long}` }]],
  ['text with a byte order mark within', `a\ufeff${long}`],
  ['arrays', [[], [[]], [1, [2, [3]]], Array.from({ length: 300 }, (_, index) => index)]],
  ['an array with undefined in it', [undefined, 1, undefined]],
  ['an object with undefined in it', { a: undefined }],
  ['objects', { a: 1, b: { c: 'd' }, '': 0, constructor: 1, toString: 'x', hasOwnProperty: null, __proto: 1 }],
  ['keys like indexes', { 0: 'a', 1000: { 7: 'b' }, '01': 'c', 4294967294: 'd', 4294967295: 'e', '99999999999': 'f' }],
  ['an object of many keys', Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`key${index}`, index]))],
  ['a Map', new Map<unknown, unknown>([['a', 1], [1, 'b'], [null, {}], [-5n, [1]], [Number.NaN, -0]])], // biome-ignore format: pairs
  ['a Map with objects for keys', new Map([[{ a: 1 }, new Map([[[1], { b: 2 }]])]])],
  ['an object within a Map within an object', { m: new Map([['o', { p: new Map([['q', { r: 1 }]]) }]]), s: { t: 1 } }],
  ['an empty Map and Set', [new Map(), new Set()]],
  ['a Set', new Set<unknown>(['a', 1, { b: 1 }, new Set([2]), 2n ** 80n, '\ufeff'])],
  ['Dates', [new Date(0), new Date(1), new Date(1_700_000_000_123), new Date(-1), new Date(-62_135_596_800_001)]],
  [
    'the last and first of Dates',
    [new Date(8.64e15), new Date(-8.64e15), new Date(8.64e15 - 1), new Date(2 ** 50 + 1)],
  ],
  ['RegExps', [/a+b/giu, /(?:)/, /\/\n[\u{1f600}]/uy, /^(?<year>\d{4})$/dms]],
  ['an ArrayBuffer', new Uint8Array([1, 2, 3]).buffer],
  ['an empty ArrayBuffer', { buffer: new ArrayBuffer(0) }],
  ['a Uint8Array', { bytes: new Uint8Array([1, 2, 255]), none: new Uint8Array(0) }],
  ['a Uint8ClampedArray', new Uint8ClampedArray([1, 255])],
  ['arrays of 16 bits', [new Int16Array([-1, 2 ** 14]), new Uint16Array([65_535])]],
  ['arrays of 32 bits', [new Int32Array([-1]), new Uint32Array([2 ** 32 - 1]), new Float32Array([0.5, -0])]],
  ['arrays of 64 bits', [new BigInt64Array([-1n]), new BigUint64Array([2n ** 64n - 1n]), new Float64Array([0.1, NaN])]],
  ['an Int8Array', new Int8Array([-128, 127])],
  ['a view into a larger buffer', new Uint16Array(new ArrayBuffer(64), 6, 3).fill(7)],
  ['a binary of more than a block', new Uint8Array(17_000).fill(3)],
];

describe('a value through bytes', () => {
  test.each(exact)('is the same: %s', (_, value) => {
    const arrived = roundTrip(value);
    expect(isDeepStrictEqual(arrived, value)).toBe(true);
    expect(roundTrip([{ inner: value }])).toStrictEqual([{ inner: value }]);
  });

  const taken: readonly [name: string, value: unknown, as: unknown][] = [
    ['a Buffer for a Uint8Array', Buffer.from('abc'), new Uint8Array([97, 98, 99])],
    ['a Buffer in an array', [Buffer.from('a')], [new Uint8Array([97])]],
    ['an object without a prototype for a plain one', Object.assign(Object.create(null), { a: -0 }), { a: -0 }],
  ];
  test.each(taken)('is taken in its plain form: %s', (_, value, as) => {
    expect(isDeepStrictEqual(roundTrip(value), as)).toBe(true);
  });

  test('keeps the class, name, message, code, cause and stack of an error', () => {
    const cause = new RangeError('inner', { cause: { detail: -0 } });
    const error = Object.assign(new TypeError('outer', { cause }), { code: 'ERR_X' });
    const arrived = roundTrip({ error }) as { error: TypeError & { code: string; cause: RangeError } };
    expect(arrived.error).toBeInstanceOf(TypeError);
    expect(ownProperties(arrived.error)).toStrictEqual(ownProperties(error));
    expect(arrived.error.cause).toBeInstanceOf(RangeError);
    expect(arrived.error.cause.stack).toBe(cause.stack);
    expect(arrived.error.cause.cause).toStrictEqual({ detail: -0 });
  });

  test('gives an error of another class the name that it had', () => {
    const { name, message, code, stack } = new NotPortableError('.a', 'odd');
    const arrived = roundTrip(new NotPortableError('.a', 'odd')) as NotPortableError;
    expect(Object.getPrototypeOf(arrived)).toBe(Error.prototype);
    expect({ name: arrived.name, message: arrived.message, code: arrived.code }).toStrictEqual({ name, message, code });
    expect(arrived.stack?.split('\n')[0]).toBe(stack?.split('\n')[0]);
    const aborted = roundTrip(new DOMException('gone', 'AbortError')) as Error & { code: number };
    expect([aborted.name, aborted.message, aborted.code]).toStrictEqual(['AbortError', 'gone', 20]);
  });

  test('tells a cause that is undefined from none, and takes an error without a stack', () => {
    const plain = new Error('a');
    delete plain.stack;
    expect(Object.hasOwn(roundTrip(plain) as Error, 'cause')).toBe(false);
    expect((roundTrip(plain) as Error).stack).toBeUndefined();
    expect(Object.hasOwn(roundTrip(new Error('a', { cause: undefined })) as Error, 'cause')).toBe(true);
    expect(Object.hasOwn(roundTrip(new Error('a', { cause: undefined })) as Error, 'code')).toBe(false);
  });

  test('leaves the limit of stack traces as it was', () => {
    const before = Error.stackTraceLimit;
    Error.stackTraceLimit = 7;
    roundTrip(new Error('a'));
    expect(Error.stackTraceLimit).toBe(7);
    Error.stackTraceLimit = before;
  });

  test('carries 64 levels of every kind of nesting', () => {
    const value = nested(MAX_DEPTH);
    expect(roundTrip(value)).toStrictEqual(value);
  });

  test('leaves what it was given as it was', () => {
    const value = Object.freeze({ a: Object.freeze([-0, Buffer.from('a')]), map: new Map([['k', -0]]), 7: 1 });
    encodeValue(value);
    expect(Object.is(value.a[0], -0)).toBe(true);
    expect(Buffer.isBuffer(value.a[1])).toBe(true);
    expect(Object.is(value.map.get('k'), -0)).toBe(true);
  });

  const text = fc.string({ unit: 'binary' }).filter(isWellFormed);
  const key = fc
    .oneof(text, fc.string({ maxLength: 4 }), fc.nat().map(String))
    .filter((value) => value !== '__proto__' && !startsWithMark(value));
  const leaf = fc.oneof(
    fc.constantFrom(null, undefined, true, false, -0, Number.NaN, Infinity, -Infinity),
    fc.integer(),
    fc.double(),
    fc.bigInt(),
    text,
    // Node.js 20 takes no two invalid dates for the same; there is a test of them by themselves.
    fc.date({ noInvalidDate: true }),
    fc.uint8Array(),
    fc.float64Array(),
    fc.bigInt64Array(),
    fc.int16Array(),
    fc.uint8Array().map((bytes) => bytes.slice().buffer),
    fc.tuple(fc.stringMatching(/^[a-z0-9.*]{1,8}$/), fc.constantFrom('', 'g', 'iu')).map(([source, flags]) => {
      return new RegExp(source.replace(/\*+/g, '.'), flags);
    }),
  );
  const { value: portable } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4, withCrossShrink: true }, leaf, tie('array'), tie('object'), tie('map'), tie('set')),
    array: fc.array(tie('value'), { maxLength: 6 }),
    object: fc.dictionary(key, tie('value'), { maxKeys: 6, noNullPrototype: true }),
    map: fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((entries) => new Map(entries)),
    set: fc.array(tie('value'), { maxLength: 4 }).map((items) => new Set(items)),
  }));

  test('is an invalid date where it was one', () => {
    const bytes = encodeValue(new Date(Number.NaN));
    for (const arrived of [decodeValue(bytes), decodeUntrusted(bytes), thread.pass(new Date(Number.NaN))])
      expect(arrived).toEqual(new Date(Number.NaN));
  });

  test('is the same, whatever portable value it is', () => {
    fc.assert(
      fc.property(portable, (value) => {
        checkPortable(value);
        const bytes = encodeValue(value);
        const ways = [decodeValue(bytes), decodeUntrusted(bytes), thread.pass(value)];
        return ways.every((arrived) => isDeepStrictEqual(arrived, value));
      }),
      { numRuns: 2000 },
    );
  });
});

/** Each property with its value and whether a loop sees it; how V8 keeps a stack differs between versions. */
function ownProperties(error: Error): unknown {
  return Object.entries(Object.getOwnPropertyDescriptors(error))
    .map(([key, { enumerable }]) => [key, enumerable, Reflect.get(error, key)])
    .sort();
}

describe('encodeValue', () => {
  const refused: readonly [name: string, value: unknown, path: string][] = [
    ['a function', { a: [() => {}] }, '.a[0]'],
    ['a symbol', new Map([['k', Symbol('s')]]), '.get("k")'],
    ['an instance of a class', [new (class Odd {})()], '[0]'],
    ['a key of __proto__', JSON.parse('[{"__proto__":{"polluted":1}}]'), '[0].__proto__'],
    ['shared memory', { a: new Uint8Array(new SharedArrayBuffer(1)) }, '.a'],
    ['a DataView', new DataView(new ArrayBuffer(1)), ''],
    ['65 levels', nested(MAX_DEPTH + 1), expect.any(String)],
    ['half of a surrogate pair', { a: '\ud800' }, '.a'],
    ['half of a surrogate pair in a key', { 'a\ud800': 1 }, '["a\\ud800"]'],
    ['half of a surrogate pair in a RegExp', [RegExp(String.fromCharCode(0xd800))], '[0]'],
    ['a hole in an array', Object.assign([], { length: 1 }), '[0]'],
    ['a bigint of more than 64 KiB', [1n << 600_000n], '[0]'],
    ['a function for the code of an error', Object.assign(new Error('x'), { code: () => {} }), '.code'],
  ];
  test.each(refused)('refuses %s and names the place', (_, value, path) => {
    const refusal = expect.objectContaining({ code: 'ERR_LIMINAL_NOT_PORTABLE', path });
    expect(() => encodeValue(value)).toThrow(refusal);
    expect(() => thread.pass(value)).toThrow(refusal);
  });

  test('is as good as new after a refusal', () => {
    expect(() => encodeValue([1, 2, () => {}])).toThrow(NotPortableError);
    expect(decodeValue(encodeValue({ a: 1 }))).toStrictEqual({ a: 1 });
  });

  test('refuses, with a named error, what changes while it is read', () => {
    let reads = 0;
    const fickle = { get field() { return ++reads === 1 ? 1 : () => {}; } }; // biome-ignore format: one line
    expect(() => encodeValue(fickle)).toThrow(NotPortableError);
  });

  test('returns bytes that no later call changes, small and large in turn', () => {
    const values = Array.from({ length: 2000 }, (_, index) => ({
      index,
      text: `${index}`.repeat(index % 97 === 0 ? 20_000 : (index % 7) * 100),
    }));
    const encoded = values.map((value) => encodeValue(value));
    const copies = encoded.map((bytes) => bytes.slice());
    for (const value of values) encodeValue(value);
    expect(encoded.every((bytes, index) => Buffer.compare(bytes, copies[index] as Uint8Array) === 0)).toBe(true);
    expect(encoded.map((bytes) => decodeValue(bytes))).toStrictEqual(values);
  });

  test('keeps at most 16 KiB alive beside the bytes that it returns', () => {
    for (const size of [1, 1000, 5000, 20_000, 100_000, 3_000_000, 10]) {
      const bytes = encodeValue({ text: 'é'.repeat(size) });
      expect(bytes.buffer.byteLength - bytes.length).toBeLessThanOrEqual(16 * 1024);
    }
  });
});

describe('decodeValue', () => {
  test('gives binary data memory of its own', () => {
    const sizes = [10, 5000];
    for (const size of sizes) {
      const message = { a: new Uint8Array(size).fill(1), b: new Float64Array(2).fill(1), c: new ArrayBuffer(size) };
      const bytes = encodeValue(message);
      const decoded = decodeValue(bytes) as typeof message;
      bytes.fill(0);
      decodeValue(encodeValue({ other: 'message '.repeat(size) }));
      expect(decoded).toStrictEqual(message);
      expect([decoded.a, decoded.b].map(({ buffer, byteLength }) => buffer.byteLength - byteLength)).toEqual([0, 0]);
    }
  });

  test('leaves the decoder of an application alone', async () => {
    const { decode } = await import('cbor-x');
    expect(decode(Buffer.from('c24101', 'hex'))).toBe(1n);
    expect(decode(Buffer.from('d84041ff', 'hex'))).toStrictEqual(new Uint8Array([255]));
  });
});
