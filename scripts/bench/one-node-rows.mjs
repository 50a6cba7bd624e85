/** The rows of one node as a whole. Each run is an OS process of its own. */
import { runFile } from './run-file.mjs';

const runRow = (row) => runFile('one-node.mjs', [row]);

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
