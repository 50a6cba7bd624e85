/**
 * `node two-nodes.mjs ROW`: a row between two nodes of Liminal, each an OS process of its own, as JSON. All who send,
 * receive or subscribe are processes on a thread of their node.
 */
import { startNode } from 'liminal-node';
import { deliveries, partOf, startReceivers, workOf } from './peers/work.mjs';
import {
  echo,
  pacedByteCounter,
  pacedByteSender,
  pacedCounter,
  pacedSender,
  pinger,
  subscriber,
} from './processes.mjs';

const [row, role, number] = process.argv.slice(2);
const work = workOf(row, 'liminal');
const part = partOf(work);
const isReceiver = role === 'receiver';
const node = await startNode({
  name: isReceiver ? `receiver-${number}@127.0.0.1` : 'sender@127.0.0.1',
  threads: 1,
  cookie: 'a cookie of the benchmark',
  mailbox: { maxItems: 1e7, maxBytes: 1e9 },
});
const me = node.attach();

/** A megabyte of messages, well below what may wait for a peer. */
const BETWEEN_FLUSHES = Math.floor(1e6 / (work.text.length + 20));

const messages = async (count) => {
  for (let n = 0; n < count; n++) await me.receive();
};

const receiving = {
  'one-way': async () => ({
    pid: await node.spawn(pacedCounter, [work.count, me.pid]),
    done: () => messages(1),
  }),
  bytes: async () => ({
    pid: await node.spawn(pacedByteCounter, [work.count, me.pid]),
    done: () => messages(1),
  }),
  publish: async () => {
    const each = Array.from({ length: part.subscribers }, () => node.spawn(subscriber, [work.count, me.pid]));
    await Promise.all(each);
    await messages(part.subscribers);
    return { done: () => messages(part.subscribers) };
  },
  'round-trip': async () => ({ pid: await node.spawn(echo, []), done: () => new Promise(() => {}) }),
};

async function receive() {
  const { pid, done } = await receiving[work.kind]();
  process.send({ ready: { listen: node.listen, pid } });
  await done();
  process.send('done');
}

const sending = {
  'one-way': (receivers) => {
    const [{ ready }] = receivers;
    return deliveries(work, () => node.spawn(pacedSender, [ready.pid, work.count, work.text]), receivers);
  },
  bytes: (receivers) => {
    const [{ ready }] = receivers;
    return deliveries(work, () => node.spawn(pacedByteSender, [ready.pid, work.count]), receivers);
  },
  publish: async (receivers) => {
    const channel = node.channel('bench');
    while (node.clusterSync.remoteTargets('bench').length < work.subscribers) await new Promise(setImmediate);
    const publish = async () => {
      for (let n = 0; n < work.count; n++) {
        const { dropped } = await channel.publish({ n, text: work.text });
        if (dropped > 0) throw new Error(`publish ${n} was dropped`);
        if (n % BETWEEN_FLUSHES === 0) await node.distribution.flush();
      }
    };
    return deliveries(work, publish, receivers);
  },
  'round-trip': async ([{ ready }]) => {
    await node.spawn(pinger, [ready.pid, work.count, me.pid, work]);
    return me.receive();
  },
};

async function send() {
  const receivers = await startReceivers(work, new URL(import.meta.url), [row, 'receiver']);
  for (const { ready } of receivers) node.distribution.connect(ready.listen);
  for await (const _ of node.membership()) if (node.distribution.sessions().length === receivers.length) break;
  console.log(JSON.stringify(await sending[work.kind](receivers)));
  for (const receiver of receivers) receiver.stop();
  process.exit();
}

await (isReceiver ? receive() : send());
