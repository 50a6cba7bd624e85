/** The simulated cluster from the command line; see `scripts/sim.mjs`. */
import { parseArgs } from 'node:util';
import { loadApi } from './api.js';
import { run } from './cluster.js';
import { describeFinding, explore } from './explore.js';
import { planOf, printPlan } from './schedule.js';

const { values } = parseArgs({
  options: { seeds: { type: 'string' }, seed: { type: 'string' }, log: { type: 'boolean' } },
});
const count = Number(values.seeds);
const first = Number(values.seed);
const api = await loadApi();

if (values.log === true) {
  const plan = planOf(first);
  const { log, violation } = await run(api, plan, true);
  console.log([printPlan(plan), ...log, violation ?? 'no violation'].join('\n'));
  if (violation !== undefined) process.exitCode = 1;
} else {
  const used = process.cpuUsage();
  const { seeds, steps, finding } = await explore(api, first, count);
  const { user, system } = process.cpuUsage(used);
  const seconds = (user + system) / 1e6;
  console.log(
    `seeds ${first} to ${first + seeds - 1}: ${finding === undefined ? 'no violation' : 'a violation'}, ` +
      `${Math.round(steps / seeds)} steps each, ${seconds.toFixed(1)} s of CPU, ${Math.round(seeds / seconds)} seeds a second of CPU`,
  );
  if (finding !== undefined) {
    console.log(describeFinding(finding));
    process.exitCode = 1;
  }
}
