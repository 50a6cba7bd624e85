import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backOffMs } from '../src/back-off.js';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('a wait lies in the upper half of what its attempt allows, whatever the attempt', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 100_000 }),
      random,
      fc.integer({ min: 1, max: 1_000 }),
      fc.nat(100_000),
      (attempts, r, minMs, more) => {
        const maxMs = minMs + more;
        const wait = backOffMs({ minMs, maxMs }, attempts, r);
        const ceiling = Math.min(maxMs, minMs * 2 ** attempts);
        expect(wait).toBeGreaterThanOrEqual(ceiling / 2);
        expect(wait).toBeLessThanOrEqual(ceiling);
      },
    ),
  );
});

test('waits double up to the longest', () => {
  const waits = [0, 1, 2, 3, 4, 5, 6, 7, 8].map((attempts) => backOffMs({ minMs: 100, maxMs: 10_000 }, attempts, 1));
  expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
});
