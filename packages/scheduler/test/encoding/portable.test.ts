import { describe, expect, test } from 'vitest';
import {
  checkPortable,
  freezeMessage,
  MAX_DEPTH,
  MAX_OBJECTS,
  MAX_REGEXP_LENGTH,
} from '../../src/encoding/portable.js';
import { NotPortableError } from '../../src/errors.js';

function refusal(value: unknown): { path: string; message: string } {
  try {
    checkPortable(value);
  } catch (error) {
    if (error instanceof NotPortableError) return { path: error.path, message: error.message };
    throw error;
  }
  return { path: 'accepted', message: 'accepted' };
}

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { inner: value };
  return value;
}

class Order {
  readonly total = 1;
}
class Money extends Array<number> {}
class Bytes extends Uint8Array {}

function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(8);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

function viewOfDetached(): Uint8Array {
  const view = new Uint8Array(8);
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
}

function withHole(): number[] {
  const array = [1, 2, 3];
  delete array[1];
  return array;
}

const cyclic: Record<string, unknown> = {};
cyclic['self'] = cyclic;

describe('checkPortable', () => {
  const refused: readonly [name: string, value: unknown, path: string, what: RegExp][] = [
    ['a function', () => {}, '', /a function/],
    ['a symbol', Symbol('s'), '', /a symbol/],
    ['a function deep inside', { orders: [1, 2, 3, { callback: () => {} }] }, '.orders[3].callback', /a function/],
    ['a function under an odd key', { 'a b': { 1: () => {} } }, '["a b"]["1"]', /a function/],
    ['a function in a Map', { index: new Map([['x', { f: () => {} }]]) }, '.index.get("x").f', /a function/],
    ['a function for a key of a Map', new Map([[() => {}, 1]]), '.keys()[0]', /a function/],
    ['a function in a Set', new Set([1, () => {}]), '[1]', /a function/],
    ['a function for the cause of an error', new Error('x', { cause: () => {} }), '.cause', /a function/],
    ['an instance of a class', { order: new Order() }, '.order', /instance of class Order/],
    ['an instance of a class without a name', new (class {})(), '', /without a name/],
    ['a subclass of Array', Money.of(1), '', /class Money/],
    ['a subclass of Uint8Array', new Bytes(1), '', /a Bytes/],
    ['a promise', [Promise.resolve()], '[0]', /class Promise/],
    ['a WeakMap', new WeakMap(), '', /class WeakMap/],
    ['a DataView', new DataView(new ArrayBuffer(1)), '', /a DataView/],
    ['shared memory', { memory: new SharedArrayBuffer(8) }, '.memory', /shared memory/],
    ['a view of shared memory', new Int32Array(new SharedArrayBuffer(8)), '', /shared memory/],
    ['a detached buffer', detached(), '', /detached/],
    ['a view of a detached buffer', viewOfDetached(), '', /detached/],
    [
      'a getter',
      {
        get now() {
          return 1;
        },
      },
      '.now',
      /a getter/,
    ],
    ['a setter', { set now(_: number) {} }, '.now', /a setter/],
    ['a hidden property', Object.defineProperty({}, 'hidden', { value: 1 }), '', /hidden/],
    ['a symbol for a key', { [Symbol('key')]: 1 }, '', /symbol/],
    ['a key of __proto__', JSON.parse('{"a":{"__proto__":1}}'), '.a.__proto__', /prototype/],
    ['a key with half of a surrogate pair', { 'a\ud800': 1 }, '["a\\ud800"]', /plain text/],
    ['a key that begins with a byte order mark', { '\ufeffa': 1 }, '["\ufeffa"]', /plain text/],
    ['half of a surrogate pair', ['\udc00'], '[0]', /surrogate/],
    ['a hole in an array', withHole(), '[1]', /a hole/],
    ['an array with named properties', /a/.exec('a'), '', /named properties/],
    ['a cycle', cyclic, '.self'.repeat(MAX_DEPTH), /nested in itself/],
    ['nesting beyond 64 levels', nested(MAX_DEPTH + 1), nestedPath(), /64 levels/],
    ['more than 64 KiB of bigint', 1n << 524_288n, '', /64 KiB/],
    ['more than 64 KiB of negative bigint', -(1n << 524_288n), '', /64 KiB/],
    ['an endless RegExp', new RegExp('a'.repeat(MAX_REGEXP_LENGTH + 1)), '', /RegExp/],
    ['more objects than a message may hold', Array.from({ length: MAX_OBJECTS }, () => []), '[999999]', /objects/],
  ];

  test.each(refused)('refuses %s', (_, value, path, what) => {
    const { path: found, message } = refusal(value);
    expect(found).toBe(path);
    expect(message).toMatch(what);
    expect(message).toContain(`message${path} is`);
  });

  test('lets pass everything in the portable set', () => {
    const everything = [
      [null, undefined, true, 0, -0, Number.NaN, -Infinity, 2n ** 200n, '', 'ünï𝒸ødé', '\ufeffmark'],
      { nested: { plain: Object.assign(Object.create(null), { a: 1 }) }, '': 0, 1000: 'index' },
      new Map<unknown, unknown>([[{ any: 'key' }, new Set([1, [2]])]]),
      [new Date(0), new Date(Number.NaN), /a+/giu, new ArrayBuffer(0), new Uint8Array(0), Buffer.from('x')],
      [new BigInt64Array(1), new Float64Array(1), new TypeError('t', { cause: new RangeError('r') })],
      new DOMException('gone', 'AbortError'),
      nested(MAX_DEPTH - 1),
    ];
    expect(() => checkPortable(everything)).not.toThrow();
  });

  test('takes an object that is met twice for two, not for a cycle', () => {
    const shared = { a: 1 };
    expect(() => checkPortable([shared, shared, { shared }])).not.toThrow();
  });

  test('still sees a fault inside an object that its owner froze', () => {
    expect(refusal(Object.freeze({ open: { callback: () => {} } })).path).toBe('.open.callback');
  });
});

