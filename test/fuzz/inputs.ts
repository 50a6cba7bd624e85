/**
 * Inputs for a decoder, each made from a seed and a number alone: random bytes, pieces of what formats are made of,
 * valid bytes that were changed, and bytes that the decoder's own encoder made of random values.
 */
import { randomFrom } from '../../packages/scheduler/dist/testing/random.js';

/** Numbers, choices and bytes out of one seed. */
export class Chance {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = randomFrom(seed);
  }

  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  isOneIn(count: number): boolean {
    return this.#next() * count < 1;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  list<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }

  bytes(most: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(this.below(most + 1));
    for (let at = 0; at < bytes.length; at++) bytes[at] = this.#next() * 256;
    return bytes;
  }

  /** Mostly a small number; else one at an edge of `bits`, or any. */
  number(bits: 8 | 16 | 32 | 48): number {
    const end = 2 ** bits;
    return this.pick([this.below(4), this.below(200), 0, 1, end - 1, end / 2, this.below(end)]) % end;
  }

  text(most = 12): string {
    return this.pick([...TEXTS, String.fromCharCode(...this.list(most, () => 32 + this.below(95)))]);
  }
}

const TEXTS = [
  '',
  'a',
  'orders',
  'liminal',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  '1000',
  'é',
  '\u{1f600}',
  '\ufeffx',
  '\0',
  'x'.repeat(300),
];

/** What lengths, counts and tags look like where they are meant to do harm. */
const PIECES = [
  ...['00', '01', '7f', '80', 'ff', '0000', '00ff', 'ffff', '00000000', '00000001', '000000ff', '7fffffff', 'ffffffff'],
  ...['0000000000000000', 'ffffffffffff', 'ffffffffffffffff', '9a05f5e100', 'ba05f5e100', '5affffffff', '7affffffff'],
  ...['81', 'a0', '80', 'a1', 'c1', 'd9dfff', 'd81b', 'd81c', 'd833', 'd90102', 'd90103', 'd9010280', 'd90103a0'],
  ...['d9025a', 'd9025b', 'd9025c', 'd9025d', 'd9025e', 'd90258', 'd90259', 'd84041ff', 'd85548', 'f6', 'f7', 'f4'],
  ...['fb7ff8000000000000', 'f93c00', '1bffffffffffffffff', '3bffffffffffffffff', '61ff', 'c080', 'eda080', 'efbbbf'],
  ...['695f5f70726f746f5f5f', '6b636f6e7374727563746f72', '6431303030', '66526567457870', '5f5f70726f746f5f5f'],
].map((hex) => Buffer.from(hex, 'hex'));

export interface InputSource {
  /** Valid inputs, and others worth keeping. */
  readonly corpus: readonly Buffer[];
  /** Valid, or nearly: what the format's own encoder makes of random values. */
  readonly make: (chance: Chance) => Uint8Array;
}

/** The input of that number. The same three give the same bytes. */
export function inputOf({ corpus, make }: InputSource, seed: number, number: number): Buffer {
  const chance = new Chance(Math.imul(seed, 0x9e3779b1) ^ number);
  switch (number % 8) {
    case 0:
      return chance.bytes(chance.isOneIn(20) ? 4_096 : 64);
    case 1:
      return Buffer.concat(Array.from({ length: 1 + chance.below(8) }, () => chance.pick(PIECES)));
    case 2:
      return repeated(chance);
    case 3:
    case 4:
      return changed(Buffer.from(chance.pick(corpus)), chance);
    case 5:
      return Buffer.from(make(chance));
    default:
      return changed(Buffer.from(make(chance)), chance);
  }
}

/** One piece many times over, which nests, counts or repeats, behind something that may be valid. */
function repeated(chance: Chance): Buffer {
  const piece = chance.pick(PIECES);
  const most = chance.isOneIn(200) ? 32_768 : 256;
  return Buffer.concat([chance.pick(PIECES), Buffer.alloc(chance.below(most), piece)]);
}

function changed(bytes: Buffer, chance: Chance): Buffer {
  let result = bytes;
  for (let changes = 1 + chance.below(3); changes > 0; changes--) result = changedOnce(result, chance);
  return result;
}

function changedOnce(bytes: Buffer, chance: Chance): Buffer {
  const at = chance.below(bytes.length + 1);
  switch (chance.below(6)) {
    case 0:
      if (at < bytes.length) bytes[at] = chance.below(256);
      return bytes;
    case 1:
      if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << chance.below(8));
      return bytes;
    case 2:
      return bytes.subarray(0, at);
    case 3: {
      // In the place of as many bytes: a length, a count or a number becomes another.
      const piece = chance.pick(PIECES);
      return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + piece.length)]);
    }
    case 4:
      return Buffer.concat([bytes.subarray(0, at), chance.pick(PIECES), bytes.subarray(at)]);
    default: {
      const to = at + chance.below(bytes.length - at + 1);
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]);
    }
  }
}
