/**
 * `node two-threads.mjs ROW`: one run of one row between two scheduler threads, as JSON. Every message is checked
 * for order and count by the process that receives it.
 */
import { fileURLToPath } from 'node:url';
import { startNode } from 'liminal-node';
import { blocked, byteCounter, byteSender, counter, echo, flooder, pinger, sender, subscriber } from './processes.mjs';

const row = process.argv[2];
const SMALL = 'x'.repeat(80);
const LARGE = 'x'.repeat(1_000);
const mailbox = { maxItems: 1e7, maxBytes: 1e9, overflow: 'drop-newest' };
const cookie = 'a cookie of the benchmark';
const node = await startNode({ name: 'threads@127.0.0.1', listen: 'off', threads: 2, cookie, mailbox });
const me = node.attach();
const [threadOne, threadTwo] = node.scheduler.threads;
const there = { thread: threadTwo };

async function oneWay(from, to, count, text) {
  let best = 0;
  // The first turns of a thread are spent on compiling.
  for (let round = 0; round < 4; round++) {
    const target = await node.spawn(to, [count, me.pid], there);
    const startedAt = performance.now();
    await node.spawn(from, [target, count, text], { thread: threadOne });
    await me.receive();
    best = Math.max(best, count / ((performance.now() - startedAt) / 1000));
    node.scheduler.exitProcess(target, 'shutdown');
  }
  return best;
}

async function roundTrips(count, inFlight, gapMs) {
  const target = await node.spawn(echo, [], there);
  let figures;
  // Where everybody sleeps between, the engine's compiling is no part of it.
  for (let round = 0; round < (gapMs > 0 ? 1 : 3); round++) {
    await node.spawn(pinger, [target, count, me.pid, { inFlight, gapMs }], { thread: threadOne });
    figures = await me.receive();
  }
  return figures;
}

async function multicast() {
  const [subscribers, count] = [1_000, 2_000];
  for (let n = 0; n < subscribers; n++) await node.spawn(subscriber, [count, me.pid], there);
  for (let ready = 0; ready < subscribers; ready++) await me.receive({ match: (m) => m.subscribed !== undefined });
  const channel = node.channel('bench');
  const startedAt = performance.now();
  for (let n = 0; n < count; n++) {
    await channel.publish({ n, text: SMALL });
    if (n % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
  }
  for (let done = 0; done < subscribers; done++) await me.receive({ match: (m) => m.counted !== undefined });
  return (subscribers * count) / ((performance.now() - startedAt) / 1000);
}

/** F9: 1.9 million messages for a thread that handles none: how much memory they cost. */
async function flood() {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const target = await node.spawn(blocked, [3_000], there);
  const before = process.memoryUsage.rss();
  await node.spawn(flooder, [target, 1_900_000, SMALL], { thread: threadOne });
  let peak = before;
  for (let look = 0; look < 25; look++) {
    Atomics.wait(flag, 0, 0, 100);
    peak = Math.max(peak, process.memoryUsage.rss());
  }
  const dropped = (await node.scheduler.inspect()).map(({ counters }) => counters.dropped['thread queue full'] ?? 0);
  if (Math.max(...dropped) === 0) throw new Error('no message was dropped: the thread was not blocked');
  return { grownMiB: (peak - before) / 2 ** 20, peakMiB: peak / 2 ** 20 };
}

const ROWS = {
  'one-way-threads': () => oneWay(sender, counter, 300_000, SMALL),
  'one-way-threads-1k': () => oneWay(sender, counter, 100_000, LARGE),
  'one-way-bytes': () => oneWay(byteSender, byteCounter, 300_000),
  'round-trip-threads': () => roundTrips(20_000, 1, 0),
  'round-trip-16': () => roundTrips(50_000, 16, 0),
  'round-trip-idle': () => roundTrips(200, 1, 10),
  'multicast-1000': multicast,
  flood,
};
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(await ROWS[row]()));
  await node.drain();
}
