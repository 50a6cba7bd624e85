/**
 * One table of messages over all three paths: to a process of the same thread, of another thread and of another
 * node, over a real connection. What arrives looks alike, what is refused is refused alike, and what was sent
 * cannot be changed any more, neither here nor there.
 */
import { types } from 'node:util';
import { type AttachedProcess, type LiminalNode, type Pid, startNode } from 'liminal-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COOKIE, until } from './support/cluster.js';
import { changeDeepest, type Description, describer, describeValue } from './support/describer.js';

const PATHS = ['same thread', 'other thread', 'other node'] as const;

let here: LiminalNode;
let there: LiminalNode;
let self: AttachedProcess;
const receivers: Pid[] = [];

beforeAll(async () => {
  here = await startNode({ name: 'here@127.0.0.1', cookie: COOKIE, threads: 1 });
  there = await startNode({ name: 'there@127.0.0.1', cookie: COOKIE, threads: 0, seeds: [here.listen ?? ''] });
  await until('both nodes are connected', () =>
    [here, there].every(({ distribution }) => distribution.sessions().length === 1),
  );
  self = here.attach();
  const [thread] = here.scheduler.threads;
  receivers.push(
    await here.spawn(describer, [self.pid], { thread: 'home' }),
    await here.spawn(describer, [self.pid], { thread: thread ?? 'home' }),
    await there.spawn(describer, [self.pid]),
  );
  expect(thread).toBeDefined();
});
afterAll(async () => {
  self.close();
  await there[Symbol.asyncDispose]();
  await here[Symbol.asyncDispose]();
});

/** What each of the three receivers says of a message, which is made anew for each. */
async function sendOverAll(make: () => unknown): Promise<Description[]> {
  const said: Description[] = [];
  for (const receiver of receivers) {
    self.send(receiver, make());
    said.push(await self.receive<Description>());
  }
  return said;
}

function detached<T extends ArrayBuffer | Uint8Array>(value: T): T {
  const buffer = value instanceof ArrayBuffer ? value : (value.buffer as ArrayBuffer);
  structuredClone(buffer, { transfer: [buffer] });
  return value;
}

function withStack<T extends Error>(error: T): T {
  return Object.defineProperty(error, 'stack', { value: `${error.name}: ${error.message}\n    at a test` });
}

class Order {
  readonly total = 1;
}

class OrderError extends Error {
  override readonly name = 'OrderError';
}

const cyclic: { name: string; self?: unknown } = { name: 'cyclic' };
cyclic.self = { again: [cyclic] };

/** What arrives as it was sent, everywhere. */
const alike: Readonly<Record<string, () => unknown>> = {
  null: () => null,
  undefined: () => undefined,
  booleans: () => [true, false],
  numbers: () => [0, -0, 1, -1, 0.1, 2 ** 53, 5e-324, Number.NaN, Infinity, -Infinity],
  bigints: () => [0n, -1n, 2n ** 63n, -(2n ** 64n), 2n ** 4096n],
  strings: () => ['', 'a', 'ünï𝒸ødé 漢字 😀', '\0', '\ufeffmark', 'x'.repeat(70_000)],
  arrays: () => [[], [[1, [2]]], [undefined, null]],
  'plain objects': () => ({ a: { b: { c: [1, { d: undefined }] } }, '': 0, 7: 'index', constructor: 1 }),
  'a Map with any keys': () => new Map<unknown, unknown>([['a', { b: 1 }], [{ k: [1] }, new Map([[-1n, null]])]]), // biome-ignore format: pairs
  'a Set': () => new Set<unknown>(['a', { b: 1 }, new Set([2])]),
  Dates: () => [new Date(0), new Date(-1), new Date(1_700_000_000_123), new Date(8.64e15), new Date(Number.NaN)],
  'a RegExp': () => [/a+(?<b>c)/giu, /^$/],
  'an ArrayBuffer': () => [Uint8Array.of(1, 2, 3).buffer, new ArrayBuffer(0)],
  'typed arrays': () => [
    Int8Array.of(-1),
    Uint8Array.of(255),
    Uint8ClampedArray.of(255),
    Int16Array.of(-2),
    Uint16Array.of(3),
    Int32Array.of(-4),
    Uint32Array.of(5),
    Float32Array.of(0.5),
    Float64Array.of(-0, Number.NaN),
    BigInt64Array.of(-6n),
    BigUint64Array.of(7n),
  ],
  'binary data that is long': () => ({
    before: 'b',
    bytes: new Uint8Array(300_000).fill(7, 299_999),
    reals: new Float64Array(10_000).fill(0.5, 9_999),
    buffer: new Uint8Array(70_000).fill(1).buffer,
    after: 'a',
  }),
  'errors of the language': () =>
    [new Error('e'), new TypeError('t'), new RangeError('r')].map((error) => withStack(error)),
  'an error with code and cause': () =>
    withStack(
      Object.assign(new Error('outer', { cause: { why: withStack(new SyntaxError('inner')) } }), { code: 'E_OUT' }),
    ),
  'one object in two places': () => {
    const shared = { a: 1 };
    return [shared, { shared }];
  },
  'a pid': () => here.scheduler.root,
};

/** What takes its plain form where it leaves its thread. */
const plain: Readonly<Record<string, readonly [sent: () => unknown, arrives: () => unknown]>> = {
  'a Buffer': [() => [Buffer.from('ab')], () => [Uint8Array.of(97, 98)]],
  'an object without a prototype': [() => Object.assign(Object.create(null), { a: 1 }), () => ({ a: 1 })],
  'an error of a class': [
    () => ({ error: withStack(new OrderError('late')) }),
    () => ({ error: withStack(Object.assign(new Error('late'), { name: 'OrderError' })) }),
  ],
};

