/**
 * `node one-node.mjs ROW`: a row of one node with two threads, as JSON.
 */
import { startNode } from 'liminal-node';
import { brood, crowd, gauge, mourner } from './processes.mjs';

const node = await startNode({ listen: 'off', threads: 2, cookie: 'a cookie of the benchmark' });
const me = node.attach({ mailbox: { maxItems: 1e7, maxBytes: 1e9 } });
const [threadOne, threadTwo] = node.scheduler.threads;

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

const ROWS = { snapshot: snapshots, 'thread-loss': settles };

console.log(JSON.stringify(await ROWS[process.argv[2]]()));
process.exit();
