/** Many simulated clusters: the rules of membership, groups, delivery, links and monitors under every fault. */
import { describe, expect, test } from 'vitest';
import { loadApi } from './api.js';
import { run } from './cluster.js';
import { describeFinding, explore } from './explore.js';
import { regressions } from './regressions.js';
import { planOf } from './schedule.js';

/** `npm run sim` tries more, from any seed. */
const SEEDS = 1_500;

const api = await loadApi();

test('the same seed gives the same run, line by line, whatever ran before', async () => {
  for (const seed of [3, 22, 1184]) {
    const once = await run(api, planOf(seed), true);
    await run(api, planOf(seed + 1));
    const again = await run(api, planOf(seed), true);
    expect(once.log.length).toBeGreaterThan(200);
    expect(again.log).toEqual(once.log);
  }
});

test.for(regressions.map(({ what, plan }) => [what, plan] as const))('%s', async ([, plan]) => {
  expect((await run(api, plan)).violation).toBeUndefined();
});

describe(`${SEEDS} seeds`, () => {
  test('keep every rule', { timeout: 600_000 }, async () => {
    const { finding } = await explore(api, 1, SEEDS);
    expect(finding === undefined ? '' : describeFinding(finding)).toBe('');
  });
});
