/**
 * What a node takes that has nothing to do: CPU over 10 s, RSS and threads, once the engine has cleaned up behind the start. All
 * runs of all are at once, since none of them takes anything to speak of.
 */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { startEpmd } from './erlang.mjs';
import { parts } from './figures.mjs';
import { startCommand } from './peers/server.mjs';
import { env, here, profiling } from './run-file.mjs';

/** V8 gives back what the start took after some 8 s without work. */
const SETTLE_MS = 25_000;
const WINDOW_MS = 10_000;

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A program of `idle.mjs`, which ends when its channel does. */
async function startIdle(...args) {
  const child = fork(here('idle.mjs'), args, { env, execArgv: profiling });
  const [ready] = await once(child, 'message');
  return { pid: child.pid, ready, stop: () => child.connected && child.disconnect() };
}

async function startCluster(count) {
  const nodes = [await startIdle('node', 'n0@127.0.0.1', count - 1)];
  const [{ pid, ready }] = nodes;
  for (let n = 1; n < count; n++) nodes.push(await startIdle('node', `n${n}@127.0.0.1`, count - 1, ready.listen));
  const stop = () => {
    for (const node of nodes) node.stop();
  };
  return { pid, stop };
}

async function startErlang() {
  const epmd = await startEpmd();
  const child = spawn('erl', ['-noshell', '-sname', 'idle'], { env: epmd.env, stdio: 'ignore' });
  await once(child, 'spawn');
  const stop = () => {
    child.kill('SIGKILL');
    epmd.stop();
  };
  return { pid: child.pid, stop };
}

const startNats = () => startCommand('nats-server', (port) => ['-a', '127.0.0.1', '-p', port]);
const startRedis = () => startCommand('redis-server', (port) => ['--port', port, '--bind', '127.0.0.1', '--save', '']);

async function measure(start) {
  const { pid, stop } = await start();
  try {
    await wait(SETTLE_MS);
    const before = cpuNanos(pid);
    const startedAt = performance.now();
    await wait(WINDOW_MS);
    const share = (cpuNanos(pid) - before) / 1e6 / (performance.now() - startedAt);
    return { figure: { share, ...memoryAndThreads(pid) } };
  } finally {
    stop();
  }
}

/** What all its threads have run, which is more exact than ticks. */
function cpuNanos(pid) {
  const run = (thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + run(thread), 0);
}

function memoryAndThreads(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const number = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)[1]);
  return { rssMiB: number('VmRSS') / 1_024, threads: number('Threads') };
}

const figure = {
  together: true,
  ...parts(
    ({ share, rssMiB, threads }) =>
      `${(100 * share).toFixed(3)} % of a core, ${rssMiB.toFixed(1)} MiB, ${threads} threads`,
    ({ rssMiB }) => rssMiB,
  ),
};

export const idleRows = [
  {
    group: 'Idle',
    name: 'idle-node',
    title: 'a node with 2 scheduler threads; ratios are of RSS',
    run: () => measure(() => startIdle('node', 'idle@127.0.0.1', 0)),
    peers: {
      'plain Node.js, two bare worker threads': () => measure(() => startIdle('bare')),
      'Erlang/OTP': () => measure(startErlang),
      'NATS, the server alone': () => measure(startNats),
      'Redis, the server alone': () => measure(startRedis),
    },
    ...figure,
  },
  {
    group: 'Idle',
    name: 'idle-node-of-3',
    title: 'the same, one of three that are connected',
    run: () => measure(() => startCluster(3)),
    ...figure,
  },
];
