/** Blocks of messages: what is written is read, and what is no block is refused. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BlockWriter, messagesIn, readBlock } from '../../src/encoding/message-block.js';
import { readHead } from '../../src/encoding/signal-codec.js';
import { ValueReader } from '../../src/encoding/value-reader.js';
import { MessageTooLargeError, ProtocolError } from '../../src/errors.js';

const SOURCE = { thread: 3, serial: 12 };
const UNLIMITED = Number.POSITIVE_INFINITY;

function blockOf(messages: readonly (readonly [number, unknown])[], writer = new BlockWriter()): Uint8Array {
  writer.begin(7, SOURCE);
  for (const [serial, message] of messages) expect(writer.add(serial, message, UNLIMITED)).toBe(true);
  return Uint8Array.from(writer.finish());
}

function read(block: Uint8Array, values = new ValueReader()): [number, unknown][] {
  const taken: [number, unknown][] = [];
  readBlock(block, values, (serial, value) => taken.push([serial, value]));
  return taken;
}

const MESSAGES = [
  [1, { n: 1, text: 'one' }],
  [2 ** 47, { n: 2, text: 'zwei', more: [null, undefined, true, -1, 1.5, 2n ** 40n, 'ü'] }],
  [1, { n: 3, text: 'three' }],
  [4, new Map([[{ a: 1 }, new Set([new Date(5)])]])],
] as const;

describe('a block', () => {
  test('gives each process its messages, in order', () => {
    const block = blockOf(MESSAGES);
    expect(read(block)).toEqual(MESSAGES);
    expect(readHead(block)).toEqual({ kind: 'messages', to: { thread: 7 }, count: 4 });
    expect(messagesIn(block)).toBe(4);
  });

  test('can be read without the block before it, and after another', () => {
    const writer = new BlockWriter();
    const [first, second] = [blockOf(MESSAGES, writer), blockOf(MESSAGES.slice(1), writer)];
    expect(read(second)).toEqual(MESSAGES.slice(1));
    const values = new ValueReader();
    expect([read(second, values), read(first, values), read(second, values)]).toEqual([
      MESSAGES.slice(1),
      MESSAGES,
      MESSAGES.slice(1),
    ]);
  });

  test('keeps what is in it where a message is not for it, or too long', () => {
    const writer = new BlockWriter();
    writer.begin(7, SOURCE);
    writer.add(1, { a: 1 }, UNLIMITED);
    expect(writer.add(1, { b: new Error('not for a block') }, UNLIMITED)).toBe(false);
    expect(() => writer.add(1, { c: 'x'.repeat(100) }, 100)).toThrow(MessageTooLargeError);
    writer.add(2, { c: 2 }, UNLIMITED);
    expect(read(writer.finish())).toEqual([
      [1, { a: 1 }],
      [2, { c: 2 }],
    ]);
  });

  test('is finished by a getter with the messages before it, and leaves that message to another', () => {
    const writer = new BlockWriter();
    writer.begin(7, SOURCE);
    writer.add(1, 'before', UNLIMITED);
    const finished: Uint8Array[] = [];
    const message = {
      get a(): number {
        if (writer.isWriting) finished.push(Uint8Array.from(writer.finish()));
        return 1;
      },
    };
    expect(writer.add(1, message, UNLIMITED)).toBe(false);
    expect(finished.map((block) => read(block))).toEqual([[[1, 'before']]]);
    expect(writer.length).toBe(0);
  });

  test('that is long and finished by a getter of a message that is not for it stays as it is while others are written', () => {
    const writer = new BlockWriter();
    const texts = Array.from({ length: 40 }, (_, n): [number, string] => [n, `${n} `.repeat(500)]);
    writer.begin(7, SOURCE);
    for (const [serial, text] of texts) writer.add(serial, text, UNLIMITED);
    const finished: Uint8Array[] = [];
    const message = {
      before: 'y'.repeat(10_000),
      get a(): unknown {
        if (writer.isWriting) finished.push(writer.finish());
        return () => {};
      },
    };
    expect(writer.add(40, message, UNLIMITED)).toBe(false);
    expect(writer.length).toBe(0);
    expect(read(blockOf(MESSAGES, writer))).toEqual(MESSAGES);
    expect(read(blockOf([[1, 'x'.repeat(100_000)]], writer))).toHaveLength(1);
    expect(finished.map((block) => read(block))).toEqual([texts]);
  });
});

describe('what is no block', () => {
  test('is refused wherever it was cut, and whatever byte was changed', () => {
    const block = blockOf(MESSAGES);
    for (let bytes = 19; bytes < block.length; bytes++) {
      expect(() => read(block.subarray(0, bytes))).toThrow(ProtocolError);
    }
    fc.assert(
      fc.property(fc.nat(block.length - 20), fc.uint8Array({ minLength: 1, maxLength: 4 }), (at, bytes) => {
        const changed = Uint8Array.from(block);
        changed.set(bytes.subarray(0, block.length - 19 - at), 19 + at);
        try {
          readHead(changed);
          read(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('reads nothing behind its end', () => {
    const block = blockOf([[1, 'a text of some length, which is longer than its block']]);
    const secret = Buffer.concat([block.subarray(0, 30), Buffer.from('secret'.repeat(20))]);
    expect(() => read(secret.subarray(0, 30))).toThrow(/truncated|behind/);
  });

  test.each([
    ['a key that changes a prototype', '__proto__'],
    ['a key that is an index', '1000000'],
  ])('is refused for %s', (_, key) => {
    const block = Buffer.from(blockOf([[1, { ['k'.repeat(key.length)]: 1 }]]));
    const at = block.indexOf('k'.repeat(key.length));
    block.write(key, at, 'latin1');
    expect(() => read(block)).toThrow('bad shape');
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });

  test('is refused for a value that is nested too deep', () => {
    const deep = Buffer.concat([
      blockOf([[1, null]]).subarray(0, 25),
      ...Array.from({ length: 70 }, () => Buffer.from([0x89, 1, 0, 0, 0])),
      Buffer.from([0x80]),
    ]);
    expect(() => read(deep)).toThrow('too deep');
  });
});
