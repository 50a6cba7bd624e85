/**
 * Many seeds, one after another. The first that fails is repeated with fewer and fewer of its steps, for as long as it
 * fails, and what is left is told: a plan that can stand in `regressions.ts` as it is printed.
 */
import type { Api } from './api.js';
import { run } from './cluster.js';
import { type Plan, planOf, printPlan } from './schedule.js';

export interface Finding {
  readonly seed: number;
  /** What the seed showed. */
  readonly violation: string;
  /** What is left of its plan, and what that shows. */
  readonly plan: Plan;
  readonly shrunk: string;
}

export interface Exploration {
  readonly seeds: number;
  /** Steps of all runs together. */
  readonly steps: number;
  readonly finding: Finding | undefined;
}

/** Lets the event loop turn now and then: runs of the simulation leave it no time. */
const SEEDS_PER_TURN = 20;

/**
 * Runs seeds from `first` on, until one fails.
 * @param shrinkRuns how many runs may be spent on a short plan.
 */
export async function explore(api: Api, first: number, count: number, shrinkRuns = 300): Promise<Exploration> {
  let steps = 0;
  for (let seed = first; seed < first + count; seed++) {
    const plan = planOf(seed);
    const outcome = await run(api, plan);
    steps += outcome.steps;
    if (outcome.violation !== undefined) {
      const shrunk = await shrink(api, plan, outcome.violation, shrinkRuns);
      return { seeds: seed - first + 1, steps, finding: { seed, violation: outcome.violation, ...shrunk } };
    }
    if (seed % SEEDS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return { seeds: count, steps, finding: undefined };
}

/** A plan with as few steps as can be found that still fails, whatever it shows. */
async function shrink(api: Api, plan: Plan, violation: string, runs: number): Promise<{ plan: Plan; shrunk: string }> {
  let best = { plan, shrunk: violation };
  let left = runs;
  const { length } = plan.steps;
  for (let size = Math.ceil(length / 2); size >= 1 && left > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < best.plan.steps.length && left > 0; left--) {
      const steps = best.plan.steps.filter((_, at) => at < from || at >= from + size);
      const fewer = { ...best.plan, steps };
      const outcome = await run(api, fewer);
      if (outcome.violation === undefined) from += size;
      else best = { plan: fewer, shrunk: outcome.violation };
    }
  }
  return best;
}

export function describeFinding({ seed, violation, plan, shrunk }: Finding): string {
  return [
    `seed ${seed}: ${violation}`,
    `Repeat it with: npm run sim -- --only cluster --seed ${seed} --seeds 1 --log`,
    `With ${plan.steps.length} steps: ${shrunk}`,
    printPlan(plan),
  ].join('\n');
}
