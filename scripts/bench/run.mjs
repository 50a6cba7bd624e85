/**
 * `npm run bench -- --help`: our figures on this machine, each the median of several runs, beside those of the peers that are
 * installed. Every message is checked for order and count by who receives it. A run that fails does not end it: who failed is named,
 * and the exit code is 1. The page is written after each row. SIGINT and SIGTERM end all that was started; the page of the rows
 * done stays.
 */
import { writeFileSync } from 'node:fs';
import { numberFlag, readFlags, refuse } from '../flags.mjs';
import { faultRows } from './fault-rows.mjs';
import { groupsRows } from './groups-rows.mjs';
import { idleRows } from './idle-rows.mjs';
import { withInstalledPeers } from './installed.mjs';
import { nodeRows } from './node-rows.mjs';
import { oneNodeRows } from './one-node-rows.mjs';
import { oneThreadRows } from './one-thread-rows.mjs';
import { benchmarkPage } from './page.mjs';
import { killStarted } from './process-tree.mjs';
import { profileRow } from './profile.mjs';
import { runRows } from './run-rows.mjs';
import { twoThreadRows } from './two-thread-rows.mjs';

const HELP = `npm run bench -- [--row NAME …] [--runs N] [--json] [--page FILE] [--prof]

  --row NAME    this row alone, and those of further --row; an unknown name lists them all
  --runs N      runs of each entrant: 5
  --json        a line of JSON for each row
  --page FILE   writes the page of this run, after each row
  --prof        one run of ours of the one --row under Node's CPU profiler

Peers that are not installed are named and left out. What each row does: scripts/bench/README.md`;

const flags = readFlags(
  {
    row: { type: 'string', multiple: true, default: [] },
    runs: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    page: { type: 'string' },
    prof: { type: 'boolean', default: false },
  },
  HELP,
);

const all = [...oneThreadRows, ...twoThreadRows, ...nodeRows, ...groupsRows, ...oneNodeRows, ...idleRows, ...faultRows];
const runs = numberFlag('runs', flags.runs, { min: 1, isWhole: true }, HELP);
for (const row of flags.row) {
  if (all.some(({ name }) => name === row)) continue;
  refuse(`there is no row "${row}"; the rows are ${all.map(({ name }) => name).join(', ')}`, HELP);
}
const wanted = all.filter(({ name }) => flags.row.length === 0 || flags.row.includes(name));

if (flags.prof) {
  if (flags.row.length !== 1) refuse('--prof is for one row: name it with --row', HELP);
  await profileRow(wanted[0]);
  process.exit();
}

// Each server that was started is ended with this process.
process.setMaxListeners(0);
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
]) {
  process.once(signal, () => {
    killStarted();
    process.exit(128 + number);
  });
}

const startedAt = performance.now();
function writePage(results) {
  const minutes = (performance.now() - startedAt) / 60_000;
  if (flags.page !== undefined) writeFileSync(flags.page, benchmarkPage(results, { minutes, wanted, all }));
}

const { failed } = await runRows(wanted.map(withInstalledPeers), { runs, json: flags.json, done: writePage });
console.error(`${wanted.length} rows in ${((performance.now() - startedAt) / 60_000).toFixed(1)} minutes`);
if (failed > 0) console.error(`${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
