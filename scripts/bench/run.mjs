/**
 * `npm run bench [-- --row NAME] [--runs N] [--json]`: our figures on this machine, each the median of several
 * runs, beside those of the peers that are installed. Every message is checked for order and count by the process
 * that receives it.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { startNode } from 'liminal-node';
import { oneThreadRows } from './one-thread-rows.mjs';
import { brood, crowd, gauge, mourner, pinger } from './processes.mjs';
import { runRows } from './run-rows.mjs';
import { twoThreadRows } from './two-thread-rows.mjs';

const { values: flags } = parseArgs({
  options: {
    row: { type: 'string' },
    runs: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
});

const here = [...oneThreadRows(), ...twoThreadRows];
await runRows(here, flags);
if (here.some(({ name }) => name === flags.row)) process.exit();

const TEXT = 'x'.repeat(80);
process.env.LIMINAL_COOKIE ??= 'a cookie of the benchmark';
const roomy = { maxItems: 1e7, maxBytes: 1e9, overflow: 'drop-newest' };
const node = await startNode({ name: 'a@127.0.0.1', threads: 2, cookie: process.env.LIMINAL_COOKIE, mailbox: roomy });
const me = node.attach();
const [threadOne, threadTwo] = node.scheduler.threads;

/** Runs of one row: `work` does it and returns how much was done; the figure is that per second. */
async function perSecond(work) {
  const startedAt = performance.now();
  const done = await work();
  return done / ((performance.now() - startedAt) / 1000);
}

async function roundTrip(to, count, thread) {
  await node.spawn(pinger, [to, count, me.pid], { thread });
  return me.receive();
}

async function startPeer() {
  const child = fork(new URL('./peer.mjs', import.meta.url));
  const [{ listen, echoPid }] = await once(child, 'message');
  node.distribution.connect(listen);
  for await (const event of node.membership()) if (event.type === 'up') break;
  let id = 0;
  const ask = (command, args) =>
    new Promise((resolve) => {
      const asked = id++;
      const answer = (message) => {
        if (message.id !== asked) return;
        child.off('message', answer);
        resolve(message);
      };
      child.on('message', answer);
      child.send({ id: asked, command, args });
    });
  return { echoPid, ask, child };
}

async function publishes(peer, subscribers, count) {
  await peer.ask('subscribe', { subscribers, count });
  const channel = node.channel('bench');
  while (node.clusterSync.remoteTargets('bench').length < subscribers) await new Promise((r) => setImmediate(r));
  const figure = await perSecond(async () => {
    const counted = peer.ask('counted');
    for (let n = 0; n < count; n++) {
      const { dropped } = await channel.publish({ n, text: TEXT });
      if (dropped > 0) throw new Error(`publish ${n} was dropped`);
      // The peer's queue is bounded: let it drain, as a publisher under pressure would.
      if (n % 10_000 === 9_999) await node.distribution.flush();
    }
    await counted;
    return count * subscribers;
  });
  await peer.ask('unsubscribe');
  while (node.clusterSync.remoteTargets('bench').length > 0) await new Promise((r) => setImmediate(r));
  return figure;
}

/** Snapshots of 100,000 processes on two threads: time, CPU of all threads, and the longest turn of any event loop. */
async function snapshots() {
  const count = 50_000;
  const crowds = [];
  for (const thread of [threadOne, threadTwo]) {
    crowds.push(await node.spawn(crowd, [count, me.pid], { thread }));
    await me.receive();
  }
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  const { processes } = await node.scheduler.snapshot();
  const { user, system } = process.cpuUsage(cpu);
  const figures = { ms: performance.now() - startedAt, cpuMs: (user + system) / 1000, longest: 0 };
  if (processes.length < 2 * count) throw new Error(`${processes.length} processes in the snapshot`);
  // Once more, with what keeps the event loops turning, and would count as CPU.
  const gauges = [];
  for (const thread of [threadOne, threadTwo, 'home']) gauges.push(await node.spawn(gauge, [], { thread }));
  await node.scheduler.snapshot();
  for (const pid of gauges) {
    node.send(pid, { replyTo: me.pid });
    figures.longest = Math.max(figures.longest, (await me.receive()).longest);
  }
  for (const pid of crowds) {
    const ref = me.monitor(pid);
    node.scheduler.exitProcess(pid, 'shutdown');
    await me.receive({ match: (message) => message.ref === ref });
  }
  return figures;
}

/** How long until all who are bound to 10,000 processes of a thread have heard of its end, on home and on another thread. */
async function settles() {
  const { scheduler } = node;
  const [first, second] = scheduler.threads;
  await node.spawn(brood, [10_000, me.pid], { thread: first });
  const pids = await me.receive();
  for (const thread of ['home', second]) {
    await node.spawn(mourner, [pids, me.pid], { thread, trapExit: true });
    await me.receive();
  }
  // What has been sent between the threads has arrived.
  await scheduler.inspect();
  const startedAt = performance.now();
  void scheduler.endThread(first);
  for (let settled = 0; settled < 2; settled++) await me.receive();
  const ms = performance.now() - startedAt;
  while (scheduler.threads.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  return ms;
}

const peer = await startPeer();

const million = (figure) => `${(figure / 1e6).toFixed(3)} M/s`;
const micros = ({ p50, p99 }) => `p50 ${p50.toFixed(1)} µs, p99 ${p99.toFixed(1)} µs`;
const rows = [
  {
    name: 'round-trip-nodes',
    title: 'round trip, node to node',
    run: () => roundTrip(peer.echoPid, 10_000, threadOne),
    show: micros,
    by: ({ p50 }) => p50,
  },
  {
    name: 'publish-1',
    title: 'publishes to 1 subscriber on another node',
    run: () => publishes(peer, 1, 200_000),
    show: million,
  },
  {
    name: 'publish-1000',
    title: 'deliveries to 1,000 subscribers on another node',
    run: () => publishes(peer, 1_000, 3_000),
    show: million,
  },
  {
    name: 'snapshot',
    title: 'snapshot of 100,000 processes on two threads',
    run: snapshots,
    show: ({ ms, cpuMs, longest }) =>
      `${ms.toFixed(0)} ms, ${cpuMs.toFixed(0)} ms of CPU, longest turn ${longest.toFixed(1)} ms`,
    by: ({ cpuMs }) => cpuMs,
  },
  {
    // The last: it takes the threads away that the others run on.
    name: 'thread-loss',
    title: 'a thread with 10,000 processes dies, all bonds settled',
    run: settles,
    show: (ms) => `${ms.toFixed(0)} ms`,
  },
];

await runRows(rows, flags);

const exited = once(peer.child, 'exit');
void peer.ask('stop');
await exited;
await node.drain();
