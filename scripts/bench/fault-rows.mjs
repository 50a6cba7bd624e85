/**
 * The rows about faults. One run of each has many faults in it, or takes long, and is enough.
 *
 * ROUNDS and SECONDS in the environment make a row longer: `ROUNDS=10000 … --row restarts`, `SECONDS=600 … --row stalled-peer`.
 */
import { parts } from './figures.mjs';
import { runFile } from './run-file.mjs';

/** Of a row as long as the environment may make it: a day. */
const TIMEOUT_MS = 86_400_000;

const spread = parts(
  ({ count, p50, p99, max }) =>
    `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, max ${max.toFixed(1)} ms of ${count}`,
  ({ p99 }) => p99,
);
const heal = parts(
  ({ up, ms, bytes }) =>
    `${ms.toFixed(0)} ms (connected after ${up.toFixed(0)} ms), ${(bytes / 2 ** 20).toFixed(2)} MiB`,
  ({ ms }) => ms,
);
const restarts = parts(
  ({ count, wrong, twice, missing, numbers, s }) =>
    `${count} restarts in ${s.toFixed(0)} s, ${numbers} pid number: ${wrong} wrong deliveries, ${missing} monitors missing, ${twice} twice`,
  ({ s }) => s,
);
const stalled = parts(
  (each) =>
    `${each.seconds} s: RSS +${each.rssMb.toFixed(0)} MB; the other's p99 ${each.p99.toFixed(1)} ms (before ${each.baseP99.toFixed(1)}); ` +
    `${each.published} published = ${each.got} delivered + ${each.refused} refused + ${each.dropped} dropped with a session + ` +
    `${each.inFlight} in flight then + ${each.untargeted} while away, ${each.unaccounted} unaccounted; ` +
    `the other got ${each.promptGot}; went down: ${each.downs.join(', ') || 'never'}`,
  ({ p99 }) => p99,
);

/** Name, title and kind of figure. */
const ROWS = [
  ['dead-socket', 'reset to purged at both ends', spread],
  ['dead-node', 'SIGKILL to purged at two peers', spread],
  ['frozen-peer', 'SIGSTOP to down at two peers, defaults', spread],
  ['heal', 'heal to equal views, 3 nodes, 10,000 groups each', heal],
  ['restarts', 'restarts under one name with equal numbers', restarts],
  ['stalled-peer', '10,000 publishes/s beside a peer that hardly reads', stalled],
];

export const faultRows = ROWS.map(([name, title, figure]) => ({
  group: 'Faults',
  name,
  title,
  runs: 1,
  run: () => runFile('faults.mjs', [name], ['--expose-gc'], TIMEOUT_MS),
  ...figure,
}));
