import { beforeEach, describe, expect, test } from 'vitest';
import { AwakeWindow } from '../../src/threads/awake-window.js';

const LIMIT_MS = 0.2;
/** How far apart a thread looks while it stays awake. */
const TURN_MS = 0.005;

let now: number;
let window: AwakeWindow;

beforeEach(() => {
  now = 1000;
  window = new AwakeWindow(LIMIT_MS);
});

/** Lets `gapMs` pass without work until more comes. @returns whether the thread was awake then. */
function idle(gapMs: number): boolean {
  const until = now + gapMs;
  while (window.staysAwake(now)) {
    now += TURN_MS;
    if (now < until) continue;
    window.found();
    return true;
  }
  now = until;
  window.woken(now);
  return false;
}

const gaps = (count: number, gapMs: number): boolean[] => Array.from({ length: count }, () => idle(gapMs));

describe('a thread without work', () => {
  test('rests at once, at first and after a long rest', () => {
    expect(window.staysAwake(now)).toBe(false);
    expect([...gaps(3, 50), window.windowMs]).toEqual([false, false, false, 0]);
  });

  test('stays awake from the second of short rests on', () => {
    expect(gaps(4, 0.08)).toEqual([false, true, true, true]);
  });

  test('stays awake no longer than the limit', () => {
    expect(gaps(3, 0.15)).toEqual([false, true, true]);
    expect(window.windowMs).toBe(LIMIT_MS);
    expect(gaps(2, LIMIT_MS + 0.1)).toEqual([false, false]);
  });

  test('soon rests at once again when nothing comes, and costs nothing from then on (scenario A26)', () => {
    gaps(3, 0.1);
    let awakeMs = 0;
    for (let minute = 0; minute < 60; minute++) {
      // Work of its own every second.
      window.active();
      const from = now;
      while (window.staysAwake(now)) now += TURN_MS;
      awakeMs += now - from;
      now += 1000;
    }
    expect(awakeMs).toBeLessThan(2 * LIMIT_MS);
  });

  test('that stays awake in vain twice in a row gives up, for longer each time', () => {
    /** Answers come only once the thread rests: it has the processor that they need. */
    const inVain = (): number => {
      const from = now;
      let turns = 0;
      while (now - from < 1000) {
        while (window.staysAwake(now)) {
          now += TURN_MS;
          turns++;
        }
        now += 0.05;
        window.woken(now);
      }
      return turns * TURN_MS;
    };
    expect(inVain()).toBeLessThan(10);
    expect(inVain()).toBeLessThan(1);
  });

  test('that lost its processor while it waited leaves it to others for a while', () => {
    gaps(3, 0.1);
    expect(window.staysAwake(now)).toBe(true);
    now += 3;
    expect(window.staysAwake(now)).toBe(false);
    window.active();
    expect(gaps(3, 0.1)).toEqual([false, false, false]);
    now += 20;
    expect(gaps(2, 0.1)).toEqual([false, true]);
  });

  test('never stays awake where the limit is 0', () => {
    window = new AwakeWindow(0);
    expect(gaps(5, 0.01)).toEqual([false, false, false, false, false]);
  });
});
