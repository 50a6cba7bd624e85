/** Strangers at a real socket: many, slow, and with any bytes (A11, A17). */
import { connect, type Socket } from 'node:net';
import { startNode } from 'liminal-node';
import { expect, it } from 'vitest';
import { readCorpus } from '../fuzz/corpus.js';
import { DECODERS } from '../fuzz/decoders.js';
import { inputOf } from '../fuzz/inputs.js';
import { COOKIE, until } from '../support/cluster.js';

const options = { cookie: COOKIE, threads: 0 };

function knock(address: string, bytes?: Buffer): Socket {
  const { hostname, port } = new URL(`tcp://${address}`);
  const socket = connect(Number(port), hostname, () => {
    if (bytes !== undefined) socket.end(bytes);
  });
  return socket.on('error', () => {}).resume();
}

it('5,000 idle connections do not keep a good peer out', async () => {
  await using node = await startNode({ ...options, name: 'a@127.0.0.1' });
  const { counters } = node.distribution;
  const idle: Socket[] = [];
  // No more at once than wait in the kernel for a listener.
  const more = async (count: number): Promise<void> => {
    for (const all = idle.length + count; idle.length < all; ) {
      for (let n = 0; n < 250; n++) idle.push(knock(node.listen ?? ''));
      await until('they are accepted', () => counters.accepted >= idle.length);
    }
  };
  await more(2_500);
  const coming = startNode({ ...options, name: 'good@127.0.0.1', seeds: [node.listen ?? ''] });
  await more(2_500);
  await using good = await coming;
  await until('the good one is connected', () => good.members().length === 2);
  await until('the others are bounded in number', () => idle.length - closed(idle) <= 64);
  const { deadline = 0, 'crowded out': crowdedOut = 0 } = counters.handshakesRefused;
  expect(crowdedOut + deadline).toBeGreaterThan(4_900);
  // At most 64 at a time lived to see their deadline.
  expect(crowdedOut).toBeGreaterThan(3_000);
  expect(counters.sessionsUp).toBe(1);
  for (const socket of idle) socket.destroy();
});

const closed = (sockets: readonly Socket[]): number => sockets.filter((socket) => socket.closed).length;

it('whatever bytes a stranger sends as a handshake, nobody is let in, and who has the cookie is', async () => {
  await using node = await startNode({
    ...options,
    name: 'a@127.0.0.1',
    distribution: { maxFailuresPerSource: 65_536 },
  });
  const decoder = DECODERS.find(({ name }) => name === 'handshake-acceptor');
  if (decoder === undefined) throw new Error('there is no such decoder');
  const source = { make: decoder.make, corpus: readCorpus(decoder.name).map(({ bytes }) => bytes) };
  for (let round = 0; round < 10; round++) {
    const sockets = Array.from({ length: 50 }, (_, at) =>
      knock(node.listen ?? '', inputOf(source, 7, 50 * round + at)),
    );
    await until('all are let go', () => closed(sockets) === sockets.length);
  }
  const { counters } = node.distribution;
  expect(counters.accepted).toBe(500);
  expect(counters.sessionsUp).toBe(0);
  expect(counters.handshakesRefused['malformed']).toBeGreaterThan(50);
  expect(node.members().map(({ name }) => name)).toEqual(['a@127.0.0.1']);
  await using good = await startNode({ ...options, name: 'good@127.0.0.1', seeds: [node.listen ?? ''] });
  await until('the good one is connected', () => good.members().length === 2);
});
