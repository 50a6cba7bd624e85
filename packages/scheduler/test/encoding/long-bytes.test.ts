import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { giveAway, headOf, inOnePiece, JoinedBytes, join, LONG_BYTES } from '../../src/encoding/long-bytes.js';
import {
  encodeMessage,
  encodeMessageToName,
  joinMessage,
  joinMessageToName,
  readHead,
} from '../../src/encoding/signal-codec.js';
import { decodeUntrusted, decodeValue, encodeValue } from '../../src/encoding/value-codec.js';

test('any part of joined bytes is what it is of both in one piece', () => {
  const part = fc.uint8Array({ maxLength: 12 });
  fc.assert(
    fc.property(part, part, fc.nat(24), fc.nat(24), (head, tail, one, other) => {
      const whole = Buffer.concat([head, tail]);
      const joined = new JoinedBytes(head, tail);
      const [start, end] = [Math.min(one, other, whole.length), Math.min(Math.max(one, other), whole.length)];
      expect(joined.length).toBe(whole.length);
      expect(Buffer.compare(joined.subarray(start, end), whole.subarray(start, end))).toBe(0);
    }),
  );
});

test('what is short is copied behind its head, what is long is not', () => {
  const head = Buffer.from('head');
  expect(join(head, new Uint8Array(LONG_BYTES - 1))).toBeInstanceOf(Uint8Array);
  const tail = new Uint8Array(LONG_BYTES);
  const joined = join(head, tail) as JoinedBytes;
  expect([joined.tail === tail, headOf(joined), inOnePiece(joined).length]).toEqual([true, head, LONG_BYTES + 4]);
});

test('a signal with a long message has the same bytes in two parts, and its head says the same', () => {
  const payload = encodeValue(new Uint8Array(LONG_BYTES).fill(1));
  const [to, from] = [
    { thread: 1, serial: 2 },
    { thread: 3, serial: 4 },
  ];
  const pairs = [
    [joinMessage(to, from, payload), encodeMessage(to, from, payload)],
    [joinMessageToName('name', from, payload), encodeMessageToName('name', from, payload)],
  ] as const;
  for (const [joined, whole] of pairs) {
    expect((joined as JoinedBytes).tail).toBe(payload);
    expect(Buffer.compare(inOnePiece(joined), whole)).toBe(0);
    expect(Buffer.compare(encodeValue(readHead(joined)), encodeValue(readHead(whole)))).toBe(0);
  }
});

describe('what is decoded', () => {
  const value = (): object => ({
    long: new Uint8Array(LONG_BYTES).fill(1),
    short: new Uint8Array(10).fill(2),
    reals: new Float64Array(LONG_BYTES / 8).fill(3),
    clamped: new Uint8ClampedArray(LONG_BYTES).fill(4),
    buffer: new Uint8Array(LONG_BYTES).fill(5).buffer,
  });
  const buffersOf = (decoded: unknown): Record<string, ArrayBufferLike> =>
    Object.fromEntries(
      Object.entries(decoded as Record<string, Uint8Array | ArrayBuffer>).map(([key, item]) => [
        key,
        ArrayBuffer.isView(item) ? item.buffer : item,
      ]),
    );

  test('refers to long binary data in bytes that were given away, and to nothing else in them', () => {
    for (const decode of [decodeValue, decodeUntrusted]) {
      const bytes = giveAway(encodeValue(value()));
      const decoded = decode(bytes);
      expect(isDeepStrictEqual(decoded, value())).toBe(true);
      const { long, short, clamped, buffer } = buffersOf(decoded);
      expect([long, short, clamped, buffer].map((each) => each === bytes.buffer)).toEqual([true, false, true, false]);
    }
  });

  test('refers to nothing in bytes that were not, nor in short ones', () => {
    const bytes = encodeValue(value());
    expect(isDeepStrictEqual(decodeValue(bytes), value())).toBe(true);
    expect(Object.values(buffersOf(decodeValue(bytes))).includes(bytes.buffer)).toBe(false);
    const short = giveAway(encodeValue(new Uint8Array(2_000)));
    expect((decodeValue(short) as Uint8Array).buffer).not.toBe(short.buffer);
  });

  test('stands where its items may, wherever the bytes have them', () => {
    for (let shift = 0; shift < 8; shift++) {
      const reals = new Float64Array(LONG_BYTES / 8).fill(0.1);
      const bytes = giveAway(encodeValue(['x'.repeat(shift), reals]));
      expect(isDeepStrictEqual(decodeValue(bytes), ['x'.repeat(shift), reals])).toBe(true);
    }
  });
});

test('a message with long binary data is encoded into memory of its own size', () => {
  const bytes = encodeValue({ bytes: new Uint8Array(3_000_000), others: [new Float32Array(100_000)] });
  expect(bytes.buffer.byteLength - bytes.length).toBeLessThanOrEqual(16 * 1_024);
  expect(encodeValue('short').buffer.byteLength).toBeLessThanOrEqual(16 * 1_024);
  expect(() => encodeValue([new Uint8Array(LONG_BYTES), () => {}])).toThrow('a function');
  expect(encodeValue('short').buffer.byteLength).toBeLessThanOrEqual(16 * 1_024);
});

describe('memory that is given for a value with long binary data', () => {
  let memory: ArrayBuffer;
  const allocate = (bytes: number): ArrayBuffer => {
    memory = new ArrayBuffer(bytes);
    return memory;
  };
  /** Whether it is as it was when more has been encoded. */
  function isLeftAlone(): boolean {
    const before = Buffer.from(memory.slice(0));
    encodeValue({ what: 'comes behind it' });
    return before.equals(Buffer.from(memory));
  }

  test('is what it is encoded into, and nothing that comes behind it', () => {
    expect(encodeValue(new Uint8Array(LONG_BYTES), allocate).buffer).toBe(memory);
    expect(isLeftAlone()).toBe(true);
  });

  test('is not written to any more where the value could not be encoded after all', () => {
    let reads = 0;
    const value = {
      bytes: new Uint8Array(LONG_BYTES),
      get changing() {
        if (reads++ === 0) return 1;
        throw new Error('not again');
      },
    };
    expect(() => encodeValue(value, allocate)).toThrow(expect.objectContaining({ code: 'ERR_LIMINAL_NOT_PORTABLE' }));
    expect(reads).toBeGreaterThan(1);
    expect(isLeftAlone()).toBe(true);
  });
});
