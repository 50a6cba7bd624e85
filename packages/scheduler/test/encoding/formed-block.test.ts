import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteWriter } from '../../src/encoding/bytes.js';
import { FormedBlock, FormedBlockReader, FormedBlockWriter } from '../../src/encoding/formed-block.js';
import { MessageForm } from '../../src/encoding/message-form.js';
import { encodeValue } from '../../src/encoding/value-codec.js';

const form = new MessageForm({
  fields: { id: '', at: 0, from: 'me', body: null },
  own: { text: 'id', number: 'at', value: 'body' },
  prefix: 'a/',
});

const HEAD = Buffer.from('head');
const ROOM = 16_384;

interface Outcome {
  readonly messages: { id: string; at: number; from: string; body: unknown }[];
  readonly bytes: number[];
  readonly errors: unknown[];
}

/** What a thread makes of the block, given it in parts of so many messages. */
function read(bytes: Buffer, most = Number.POSITIVE_INFINITY, reader = new FormedBlockReader()): Outcome {
  const block = new FormedBlock(form, bytes, HEAD.length);
  const outcome: Outcome = { messages: [], bytes: [], errors: [] };
  const taker = {
    take(message: object, taken: number) {
      outcome.messages.push(message as never);
      outcome.bytes.push(taken);
    },
    refuse: (error: unknown) => void outcome.errors.push(error),
  };
  for (let at = block.start; at < bytes.length; ) {
    const end = block.endOf(at, most);
    reader.read(form, bytes, at, end, at === block.start, taker);
    at = end;
  }
  expect(outcome.messages.length + outcome.errors.length).toBe(block.count);
  return outcome;
}

function written(bodies: readonly unknown[], writer = new FormedBlockWriter()): Buffer {
  const bytes = new ByteWriter().raw(HEAD);
  writer.restart();
  for (const [serial, body] of bodies.entries()) {
    if (writer.add(bytes, serial, serial / 2, body, ROOM)) continue;
    expect(writer.addEncoded(bytes, serial, serial / 2, encodeValue(body), ROOM)).toBe(true);
  }
  return Buffer.from(bytes.take());
}

const expected = (bodies: readonly unknown[]): unknown[] =>
  bodies.map((body, serial) => ({ id: `a/${serial}`, at: serial / 2, from: 'me', body }));

const body = fc.oneof(
  fc.integer(),
  fc.string(),
  fc.record({ n: fc.nat(), text: fc.string() }),
  fc.array(fc.record({ deep: fc.option(fc.record({ x: fc.boolean() })) })),
  // For the other codec.
  fc.bigInt({ min: 2n ** 65n, max: 2n ** 70n }),
);

describe('a block of messages', () => {
  test('is what was written, however it is cut into parts, block after block', () => {
    const writer = new FormedBlockWriter();
    const reader = new FormedBlockReader();
    fc.assert(
      fc.property(fc.array(body, { minLength: 1, maxLength: 12 }), fc.integer({ min: 1, max: 13 }), (bodies, most) => {
        const { messages, errors } = read(written(bodies, writer), most, reader);
        expect(errors).toEqual([]);
        expect(messages).toEqual(expected(bodies));
        expect(messages.every((message) => Object.isFrozen(message) && Object.isFrozen(message.body))).toBe(true);
      }),
    );
  });

  test('tells the keys of an object once', () => {
    const text = 'a key that is some thirty bytes long';
    const one = written([{ [text]: 1 }]).length;
    expect(written([{ [text]: 1 }, { [text]: 2 }]).length - one).toBeLessThan(text.length);
  });

  test('takes nothing beyond its bound, and nothing of what it did not take', () => {
    const writer = new FormedBlockWriter();
    const bytes = new ByteWriter().raw(HEAD);
    expect(writer.add(bytes, 0, 0, { n: 1 }, ROOM)).toBe(true);
    const { length } = bytes;
    expect(writer.add(bytes, 1, 1, { other: 'x'.repeat(ROOM) }, ROOM)).toBe(false);
    expect(writer.add(bytes, 1, 1, { other: () => {} }, ROOM)).toBe(false);
    expect(writer.addEncoded(bytes, 1, 1, new Uint8Array(ROOM), ROOM)).toBe(false);
    expect(bytes.length).toBe(length);
    expect(writer.add(bytes, 1, 0.5, { other: 2 }, ROOM)).toBe(true);
    expect(read(Buffer.from(bytes.take())).messages).toEqual(expected([{ n: 1 }, { other: 2 }]));
  });

  test('with a value that is none costs that one and those that rely on it, and no more', () => {
    const bytes = written([1, { n: 1 }, { n: 2 }, 'x', 5n ** 90n, 2]);
    const starts = [HEAD.length];
    for (const each of read(bytes).bytes) starts.push((starts.at(-1) as number) + each);
    const fault = (at: number): Outcome => {
      const damaged = Buffer.from(bytes);
      damaged[(starts[at] as number) + 17] = 0x9f;
      return read(damaged, 2);
    };
    expect(fault(0).messages.map(({ id }) => id)).toEqual(['a/1', 'a/2', 'a/3', 'a/4', 'a/5']);
    expect(fault(1).messages.map(({ id }) => id)).toEqual(['a/0', 'a/3', 'a/4', 'a/5']);
    expect(fault(4).messages.map(({ id }) => id)).toEqual(['a/0', 'a/1', 'a/2', 'a/3', 'a/5']);
    const unknown = Buffer.from(bytes);
    unknown[starts[3] as number] = 7;
    expect(read(unknown).errors).toMatchObject([{ reason: 'unknown kind' }]);
    const short = Buffer.from(bytes);
    // A value of two bytes that is one.
    short[(starts[3] as number) + 17] = 1;
    expect(read(short).errors).toMatchObject([{ reason: 'trailing bytes' }]);
  });

  test('that relies on what another block has told is refused, message by message', () => {
    const reader = new FormedBlockReader();
    const whole = written([{ n: 1 }, { n: 2 }]);
    expect(read(whole, 1, reader).errors).toEqual([]);
    const second = new FormedBlock(form, whole, HEAD.length).endOf(HEAD.length, 1);
    const { errors } = read(Buffer.concat([HEAD, whole.subarray(second)]), 1, reader);
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_LIMINAL_PROTOCOL' })]);
  });

  test('that is cut, empty, or numbered by no number is refused as a whole', () => {
    const bytes = written([1, 'text']);
    for (let end = 0; end < bytes.length; end++) {
      if (end === 22) continue;
      expect(() => read(Buffer.from(bytes.subarray(0, end))), `cut at ${end}`).toThrow(
        expect.objectContaining({ code: 'ERR_LIMINAL_PROTOCOL' }),
      );
    }
    expect(read(Buffer.from(bytes.subarray(0, 22))).messages).toHaveLength(1);
    bytes.writeDoubleBE(Number.NaN, HEAD.length + 9);
    expect(() => read(bytes)).toThrow('bad envelope');
  });
});
