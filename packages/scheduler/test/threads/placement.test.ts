import { expect, test } from 'vitest';
import { Placement } from '../../src/threads/placement.js';

function setUp(loads: Record<number, number>): { placement: Placement; shared: Int32Array } {
  const shared = Placement.makeLoads();
  const placement = new Placement(shared);
  for (const [thread, load] of Object.entries(loads)) {
    placement.add(Number(thread), Number(thread) + 10);
    shared[Number(thread) + 10] = load;
  }
  return { placement, shared };
}

test('picks the thread with the fewest processes', () => {
  const { placement, shared } = setUp({ 1: 5, 2: 3, 3: 4 });
  expect(placement.pick()).toBe(2);
  shared[12] = 9;
  expect(placement.pick()).toBe(3);
});

test('counts what was asked for and has not started', () => {
  const { placement } = setUp({ 1: 0, 2: 0 });
  const picked: number[] = [];
  const releases = Array.from({ length: 4 }, () => {
    const thread = placement.pick() ?? -1;
    picked.push(thread);
    return placement.reserve(thread);
  });
  expect(picked.sort()).toEqual([1, 1, 2, 2]);
  for (const release of releases) release();
  placement.reserve(1);
  expect(placement.pick()).toBe(2);
});

test('has nothing to pick where there is no thread', () => {
  expect(setUp({}).placement.pick()).toBeUndefined();
});

test('a thread that is gone is not picked, and a late release of it is harmless', () => {
  const { placement } = setUp({ 1: 0, 2: 7 });
  const release = placement.reserve(1);
  placement.delete(1);
  release();
  expect([placement.has(1), placement.has(2), placement.pick()]).toEqual([false, true, 2]);
});

test('a thread that takes the slot of one that is gone starts with its own count', () => {
  const { placement, shared } = setUp({ 1: 4 });
  placement.delete(1);
  shared[11] = 0;
  placement.add(9, 11);
  expect(placement.load(9)).toBe(0);
  expect(placement.pick()).toBe(9);
});