/** What is refused, the path to it, and what the error calls it. */
const refused: Readonly<Record<string, readonly [make: () => unknown, path: string, what: RegExp]>> = {
  'a function': [() => ({ orders: [1, { callback: () => {} }] }), '.orders[1].callback', /a function/],
  'an instance of a class': [() => ({ order: new Order() }), '.order', /an instance of class Order/],
  'a symbol': [() => [Symbol('s')], '[0]', /a symbol/],
  'a symbol for a key': [() => ({ [Symbol('key')]: 1 }), '', /a symbol for a key/],
  'a WeakMap': [() => ({ cache: new WeakMap() }), '.cache', /WeakMap/],
  'a WeakRef': [() => ({ ref: new WeakRef({}) }), '.ref', /WeakRef/],
  'a Proxy': [() => ({ a: [new Proxy({ plain: true }, {})] }), '.a[0]', /a Proxy/],
  'a cycle': [() => ({ c: cyclic }), `.c${'.self.again[0]'.repeat(21)}`, /nested in itself/],
  'a detached ArrayBuffer': [() => ({ bytes: detached(new ArrayBuffer(8)) }), '.bytes', /a detached buffer/],
  'a view of a detached ArrayBuffer': [() => ({ bytes: detached(new Uint8Array(8)) }), '.bytes', /a detached buffer/],
  'a SharedArrayBuffer': [() => ({ memory: new SharedArrayBuffer(8) }), '.memory', /shared memory/],
  'a view of a SharedArrayBuffer': [() => [new Int32Array(new SharedArrayBuffer(8))], '[0]', /shared memory/],
  'a Promise': [() => ({ later: Promise.resolve(1) }), '.later', /Promise/],
  'a getter': [() => ({ at: { get now() { return 1; } } }), '.at.now', /a getter/], // biome-ignore format: a row
  'a hidden property': [() => ({ o: Object.defineProperty({}, 'hidden', { value: 1 }) }), '.o', /hidden/],
  'a hole in an array': [() => Object.assign([1], { 2: 3 }), '[1]', /a hole/],
  'a function for a key of a Map': [() => new Map([[() => {}, 1]]), '.keys()[0]', /a function/],
  'a function in a Map': [() => new Map([['x', { f: () => {} }]]), '.get("x").f', /a function/],
  'half of a surrogate pair': [() => ({ text: '\ud800' }), '.text', /surrogate/],
};

describe('a message that looks alike to its receiver on every path (capability 9)', () => {
  test.each(Object.entries(alike))('%s', async (_, make) => {
    const looks = describeValue(make());
    expect((await sendOverAll(make)).map((said) => said.looks)).toEqual([looks, looks, looks]);
  });

  test.each(Object.entries(plain))('%s, which has its plain form beyond its thread', async (_, [make, arrives]) => {
    const [sent, arrived] = [describeValue(make()), describeValue(arrives())];
    expect((await sendOverAll(make)).map((said) => said.looks)).toEqual([sent, arrived, arrived]);
  });

  test('holds every kind of value that structured clone has and a message may have', () => {
    const made = Object.values(alike).map((make) => make());
    const kinds = [types.isMap, types.isSet, types.isRegExp, types.isArrayBuffer, types.isNativeError];
    for (const isKind of kinds) expect(made.flat().some((value) => isKind(value))).toBe(true);
  });
});

describe.each(PATHS.map((path, index) => [path, index] as const))('to a process of the %s', (_, index) => {
  const receiver = (): Pid => receivers[index] as Pid;

  test.each(Object.entries(refused))(
    '%s is refused where it is sent, by its path (failures F16, F17)',
    async (_name, [make, path, what]) => {
      const refusal = (() => {
        try {
          self.send(receiver(), make());
        } catch (error) {
          return error;
        }
        return undefined;
      })();
      expect(refusal).toMatchObject({ code: 'ERR_LIMINAL_NOT_PORTABLE', path, message: expect.stringMatching(what) });
      // Nothing of it is on its way: the next message is the first to arrive.
      self.send(receiver(), 'next');
      expect(await self.receive<Description>()).toMatchObject({ looks: "'next'" });
    },
  );

  test('it is refused and frozen alike by trySend and by offer', async () => {
    const proxy = { a: [new Proxy({}, {})] };
    const refusal = { code: 'ERR_LIMINAL_NOT_PORTABLE', path: '.a[0]' };
    expect(() => self.trySend(receiver(), proxy)).toThrow(expect.objectContaining(refusal));
    await expect(self.offer(receiver(), proxy)).rejects.toMatchObject(refusal);
    const [tried, offered] = [{ by: { way: 'trySend' } }, { by: { way: 'offer' } }];
    self.trySend(receiver(), tried);
    await self.offer(receiver(), offered);
    for (const message of [tried, offered]) {
      expect(changeDeepest(message)).toBe('TypeError');
      expect(await self.receive<Description>()).toEqual({ looks: describeValue(message), change: 'TypeError' });
    }
  });

  test('A8: what was sent cannot be changed afterwards, by its sender or its receiver', async () => {
    const message = { order: { lines: [{ id: 1 }] }, more: new Map([['k', { v: 1 }]]) };
    self.send(receiver(), message);
    expect(changeDeepest(message)).toBe('TypeError');
    expect(() => message.order.lines.push({ id: 2 })).toThrow(TypeError);
    expect(() => Object.assign(message.more.get('k') ?? {}, { v: 2 })).toThrow(TypeError);
    const { looks, change } = await self.receive<Description>();
    expect(looks).toBe(describeValue({ order: { lines: [{ id: 1 }] }, more: new Map([['k', { v: 1 }]]) }));
    expect(change).toBe('TypeError');
  });
});
