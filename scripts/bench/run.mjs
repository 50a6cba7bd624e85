/**
 * `npm run bench [-- --row NAME] [--runs N] [--json] [--page FILE] [--prof]`: our figures on this machine, each the median of several
 * runs, beside those of the peers that are installed. Every message is checked for order and count by who receives it.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { groupsRows } from './groups-rows.mjs';
import { nodeRows } from './node-rows.mjs';
import { oneNodeRows } from './one-node-rows.mjs';
import { oneThreadRows } from './one-thread-rows.mjs';
import { benchmarkPage } from './page.mjs';
import { profileRow } from './profile.mjs';
import { runRows } from './run-rows.mjs';
import { twoThreadRows } from './two-thread-rows.mjs';

const { values: flags } = parseArgs({
  options: {
    row: { type: 'string' },
    runs: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    page: { type: 'string' },
    prof: { type: 'boolean', default: false },
  },
});

// Those about faults take long, so that they run only where one is named.
const { faultRows } = await import('./fault-rows.mjs');
if (faultRows.some(({ name }) => name === flags.row)) {
  await runRows(faultRows, flags);
  process.exit();
}

const rows = [...oneThreadRows(), ...twoThreadRows, ...nodeRows(flags.row), ...groupsRows, ...oneNodeRows];
if (flags.row !== undefined && !rows.some(({ name }) => name === flags.row)) {
  const names = [...oneThreadRows(), ...twoThreadRows, ...nodeRows(), ...groupsRows, ...oneNodeRows, ...faultRows].map(
    ({ name }) => name,
  );
  console.error(`there is no row "${flags.row}"; the rows are ${names.join(', ')}`);
  process.exit(2);
}
if (flags.prof) {
  if (flags.row === undefined) {
    console.error('--prof is for one row: name it with --row');
    process.exit(2);
  }
  await profileRow(rows.find(({ name }) => name === flags.row));
  process.exit();
}
const results = await runRows(rows, flags);
if (flags.page !== undefined) writeFileSync(flags.page, benchmarkPage(results, flags));
