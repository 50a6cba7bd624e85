import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MAX_SHAPE_KEYS, MAX_SHAPES } from '../../src/encoding/shapes.js';
import { writeMessage } from '../../src/threads/parcel.js';
import { OneWay } from '../threads/thread-way.js';

let way: OneWay;
beforeEach(() => {
  way = new OneWay();
});
afterEach(() => way.close());

const refused = expect.objectContaining({ code: 'ERR_LIMINAL_NOT_PORTABLE' });

describe('messages to another thread', () => {
  test('of the same shape arrive alike from the first to the last', () => {
    for (let n = 0; n < 100; n++) {
      const message = { n, text: `${n} é`, inner: { at: new Date(n), list: [n, { n }] } };
      expect(way.pass(message)).toStrictEqual(message);
      expect(Object.keys(way.pass(message) as object)).toEqual(['n', 'text', 'inner']);
    }
  });

  test('of more shapes than are kept arrive, and those of the first ones again', () => {
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 2 * MAX_SHAPES + 10; n++) {
        const message = { [`key${n}`]: n, other: { [`inner${n}`]: 'text' } };
        expect(way.pass(message)).toStrictEqual(message);
      }
    }
  });

  test('arrive after one that was refused in the midst of new shapes, with a full table too', () => {
    for (let n = 0; n < MAX_SHAPES + 20; n++) {
      expect(() => way.pass({ [`key${n}`]: { [`inner${n}`]: 1, bad: () => {} } })).toThrow(refused);
      const message = { [`key${n}`]: { [`other${n}`]: n } };
      expect([way.pass(message), way.pass(message)]).toStrictEqual([message, message]);
    }
  });

  test('of as many keys as a shape has, and of one more, arrive', () => {
    for (const count of [MAX_SHAPE_KEYS, MAX_SHAPE_KEYS + 1]) {
      const message = Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n]));
      expect([way.pass(message), way.pass(message)]).toStrictEqual([message, message]);
    }
  });

  test('are what they were when they were sent', () => {
    const message = { list: [1], bytes: new Uint8Array(100), map: new Map([['a', { b: 1 }]]) };
    const arrived: unknown[] = [];
    writeMessage(way.outbox, 1, message);
    message.list.push(2);
    message.bytes.fill(7);
    message.map.clear();
    way.deliver({ message: (_serial, value) => void arrived.push(value) });
    expect(arrived).toStrictEqual([{ list: [1], bytes: new Uint8Array(100), map: new Map([['a', { b: 1 }]]) }]);
  });

  test('share no bytes that another message could change', () => {
    const passed = Array.from({ length: 200 }, (_, n) => way.pass(new Uint8Array(n + 1).fill(n)) as Uint8Array);
    for (const bytes of passed) bytes.fill(bytes[0] ?? 0);
    expect(passed.every((bytes, n) => bytes.length === n + 1 && bytes.every((byte) => byte === n))).toBe(true);
  });
});
