import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteReader, ByteWriter } from '../../src/encoding/bytes.js';
import { ProtocolError } from '../../src/errors.js';

type Field =
  | { kind: 'u8' | 'u16' | 'u32' | 'u48' | 'f64'; value: number }
  | { kind: 'text'; value: string }
  | { kind: 'block'; value: Uint8Array };

const field: fc.Arbitrary<Field> = fc.oneof(
  fc.record({ kind: fc.constant('u8' as const), value: fc.integer({ min: 0, max: 0xff }) }),
  fc.record({ kind: fc.constant('u16' as const), value: fc.integer({ min: 0, max: 0xffff }) }),
  fc.record({ kind: fc.constant('u32' as const), value: fc.integer({ min: 0, max: 0xffffffff }) }),
  fc.record({ kind: fc.constant('u48' as const), value: fc.integer({ min: 0, max: 2 ** 48 - 1 }) }),
  fc.record({ kind: fc.constant('f64' as const), value: fc.double() }),
  fc.record({ kind: fc.constant('text' as const), value: fc.string({ unit: 'grapheme', maxLength: 300 }) }),
  fc.record({ kind: fc.constant('block' as const), value: fc.uint8Array({ maxLength: 600 }) }),
);

function write(fields: readonly Field[], capacity?: number): Uint8Array {
  const writer = new ByteWriter(capacity);
  for (const { kind, value } of fields) {
    if (kind === 'text') writer.text(value);
    else if (kind === 'block') writer.block(value);
    else writer[kind](value);
  }
  const { length } = writer;
  const bytes = writer.take();
  expect(bytes.length).toBe(length);
  return bytes;
}

function read(bytes: Uint8Array, kinds: readonly Field[]): (number | string | Uint8Array)[] {
  const reader = new ByteReader(bytes);
  const values = kinds.map(({ kind }) => {
    if (kind === 'text') return reader.text(0xffff);
    return kind === 'block' ? Uint8Array.from(reader.block(0xffff)) : reader[kind]();
  });
  reader.end();
  return values;
}

function reasonOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof ProtocolError) return error.reason;
    throw error;
  }
  return 'none';
}

describe('fields', () => {
  test('are read as they were written, whatever room the writer starts with', () => {
    fc.assert(
      fc.property(fc.array(field), fc.integer({ min: 1, max: 64 }), (fields, capacity) => {
        expect(read(write(fields, capacity), fields)).toStrictEqual(fields.map(({ value }) => value));
      }),
    );
  });

  test('that are cut at any byte are refused', () => {
    fc.assert(
      fc.property(fc.array(field, { minLength: 1 }), fc.nat(), (fields, cut) => {
        const bytes = write(fields);
        expect(reasonOf(() => read(bytes.subarray(0, cut % bytes.length), fields))).toBe('truncated');
      }),
    );
  });

  test('of random bytes are read or refused by ProtocolError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.array(field), (bytes, fields) => {
        reasonOf(() => read(bytes, fields));
      }),
    );
  });
});

describe('ByteWriter', () => {
  test('starts afresh after what it has written was taken, which stays as it was', () => {
    const writer = new ByteWriter(4);
    const first = writer.u8(1).text('one').take();
    const second = writer.u8(2).text('two').take();
    expect([...first]).toEqual([1, 0, 3, ...Buffer.from('one')]);
    expect([...second]).toEqual([2, 0, 3, ...Buffer.from('two')]);
    expect(writer.length).toBe(0);
  });

  test('patches a length that is known only afterwards', () => {
    const writer = new ByteWriter().u32(0).text('abc');
    writer.patchU32(0, writer.length);
    expect(new ByteReader(writer.take()).u32()).toBe(9);
  });

  test.each([
    ['u16', [-1, 0.5, 2 ** 16]],
    ['u32', [-1, 0.5, 2 ** 32, Number.NaN]],
    ['u48', [-1, 0.5, 2 ** 48, Number.NaN]],
  ] as const)('refuses what is no number of %s', (kind, values) => {
    for (const value of values) expect(() => new ByteWriter()[kind](value), String(value)).toThrow(RangeError);
  });

  test('refuses text beyond 65,535 bytes, counted in bytes', () => {
    expect(() => new ByteWriter().text('é'.repeat(32_768))).toThrow(RangeError);
    expect(new ByteWriter().text('é'.repeat(32_767)).length).toBe(65_536);
  });
});

describe('ByteReader', () => {
  test('refuses a count of more items than bytes could follow', () => {
    const bytes = new ByteWriter().u32(3).raw(new Uint8Array(11)).take();
    expect(new ByteReader(bytes).count(3)).toBe(3);
    expect(reasonOf(() => new ByteReader(bytes).count(4))).toBe('bad count');
    expect(reasonOf(() => new ByteReader(new ByteWriter().u32(0xffffffff).take()).count(0xffffffff))).toBe('bad count');
  });

  test('refuses what is longer than asked for, before it looks at it', () => {
    expect(reasonOf(() => new ByteReader(new ByteWriter().u32(0xffffffff).take()).block(10))).toBe('too long');
    expect(reasonOf(() => new ByteReader(new ByteWriter().text('abc').take()).text(2))).toBe('too long');
  });

  test('refuses text that is not UTF-8', () => {
    expect(reasonOf(() => new ByteReader(Uint8Array.of(0, 1, 0xff)).text(10))).toBe('bad text');
    expect(reasonOf(() => new ByteReader(Uint8Array.of(0, 3, 0xed, 0xa0, 0x80)).text(10))).toBe('bad text');
  });

  test('refuses bytes behind the end', () => {
    expect(reasonOf(() => new ByteReader(Uint8Array.of(1)).end())).toBe('trailing bytes');
    expect(reasonOf(() => new ByteReader(Uint8Array.of()).end())).toBe('none');
  });

  test('reads a view and nothing beyond it', () => {
    const reader = new ByteReader(Uint8Array.of(9, 0, 7, 9).subarray(1, 3));
    expect(reader.u16()).toBe(7);
    expect(reader.left).toBe(0);
    expect(reasonOf(() => reader.u8())).toBe('truncated');
    expect([...new ByteReader(Uint8Array.of(1, 2, 3)).rest()]).toEqual([1, 2, 3]);
  });
});
