import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { enterRestart, type RestartHistory } from '../../src/behaviours/restart-intensity.js';

const limit = (intensity: number, periodMs: number) => ({ intensity, periodMs });

describe('a restart', () => {
  test('I8: is refused when it is one more than the intensity within the period', () => {
    const one = enterRestart([], 0, limit(2, 5_000));
    const two = enterRestart(one ?? [], 1, limit(2, 5_000));
    expect(two).toEqual([0, 1]);
    expect(enterRestart(two ?? [], 5_000, limit(2, 5_000))).toBeUndefined();
  });

  test('I9: is allowed for ever where the one before is older than the period, by one ms', () => {
    let history: RestartHistory | undefined = [];
    for (let at = 0; at < 10 * 1_001; at += 1_001) history = history && enterRestart(history, at, limit(1, 1_000));
    expect(history).toEqual([9 * 1_001]);
  });

  test('is never allowed with an intensity of 0', () => {
    expect(enterRestart([], 0, limit(0, 1))).toBeUndefined();
  });

  test('is refused exactly when so many as the intensity lie within the period before it', () => {
    const gaps = fc.array(fc.nat(20), { maxLength: 50 });
    fc.assert(
      fc.property(gaps, fc.nat(5), fc.integer({ min: 1, max: 30 }), (gapsMs, intensity, periodMs) => {
        let history: RestartHistory = [];
        const allowed: number[] = [];
        let now = 0;
        for (const gap of gapsMs) {
          now += gap;
          const recent = allowed.filter((at) => at >= now - periodMs).length;
          const next = enterRestart(history, now, limit(intensity, periodMs));
          expect(next === undefined).toBe(recent >= intensity);
          if (next === undefined) continue;
          allowed.push(now);
          history = next;
          expect(history.length).toBeLessThanOrEqual(intensity);
        }
      }),
    );
  });
});
