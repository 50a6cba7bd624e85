/** The rows of groups between two nodes, beside OTP's `pg` where there is an `erl`. Each run is OS processes of its own. */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { env, here, runFile } from './run-file.mjs';

const run = promisify(execFile);

let folder;

/** One row on two `erl`, under an `epmd` of their own that ends with them. */
async function erlang(row) {
  if (folder === undefined) {
    folder = mkdtempSync(join(tmpdir(), 'liminal-bench-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    await run('erlc', ['-o', folder, here('erlang/groups.erl')]);
  }
  const port = await new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address();
      server.close(() => resolve(String(free)));
    });
  });
  const own = { ...env, ERL_EPMD_PORT: port, ERL_EPMD_ADDRESS: '127.0.0.1', ERL_CRASH_DUMP_SECONDS: '0' };
  const epmd = spawn('epmd', [], { env: own, stdio: 'ignore' });
  try {
    const isUp = () =>
      run('epmd', ['-names'], { env: own }).then(
        () => true,
        () => false,
      );
    while (!(await isUp())) await new Promise((resolve) => setTimeout(resolve, 20));
    const flags = ['-noshell', '-start_epmd', 'false', '-sname', 'a@localhost', '-setcookie', 'bench', '-pa', folder];
    const { stdout } = await run('erl', [...flags, '-run', 'groups', 'main', row, folder], { env: own });
    return Number(stdout);
  } finally {
    epmd.kill('SIGKILL');
  }
}

const hasErlang = await run('erl', ['-noshell', '-eval', 'halt().']).then(
  () => true,
  () => false,
);

const ms = { show: (figure) => `${figure.toFixed(1)} ms` };
const large = {
  show: ({ ms: time, mib, seenMib }) =>
    `${time.toFixed(0)} ms, ${mib.toFixed(0)} MiB where they are, ${seenMib.toFixed(0)} MiB where they are seen`,
  by: ({ ms: time }) => time,
};
const bytes = {
  show: ({ ms: time, bytes: all, difference }) =>
    `${time.toFixed(1)} ms, ${all} bytes, ${(all / difference).toFixed(1)} times the difference`,
  by: ({ bytes: all }) => all,
};

/** Name, title, how to show the figures, and whether there is a row on Erlang. */
const ROWS = [
  ['groups-join', '10,000 groups joined and seen by a peer', ms, true],
  ['groups-join-many', 'the same, with joinMany', ms, false],
  ['groups-leave', '10,000 groups left and gone', ms, true],
  ['groups-snapshot', 'connection to snapshot of 10,000 groups', ms, true],
  ['members-join', '10,000 members of one group join', ms, true],
  ['members-exit', '10,000 members of one group exit', ms, true],
  ['groups-killed', 'SIGKILL to purged, 10,000 groups', ms, true],
  ['groups-100000', '100,000 groups joined and seen', large, false],
  ['groups-heal', 'heal after a short cut: 3 nodes, 10,000 groups each', bytes, false],
];

export const groupsRows = ROWS.map(([name, title, figures, isErlangs]) => ({
  name,
  title,
  run: () => runFile('groups.mjs', [name], ['--expose-gc']),
  ...(isErlangs && hasErlang && { peers: { 'Erlang pg': () => erlang(name) } }),
  ...figures,
}));
