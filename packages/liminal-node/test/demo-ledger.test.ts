import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { account, isSettled, type Life, pairAccounts, total } from '../src/cli/demo/ledger.js';
import { createSequenceSet, difference, type Range, size } from '../src/cli/demo/sequence.js';

const numbers = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 80 });

function setOf(all: readonly number[]): readonly Range[] {
  const set = createSequenceSet();
  for (const number of all) set.add(number);
  return set.ranges();
}

function expand(ranges: readonly Range[]): number[] {
  return ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, index) => first + index));
}

describe('sequence numbers as ranges', () => {
  it('are the same set as the numbers, in as few ranges as possible', () => {
    fc.assert(
      fc.property(numbers, (all) => {
        const set = createSequenceSet();
        const seen = new Set<number>();
        for (const number of all) {
          expect(set.add(number)).toBe(!seen.has(number));
          seen.add(number);
        }
        expect(expand(set.ranges())).toEqual([...seen].sort((a, b) => a - b));
        set.ranges().forEach(([first], index) => {
          if (index > 0) expect(first).toBeGreaterThan((set.ranges()[index - 1]?.[1] ?? 0) + 1);
        });
      }),
    );
  });

  it('subtract as sets do', () => {
    fc.assert(
      fc.property(numbers, numbers, (from, without) => {
        const left = difference(setOf(from), setOf(without));
        expect(expand(left)).toEqual(expand(setOf(from)).filter((number) => !without.includes(number)));
        expect(size(left)).toBe(expand(left).length);
      }),
    );
  });
});

interface LifeOptions {
  readonly killed?: boolean;
  readonly published?: number;
  readonly sent?: Record<string, readonly Range[]>;
  readonly received?: Record<string, { ranges: readonly Range[]; duplicates: number }>;
}

function life(name: string, creation: number, options: LifeOptions = {}): Life {
  const { killed = false, published = 0, sent = {}, received = {} } = options;
  const node = `${name}@h`;
  const id = `${node}#${creation}`;
  return {
    node,
    killed,
    report: { type: 'report', life: id, subscriber: `${id}.s`, sees: [], published, sent, received, finished: true },
  };
}

const got = (ranges: readonly Range[], duplicates = 0) => ({ ranges, duplicates });

describe('the accounts of the demo', () => {
  it('count what living nodes sent each other and did not receive as lost', () => {
    const a = life('a', 1, { published: 10, sent: { 'b@h#1.s': [[1, 10]] } });
    const b = life('b', 1, {
      received: {
        'a@h#1': got(
          [
            [1, 3],
            [5, 8],
          ],
          2,
        ),
      },
    });
    expect(account(a, b)).toEqual({ published: 10, sent: 10, received: 7, cut: 0, lost: 3, duplicated: 2 });
    expect(isSettled([a, b])).toBe(false);
  });

  it('count what was published while a node was away as not sent to it', () => {
    const a = life('a', 1, { published: 30, sent: { 'b@h#1.s': [[1, 10]], 'b@h#2.s': [[21, 30]] } });
    const b1 = life('b', 1, { killed: true, received: { 'a@h#1': got([[1, 10]]) } });
    const b2 = life('b', 2, { received: { 'a@h#1': got([[21, 30]]) } });
    expect(pairAccounts([a, b1, b2])).toContainEqual({
      from: 'a@h',
      to: 'b@h',
      published: 30,
      sent: 20,
      received: 20,
      cut: 0,
      lost: 0,
      duplicated: 0,
    });
  });

  it('count the last messages to and from a killed node as cut, and a gap before them as lost', () => {
    const a = life('a', 1, {
      published: 10,
      sent: { 'b@h#1.s': [[1, 10]] },
      received: {
        'b@h#1': got([
          [1, 2],
          [4, 4],
        ]),
      },
    });
    const b = life('b', 1, {
      killed: true,
      published: 6,
      sent: { 'a@h#1.s': [[1, 6]] },
      received: { 'a@h#1': got([[1, 7]]) },
    });
    expect(account(a, b)).toMatchObject({ sent: 10, received: 7, cut: 3, lost: 0 });
    expect(account(b, a)).toMatchObject({ sent: 6, received: 3, cut: 2, lost: 1 });
    expect(isSettled([a, b])).toBe(true);
  });

  it('count what arrived after the last report of the killed as sent', () => {
    const dead = life('b', 1, { killed: true, published: 5, sent: { 'a@h#1.s': [[1, 5]] } });
    const a = life('a', 1, { received: { 'b@h#1': got([[1, 8]]) } });
    expect(account(dead, a)).toMatchObject({ sent: 8, received: 8, cut: 0, lost: 0 });
    expect(pairAccounts([dead, a])).toContainEqual(
      expect.objectContaining({ from: 'b@h', to: 'a@h', published: 8, sent: 8, received: 8 }),
    );
  });

  it('balance: what was sent was received, cut or lost', () => {
    fc.assert(
      fc.property(numbers, numbers, fc.boolean(), (sent, received, killed) => {
        const a = life('a', 1, { published: 60, sent: { 'b@h#1.s': setOf(sent) } });
        const b = life('b', 1, { killed, received: { 'a@h#1': got(setOf(received)) } });
        const result = account(a, b);
        expect(result.sent).toBe(result.received + result.cut + result.lost);
        expect(total([result, result]).sent).toBe(2 * result.sent);
      }),
    );
  });
});
