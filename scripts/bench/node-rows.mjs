/**
 * The rows between two OS processes on loopback. Beside ours run Erlang/OTP, NATS, Redis and Moleculer, as far as they are
 * installed, and the floor: plain TCP with frames of CBOR and no runtime. Each run of any of them is made of fresh OS
 * processes, and all take turns.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startCommand } from './peers/server.mjs';
import { ROWS } from './peers/work.mjs';
import { env, here, runFile, TIMEOUT_MS } from './run-file.mjs';

const run = promisify(execFile);

/** What each peer needs: a command of Debian's packages, and a client of `scripts/bench/package.json`. */
const PEERS = {
  NATS: { module: 'nats', command: 'nats-server', client: '@nats-io/transport-node' },
  Redis: { module: 'redis', command: 'redis-server', client: 'ioredis' },
  Moleculer: { module: 'moleculer', client: 'moleculer' },
  'plain TCP': { module: 'tcp' },
};

/** Why the peer cannot run here, or undefined. */
function missing({ command, client }) {
  try {
    if (client !== undefined) import.meta.resolve(client);
  } catch {
    return `${client} is not installed: npm ci --prefix scripts/bench`;
  }
  if (command === undefined || hasCommand(command)) return undefined;
  return `${command} is not installed: apt-get install ${command}`;
}

function hasCommand(command) {
  try {
    execFileSync('which', [command], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function erlang() {
  const folder = mkdtempSync(join(tmpdir(), 'liminal-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  execFileSync('erlc', ['-o', folder, here('erlang/two_nodes.erl')]);
  return async ({ kind, count, subscribers, text, gapMs = 0 }) => {
    const epmd = await startCommand('epmd', (port) => ['-port', port, '-address', '127.0.0.1']);
    try {
      const work = [kind, count, subscribers, text.length, gapMs].map(String);
      const flags = ['-sname', `bench${process.pid}`, '-noshell', '-pa', folder, '-run', 'two_nodes', 'main', ...work];
      const [, port] = epmd.address.split(':');
      const { stdout } = await run('erl', flags, { env: { ...env, ERL_EPMD_PORT: port }, timeout: TIMEOUT_MS });
      return JSON.parse(stdout);
    } finally {
      epmd.stop();
    }
  };
}

const mebibytes = (bytes) => (bytes === undefined ? '' : `, ${(bytes / 2 ** 20).toFixed(0)} MiB`);
const rate = {
  show: ({ perSecond, peakRss }) => `${(perSecond / 1e6).toFixed(2)} M/s${mebibytes(peakRss)}`,
  by: ({ perSecond }) => perSecond,
};
const time = {
  show: ({ p50, p99 }) => `p50 ${p50.toFixed(1)} µs, p99 ${p99.toFixed(1)} µs`,
  by: ({ p50 }) => p50,
};

const TITLES = {
  'one-way-nodes': 'one way, node to node, 100 B; peak RSS of both',
  'one-way-nodes-1k': 'one way, node to node, 1 KiB; peak RSS of both',
  'publish-1': 'publishes to 1 subscriber on another node',
  'publish-10': 'deliveries to 10 subscribers on another node',
  'publish-100': 'deliveries to 100 subscribers on another node',
  'publish-1000': 'deliveries to 1,000 subscribers on another node',
  'publish-10000': 'deliveries to 10,000 subscribers on another node',
  'round-trip-nodes': 'request and reply, node to node, busy',
  'round-trip-nodes-idle': 'request and reply, node to node, every 10 ms',
};

const BIG_MESSAGE = {
  name: 'big-message',
  title: 'request and reply beside messages of 64 MB; heartbeat',
  run: () => runFile('big-message.mjs', []),
  show: ({ p50, p99, heartbeatMs, big }) =>
    `p50 ${(p50 / 1000).toFixed(1)} ms, p99 ${(p99 / 1000).toFixed(1)} ms, heartbeat ${heartbeatMs.toFixed(0)} ms at most, ${big} messages`,
  by: ({ p99 }) => p99,
};

/** @param wanted the one row that will be run; undefined for all. Says which peers are missing. */
export function nodeRows(wanted) {
  if (wanted === BIG_MESSAGE.name) return [BIG_MESSAGE];
  if (wanted !== undefined && TITLES[wanted] === undefined) return [];
  const peers = [];
  if (hasCommand('erlc')) {
    const otp = erlang();
    peers.push(['Erlang/OTP', (row) => otp(ROWS[row])]);
  } else console.error('left out: Erlang/OTP: erl is not installed: apt-get install erlang-base');
  for (const [name, peer] of Object.entries(PEERS)) {
    const why = missing(peer);
    if (why !== undefined) console.error(`left out: ${name}: ${why}`);
    else peers.push([name, (row) => runFile('peers/pubsub.mjs', [peer.module, row])]);
  }
  const rows = Object.entries(TITLES).map(([name, title]) => ({
    name,
    title,
    run: () => runFile('two-nodes.mjs', [name]),
    peers: Object.fromEntries(peers.map(([peer, runPeer]) => [peer, () => runPeer(name)])),
    ...(ROWS[name].kind === 'round-trip' ? time : rate),
  }));
  return [...rows, BIG_MESSAGE];
}
