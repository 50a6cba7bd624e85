import { expect, test } from 'vitest';
import { Fifo } from '../src/fifo.js';

test('a queue that is filled and emptied in waves, far beyond where it cuts its start off, keeps the order', () => {
  const fifo = new Fifo<number>();
  let [pushed, shifted] = [0, 0];
  for (const [add, take] of [
    [10_000, 9_000],
    [5_000, 100],
    [20_000, 25_000],
    [1, 901],
    [3, 2],
  ] as const) {
    for (let i = 0; i < add; i++) fifo.push(pushed++);
    for (let i = 0; i < take; i++) expect(fifo.shift()).toBe(shifted++);
    expect(fifo.length).toBe(pushed - shifted);
  }
  fifo.clear();
  expect([fifo.length, fifo.shift()]).toEqual([0, undefined]);
});
