import { proxy, transferHandlers } from 'comlink';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isToClient, isToObject } from '../../src/remote-objects/object-message.js';
import {
  decodeArgs,
  decodeOutcome,
  encodeArgs,
  encodeResult,
  encodeThrown,
  isProxiedItem,
  itemOf,
  proxiedItem,
  revive,
} from '../../src/remote-objects/object-values.js';
import { isProxied, isRemote, objectBehind } from '../../src/remote-objects/proxied.js';

const PID = 'a@h#1.0.7';

test('arguments and results arrive as they were, each with the handler that made it', () => {
  const items = [
    { value: 1 },
    { value: { a: [new Date(3)] } },
    proxiedItem(PID as never),
    { value: 'x', handler: 'own' },
  ];
  const arrived = decodeArgs(encodeArgs(items));
  expect(arrived).toEqual(items);
  expect(arrived.map(isProxiedItem)).toEqual([false, false, true, false]);
  expect(decodeArgs(encodeArgs([]))).toEqual([]);
  for (const item of items) expect(decodeOutcome(encodeResult(item))).toEqual({ result: item });
});

test('whatever is thrown can be told, without the cause where that cannot be sent', () => {
  expect(decodeOutcome(encodeThrown(undefined))).toEqual({ thrown: undefined });
  const error = Object.assign(new RangeError('far', { cause: () => {} }), { code: 'E_FAR' });
  const told = decodeOutcome(encodeThrown(error)) as { thrown: Error };
  expect(told.thrown).toMatchObject({ name: 'RangeError', message: 'far', code: 'E_FAR', stack: error.stack });
  expect(told.thrown).not.toHaveProperty('cause');
  const hostile = new Proxy(new Error('x'), {
    get: () => {
      throw new Error('cannot be read');
    },
  });
  expect(decodeOutcome(encodeThrown(hostile))).toMatchObject({ thrown: { name: 'Thrown' } });
});

test('whatever message a peer sends, it is told apart without a throw', () => {
  const mostly = (valid: fc.Arbitrary<unknown>, other: fc.Arbitrary<unknown> = fc.anything()) =>
    fc.oneof({ arbitrary: valid, weight: 9 }, { arbitrary: other, weight: 1 });
  const message = fc.record({
    signal: mostly(fc.constantFrom('request', 'client', 'release', 'answer', 'object')),
    from: mostly(fc.constant(PID)),
    pid: mostly(fc.constant(PID)),
    type: mostly(fc.constantFrom('GET', 'SET', 'APPLY', 'CONSTRUCT'), fc.constantFrom('ENDPOINT', 'toString')),
    id: mostly(fc.string({ minLength: 1, maxLength: 60 })),
    path: mostly(fc.array(fc.string()), fc.array(fc.anything(), { minLength: 1 })),
    args: mostly(fc.uint8Array()),
    result: mostly(fc.uint8Array()),
  });
  fc.assert(
    fc.property(fc.oneof(message, fc.anything()), (sent) => {
      if (isToObject(sent)) {
        expect(sent.from).toBe(PID);
        if (sent.signal === 'request') expect(sent.path.every((name) => typeof name === 'string')).toBe(true);
      } else if (isToClient(sent) && sent.signal === 'answer' && !('refused' in sent)) {
        expect(sent.result).toBeInstanceOf(Uint8Array);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('a handler that is not there is named, and those of comlink itself cannot be asked for', () => {
  for (const handler of ['throw', 'proxy', 'nothing']) {
    expect(() => revive({ value: { isError: false }, handler })).toThrow(`no transfer handler "${handler}"`);
  }
  class Celsius {
    readonly degrees = 21;
  }
  transferHandlers.set('celsius', {
    canHandle: (value): value is Celsius => value instanceof Celsius,
    serialize: (value) => [(value as Celsius).degrees, []],
    deserialize: (value) => `${value} degrees`,
  });
  expect(itemOf(new Celsius())).toEqual({ value: 21, handler: 'celsius' });
  expect(revive({ value: 21, handler: 'celsius' })).toBe('21 degrees');
  transferHandlers.delete('celsius');
});

test('a marked object is known by the port that comlink makes of it, and a port of others is refused', () => {
  const object = proxy({ a: 1 });
  expect([isProxied(object), isProxied({ a: 1 }), isProxied(null), isRemote(() => {})]).toEqual([
    true,
    false,
    false,
    false,
  ]);
  const [port] = transferHandlers.get('proxy')?.serialize(object) ?? [];
  expect(objectBehind(port)).toBe(object);
  const { port1 } = new MessageChannel();
  expect(() => objectBehind(port1)).toThrow('send a pid');
  port1.close();
});
