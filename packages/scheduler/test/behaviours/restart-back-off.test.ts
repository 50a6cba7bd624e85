import { expect, test } from 'vitest';
import { restartWait } from '../../src/behaviours/restart-back-off.js';

const backOff = { minMs: 100, maxMs: 1_000 };

test('a restart waits for nothing without a back-off', () => {
  expect(restartWait(undefined, 5, 0, 0.5)).toEqual({ waitMs: 0, failures: 0 });
});

test('waits double with each failure in a row, up to the longest, and are spread over the upper half', () => {
  let failures = 0;
  const waits = [];
  for (const random of [1, 1, 1, 1, 1, 0]) {
    const wait = restartWait(backOff, failures, 999, random);
    waits.push(wait.waitMs);
    failures = wait.failures;
  }
  expect(waits).toEqual([100, 200, 400, 800, 1_000, 500]);
  expect(failures).toBe(6);
});

test('a child that has lived for the longest wait begins afresh', () => {
  expect(restartWait(backOff, 9, 1_000, 1)).toEqual({ waitMs: 100, failures: 1 });
});
