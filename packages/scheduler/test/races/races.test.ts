/**
 * The rules under many orders of events. `SIMULATION_SEEDS` says how many seeds each race gets, and
 * `SIMULATION_FIRST_SEED` which is the first.
 */
import * as api from '@liminal-node/scheduler';
import { explore } from '@liminal-node/scheduler/testing';
import { describe, test } from 'vitest';
import { races } from './index.js';

const count = Number(process.env['SIMULATION_SEEDS'] ?? 150);
const first = Number(process.env['SIMULATION_FIRST_SEED'] ?? 1);
const seeds = Array.from({ length: count }, (_, at) => first + at);

/** Defects that seeds have found, which `mutants.ts` has as faults, with a seed of each that shows the fault. */
const found: readonly [race: string, seed: number, what: string][] = [
  ['C1 C11:', 17, 'a link was lost where it crossed an unlink, and no later one took effect'],
  ['F1 F6:', 1, 'a name that was given up and taken again was lost on other threads'],
  ['F2 F6:', 27, 'a name that was given up and taken again was lost where the grant came first'],
];

test.for(found)('%s seed %i: %s', async ([beginning, seed]) => {
  const [, race] = Object.entries(races).find(([name]) => name.startsWith(beginning)) ?? [];
  await explore({ ...race?.options, seeds: [seed], run: async (simulation) => race?.run(simulation, api) });
});

describe(`under ${count} seeds`, () => {
  test.for(Object.entries(races))('%s', { timeout: 60_000 + 100 * count }, async ([, { options, run }]) => {
    await explore({ ...options, seeds, run: (simulation) => run(simulation, api) });
  });
});
