/** A node of the rows about faults, in an OS process of its own: counts what it is sent, and how long that took. */
import { startNode } from 'liminal-node';

let node;
let latencies = [];
let count = 0;

/** Comparable between the processes of one machine. */
const now = () => performance.timeOrigin + performance.now();

const commands = {
  async start(options) {
    node = await startNode({ threads: 0, cookie: process.env.LIMINAL_COOKIE, ...options });
    const roomy = { maxItems: 1e7, maxBytes: 1e9 };
    const subscription = node.channel('load').subscribe(roomy);
    void (async () => {
      for await (const { payload } of subscription) {
        count++;
        latencies.push(now() - payload.at);
      }
    })();
    return { listen: node.listen };
  },
  /** Of what has come since it was asked last. */
  latencies() {
    const sorted = latencies.sort((a, b) => a - b);
    latencies = [];
    return { count, p50: sorted[Math.floor(sorted.length * 0.5)], p99: sorted[Math.floor(sorted.length * 0.99)] };
  },
};

process.on('message', async ({ id, command, args }) => {
  const value = await commands[command](args);
  if (process.connected) process.send({ id, value });
});
process.on('disconnect', () => process.exit());
process.send({ loaded: true });
