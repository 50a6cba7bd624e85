/**
 * The work of the rows between two OS processes, the same for every system: an object that the receiver looks at,
 * checked for order and count by each subscriber. The text of a message makes it about 100 B, or 1 KiB, on the wire.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';

/** A receiver ends with its sender. */
process.once('disconnect', () => process.exit());

const small = 'x'.repeat(80);
const large = 'x'.repeat(1_000);

/** Messages, subscribers and text of each row. */
export const ROWS = {
  'one-way-nodes': { kind: 'one-way', count: 300_000, subscribers: 1, text: small },
  'one-way-nodes-1k': { kind: 'one-way', count: 150_000, subscribers: 1, text: large },
  'publish-1': { kind: 'publish', count: 200_000, subscribers: 1, text: small },
  'publish-10': { kind: 'publish', count: 100_000, subscribers: 10, text: small },
  'publish-100': { kind: 'publish', count: 20_000, subscribers: 100, text: small },
  'publish-1000': { kind: 'publish', count: 3_000, subscribers: 1_000, text: small },
  'publish-10000': { kind: 'publish', count: 300, subscribers: 10_000, text: small },
  'round-trip-nodes': { kind: 'round-trip', count: 20_000, subscribers: 1, text: small },
  'round-trip-nodes-idle': { kind: 'round-trip', count: 300, gapMs: 10, subscribers: 1, text: small },
};

/** Subscribers that check what they get; `done` is called when each has had `count` messages. */
export function checkers({ subscribers, count, text }, done) {
  let left = subscribers;
  return Array.from({ length: subscribers }, () => {
    let due = 0;
    return (message) => {
      if (message.n !== due++) throw new Error(`message ${message.n} came where ${due - 1} was due`);
      if (message.text.length !== text.length) throw new Error(`message ${message.n} is not what was sent`);
      if (due === count && --left === 0) done();
    };
  });
}

/** So many round trips, one at a time: the median and the 99th percentile in microseconds. */
export async function roundTrips({ count, gapMs = 0, text }, request) {
  const micros = [];
  for (let n = 0; n < count; n++) {
    if (gapMs > 0) await new Promise((resolve) => setTimeout(resolve, gapMs));
    const startedAt = performance.now();
    const answer = await request({ n, text });
    micros.push((performance.now() - startedAt) * 1_000);
    if (answer.n !== n) throw new Error(`answer ${answer.n} came where ${n} was due`);
  }
  micros.sort((a, b) => a - b);
  return { p50: micros[Math.floor(count * 0.5)], p99: micros[Math.floor(count * 0.99)] };
}

/**
 * What was delivered per second, from the first send until the receiver has told that all is there, and the peak RSS
 * of both OS processes in bytes.
 */
export async function deliveries({ count, subscribers }, send, told) {
  const startedAt = performance.now();
  await send();
  const { peakRss } = await told;
  const perSecond = (count * subscribers) / ((performance.now() - startedAt) / 1_000);
  return { perSecond, peakRss: peakRss + peakRssNow() };
}

export function peakRssNow() {
  return process.resourceUsage().maxRSS * 1_024;
}

/** The receiving OS process: `url` run again, which says `{ ready }`, and then `{ peakRss }` when all is there. */
export async function startReceiver(url, args) {
  const child = fork(url, args);
  const failed = once(child, 'exit').then(([code]) => {
    if (code !== 0) throw new Error(`the receiver ended with ${code}`);
    return new Promise(() => {});
  });
  const next = async () => (await Promise.race([once(child, 'message'), failed]))[0];
  const { ready } = await next();
  return { ready, told: next(), stop: () => child.disconnect() };
}
