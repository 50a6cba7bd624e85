/** The memory of long messages, which is used again once nobody refers to it. */
import { isDeepStrictEqual } from 'node:util';
import { beforeEach, expect, test } from 'vitest';
import { hold, JoinedBytes, join, LONG_BYTES, letGo } from '../../src/encoding/long-bytes.js';
import { KEPT_MS, LongMemory, MAX_KEPT_BYTES } from '../../src/encoding/long-memory.js';
import { decodeValue, encodeValue } from '../../src/encoding/value-codec.js';
import { createVirtualEnvironment, type VirtualEnvironment } from '../../src/testing/virtual-environment.js';

let environment: VirtualEnvironment;
let memory: LongMemory;
beforeEach(() => {
  environment = createVirtualEnvironment();
  memory = new LongMemory(environment);
});

const long = (fill: number, length = LONG_BYTES): Uint8Array => new Uint8Array(length).fill(fill);

test('is that of the message before, once all who hold it have let go, and not while one of them has not', () => {
  const first = memory.encode({ bytes: long(1) });
  const held = join(Buffer.from('head'), first.bytes, first.loan);
  hold(held);
  first.loan?.letGo();
  const second = memory.encode({ bytes: long(2) });
  expect(second.bytes.buffer).not.toBe(first.bytes.buffer);
  expect(isDeepStrictEqual(decodeValue((held as JoinedBytes).tail), { bytes: long(1) })).toBe(true);
  letGo(held);
  const third = memory.encode({ bytes: long(3) });
  expect(third.bytes.buffer).toBe(first.bytes.buffer);
  expect(isDeepStrictEqual(decodeValue(third.bytes), { bytes: long(3) })).toBe(true);
  expect(isDeepStrictEqual(decodeValue(second.bytes), { bytes: long(2) })).toBe(true);
});

test('is let go once by each holder: more, or to hold it afterwards, is an error', () => {
  const { loan } = memory.encode(long(1));
  loan?.letGo();
  expect(() => loan?.letGo()).toThrow('more often');
  expect(() => loan?.hold()).toThrow('not lent');
});

test('is kept for a moment only, and of several only that of the last', async () => {
  const [one, other] = [memory.encode(long(1)), memory.encode(long(2, 2 * LONG_BYTES))];
  one.loan?.letGo();
  other.loan?.letGo();
  expect(memory.keptBytes).toBe(other.bytes.buffer.byteLength);
  await environment.advance(KEPT_MS - 1);
  expect(memory.keptBytes).toBeGreaterThan(0);
  // Used, and let go once more: it is kept for as long again.
  memory.encode(long(3, 2 * LONG_BYTES)).loan?.letGo();
  await environment.advance(KEPT_MS - 1);
  expect(memory.keptBytes).toBeGreaterThan(0);
  await environment.advance(1);
  expect(memory.keptBytes).toBe(0);
});

test('is used only for a message that needs most of it, and not for one that it is too short for', () => {
  const { bytes, loan } = memory.encode(long(1, 8 * LONG_BYTES));
  loan?.letGo();
  for (const length of [LONG_BYTES, 9 * LONG_BYTES]) {
    expect(memory.encode(long(2, length)).bytes.buffer).not.toBe(bytes.buffer);
  }
  const shorter = memory.encode(long(3, 7 * LONG_BYTES));
  expect(shorter.bytes.buffer).toBe(bytes.buffer);
  expect(isDeepStrictEqual(decodeValue(shorter.bytes), long(3, 7 * LONG_BYTES))).toBe(true);
});

test('is neither lent for a short message nor kept of one that is longer than may be', () => {
  expect(memory.encode('short').loan).toBeUndefined();
  expect(memory.encode(long(1, LONG_BYTES - 1)).loan).toBeUndefined();
  expect(memory.encode(new Uint8Array(MAX_KEPT_BYTES)).loan).toBeUndefined();
  expect(memory.keptBytes).toBe(0);
});

test('is lent for nothing that outgrows it, or that is refused, and the codec has memory of its own afterwards', () => {
  const text = 'x'.repeat(100_000);
  const outgrown = memory.encode([long(1), text]);
  expect(outgrown.loan).toBeUndefined();
  expect(() => memory.encode([long(2), () => {}])).toThrow('a function');
  memory.encode(long(3, LONG_BYTES + 50_000)).loan?.letGo();
  memory.encode(long(4)).loan?.letGo();
  const others = Array.from({ length: 100 }, (_, at) => encodeValue([at, 'short'.repeat(50)]));
  memory.encode(long(5, LONG_BYTES + 50_000)).loan?.letGo();
  expect(isDeepStrictEqual(decodeValue(outgrown.bytes), [long(1), text])).toBe(true);
  expect(others.map((bytes) => (decodeValue(bytes) as unknown[])[0])).toEqual(others.map((_, at) => at));
});

test('bytes that are not lent are held and let go without anything coming of it', () => {
  const bytes = new JoinedBytes(Buffer.from('head'), long(1));
  hold(bytes);
  letGo(bytes);
  letGo(bytes);
  letGo(long(1));
  expect(memory.keptBytes).toBe(0);
});
