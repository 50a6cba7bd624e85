/** Redis: `redis-server` with ioredis, one connection for each subscriber, as its users have one in each process. */
import { Redis } from 'ioredis';
import { startCommand } from './server.mjs';

/** Connections of one process; beyond, subscribers share them. */
const MAX_CONNECTIONS = 1_000;

export const startServer = () =>
  startCommand('redis-server', (port) => ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']);

export async function open({ address, isBytes }) {
  const [host, port] = address.split(':');
  const create = () => new Redis({ host, port: Number(port) });
  const redis = create();
  let sent = 0;
  return {
    async subscribe(handlers) {
      const connections = Array.from({ length: Math.min(handlers.length, MAX_CONNECTIONS) }, create);
      handlers.forEach((handler, index) => {
        const connection = connections[index % connections.length];
        if (isBytes) connection.on('messageBuffer', (_channel, bytes) => handler(bytes));
        else connection.on('message', (_channel, text) => handler(JSON.parse(text)));
      });
      await Promise.all(connections.map((connection) => connection.subscribe('bench')));
    },
    publish(message) {
      const published = redis.publish('bench', isBytes ? Buffer.from(message.buffer) : JSON.stringify(message));
      return ++sent % 1_000 === 0 ? published : undefined;
    },
    async answer(answerTo) {
      const asked = create();
      asked.on('message', (_channel, text) => redis.publish('answers', JSON.stringify(answerTo(JSON.parse(text)))));
      await asked.subscribe('questions');
    },
    async request(message) {
      this.answers ??= await answers(create());
      const answer = this.answers();
      redis.publish('questions', JSON.stringify(message));
      return answer;
    },
  };
}

/** @returns what waits for the next answer. */
async function answers(connection) {
  let resolve;
  connection.on('message', (_channel, text) => resolve(JSON.parse(text)));
  await connection.subscribe('answers');
  return () =>
    new Promise((resolveNext) => {
      resolve = resolveNext;
    });
}
