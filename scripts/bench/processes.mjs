/** The processes that the benchmark runs on scheduler threads and on the other node. */
import { channelOf, defineProcess } from 'liminal-node';
import { checker, numbered } from './peers/work.mjs';

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

/** Subscribes a counter to `bench`. @param paced whom it tells of every so many messages. */
export const subscriber = defineProcess(import.meta.url, 'subscriber', async (self, count, replyTo, paced) => {
  await channelOf(self, 'bench').subscribe();
  self.send(replyTo, { subscribed: self.pid });
  let seen = 0;
  return ({ payload }) => {
    if (payload.n !== seen) throw new Error(`message ${payload.n} came where ${seen} was due`);
    if (++seen % paced?.every === 0) self.send(paced.to, { seen });
    if (seen === count) {
      seen = 0;
      self.send(replyTo, { counted: count });
    }
  };
});

/** Sends `count` messages to `to`, as fast as they are taken. */
export const sender = defineProcess(import.meta.url, 'sender', async (self, to, count, text) => {
  for (let n = 0; n < count; n++) {
    while (self.trySend(to, { n, text }) === 'full') await new Promise((resolve) => setImmediate(resolve));
  }
});

/** Sends `count` messages to `to`, whatever becomes of them. */
export const flooder = defineProcess(import.meta.url, 'flooder', (self, to, count, text) => {
  for (let n = 0; n < count; n++) self.send(to, { n, text });
});

/** Counts messages of 100 bytes, and tells `replyTo` when `count` have come. */
export const byteCounter = defineProcess(import.meta.url, 'byteCounter', (self, count, replyTo) => {
  let seen = 0;
  return (bytes) => {
    if (bytes.length !== 100 || bytes[0] !== (seen & 0xff)) throw new Error(`message ${seen} is not what was due`);
    if (++seen === count) self.send(replyTo, { counted: count });
  };
});

/** Sends `count` messages of 100 bytes to `to`, as fast as they are taken. */
export const byteSender = defineProcess(import.meta.url, 'byteSender', async (self, to, count) => {
  const bytes = new Uint8Array(100);
  for (let n = 0; n < count; n++) {
    bytes[0] = n;
    while (self.trySend(to, bytes) === 'full') await new Promise((resolve) => setImmediate(resolve));
  }
});

/** Holds its thread for so many milliseconds. */
export const blocked = defineProcess(import.meta.url, 'blocked', (_self, milliseconds) => {
  setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds));
  return () => {};
});

/**
 * Makes `warmUp` round trips to `to`, and then `count` more that are so many milliseconds apart, so many in flight; tells how long
 * the latter took, in microseconds.
 */
export const pinger = defineProcess(
  import.meta.url,
  'pinger',
  async (self, to, count, replyTo, { inFlight = 1, gapMs = 0, text = '', warmUp = 0 } = {}) => {
    const all = warmUp + count;
    const micros = [];
    const startedAt = new Float64Array(all);
    const send = (n) => {
      startedAt[n] = performance.now();
      self.send(to, { n, text, replyTo: self.pid });
    };
    for (let n = 0; n < inFlight; n++) send(n);
    for (let due = 0; due < all; due++) {
      const { n } = await self.receive();
      if (n !== due) throw new Error(`answer ${n} came where ${due} was due`);
      if (n >= warmUp) micros.push((performance.now() - startedAt[n]) * 1000);
      if (gapMs > 0 && n + 1 >= warmUp) await new Promise((resolve) => setTimeout(resolve, gapMs));
      if (n + inFlight < all) send(n + inFlight);
    }
    micros.sort((a, b) => a - b);
    self.send(replyTo, { p50: micros[Math.floor(count * 0.5)], p99: micros[Math.floor(count * 0.99)] });
  },
);

const idle = defineProcess(import.meta.url, 'idle', () => () => {});

/** Starts `count` idle processes on its thread, which end with it, and tells when all have begun. */
export const crowd = defineProcess(import.meta.url, 'crowd', async (self, count, replyTo) => {
  for (let n = 0; n < count; n++) self.spawnLocal(idle, [], { link: true });
  await new Promise((resolve) => setImmediate(resolve));
  self.send(replyTo, { started: count });
  await self.receive();
});

/** Starts `count` processes on its thread, unlinked, and tells their pids. */
export const brood = defineProcess(import.meta.url, 'brood', async (self, count, replyTo) => {
  const pids = [];
  for (let n = 0; n < count; n++) pids.push(self.spawnLocal(idle, []));
  self.send(replyTo, pids);
  await self.receive();
});

/** Links and monitors those pids, and tells when it has heard of the end of each, once by each bond. */
export const mourner = defineProcess(import.meta.url, 'mourner', async (self, pids, replyTo) => {
  for (const pid of pids) {
    self.link(pid);
    self.monitor(pid);
  }
  self.send(pids.at(-1), 'bound');
  self.send(replyTo, 'bound');
  for (let heard = 0; heard < 2 * pids.length; heard++) {
    const { reason } = await self.receive();
    if (reason.threadDown === undefined) throw new Error(`ended with ${JSON.stringify(reason)}`);
  }
  self.send(replyTo, 'settled');
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

/**
 * Messages that may be under way to a `pacedCounter`; it tells of every fourth part of them. Those of 1 KiB are 8 MB then,
 * which is half of what a node queues for another before it drops any.
 */
const UNDER_WAY = 8_000;

/** As `counter`; it lets its sender know how far it is, so that the queues between nodes are never full. */
const takePaced = (kind) => (self, count, replyTo) => {
  const check = checker({ kind, count });
  let seen = 0;
  let sender;
  return (message) => {
    if (message.sender !== undefined) {
      ({ sender } = message);
      return;
    }
    const isLast = check(message);
    if (++seen % (UNDER_WAY / 4) === 0) self.send(sender, { taken: seen });
    if (isLast) self.send(replyTo, { counted: count });
  };
};

export const pacedCounter = defineProcess(import.meta.url, 'pacedCounter', takePaced('one-way'));
export const pacedByteCounter = defineProcess(import.meta.url, 'pacedByteCounter', takePaced('bytes'));

async function sendPaced(self, to, count, make) {
  self.send(to, { sender: self.pid });
  let taken = 0;
  for (let n = 0; n < count; n++) {
    while (n - taken >= UNDER_WAY) ({ taken } = await self.receive());
    self.send(to, make(n));
    if (n % 1_000 === 999) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Sends `count` objects to a `pacedCounter`. */
export const pacedSender = defineProcess(import.meta.url, 'pacedSender', (self, to, count, text) =>
  sendPaced(self, to, count, (n) => ({ n, text })),
);

/** Sends `count` messages of bytes to a `pacedByteCounter`. */
export const pacedByteSender = defineProcess(import.meta.url, 'pacedByteSender', (self, to, count) =>
  sendPaced(self, to, count, numbered),
);
