/** The simulated cluster finds faults: each of these is planted in copies of the packages, and a seed shows it. */
import { expect, test } from 'vitest';
import { loadApi } from './api.js';
import { explore } from './explore.js';
import { mutants } from './mutants.js';

const MAX_SEEDS = 2_000;

test.for(Object.entries(mutants))('%s', { timeout: 300_000 }, async ([, edits]) => {
  const api = await loadApi(edits);
  expect(api.distribution).not.toBe((await loadApi()).distribution);
  const { finding } = await explore(api, 1, MAX_SEEDS, 0);
  expect(finding?.violation).toBeDefined();
});
