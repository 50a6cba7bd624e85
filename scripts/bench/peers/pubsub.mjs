/**
 * `node pubsub.mjs SYSTEM ROW`: a row over NATS, Redis, Moleculer or plain TCP, as JSON. One OS process sends, another
 * receives; where the system has a server, that is a third. A client is given as many messages as it takes at once.
 */
import { checkers, deliveries, peakRssNow, ROWS, roundTrips, startReceiver } from './work.mjs';

const [system, row, role, address] = process.argv.slice(2);
const work = ROWS[row];
const { open, startServer } = await import(`./${system}.mjs`);

async function receive() {
  const client = await open(address, 'receiver');
  const handlers = checkers(work, () => process.send({ peakRss: peakRssNow() }));
  if (work.kind === 'round-trip') await client.answer((message) => message);
  else await client.subscribe(handlers);
  process.send({ ready: client.address ?? true });
}

async function send() {
  const server = await startServer();
  const receiver = await startReceiver(new URL(import.meta.url), [system, row, 'receiver', server.address]);
  const client = await open(server.address, 'sender', receiver.ready);
  let figure;
  if (work.kind === 'round-trip') figure = await roundTrips(work, (message) => client.request(message));
  else {
    const publish = async () => {
      for (let n = 0; n < work.count; n++) {
        const pause = client.publish({ n, text: work.text });
        if (pause !== undefined) await pause;
      }
    };
    figure = await deliveries(work, publish, receiver.told);
  }
  console.log(JSON.stringify(figure));
  receiver.stop();
  server.stop();
  process.exit();
}

await (role === 'receiver' ? receive() : send());
