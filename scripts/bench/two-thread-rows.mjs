/** The rows between two threads, beside comlink and plain `postMessage`. */
import { latency, parts, rate } from './figures.mjs';
import { runFile } from './run-file.mjs';

const memory = parts(
  ({ grownMiB, peakMiB }) => `${grownMiB.toFixed(0)} MiB more, ${peakMiB.toFixed(0)} MiB in all`,
  ({ grownMiB }) => grownMiB,
);

const PLAIN = { postMessage: 'one' };
const COMLINK = { ...PLAIN, comlink: 'comlink' };
const BATCHES = { ...COMLINK, 'postMessage, in batches of 100': 'batches' };

/** Name, title, kind of figure, and the ways in which `other-threads.mjs` does the same. */
const ROWS = [
  ['one-way-threads', 'messages one way, objects of 100 B', rate, BATCHES],
  ['one-way-threads-1k', 'messages one way, objects of 1 KiB', rate, BATCHES],
  ['one-way-bytes', 'messages one way, 100 bytes', rate, BATCHES],
  ['round-trip-threads', 'round trip, busy', latency, COMLINK],
  ['round-trip-16', 'round trip, 16 in flight', latency, {}],
  ['round-trip-idle', 'round trip, one every 10 ms', latency, COMLINK],
  ['multicast-1000', 'deliveries to 1,000 subscribers of another thread', rate, PLAIN],
  ['flood', 'memory for 1.9 M messages to a blocked thread', memory, {}],
];

export const twoThreadRows = ROWS.map(([name, title, figure, others]) => ({
  group: 'Between threads',
  name,
  title,
  run: () => runFile('two-threads.mjs', [name]),
  peers: Object.fromEntries(
    Object.entries(others).map(([peer, way]) => [peer, () => runFile('other-threads.mjs', [name, way])]),
  ),
  ...figure,
}));
