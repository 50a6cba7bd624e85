/** The processes that the benchmark runs on scheduler threads and on the other node. */
import { channelOf, defineProcess } from 'liminal-node';

/** Answers each message with itself. */
export const echo = defineProcess(import.meta.url, 'echo', (self) => (message) => self.send(message.replyTo, message));

/** Counts messages, checks their order, and tells `replyTo` when `count` have come. */
export const counter = defineProcess(import.meta.url, 'counter', (self, count, replyTo) => {
  let seen = 0;
  return (message) => {
    const { n } = message.payload ?? message;
    if (n !== seen) throw new Error(`message ${n} came where ${seen} was due`);
    if (++seen === count) {
      seen = 0;
      self.send(replyTo, { counted: count });
    }
  };
});

/** Subscribes a counter to `bench`. */
export const subscriber = defineProcess(import.meta.url, 'subscriber', async (self, count, replyTo) => {
  await channelOf(self, 'bench').subscribe();
  self.send(replyTo, { subscribed: self.pid });
  let seen = 0;
  return ({ payload }) => {
    if (payload.n !== seen) throw new Error(`message ${payload.n} came where ${seen} was due`);
    if (++seen === count) {
      seen = 0;
      self.send(replyTo, { counted: count });
    }
  };
});

/** Sends `count` messages to `to`, as fast as it can. */
export const sender = defineProcess(import.meta.url, 'sender', (self, to, count, text) => {
  for (let n = 0; n < count; n++) self.send(to, { n, text });
});

/** Makes `count` round trips to `to` and tells their durations in microseconds. */
export const pinger = defineProcess(import.meta.url, 'pinger', async (self, to, count, replyTo) => {
  const micros = [];
  for (let n = 0; n < count; n++) {
    const startedAt = performance.now();
    self.send(to, { n, replyTo: self.pid });
    await self.receive();
    micros.push((performance.now() - startedAt) * 1000);
  }
  micros.sort((a, b) => a - b);
  self.send(replyTo, { p50: micros[Math.floor(count * 0.5)], p99: micros[Math.floor(count * 0.99)] });
});

const idle = defineProcess(import.meta.url, 'idle', () => () => {});

/** Starts `count` idle processes on its thread, which end with it, and tells when all have begun. */
export const crowd = defineProcess(import.meta.url, 'crowd', async (self, count, replyTo) => {
  for (let n = 0; n < count; n++) self.spawnLocal(idle, [], { link: true });
  await new Promise((resolve) => setImmediate(resolve));
  self.send(replyTo, { started: count });
  await self.receive();
});

/** Measures the longest turn of its thread's event loop, from its start until it is asked. */
export const gauge = defineProcess(import.meta.url, 'gauge', async (self) => {
  let longest = 0;
  let last = performance.now();
  let handle;
  const turn = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    handle = setImmediate(turn);
  };
  turn();
  const { replyTo } = await self.receive();
  clearImmediate(handle);
  self.send(replyTo, { longest });
});
