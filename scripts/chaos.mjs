/**
 * `npm run chaos -- --seed 7 --minutes 2 --nodes 3`: real nodes under a seeded schedule of faults, and a check of all
 * that they sent, received and saw; see test/chaos. Exit code 0 where nothing is wrong, 1 where something is, 2 for
 * a flag that is.
 */
import '../test/support/load-typescript.mjs';
import { numberFlag, readFlags } from './flags.mjs';

const HELP = `Runs nodes as OS processes under a seeded schedule of faults, then checks that every message is accounted
for and that every view is that of the living members.

  npm run chaos -- [--seed N] [--minutes N] [--nodes N] [--no-namespaces] [--quiet] [--json]

  --seed N          chooses what happens and when (default: another each time; it is printed)
  --minutes N       how long faults go on, 0.1 or more (default 1)
  --nodes N         from 2 to 16 (default 3)
  --no-namespaces   no network of its own for each node, also where root could make them with ip and tc
  --quiet           does not tell each fault
  --json            the report as one line of JSON

What happens: SIGKILL and restart, SIGSTOP and SIGCONT, black holes, one-way drops, bridges, resets, stalls, flipped
bits, bandwidth that collapses, streams split at any byte, ends told late.
Exit code: 0 nothing is wrong; 1 a violation, with the seed and the histories; 2 a wrong flag.

  npm run chaos -- --seed 7 --minutes 2 --nodes 3`;

const values = readFlags(
  {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
    minutes: { type: 'string', default: '1' },
    nodes: { type: 'string', default: '3' },
    'no-namespaces': { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
  HELP,
);
const options = {
  seed: numberFlag('seed', values.seed, { min: 0, max: 2 ** 31, isWhole: true }, HELP),
  seconds: 60 * numberFlag('minutes', values.minutes, { min: 0.1, max: 10_000 }, HELP),
  nodes: numberFlag('nodes', values.nodes, { min: 2, max: 16, isWhole: true }, HELP),
  namespaces: values['no-namespaces'] ? 'off' : 'auto',
  log: values.quiet || values.json ? () => {} : (line) => console.log(line),
};
const { runChaos, reportLines } = await import('../test/chaos/run.ts');
if (!values.json) console.log(`seed ${options.seed}`);
const report = await runChaos(options);
const { faults, ...rest } = report;
console.log(
  values.json
    ? JSON.stringify({ seed: options.seed, faults: faults.length, ...rest })
    : reportLines(report, options).join('\n'),
);
process.exit(report.converged && report.violations.length === 0 ? 0 : 1);
