/**
 * `node fan-out.mjs`: the floor of the row `fan-out-1000`, in millions of deliveries a second. Receivers have an array for a
 * mailbox and stand in a list while they are ready; no bounds, turns, counts, links or tracing.
 *   set   the publisher has the receivers themselves
 *   pid   it finds each by its pid, in a `Map`
 */
const SUBSCRIBERS = 1_000;
const PUBLISHES = 10_000;

const ready = [];
const turn = () => new Promise((resolve) => setImmediate(resolve));

function deliver(receiver, message) {
  receiver.mailbox.push(message);
  if (receiver.isReady) return;
  receiver.isReady = true;
  ready.push(receiver);
}

function runAll() {
  for (const receiver of ready) {
    receiver.isReady = false;
    for (const message of receiver.mailbox) receiver.handler(message);
    receiver.mailbox.length = 0;
  }
  ready.length = 0;
}

function subscriber(serial) {
  let expected = 0;
  const handler = ({ n }) => {
    if (n !== expected++) throw new Error(`message ${n} where ${expected - 1} was due`);
  };
  return { pid: `a@127.0.0.1/x#0.${serial}`, handler, mailbox: [], isReady: false, got: () => expected };
}

async function measure(publish) {
  const receivers = Array.from({ length: SUBSCRIBERS }, (_, at) => subscriber(1_000 + at));
  const publishOne = publish(receivers);
  const startedAt = performance.now();
  for (let n = 0; n < PUBLISHES; n++) {
    publishOne({ n });
    if (n % 10 < 9) continue;
    runAll();
    await turn();
  }
  const ms = performance.now() - startedAt;
  if (receivers.some(({ got }) => got() !== PUBLISHES)) throw new Error('a message is missing');
  return (SUBSCRIBERS * PUBLISHES) / ms / 1_000;
}

const WAYS = {
  set: (receivers) => (message) => {
    for (const receiver of receivers) deliver(receiver, message);
  },
  pid: (receivers) => {
    const table = new Map(receivers.map((receiver) => [receiver.pid, receiver]));
    const pids = [...table.keys()];
    return (message) => {
      for (const pid of pids) deliver(table.get(pid), message);
    };
  },
};

const way = WAYS[process.argv[2] ?? 'pid'];
if (way === undefined) throw new Error(`no such floor; there are ${Object.keys(WAYS).join(', ')}`);
console.log(await measure(way));
