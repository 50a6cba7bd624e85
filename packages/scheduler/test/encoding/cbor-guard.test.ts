import { describe, expect, test } from 'vitest';
import { checkCbor } from '../../src/encoding/cbor-guard.js';
import { MAX_DEPTH, MAX_OBJECTS } from '../../src/encoding/portable.js';
import { decodeUntrusted, encodeValue } from '../../src/encoding/value-codec.js';
import { ProtocolError } from '../../src/errors.js';

/** Bytes from hexadecimal text, in which ' quotes are text and spaces nothing. */
function cbor(description: string): Buffer {
  const parts = description.split("'").map((part, index) => {
    return index % 2 === 1 ? Buffer.from(part) : Buffer.from(part.replaceAll(' ', ''), 'hex');
  });
  return Buffer.concat(parts);
}

function reasonOf(action: () => void): string {
  try {
    action();
  } catch (error) {
    if (error instanceof ProtocolError) return error.reason;
    throw error;
  }
  return 'none';
}

describe('checkCbor', () => {
  const refused: readonly [name: string, bytes: string, reason: string][] = [
    ['nothing', '', 'truncated'],
    ['a second value', '01 02', 'trailing bytes'],
    ['text longer than the bytes', '78ff 6162', 'truncated'],
    ['a length cut short', '79ff', 'truncated'],
    ['a short length cut short', '78', 'truncated'],
    ['a number cut short', 'fb00', 'truncated'],
    ['a bigint cut short', '1b00', 'truncated'],
    ['an array of 100,000,000 items in five bytes', '9a05f5e100', 'truncated'],
    ['an array of 4,294,967,295 items', '9affffffff 00000000', 'truncated'],
    ['a map of more pairs than bytes for them', 'a4 6100 00 6101 00', 'bad count'],
    ['a Set of more items than bytes', 'd90102 9a05f5e100', 'truncated'],
    ['a Map of more pairs than bytes', 'd90103 ba05f5e100', 'truncated'],
    ['an array with a length of 64 bits', '9b0000000000000001 00', 'unexpected item'],
    ['text with a length of 64 bits', "7b0000000000000001 'a'", 'unexpected item'],
    ['an array of indefinite length', '9f ff', 'unexpected item'],
    ['text of indefinite length', "7f 61'a' ff", 'unexpected item'],
    ['a map of indefinite length', 'bf ff', 'unexpected item'],
    ['a break', 'ff', 'unexpected item'],
    ['a reserved length', '1c', 'unexpected item'],
    ['a simple value', 'e0', 'unexpected item'],
    ['a simple value of two bytes', 'f8ff', 'unexpected item'],
    ['a number of 16 bits', 'f93c00', 'unexpected item'],
    ['a number of 32 bits', 'fa00000000', 'unexpected item'],
    ['bytes without a tag', "41'a'", 'unexpected item'],
    ['a number for a key', 'a1 01 02', 'unexpected item'],
    ['a map for a key of an object', 'a1 a0 02', 'unexpected item'],
    ['a key of __proto__', "a1 69'__proto__' a0", 'bad key'],
    ['a key of __proto__ with a long length', "a1 7809'__proto__' a0", 'bad key'],
    ['an index for a key', "a1 64'1000' 00", 'bad key'],
    ['a cut key', 'a1 62', 'bad count'],
    ['text that is not UTF-8', '61ff', 'bad text'],
    ['text with a surrogate', '63eda080', 'bad text'],
    ['overlong text', '62c080', 'bad text'],
    ['long text that is not UTF-8', `7840 '${'a'.repeat(63)}' ff`, 'bad text'],
    ['a key that is not UTF-8', 'a1 61ff 00', 'bad text'],
    ['an unknown tag', 'd8ff 00', 'unknown tag'],
    ['the tag of records of cbor-x', 'd9dfff 83 19e000 80 80', 'unknown tag'],
    ['the tag of packed values', 'd833 84 80 80 80 00', 'unknown tag'],
    ['the tag of a reference', 'd81d 00', 'unknown tag'],
    ['the tag of a bigint of cbor-x', 'c2 4101', 'unknown tag'],
    ['tags without end', 'c1c1c1c1 00', 'unexpected item'],
    ['a Date of text', "c1 61'a'", 'unexpected item'],
    ['a Date of nothing', 'c1', 'truncated'],
    ['a far Date of a small number', 'd9025e 00', 'unexpected item'],
    ['another class than RegExp', "d81b 82 65'Error' 61'a'", 'unexpected item'],
    ['a RegExp without flags', "d81b 82 66'RegExp' 61'a'", 'unexpected item'],
    ['a RegExp of numbers', "d81b 83 66'RegExp' 01 60", 'unexpected item'],
    ['a RegExp with many flags', "d81b 83 66'RegExp' 61'a' 71'ggggggggggggggggg'", 'too long'],
    ['a Set of a map', 'd90102 a0', 'unexpected item'],
    ['a Map of an array', 'd90103 80', 'unexpected item'],
    ['a typed array of text', "d840 61'a'", 'unexpected item'],
    ['half an element', 'd845 43000000', 'bad length'],
    ['elements of 128 bits', 'd853 50 00000000000000000000000000000000', 'unknown tag'],
    ['an ArrayBuffer longer than the bytes', 'd9025a 5affffffff 00', 'truncated'],
    ['a -0 that is 1', 'd90258 01', 'unexpected item'],
    ['an error of two parts', "d9025b 82 61'a' 61'b'", 'bad count'],
    ['an error of six parts', 'd9025b 86 60 60 60 00 00 00', 'bad count'],
    ['an error that is a number', 'd9025b 01', 'unexpected item'],
  ];
  test.each(refused)('refuses %s', (_, bytes, reason) => {
    expect(reasonOf(() => checkCbor(cbor(bytes)))).toBe(reason);
    expect(reasonOf(() => void decodeUntrusted(cbor(bytes)))).toBe(reason);
  });

  const undecodable: readonly [name: string, bytes: string][] = [
    ['a RegExp of bad syntax', "d81b 83 66'RegExp' 61'(' 60"],
    ['a RegExp of bad flags', "d81b 83 66'RegExp' 61'a' 62'gg'"],
    ['a bigint that is no number', "d90259 62'zz'"],
    ['a bigint without digits', 'd90259 60'],
    ['an error whose name is a number', "d9025b 83 01 61'a' f7"],
    ['an error whose stack is a number', "d9025b 83 61'a' 61'a' 01"],
    ['an object of indexes with a number for a key', 'd9025d 82 01 02'],
    ['an object of indexes with a key of __proto__', "d9025d 82 69'__proto__' a0"],
  ];
  test.each(undecodable)('leaves %s to the decoder, which refuses it by the same error', (_, bytes) => {
    expect(() => checkCbor(cbor(bytes))).not.toThrow();
    expect(reasonOf(() => void decodeUntrusted(cbor(bytes)))).toBe('bad value');
  });

  test('counts levels, and refuses the 65th', () => {
    for (const opening of ['81', "a1 61'k'", 'd90102 81', 'd90103 a1 00', 'd9025b 85 60 60 60 f7']) {
      const levels = (count: number) => cbor(`${`${opening} `.repeat(count)} 00`);
      expect(reasonOf(() => checkCbor(levels(MAX_DEPTH)))).toBe('none');
      expect(reasonOf(() => checkCbor(levels(MAX_DEPTH + 1)))).toBe('too deep');
      expect(reasonOf(() => void decodeUntrusted(levels(100_000)))).toBe('too deep');
    }
  });

  test('takes the bytes from a view and does not look beyond it', () => {
    const bytes = cbor("00 62'ab' 00");
    expect(decodeUntrusted(bytes.subarray(1, 4))).toBe('ab');
    expect(reasonOf(() => void decodeUntrusted(bytes.subarray(1, 3)))).toBe('truncated');
    expect(decodeUntrusted(new Uint8Array(bytes).subarray(1, 4))).toBe('ab');
  });

  test('refuses a valid message that is cut at any byte', () => {
    const bytes = encodeValue({
      a: [1, -0, 'text', 2n ** 99n],
      m: new Map([[1, new Set([new Date(5)])]]),
      e: new Error('x'),
    });
    expect(reasonOf(() => void decodeUntrusted(bytes))).toBe('none');
    for (let length = 0; length < bytes.length; length++) {
      expect(reasonOf(() => void decodeUntrusted(bytes.subarray(0, length)))).not.toBe('none');
    }
  });
});

