/** The rows of one node as a whole. */
import { milliseconds, parts } from './figures.mjs';
import { runFile } from './run-file.mjs';

export const oneNodeRows = [
  {
    group: 'One node',
    name: 'snapshot',
    title: 'snapshot of 100,000 processes on two threads',
    run: () => runFile('one-node.mjs', ['snapshot']),
    ...parts(
      ({ ms, cpuMs, longest }) =>
        `${ms.toFixed(0)} ms, ${cpuMs.toFixed(0)} ms of CPU, longest turn ${longest.toFixed(1)} ms`,
      ({ cpuMs }) => cpuMs,
    ),
  },
  {
    group: 'One node',
    name: 'thread-loss',
    title: 'a thread with 10,000 processes dies, all bonds settled',
    run: () => runFile('one-node.mjs', ['thread-loss']),
    ...milliseconds,
  },
];
