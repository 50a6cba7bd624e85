/** The rows between two threads, beside plain `postMessage`. Each run of either is an OS process of its own. */
import { runFile } from './run-file.mjs';

const rate = { show: (figure) => `${(figure / 1e6).toFixed(3)} M/s` };
const micros = {
  show: ({ p50, p99 }) => `p50 ${p50.toFixed(1)} µs, p99 ${p99.toFixed(1)} µs`,
  by: ({ p50 }) => p50,
};
const memory = {
  show: ({ grownMiB, peakMiB }) => `${grownMiB.toFixed(0)} MiB more, ${peakMiB.toFixed(0)} MiB in all`,
  by: ({ grownMiB }) => grownMiB,
};

/** Name, title, how to show the figures, and whether there is a row over `postMessage`. */
const ROWS = [
  ['one-way-threads', 'one way, thread to thread, objects', rate, true],
  ['one-way-bytes', 'one way, thread to thread, 100 bytes', rate, true],
  ['round-trip-threads', 'round trip, thread to thread, busy', micros, true],
  ['round-trip-16', 'round trip, thread to thread, 16 in flight', micros, false],
  ['round-trip-idle', 'round trip, thread to thread, every 10 ms', micros, true],
  ['multicast-1000', 'deliveries to 1,000 subscribers of another thread', rate, false],
  ['flood', 'memory for 1.9 M messages to a blocked thread', memory, false],
];

export const twoThreadRows = ROWS.map(([name, title, figures, hasFloor]) => ({
  name,
  title,
  run: () => runFile('two-threads.mjs', [name]),
  ...(hasFloor && { peers: { postMessage: () => runFile('post-message.mjs', [name]) } }),
  ...figures,
}));
