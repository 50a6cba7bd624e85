/**
 * Runs of one scenario under many seeds. The first that fails is repeated with fewer and fewer steps out of the
 * plain order, for as long as it fails, and what is left is told.
 */
import { Choices } from './choices.js';
import { SeedError } from './errors.js';
import { Simulation, type SimulationOptions } from './simulation.js';

export interface ExploreOptions extends SimulationOptions {
  /** How many seeds to try, from 1 on, or which. @default 1000 */
  readonly seeds?: number | readonly number[];
  /** How many runs may be spent on a short report of a failure. @default 200 */
  readonly shrinkRuns?: number;
  /** The scenario. Everything that it waits for must come from the simulation; it fails by throwing. */
  readonly run: (simulation: Simulation) => Promise<void>;
}

/** What was explored, where nothing failed. */
export interface Exploration {
  readonly seeds: number;
  /** In all runs together. */
  readonly steps: number;
}

/**
 * Runs a scenario once under each seed. @throws SeedError for the first that fails. The same seed gives the same
 * run, for as long as the code is the same.
 */
export async function explore(options: ExploreOptions): Promise<Exploration> {
  const { seeds = 1000 } = options;
  const all = typeof seeds === 'number' ? Array.from({ length: seeds }, (_, at) => at + 1) : seeds;
  let steps = 0;
  for (const [at, seed] of all.entries()) {
    const choices = Choices.ofSeed(seed);
    const outcome = await attempt(options, seed, choices);
    if ('error' in outcome) throw await report(options, seed, choices.taken, outcome.error, at + 1, all.length);
    steps += outcome.steps;
  }
  return { seeds: all.length, steps };
}

type Outcome = { readonly steps: number } | { readonly error: unknown };

async function attempt(options: ExploreOptions, seed: number, choices: Choices): Promise<Outcome> {
  try {
    return await Simulation.run(seed, choices, options, options.run);
  } catch (error) {
    return { error };
  }
}

async function report(
  options: ExploreOptions,
  seed: number,
  taken: readonly number[],
  error: unknown,
  tried: number,
  seeds: number,
): Promise<SeedError> {
  const shortest = await shrink(options, seed, taken);
  const head = `seed ${seed} fails (${tried} of ${seeds} tried): ${messageOf(error)}\nRepeat it with seeds: [${seed}].`;
  if (shortest === undefined) {
    return new SeedError(
      seed,
      `${head}\nIts choices alone do not repeat it: the run uses a clock, randomness or I/O from outside.`,
      [],
      error,
    );
  }
  const notes: string[] = [];
  const outcome = await attempt(options, seed, Choices.ofScript(shortest, notes));
  const cause = 'error' in outcome ? outcome.error : error;
  const told =
    notes.length === 0
      ? 'It fails in the plain order as well.'
      : `It fails in the plain order as well, but for this:\n${notes.map((note) => `  - ${note}`).join('\n')}`;
  return new SeedError(seed, `${head}\n${told}`, notes, cause);
}

/** The choices of a run that still fails with as few of them as can be found; undefined where it does not repeat. */
async function shrink(
  options: ExploreOptions,
  seed: number,
  taken: readonly number[],
): Promise<readonly number[] | undefined> {
  let left = options.shrinkRuns ?? 200;
  const fails = async (script: readonly number[]): Promise<boolean> => {
    left--;
    return 'error' in (await attempt(options, seed, Choices.ofScript(script)));
  };
  if (!(await fails(taken))) return undefined;
  let script = taken;
  // Away with whole stretches first, then with smaller ones.
  for (let size = placesOf(script).length; size >= 1 && left > 0; ) {
    let wasShortened = false;
    for (let from = 0; from < placesOf(script).length && left > 0; ) {
      const away = new Set(placesOf(script).slice(from, from + size));
      const shorter = script.map((chosen, at) => (away.has(at) ? 0 : chosen));
      if (await fails(shorter)) {
        script = shorter;
        wasShortened = true;
      } else from += size;
    }
    if (!wasShortened || size > 1) size = size === 1 ? 0 : Math.ceil(size / 2);
  }
  return script;
}

/** Where a script leaves the plain order. */
function placesOf(script: readonly number[]): number[] {
  return [...script.keys()].filter((at) => script[at] !== 0);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