function nestedPath(): string {
  // 65 levels, an array outermost: the last one, which is refused, stands in the 64th.
  return Array.from({ length: MAX_DEPTH }, (_, level) => (level % 2 === 0 ? '[0]' : '.inner')).join('');
}

describe('freezeMessage', () => {
  test('freezes in place, as deep as the value goes', () => {
    const leaf = { a: 1 };
    const cause = { b: 1 };
    const message = { list: [leaf], map: new Map([[leaf, [1]]]), error: new Error('x', { cause }), none: null };
    const entry = message.map.get(leaf);
    expect(freezeMessage(message)).toBe(message);
    for (const part of [message, message.list, leaf, message.map, entry, message.error, cause]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
    expect(() => Object.assign(leaf, { a: 2 })).toThrow(TypeError);
  });

  test('goes through what is frozen already, down to what is not', () => {
    const open = { a: 1 };
    freezeMessage(Object.freeze([new Set([open])]));
    expect(Object.isFrozen(open)).toBe(true);
  });

  test('leaves typed arrays, which cannot be frozen, as they are', () => {
    const message = freezeMessage({ bytes: new Uint8Array([1]), buffer: Buffer.from('a') });
    message.bytes[0] = 2;
    expect(message.bytes[0]).toBe(2);
    expect(Object.isFrozen(message)).toBe(true);
  });

  test('gives primitives back', () => {
    expect([1, 'a', null, undefined, -0].map((value) => freezeMessage(value))).toEqual([1, 'a', null, undefined, -0]);
  });

  test('returns from a value that refers to itself in many ways', () => {
    const tangle: unknown[] = [];
    tangle.push(tangle, tangle, tangle);
    freezeMessage(tangle);
    expect(Object.isFrozen(tangle)).toBe(true);
  });

  test('remembers a large message, whose second check and freeze cost nothing', () => {
    const message = freezeMessage(Array.from({ length: 1000 }, (_, index) => ({ index })));
    checkPortable(message);
    let reads = 0;
    const watched = new Proxy([...message], {
      get(target, key, receiver) {
        reads += 1;
        return Reflect.get(target, key, receiver);
      },
    });
    freezeMessage(watched);
    const before = reads;
    checkPortable(watched);
    freezeMessage(watched);
    expect(reads).toBe(before);
  });
});
