/** The races find faults: each of these is planted in a copy of the scheduler, and a seed shows it. */
import { register } from 'node:module';
import type { explore } from '@liminal-node/scheduler/testing';
import { expect, test } from 'vitest';
import { races } from './index.js';
import { type Mutant, mutants } from './mutants.js';
import type { Api } from './race.js';

register('./mutant-loader.mjs', import.meta.url);

/** The built package with that fault in it: a copy of its own, with its own definitions. */
async function planted({ file, from, to }: Mutant) {
  const query = `?mutant=${encodeURIComponent(JSON.stringify({ file, from, to }))}`;
  const load = (module: string): Promise<unknown> => import(/* @vite-ignore */ import.meta.resolve(module) + query);
  const [api, kit] = await Promise.all([load('@liminal-node/scheduler'), load('@liminal-node/scheduler/testing')]);
  return { api: api as Api, kit: kit as { explore: typeof explore } };
}

test.for(Object.entries(mutants))('%s', async ([, mutant]) => {
  const { api, kit } = await planted(mutant);
  expect(api).not.toBe(await import('@liminal-node/scheduler'));
  const [, race] = Object.entries(races).find(([name]) => name.startsWith(mutant.foundBy)) ?? [];
  expect(race, `a race that begins with ${mutant.foundBy}`).toBeDefined();
  const exploring = kit.explore({
    ...race?.options,
    seeds: 2_000,
    shrinkRuns: 0,
    maxSteps: 5_000,
    run: async (simulation) => race?.run(simulation, api),
  });
  await expect(exploring).rejects.toMatchObject({ code: 'ERR_LIMINAL_SEED' });
});
