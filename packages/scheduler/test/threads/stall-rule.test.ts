import { describe, expect, test } from 'vitest';
import { type Finding, type Look, StallRule } from '../../src/threads/stall-rule.js';
import { ThreadActivity } from '../../src/threads/thread-activity.js';

/** What the rule finds at each look. */
function findings(...looks: Partial<Look>[]): Finding[] {
  const rule = new StallRule();
  return looks.map((look) => rule.look({ turnStartedAt: 0, serial: 0, turns: 0, idleMs: 0, at: 0, ...look }));
}
const fine = { type: 'fine' };

describe('a thread is', () => {
  test('fine while its event loop is idle in between, or turns', () => {
    expect(findings({ at: 0 }, { at: 10, idleMs: 9 }, { at: 20, idleMs: 9, turns: 1 })).toEqual([fine, fine, fine]);
  });

  test('blocked since its turn began, for as long as that turn lasts', () => {
    const looks = findings({ at: 10, turnStartedAt: 8 }, { at: 20, turnStartedAt: 8 }, { at: 30, idleMs: 9, turns: 1 });
    expect(looks).toEqual([{ type: 'blocked', since: 8 }, { type: 'blocked', since: 8 }, fine]);
  });

  test('asked to turn where it neither turns nor idles between two looks, and blocked where it does not', () => {
    expect(findings({ at: 10 }, { at: 20 }, { at: 30 }, { at: 40 })).toEqual([
      fine,
      { type: 'suspect', since: 10, ping: true },
      { type: 'blocked', since: 10 },
      { type: 'blocked', since: 10 },
    ]);
  });

  test('fine again where it has turned, as busy as it may be', () => {
    expect(findings({ at: 10 }, { at: 20 }, { at: 30, turns: 1 }, { at: 40, turns: 2 })[2]).toEqual(fine);
  });
});

test('what a thread shows of itself is read by others, each in its slot, and cleared for the next', () => {
  const cells = ThreadActivity.makeCells();
  const [one, two] = [new ThreadActivity(cells, 1, 1_000), new ThreadActivity(cells, 2)];
  one.beginTurn(5);
  one.run(2 ** 40);
  two.beginTurn(7);
  two.endTurn();
  expect(ThreadActivity.read(cells, 1)).toEqual({ turnStartedAt: 1_005, serial: 2 ** 40, turns: 1 });
  expect(ThreadActivity.read(cells, 2)).toEqual({ turnStartedAt: 0, serial: 0, turns: 1 });
  ThreadActivity.clear(cells, 1);
  expect(ThreadActivity.read(cells, 1)).toEqual({ turnStartedAt: 0, serial: 0, turns: 0 });
  expect(ThreadActivity.read(cells, 2).turns).toBe(1);
});
