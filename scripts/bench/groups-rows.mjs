/** The rows of groups between two nodes, beside OTP's `pg`. */
import { compiledErlang, runErlangNode } from './erlang.mjs';
import { milliseconds, parts } from './figures.mjs';
import { runFile } from './run-file.mjs';

const large = parts(
  ({ ms, mib, seenMib }) =>
    `${ms.toFixed(0)} ms, ${mib.toFixed(0)} MiB where they are, ${seenMib.toFixed(0)} MiB where they are seen`,
  ({ ms }) => ms,
);
const bytes = parts(
  ({ ms, bytes: all, difference }) =>
    `${ms.toFixed(1)} ms, ${all} bytes, ${(all / difference).toFixed(1)} times the difference`,
  ({ bytes: all }) => all,
);

/** Name, title, kind of figure, and whether there is a row on Erlang. */
const ROWS = [
  ['groups-join', '10,000 groups joined and seen by a peer', milliseconds, true],
  ['groups-join-many', 'the same, with `joinMany`', milliseconds, false],
  ['groups-leave', '10,000 groups left and gone', milliseconds, true],
  ['groups-snapshot', 'connection to snapshot of 10,000 groups', milliseconds, true],
  ['members-join', '10,000 members of one group join', milliseconds, true],
  ['members-exit', '10,000 members of one group exit', milliseconds, true],
  ['groups-killed', 'SIGKILL to purged, 10,000 groups', milliseconds, true],
  ['groups-100000', '100,000 groups joined and seen', large, false],
  ['groups-heal', 'heal after a short cut: 3 nodes, 10,000 groups each', bytes, false],
];

function erlang(row) {
  const folder = compiledErlang('groups');
  const flags = ['-noshell', '-start_epmd', 'false', '-sname', 'a@localhost', '-setcookie', 'bench', '-pa', folder];
  return runErlangNode([...flags, '-run', 'groups', 'main', row, folder]);
}

export const groupsRows = ROWS.map(([name, title, figure, isErlangs]) => ({
  group: 'Groups',
  name,
  title,
  run: () => runFile('groups.mjs', [name], ['--expose-gc']),
  peers: isErlangs ? { 'Erlang/OTP, pg': () => erlang(name) } : {},
  ...figure,
}));
