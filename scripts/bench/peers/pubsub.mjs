/**
 * `node pubsub.mjs SYSTEM ROW`: a row over NATS, Redis, Moleculer or plain TCP, as JSON. One OS process sends, others
 * receive; where the system has a server, that is one more. A client is given as many messages as it takes at once.
 */
import { checkers, deliveries, messageOf, partOf, roundTrips, startReceivers, workOf } from './work.mjs';

const [system, row, role, address, number] = process.argv.slice(2);
const work = workOf(row, system);
const isBytes = work.kind === 'bytes';
const { open, startServer } = await import(`./${system}.mjs`);

async function receive() {
  const client = await open({ address, role: `receiver-${number}`, isBytes });
  const handlers = checkers(partOf(work), () => process.send('done'));
  if (work.kind === 'round-trip') await client.answer((message) => message);
  else await client.subscribe(handlers);
  process.send({ ready: client.address ?? true });
}

async function send() {
  const server = await startServer();
  const receivers = await startReceivers(work, new URL(import.meta.url), [system, row, 'receiver', server.address]);
  const peers = receivers.map(({ ready }) => ready);
  const client = await open({ address: server.address, role: 'sender', peers, isBytes });
  let figure;
  if (work.kind === 'round-trip') figure = await roundTrips(work, (message) => client.request(message));
  else {
    const publish = async () => {
      for (let n = 0; n < work.count; n++) {
        const pause = client.publish(messageOf(work, n));
        if (pause !== undefined) await pause;
      }
    };
    figure = await deliveries(work, publish, receivers);
  }
  console.log(JSON.stringify(figure));
  for (const receiver of receivers) receiver.stop();
  server.stop();
  process.exit();
}

await (role === 'receiver' ? receive() : send());
