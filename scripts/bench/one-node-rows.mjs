/** The rows of one node as a whole. Each run is an OS process of its own. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

async function runRow(row) {
  const file = fileURLToPath(new URL('one-node.mjs', import.meta.url));
  const env = { ...process.env, NODE_ENV: 'production' };
  return JSON.parse((await promisify(execFile)(process.execPath, [file, row], { env })).stdout);
}

export const oneNodeRows = [
  {
    name: 'snapshot',
    title: 'snapshot of 100,000 processes on two threads',
    run: () => runRow('snapshot'),
    show: ({ ms, cpuMs, longest }) =>
      `${ms.toFixed(0)} ms, ${cpuMs.toFixed(0)} ms of CPU, longest turn ${longest.toFixed(1)} ms`,
    by: ({ cpuMs }) => cpuMs,
  },
  {
    name: 'thread-loss',
    title: 'a thread with 10,000 processes dies, all bonds settled',
    run: () => runRow('thread-loss'),
    show: (ms) => `${ms.toFixed(0)} ms`,
  },
];
