/**
 * `node two-nodes.mjs ROW`: a row between two nodes of Liminal, each an OS process of its own, as JSON. All who send,
 * receive or subscribe are processes on a thread of their node.
 */
import { isExit, startNode } from 'liminal-node';
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
const me = node.attach({ trapExit: true });

/**
 * A publisher is so many megabytes of messages ahead of its subscribers at most: well below what may wait for a peer, or for a
 * thread of one, beyond which messages are dropped. A subscriber of each node says when it has had a megabyte.
 */
const PACE = { to: { name: 'publisher', node: 'sender@127.0.0.1' }, every: Math.floor(1e6 / (work.text.length + 20)) };
const MEGABYTES_AHEAD = 4;

const messages = async (count) => {
  for (let n = 0; n < count; n++) {
    const message = await me.receive();
    if (isExit(message))
      throw new Error(`a receiver ended: ${message.reason.error?.message ?? JSON.stringify(message.reason)}`);
  }
};

/** Who receives is linked to this program: a message that was not due ends the run with its reason. */
const receiving = {
  'one-way': async () => ({
    pid: await me.spawn(pacedCounter, [work.count, me.pid], { link: true }),
    done: () => messages(1),
  }),
  bytes: async () => ({
    pid: await me.spawn(pacedByteCounter, [work.count, me.pid], { link: true }),
    done: () => messages(1),
  }),
  publish: async () => {
    const each = Array.from({ length: part.subscribers }, (_, at) =>
      me.spawn(subscriber, [work.count, me.pid, ...(at === 0 ? [PACE] : [])], { link: true }),
    );
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
    await me.register(PACE.to.name);
    const publish = async () => {
      for (let n = 0; n < work.count; n++) {
        const { dropped } = await channel.publish({ n, text: work.text });
        if (dropped > 0) throw new Error(`publish ${n} was dropped`);
        if (n % PACE.every === 0 && n / PACE.every > MEGABYTES_AHEAD) await messages(work.receivers);
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
