/**
 * The work of the rows between OS processes, the same for every system: an object that the receiver looks at, checked for order
 * and count by each subscriber, or 100 bytes of which the first four are its number. The text of an object makes it about 100 B,
 * or 1 KiB, on the wire.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';

/** A receiver ends with its sender. */
process.once('disconnect', () => process.exit());

const small = 'x'.repeat(80);
const large = 'x'.repeat(1_000);
const oneWay = { kind: 'one-way', subscribers: 1, receivers: 1, text: small };
const publish = { kind: 'publish', receivers: 1, text: small };
const roundTrip = { kind: 'round-trip', subscribers: 1, receivers: 1, text: small };

/**
 * Messages of each row, their text or that they are bytes, and by how many OS processes with how many subscribers in all. The
 * counts are for the slowest entrants, which need about a second for them; see `workOf`. Round trips count after `warmUp`
 * others without a gap, with which the engine compiles.
 */
export const ROWS = {
  'one-way-nodes': { ...oneWay, count: 75_000 },
  'one-way-nodes-1k': { ...oneWay, count: 50_000, text: large },
  'one-way-nodes-bytes': { ...oneWay, kind: 'bytes', count: 75_000 },
  'publish-1': { ...publish, count: 50_000, subscribers: 1 },
  'publish-10': { ...publish, count: 25_000, subscribers: 10 },
  'publish-100': { ...publish, count: 4_000, subscribers: 100 },
  'publish-1000': { ...publish, count: 500, subscribers: 1_000 },
  'publish-10000': { ...publish, count: 50, subscribers: 10_000 },
  'publish-100-1k': { ...publish, count: 2_500, subscribers: 100, text: large },
  'publish-1000-of-3': { ...publish, count: 500, subscribers: 1_000, receivers: 2 },
  'publish-1000-of-5': { ...publish, count: 500, subscribers: 1_000, receivers: 4 },
  'round-trip-nodes': { ...roundTrip, count: 5_000, warmUp: 5_000 },
  'round-trip-nodes-1k': { ...roundTrip, count: 5_000, warmUp: 5_000, text: large },
  'round-trip-nodes-idle': { ...roundTrip, count: 150, warmUp: 5_000, gapMs: 10 },
};

/**
 * Fast entrants get more messages of the same kind, so that a run of theirs takes about as long: at 0.8 s, a third of the CPU time of
 * ours was the engine compiling.
 */
const MORE = { liminal: 20, tcp: 20, nats: 8, erlang: 4, redis: 2, moleculer: 2 };

/** The work of a row for that system. */
export function workOf(row, system) {
  const work = ROWS[row];
  return work.kind === 'round-trip' ? work : { ...work, count: work.count * (MORE[system] ?? 1) };
}

/** Bytes of a message of bytes. */
export const MESSAGE_BYTES = 100;

/** Makes a message of bytes: its number, and zeros. */
export function numbered(n) {
  const bytes = new Uint8Array(MESSAGE_BYTES);
  bytes[0] = n >>> 24;
  bytes[1] = n >>> 16;
  bytes[2] = n >>> 8;
  bytes[3] = n;
  return bytes;
}

function numberOf(bytes) {
  if (bytes.length !== MESSAGE_BYTES) throw new Error(`${bytes.length} bytes came`);
  return (bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3];
}

/** What each receiver does of the work. */
export function partOf(work) {
  return { ...work, subscribers: work.subscribers / work.receivers };
}

/** @returns what checks one message after another, and tells when it was the last. */
export function checker({ kind, count, text }) {
  let due = 0;
  return (message) => {
    const n = kind === 'bytes' ? numberOf(message) : message.n;
    if (n !== due++) throw new Error(`message ${n} came where ${due - 1} was due`);
    if (text !== undefined && kind !== 'bytes' && message.text.length !== text.length)
      throw new Error(`message ${n} is not what was sent`);
    return due === count;
  };
}

/** Subscribers that check what they get; `done` is called when each has had all. */
export function checkers(work, done) {
  let left = work.subscribers;
  return Array.from({ length: work.subscribers }, () => {
    const check = checker(work);
    return (message) => {
      if (check(message) && --left === 0) done();
    };
  });
}

/** The message with that number. */
export function messageOf({ kind, text }, n) {
  return kind === 'bytes' ? numbered(n) : { n, text };
}

/** So many round trips after those to warm up, one at a time: the median and the 99th percentile in microseconds. */
export async function roundTrips({ count, warmUp = 0, gapMs = 0, text }, request) {
  const micros = [];
  for (let n = 0; n < warmUp + count; n++) {
    if (gapMs > 0 && n >= warmUp) await new Promise((resolve) => setTimeout(resolve, gapMs));
    const startedAt = performance.now();
    const answer = await request({ n, text });
    if (n >= warmUp) micros.push((performance.now() - startedAt) * 1_000);
    if (answer.n !== n) throw new Error(`answer ${answer.n} came where ${n} was due`);
  }
  micros.sort((a, b) => a - b);
  return { p50: micros[Math.floor(count * 0.5)], p99: micros[Math.floor(count * 0.99)] };
}

/** What was delivered per second, from the first send until every receiver has told that all is there. */
export async function deliveries({ count, subscribers }, send, receivers) {
  const startedAt = performance.now();
  await send();
  await Promise.all(receivers.map(({ told }) => told));
  return (count * subscribers) / ((performance.now() - startedAt) / 1_000);
}

/**
 * The receiving OS processes: `url` run again with `args` and a number, which says `{ ready }`, and then anything when all that
 * is for it is there.
 */
export function startReceivers({ receivers }, url, args) {
  return Promise.all(Array.from({ length: receivers }, (_, number) => startReceiver(url, [...args, String(number)])));
}

async function startReceiver(url, args) {
  const child = fork(url, args);
  const failed = once(child, 'exit').then(([code]) => {
    if (code !== 0) throw new Error(`the receiver ended with ${code}`);
    return new Promise(() => {});
  });
  const next = async () => (await Promise.race([once(child, 'message'), failed]))[0];
  const { ready } = await next();
  return { ready, told: next(), stop: () => child.disconnect() };
}
