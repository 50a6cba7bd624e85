/** The other node of the benchmark: an OS process of its own, told by its parent what to run. */
import { startNode } from 'liminal-node';
import { echo, subscriber } from './processes.mjs';

const node = await startNode({ name: 'b@127.0.0.1', threads: 1, cookie: process.env.LIMINAL_COOKIE });
const me = node.attach({ mailbox: { maxItems: 1e7, maxBytes: 1e9 } });
const echoPid = await node.spawn(echo, []);
let running = [];

const commands = {
  /** Runs so many subscribers, and reports when all have counted `count` messages. */
  async subscribe({ subscribers, count }) {
    running = await Promise.all(Array.from({ length: subscribers }, () => node.spawn(subscriber, [count, me.pid])));
    for (let ready = 0; ready < subscribers; ready++) await me.receive({ match: (m) => m.subscribed !== undefined });
  },
  async counted() {
    for (let done = 0; done < running.length; done++) await me.receive({ match: (m) => m.counted !== undefined });
  },
  async unsubscribe() {
    for (const pid of running) node.scheduler.exitProcess(pid, 'shutdown');
  },
  async stop() {
    await node.drain();
    process.disconnect();
  },
};

process.on('message', async ({ id, command, args }) => {
  await commands[command](args);
  if (process.connected) process.send({ id, rss: process.memoryUsage.rss() });
});
process.send({ listen: node.listen, echoPid });
