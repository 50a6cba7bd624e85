/**
 * The rows of one thread, beside Erlang/OTP with one scheduler where `erl` is installed. Each run of either is an
 * OS process of its own, and the two take turns.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { here, runFile } from './run-file.mjs';

const run = promisify(execFile);

const ours = (row) => runFile('one-thread.mjs', [row], ['--expose-gc', '--max-old-space-size=4096']);

/** Compiles the rows of OTP. @returns how to run one, or undefined where OTP is not installed. */
function erlang() {
  const folder = mkdtempSync(join(tmpdir(), 'liminal-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  try {
    execFileSync('erlc', ['-o', folder, here('erlang/one_thread.erl')]);
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
  return async (row) => {
    const flags = ['+S', '1', '+P', '2000000', '-noshell', '-pa', folder, '-run', 'one_thread', 'main', row];
    return JSON.parse((await run('erl', flags)).stdout);
  };
}

const million = (figure) => `${(figure / 1e6).toFixed(2)} M/s`;
const rate = { show: million, by: (figure) => figure };
const memory = {
  show: ({ bytes, perSecond }) => `${bytes.toFixed(0)} B, ${million(perSecond)}`,
  by: ({ bytes }) => bytes,
};

/** Our row, its title, OTP's row, and how to show the figures. */
const ROWS = [
  ['ping-pong-handlers', 'round trips in one thread, handlers', 'ping-pong', rate],
  ['ping-pong-await', 'round trips in one thread, await receive', 'ping-pong', rate],
  ['one-way', 'one way in one thread, messages', 'one-way', rate],
  ['fan-out-1000', 'sends to 1,000 processes of one thread', 'fan-out-1000', rate],
  ['spawn', 'processes that start and end, handlers', 'spawn', rate],
  ['idle-handlers', 'memory of an idle process, handler; spawns', 'idle', memory],
  ['idle-bodies', 'memory of an idle process, async body; spawns', 'idle', memory],
  ['million-alive', 'a million processes alive: memory of each; spawns', 'million-alive', memory],
];

export function oneThreadRows() {
  const otp = erlang();
  return ROWS.map(([name, title, peer, { show, by }]) => ({
    name,
    title,
    run: () => ours(name),
    ...(otp !== undefined && { peers: { 'Erlang/OTP': () => otp(peer) } }),
    show,
    by,
  }));
}
