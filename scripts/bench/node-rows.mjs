/**
 * The rows between OS processes on loopback. Beside ours run Erlang/OTP, NATS, Redis and Moleculer, and the floor: plain TCP with
 * frames of CBOR, or of bytes, and no runtime. Each run of any of them is made of fresh OS processes, and all take turns.
 */
import { compiledErlang, runErlangNode } from './erlang.mjs';
import { latency, parts, rate } from './figures.mjs';
import { ROWS, workOf } from './peers/work.mjs';
import { runFile } from './run-file.mjs';

const MODULES = { NATS: 'nats', Redis: 'redis', Moleculer: 'moleculer', 'plain TCP': 'tcp' };

async function erlang(row, isRelay = false) {
  const { kind, count, subscribers, receivers, text, gapMs = 0, warmUp = 0 } = workOf(row, 'erlang');
  const work = [isRelay ? 'relay' : kind, count, subscribers, text.length, gapMs, receivers, warmUp].map(String);
  const flags = ['-sname', `bench${process.pid}`, '-noshell', '-pa', compiledErlang('two_nodes')];
  return runErlangNode([...flags, '-run', 'two_nodes', 'main', ...work]);
}

function peersOf(row) {
  const { kind } = ROWS[row];
  const peers = { 'Erlang/OTP': () => erlang(row) };
  if (kind === 'publish') peers['Erlang/OTP, one relay a node'] = () => erlang(row, true);
  for (const [name, module] of Object.entries(MODULES)) {
    if (!isLeftOut(module, ROWS[row])) peers[name] = () => runFile('peers/pubsub.mjs', [module, row]);
  }
  return peers;
}

/** Moleculer has no messages of bytes, and starts 10,000 subscribers in minutes. How slow peers scale is not worth the minutes. */
function isLeftOut(module, { kind, receivers, subscribers }) {
  if (module === 'moleculer') return kind === 'bytes' || receivers > 1 || subscribers > 1_000;
  return module === 'redis' && receivers > 1;
}

const TITLES = {
  'one-way-nodes': 'messages one way, objects of 100 B',
  'one-way-nodes-1k': 'messages one way, objects of 1 KiB',
  'one-way-nodes-bytes': 'messages one way, 100 bytes',
  'publish-1': 'deliveries to 1 subscriber on another node, 100 B',
  'publish-10': 'deliveries to 10 subscribers on another node',
  'publish-100': 'deliveries to 100 subscribers on another node',
  'publish-1000': 'deliveries to 1,000 subscribers on another node',
  'publish-10000': 'deliveries to 10,000 subscribers on another node',
  'publish-100-1k': 'deliveries to 100 subscribers on another node, 1 KiB',
  'publish-1000-of-3': 'deliveries to 1,000 subscribers on 2 other nodes',
  'publish-1000-of-5': 'deliveries to 1,000 subscribers on 4 other nodes',
  'round-trip-nodes': 'request and reply, busy, 100 B',
  'round-trip-nodes-1k': 'request and reply, busy, 1 KiB',
  'round-trip-nodes-idle': 'request and reply, one every 10 ms',
};

const GROUP = 'Between nodes';

const bigMessage = {
  group: GROUP,
  name: 'big-message',
  title: 'request and reply beside messages of 64 MB; heartbeat',
  run: () => runFile('big-message.mjs', []),
  ...parts(
    ({ p50, p99, heartbeatMs, big }) =>
      `p50 ${(p50 / 1000).toFixed(1)} ms, p99 ${(p99 / 1000).toFixed(1)} ms, heartbeat ${heartbeatMs.toFixed(0)} ms at most, ${big} messages`,
    ({ p99 }) => p99,
  ),
};

export const nodeRows = [
  ...Object.entries(TITLES).map(([name, title]) => ({
    group: GROUP,
    name,
    title,
    run: () => runFile('two-nodes.mjs', [name]),
    peers: peersOf(name),
    ...(ROWS[name].kind === 'round-trip' ? latency : rate),
  })),
  bigMessage,
];
