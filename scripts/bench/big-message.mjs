/**
 * `node big-message.mjs`: round trips of small messages between two nodes while messages of 64 MB go the same way on the
 * same connection, one after another; as JSON, with the longest round trip of a heartbeat.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startNode } from 'liminal-node';
import { echo, pinger } from './processes.mjs';

const BIG_BYTES = 64_000_000;
const isReceiver = process.argv[2] === 'receiver';
const node = await startNode({
  name: isReceiver ? 'b@127.0.0.1' : 'a@127.0.0.1',
  threads: 1,
  cookie: 'a cookie of the benchmark',
  mailbox: { maxItems: 1e7, maxBytes: 1e9 },
  maxPayloadBytes: BIG_BYTES + 1_000,
  distribution: {
    maxFrameBytes: 2 * BIG_BYTES + 2_000,
    maxDataQueueBytes: 4 * BIG_BYTES,
    heartbeatIntervalMs: 50,
    heartbeatTimeoutMs: 30_000,
  },
});
const me = node.attach();

async function receive() {
  const big = node.channel('big').subscribe({ maxBytes: 1e9 });
  process.send({ listen: node.listen, pid: await node.spawn(echo, []) });
  for await (const { payload } of big) {
    if (payload.length !== BIG_BYTES) throw new Error(`${payload.length} bytes came`);
    process.send('big');
  }
}

async function send() {
  const receiver = fork(fileURLToPath(import.meta.url), ['receiver']);
  const [{ listen, pid }] = await once(receiver, 'message');
  node.distribution.connect(listen);
  while (node.clusterSync.remoteTargets('big').length < 1) await new Promise(setImmediate);
  let done = false;
  let heartbeatMs = 0;
  const [session] = node.distribution.sessions();
  const watch = setInterval(() => {
    heartbeatMs = Math.max(heartbeatMs, session.roundTripMs ?? 0);
  }, 10);
  const payload = new Uint8Array(BIG_BYTES);
  let big = 0;
  const bigOnes = (async () => {
    while (!done) {
      const came = once(receiver, 'message');
      await node.channel('big').publish(payload, { whenFull: 'wait' });
      await came;
      big++;
    }
  })();
  await node.spawn(pinger, [pid, 500, me.pid]);
  const { p50, p99 } = await me.receive();
  done = true;
  await bigOnes;
  clearInterval(watch);
  console.log(JSON.stringify({ p50, p99, heartbeatMs, big, sessionsDown: node.distribution.counters.sessionsDown }));
  receiver.kill();
  process.exit();
}

await (isReceiver ? receive() : send());
