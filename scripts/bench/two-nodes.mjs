/**
 * `node two-nodes.mjs ROW`: a row between two nodes of Liminal, each an OS process of its own, as JSON. All who send,
 * receive or subscribe are processes on a thread of their node.
 */
import { startNode } from 'liminal-node';
import { deliveries, peakRssNow, ROWS, startReceiver } from './peers/work.mjs';
import { echo, pacedCounter, pacedSender, pinger, subscriber } from './processes.mjs';

const [row, role] = process.argv.slice(2);
const work = ROWS[row];
const isReceiver = role === 'receiver';
const node = await startNode({
  name: isReceiver ? 'b@127.0.0.1' : 'a@127.0.0.1',
  threads: 1,
  cookie: 'a cookie of the benchmark',
  mailbox: { maxItems: 1e7, maxBytes: 1e9 },
});
const me = node.attach();

const messages = async (count) => {
  for (let n = 0; n < count; n++) await me.receive();
};

const receiving = {
  'one-way': async () => ({
    pid: await node.spawn(pacedCounter, [work.count, me.pid]),
    done: () => messages(1),
  }),
  publish: async () => {
    const each = Array.from({ length: work.subscribers }, () => node.spawn(subscriber, [work.count, me.pid]));
    await Promise.all(each);
    await messages(work.subscribers);
    return { done: () => messages(work.subscribers) };
  },
  'round-trip': async () => ({ pid: await node.spawn(echo, []), done: () => new Promise(() => {}) }),
};

async function receive() {
  const { pid, done } = await receiving[work.kind]();
  process.send({ ready: { listen: node.listen, pid } });
  await done();
  process.send({ peakRss: peakRssNow() });
}

const sending = {
  'one-way': ({ pid }, told) => deliveries(work, () => node.spawn(pacedSender, [pid, work.count, work.text]), told),
  publish: async (_, told) => {
    const channel = node.channel('bench');
    while (node.clusterSync.remoteTargets('bench').length < work.subscribers) await new Promise(setImmediate);
    const publish = async () => {
      for (let n = 0; n < work.count; n++) {
        const { dropped } = await channel.publish({ n, text: work.text });
        if (dropped > 0) throw new Error(`publish ${n} was dropped`);
        if (n % 10_000 === 9_999) await node.distribution.flush();
      }
    };
    return deliveries(work, publish, told);
  },
  'round-trip': async ({ pid }) => {
    await node.spawn(pinger, [pid, work.count, me.pid, 1, work.gapMs ?? 0]);
    return me.receive();
  },
};

async function send() {
  const receiver = await startReceiver(new URL(import.meta.url), [row, 'receiver']);
  node.distribution.connect(receiver.ready.listen);
  for await (const event of node.membership()) if (event.type === 'up') break;
  console.log(JSON.stringify(await sending[work.kind](receiver.ready, receiver.told)));
  receiver.stop();
  process.exit();
}

await (isReceiver ? receive() : send());
