/** Whatever bytes a peer sends, they are taken or refused, cheaply, and nothing else happens (A36, A17). */
import { ByteReader, ProtocolError } from '@liminal-node/scheduler';
import { describe, expect, test } from 'vitest';
import { DECODER_OF, DECODERS, type Decoder } from './decoders.js';
import { fuzz, tryCorpus } from './fuzz.js';

const INPUTS = 50_000;
const SEED = 1;

describe.each(DECODERS)('the decoder of $name', (decoder) => {
  test('does with each entry of its corpus what it is said to do', () => {
    expect(tryCorpus(decoder)).toEqual([]);
  });

  test(`takes or refuses each of ${INPUTS} inputs, within its bounds of memory and time`, { timeout: 300_000 }, () => {
    const { inputs, taken, refused, found } = fuzz(decoder, SEED, (number) => number < INPUTS);
    expect(found).toBeUndefined();
    expect(inputs).toBe(INPUTS);
    // Both ends of the decoder were reached.
    expect(taken).toBeGreaterThan(INPUTS / 100);
    expect(refused).toBeGreaterThan(INPUTS / 100);
  });
});

test('the body of every type of frame is among what is decoded here', () => {
  expect(DECODERS.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.values(DECODER_OF)));
});

describe('a decoder that is broken is found', () => {
  const bytesOf = (decode: (bytes: Buffer) => unknown): Decoder => {
    const [like] = DECODERS.filter(({ name }) => name === 'heartbeat');
    return { ...(like as Decoder), decode };
  };

  test.each<[what: string, decode: (bytes: Buffer) => unknown, violation: RegExp]>([
    ['throws another error', (bytes) => bytes.readUInt32BE(0), /^threw RangeError/],
    [
      'allocates what is declared',
      (bytes) => {
        const count = new ByteReader(bytes).u32();
        if (count > 2 ** 18) throw new ProtocolError('too many');
        return new Array(count).fill(0);
      },
      /^took \d+ bytes of memory/,
    ],
    [
      'takes a time that is declared',
      (bytes) => {
        let sum = 0;
        for (let left = Math.min(new ByteReader(bytes).u32(), 2 ** 25); left > 0; left--) sum += left;
        return sum;
      },
      /^took [\d.]+ ms of CPU/,
    ],
    ['changes its input', (bytes) => bytes.fill(1), /^changed its input/],
  ])('where it %s', (_, decode, violation) => {
    const { found } = fuzz(bytesOf(decode), SEED, (number) => number < 2_000);
    expect(found?.violation).toMatch(violation);
    expect(found?.input.length).toBeLessThanOrEqual(8);
  });

  test('where it changes a prototype', () => {
    const { found } = fuzz(
      bytesOf((bytes) => {
        if (bytes[0] === 7) Object.assign(Object.prototype, { polluted: true });
      }),
      SEED,
      (number) => number < 2_000,
    );
    Reflect.deleteProperty(Object.prototype, 'polluted');
    expect(found?.violation).toMatch(/^a prototype was changed/);
  });

  test('where it is wrong about what it has taken', () => {
    const decoder = { ...bytesOf((bytes) => bytes[0]), verify: (first: number) => expect(first).not.toBe(3) };
    const { found } = fuzz(decoder, SEED, (number) => number < 2_000);
    expect(found).toMatchObject({ violation: expect.stringMatching(/^was taken, but/), input: '03' });
  });
});
