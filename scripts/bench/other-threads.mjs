/**
 * `node other-threads.mjs ROW WAY`: the rows of `two-threads.mjs` over plain `postMessage`, one message or a batch at a time, and
 * over comlink, as JSON. Every message is checked for order and count by the thread that receives it.
 */
import { parentPort, Worker, workerData } from 'node:worker_threads';
import * as comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';

const [row, way] = process.argv.slice(2);
const BATCH = 100;
/** Calls of comlink that wait for their answer. */
const MAX_CALLS = 1_000;

/** Messages one way, half as many of 1 KiB: a round is some tenths of a second of each. */
const COUNTS = { one: 150_000, batches: 300_000, comlink: 30_000 };

/** How often the work is done; the best counts, as in `two-threads.mjs`: the first turns are spent on compiling. */
const ROUNDS = 4;

const text = (length) => 'x'.repeat(length);
const numbered = (n) => {
  const bytes = new Uint8Array(100);
  bytes[0] = n;
  return bytes;
};
const makers = {
  'one-way-threads': (n) => ({ n, text: SMALL }),
  'one-way-threads-1k': (n) => ({ n, text: LARGE }),
  'one-way-bytes': numbered,
  'multicast-1000': (n) => ({ n, text: SMALL }),
};
const SMALL = text(80);
const LARGE = text(1_000);

/** The other thread: what takes messages, and tells when all have come. */
function other({ count, subscribers }) {
  const takers = Array.from({ length: subscribers }, () => checker());
  let seen = 0;
  const take = (message) => {
    for (const taker of takers) taker(message);
    if (++seen === count) parentPort.postMessage('counted');
  };
  if (way === 'comlink') return comlink.expose({ take, echo: (message) => message }, nodeEndpoint(parentPort));
  parentPort.on('message', (message) => {
    if (count === undefined) parentPort.postMessage(message);
    else if (way === 'batches') message.forEach(take);
    else take(message);
  });
}

function checker() {
  let due = 0;
  return (message) => {
    const isDue = message instanceof Uint8Array ? message[0] === (due & 0xff) : message.n === due;
    if (!isDue) throw new Error(`not the message ${due}, which was due`);
    due++;
  };
}

const senders = {
  one: async (worker, count, make) => {
    for (let n = 0; n < count; n++) {
      worker.postMessage(make(n));
      if (n % 1_000 === 999) await new Promise(setImmediate);
    }
  },
  batches: async (worker, count, make) => {
    for (let n = 0; n < count; n += BATCH) {
      worker.postMessage(Array.from({ length: BATCH }, (_, at) => make(n + at)));
      if (n % 1_000 === 0) await new Promise(setImmediate);
    }
  },
  comlink: async (worker, count, make) => {
    const { take } = comlink.wrap(nodeEndpoint(worker));
    let last;
    for (let n = 0; n < count; n++) {
      last = take(make(n));
      if (n % MAX_CALLS === MAX_CALLS - 1) await last;
    }
  },
};

async function oneWay(count, subscribers = 1) {
  let best = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const worker = new Worker(new URL(import.meta.url), { argv: [row, way], workerData: { count, subscribers } });
    await new Promise((resolve) => worker.once('online', resolve));
    const counted = new Promise((resolve, reject) => {
      worker.on('message', (message) => message === 'counted' && resolve());
      worker.once('error', reject);
    });
    const startedAt = performance.now();
    await senders[way](worker, count, makers[row]);
    await counted;
    best = Math.max(best, (count * subscribers) / ((performance.now() - startedAt) / 1000));
    await worker.terminate();
  }
  return best;
}

async function roundTrips(count, gapMs) {
  const worker = new Worker(new URL(import.meta.url), { argv: [row, way], workerData: {} });
  const ask = asking(worker);
  const micros = [];
  for (let n = 0; n < count; n++) {
    if (gapMs > 0) await new Promise((resolve) => setTimeout(resolve, gapMs));
    const startedAt = performance.now();
    const answer = await ask({ n, text: SMALL });
    micros.push((performance.now() - startedAt) * 1000);
    if (answer.n !== n) throw new Error(`answer ${answer.n} came where ${n} was due`);
  }
  await worker.terminate();
  micros.sort((a, b) => a - b);
  return { p50: micros[Math.floor(count * 0.5)], p99: micros[Math.floor(count * 0.99)] };
}

function asking(worker) {
  if (way === 'comlink') return comlink.wrap(nodeEndpoint(worker)).echo;
  return (message) => {
    const answer = new Promise((resolve) => worker.once('message', resolve));
    worker.postMessage(message);
    return answer;
  };
}

const ROWS = {
  'one-way-threads': () => oneWay(COUNTS[way]),
  'one-way-threads-1k': () => oneWay(COUNTS[way] / 2),
  'one-way-bytes': () => oneWay(COUNTS[way]),
  'round-trip-threads': () => roundTrips(20_000, 0),
  'round-trip-idle': () => roundTrips(200, 10),
  'multicast-1000': () => oneWay(2_000, 1_000),
};

if (parentPort === null) console.log(JSON.stringify(await ROWS[row]()));
else other({ subscribers: 1, ...workerData });