describe('memory', () => {
  function growth(action: () => void): number {
    const before = process.memoryUsage();
    action();
    const after = process.memoryUsage();
    return after.heapUsed + after.external - before.heapUsed - before.external;
  }

  function many(count: number, item: Buffer): Buffer {
    const head = Buffer.from([0x9a, 0, 0, 0, 0]);
    head.writeUInt32BE(count, 1);
    return Buffer.concat([head, ...Array.from({ length: count }, () => item)]);
  }

  test('is not taken for what is declared and does not come', () => {
    const bombs = [
      cbor('9a05f5e100'),
      cbor('ba05f5e100'),
      cbor('7affffffff'),
      cbor('d840 5affffffff'),
      cbor('d90102 9a05f5e100'),
      cbor('d90103 ba05f5e100'),
      Buffer.alloc(1_000_000, cbor('9a000f0000')),
      Buffer.alloc(1_000_000, cbor('81')),
      Buffer.alloc(1_000_000, cbor('c1')),
      many(1000, cbor("a1 64'1000' 00")),
    ];
    for (const bomb of bombs) {
      // What the engine takes for an error with its stack comes on top.
      expect(growth(() => expect(reasonOf(() => void decodeUntrusted(bomb))).not.toBe('none'))).toBeLessThan(2 ** 20);
    }
  });

  test('of what comes is in proportion to the bytes', () => {
    const items = ['a0', '80', 'd90102 80', 'd90103 a0', 'd840 40', "d9025d 82 64'1000' 00", 'd9025b 83 60 60 f7'];
    for (const item of items) {
      const bytes = many(20_000, cbor(item));
      let value: unknown;
      const taken = growth(() => {
        value = decodeUntrusted(bytes);
      });
      expect(value).toHaveLength(20_000);
      // Garbage that is not collected yet counts as well.
      expect(taken).toBeLessThan(500 * bytes.length);
    }
  });

  test('is bounded by the number of objects, whatever the length', () => {
    expect(reasonOf(() => checkCbor(many(MAX_OBJECTS, cbor('a0'))))).toBe('too many objects');
    expect(reasonOf(() => checkCbor(many(MAX_OBJECTS - 1, cbor('a0'))))).toBe('none');
    expect(reasonOf(() => checkCbor(many(MAX_OBJECTS, cbor('c1 1a00000000'))))).toBe('too many objects');
    expect(reasonOf(() => checkCbor(many(MAX_OBJECTS, cbor('d840 40'))))).toBe('too many objects');
  });
});
