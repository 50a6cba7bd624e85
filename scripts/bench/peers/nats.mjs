/** NATS: `nats-server`, and its client for Node.js at both ends. Objects travel as JSON, as its users send them. */
import { connect } from '@nats-io/transport-node';
import { startCommand } from './server.mjs';

export const startServer = () => startCommand('nats-server', (port) => ['-a', '127.0.0.1', '-p', port]);

export async function open({ address, isBytes }) {
  const nats = await connect({ servers: address });
  const read = (message) => (isBytes ? message.data : message.json());
  const write = (message) => (isBytes ? message : JSON.stringify(message));
  let sent = 0;
  return {
    async subscribe(handlers) {
      for (const handler of handlers) {
        nats.subscribe('bench', { callback: (error, message) => (error ? fail(error) : handler(read(message))) });
      }
      await nats.flush();
    },
    publish(message) {
      nats.publish('bench', write(message));
      return ++sent % 1_000 === 0 ? nats.flush() : undefined;
    },
    async answer(answerTo) {
      nats.subscribe('ask', { callback: (_, message) => message.respond(JSON.stringify(answerTo(message.json()))) });
      await nats.flush();
    },
    request: async (message) => (await nats.request('ask', JSON.stringify(message))).json(),
  };
}

function fail(error) {
  throw error;
}
