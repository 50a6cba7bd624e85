/** Simulations under many seeds: `node scripts/sim.mjs --help`. */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { numberFlag, readFlags, refuse } from './flags.mjs';

const HELP = `npm run sim -- [--only cluster|scheduler] [--seeds N] [--seed K] [--workers W] [--log]

  --only cluster    whole clusters of nodes over a faulty network; --only scheduler: races of processes on
                    one node. Both where it is missing.
  --seeds N         how many seeds: 20000 clusters, 5000 of each race
  --seed K          the first of them: 1
  --workers W       OS processes that share the seeds of clusters: one for each processor
  --log             tells seed K of the cluster step by step, and no other seed

It ends with 1 where a seed breaks a rule, and prints what is left of that run when every step is dropped that
it can do without.`;

const values = readFlags(
  {
    only: { type: 'string' },
    seeds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(availableParallelism()) },
    log: { type: 'boolean', default: false },
  },
  HELP,
);
const { only } = values;
if (!['cluster', 'scheduler', undefined].includes(only))
  refuse(`--only takes cluster or scheduler, not "${only}"`, HELP);
const first = wholeNumber('seed');
const codes = [];
if (only !== 'scheduler') codes.push(...(await clusters()));
if (only !== 'cluster' && !values.log) codes.push(await races());
process.exitCode = Math.max(...codes);

/** Each OS process takes a stretch of the seeds. */
function clusters() {
  const count = wholeNumber('seeds', '20000');
  const workers = values.log ? 1 : Math.min(count, wholeNumber('workers'));
  return Promise.all(
    Array.from({ length: workers }, (_, at) => {
      const from = Math.floor((count * at) / workers);
      const to = Math.floor((count * (at + 1)) / workers);
      const range = ['--seed', String(first + from), '--seeds', String(to - from)];
      // A larger young generation: a run makes much that is over with it.
      const node = ['--max-semi-space-size=32', '--import', './test/support/load-typescript.mjs'];
      return run(process.execPath, [...node, 'test/simulation/main.ts', ...range, ...(values.log ? ['--log'] : [])]);
    }),
  );
}

function races() {
  const seeds = wholeNumber('seeds', '5000');
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'packages'];
  return run(process.execPath, [...args, 'packages/scheduler/test/races/races.test.ts'], {
    SIMULATION_SEEDS: String(seeds),
    SIMULATION_FIRST_SEED: String(first),
  });
}

function run(command, args, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

function wholeNumber(name, otherwise) {
  return numberFlag(name, values[name] ?? otherwise, { min: 1, isWhole: true }, HELP);
}
