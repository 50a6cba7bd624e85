/** Who may not connect is refused in time, and costs nobody else anything (A11). */
import { createServer, connect as dial, type Socket } from 'node:net';
import { type LiminalNode, type MembershipEvent, startNode } from 'liminal-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { COOKIE, until } from '../support/cluster.js';

let node: LiminalNode;
let events: MembershipEvent[];
beforeEach(async () => {
  node = await startNode({
    name: 'a@127.0.0.1',
    cookie: COOKIE,
    threads: 0,
    distribution: { handshakeTimeoutMs: 500 },
  });
  events = [];
  node.distribution.onMembership('everyone', (event) => void events.push(event));
});
afterEach(() => node[Symbol.asyncDispose]());

/** Connects to the node and sends these bytes; resolves when the node has closed the connection. */
function refused(...chunks: readonly Uint8Array[]): Promise<void> {
  const { hostname, port } = new URL(`tcp://${node.listen}`);
  return new Promise((resolve) => {
    const socket = dial(Number(port), hostname, () => {
      for (const chunk of chunks) socket.write(chunk);
    });
    socket.on('error', () => {});
    socket.on('data', () => {});
    socket.on('close', () => resolve());
  });
}

/** The first frame of a node that dials: a hello that is right in every byte. */
async function aHello(): Promise<Buffer> {
  const sockets = new Set<Socket>();
  let take = (_bytes: Buffer): void => {};
  const hello = new Promise<Buffer>((resolve) => {
    take = resolve;
  });
  const server = createServer((socket) => {
    sockets.add(socket.on('data', take).on('error', () => {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  await using _dialler = await startNode({
    name: 'half@127.0.0.1',
    cookie: COOKIE,
    threads: 0,
    listen: 'off',
    seeds: [`127.0.0.1:${address.port}`],
    joinTimeoutMs: 0,
  });
  const bytes = await hello;
  for (const socket of sockets) socket.destroy();
  server.close();
  return bytes;
}

/** Nothing is left of those who were refused, and who may connect still can. */
async function expectUnharmed(): Promise<void> {
  expect(events).toEqual([]);
  expect(node.members().map(({ name }) => name)).toEqual(['a@127.0.0.1']);
  expect(node.distribution.counters.sessionsUp).toBe(0);
  const subscription = node.channel('orders').subscribe();
  await using good = await startNode({
    name: 'good@127.0.0.1',
    cookie: COOKIE,
    threads: 0,
    seeds: [node.listen ?? ''],
  });
  await until('the good one knows of the subscriber', () => good.clusterSync.remoteTargets('orders').length === 1);
  await good.channel('orders').publish('still here');
  for await (const { payload } of subscription) {
    expect(payload).toBe('still here');
    break;
  }
}

describe('a peer', () => {
  it('with another cookie is refused, and told why', async () => {
    await using other = await startNode({
      name: 'b@127.0.0.1',
      cookie: 'the cookie of another cluster',
      threads: 0,
      seeds: [node.listen ?? ''],
    });
    await until(
      'it knows why',
      () => other.health().unmet.join() === `connected to 0 of 1 seeds: ${node.listen} (cookie)`,
      () => other.health().unmet,
    );
    expect(other.members().map(({ name }) => name)).toEqual(['b@127.0.0.1']);
    expect(node.distribution.counters.handshakesRefused['cookie']).toBeGreaterThan(0);
    await expectUnharmed();
  });

  it('that says nothing is let go', async () => {
    await refused();
    expect(node.distribution.counters.handshakesRefused).toEqual({ deadline: 1 });
    await expectUnharmed();
  });

  it('that says half of what it should, and then nothing, is let go', async () => {
    const hello = await aHello();
    await refused(hello.subarray(0, 7));
    await refused(hello);
    expect(node.distribution.counters.handshakesRefused).toEqual({ deadline: 2 });
    await expectUnharmed();
  });

  it.each([
    { what: 'a web browser', bytes: Buffer.from('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n') },
    { what: 'a header that asks for 4 GiB', bytes: Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 2, 3]) },
    { what: 'an empty frame', bytes: Buffer.from([0, 0, 0, 0]) },
    { what: 'a frame of a session before there is one', bytes: Buffer.from([0, 0, 0, 2, 48, 1]) },
  ])('that sends garbage ($what) is let go', async ({ bytes }) => {
    await refused(bytes);
    const { handshakesRefused, protocolErrors } = node.distribution.counters;
    expect({ handshakesRefused, protocolErrors }).toEqual({ handshakesRefused: { malformed: 1 }, protocolErrors: {} });
    await expectUnharmed();
  });
});
