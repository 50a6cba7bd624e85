/** `node post-message.mjs ROW`: the rows of `two-threads.mjs` over plain `postMessage`, as JSON: the floor. */
import { parentPort, Worker, workerData } from 'node:worker_threads';

const TEXT = 'x'.repeat(80);

/** Another thread, which echoes, or counts and tells when all have come. */
function other(count) {
  let seen = 0;
  parentPort.on('message', (message) => {
    if (count === undefined) return parentPort.postMessage(message);
    if (message.n !== undefined && message.n !== seen)
      throw new Error(`message ${message.n} came where ${seen} was due`);
    if (++seen === count) parentPort.postMessage('counted');
  });
}

async function oneWay(make) {
  const count = 300_000;
  const worker = new Worker(new URL(import.meta.url), { workerData: { count } });
  await new Promise((resolve) => worker.once('online', resolve));
  const startedAt = performance.now();
  for (let n = 0; n < count; n++) worker.postMessage(make(n));
  await new Promise((resolve) => worker.once('message', resolve));
  const figure = count / ((performance.now() - startedAt) / 1000);
  await worker.terminate();
  return figure;
}

async function roundTrips(count, gapMs) {
  const worker = new Worker(new URL(import.meta.url), { workerData: {} });
  const micros = [];
  for (let n = 0; n < count; n++) {
    if (gapMs > 0) await new Promise((resolve) => setTimeout(resolve, gapMs));
    const startedAt = performance.now();
    worker.postMessage({ n, text: TEXT });
    await new Promise((resolve) => worker.once('message', resolve));
    micros.push((performance.now() - startedAt) * 1000);
  }
  await worker.terminate();
  micros.sort((a, b) => a - b);
  return { p50: micros[Math.floor(count * 0.5)], p99: micros[Math.floor(count * 0.99)] };
}

const ROWS = {
  'one-way-threads': () => oneWay((n) => ({ n, text: TEXT })),
  'one-way-bytes': () => oneWay(() => new Uint8Array(100)),
  'round-trip-threads': () => roundTrips(20_000, 0),
  'round-trip-idle': () => roundTrips(500, 10),
};

if (parentPort === null) console.log(JSON.stringify(await ROWS[process.argv[2]]()));
else other(workerData.count);
