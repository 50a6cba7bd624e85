import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemEnvironment } from '../src/environment.js';

const MAX_DELAY_MS = 2 ** 31 - 1;

describe('a timer of the system environment', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('fires once, when its delay is over', () => {
    const callback = vi.fn();
    systemEnvironment.setTimer(100, callback);
    vi.advanceTimersByTime(99);
    expect(callback).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    vi.advanceTimersByTime(1000);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  test('never hands Node a delay that it would take for one millisecond', () => {
    const set = vi.spyOn(globalThis, 'setTimeout');
    systemEnvironment.setTimer(3 * MAX_DELAY_MS + 5, () => {});
    vi.advanceTimersByTime(4 * MAX_DELAY_MS);
    expect(set.mock.calls.map(([, delayMs]) => delayMs)).toEqual([MAX_DELAY_MS, MAX_DELAY_MS, MAX_DELAY_MS, 5]);
    set.mockRestore();
  });

  test.each([MAX_DELAY_MS, MAX_DELAY_MS + 1, 2 * MAX_DELAY_MS + 7])(
    'of %i ms fires then, and not at once',
    (delayMs) => {
      const callback = vi.fn();
      systemEnvironment.setTimer(delayMs, callback);
      vi.advanceTimersByTime(delayMs - 1);
      expect(callback).not.toHaveBeenCalled();
      vi.advanceTimersByTime(1);
      expect(callback).toHaveBeenCalledTimes(1);
    },
  );

  test('that was cancelled never fires, in whichever part of a long delay', () => {
    const callback = vi.fn();
    const timers = [10, 3 * MAX_DELAY_MS, 3 * MAX_DELAY_MS].map((delayMs) =>
      systemEnvironment.setTimer(delayMs, callback),
    );
    timers[0]?.cancel();
    timers[1]?.cancel();
    vi.advanceTimersByTime(2 * MAX_DELAY_MS);
    timers[2]?.cancel();
    timers[2]?.cancel();
    vi.advanceTimersByTime(3 * MAX_DELAY_MS);
    expect(callback).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('with a delay below zero fires in a later turn', () => {
    const callback = vi.fn();
    systemEnvironment.setTimer(-5, callback);
    expect(callback).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  test('may be cancelled after it fired', () => {
    const timer = systemEnvironment.setTimer(1, () => {});
    vi.advanceTimersByTime(1);
    expect(() => timer.cancel()).not.toThrow();
  });
});

describe('the system environment', () => {
  test('has a monotonic clock beside the wall clock', () => {
    const first = systemEnvironment.now();
    expect(systemEnvironment.now()).toBeGreaterThanOrEqual(first);
    expect(systemEnvironment.wallNow()).toBeGreaterThan(1_700_000_000_000);
  });

  test('runs an immediate in a later turn', async () => {
    const order: string[] = [];
    const done = new Promise<void>((resolve) =>
      systemEnvironment.setImmediate(() => {
        order.push('immediate');
        resolve();
      }),
    );
    order.push('now');
    await done;
    expect(order).toEqual(['now', 'immediate']);
  });

  test('gives as many random bytes as asked for, never the same', () => {
    const [one, other] = [systemEnvironment.randomBytes(32), systemEnvironment.randomBytes(32)];
    expect([one?.length, other?.length]).toEqual([32, 32]);
    expect(Buffer.compare(one as Uint8Array, other as Uint8Array)).not.toBe(0);
    expect(systemEnvironment.randomBytes(0)).toHaveLength(0);
  });

  test('gives random numbers from 0 up to 1', () => {
    const numbers = Array.from({ length: 100 }, () => systemEnvironment.random());
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
    expect(new Set(numbers).size).toBeGreaterThan(1);
  });
});
