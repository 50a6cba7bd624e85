/** Statements of Erlang/OTP's distribution that a virtual clock shows best. */
import type { NodeName } from '@liminal-node/scheduler';
import { expect, test } from 'vitest';
import { encodeFrame, FrameDecoder } from '../src/frame.js';
import { FrameType } from '../src/frame-type.js';
import { decodeRefusal, encodeHello, FEATURES } from '../src/handshake-message.js';
import { createCluster, sessionWith } from './cluster.js';

test('N11: a second dial under the name of a connected node, with a wrong cookie, does the connection no harm', async () => {
  const { environment, start } = createCluster();
  const a = await start('a');
  const b = await start('b', { seeds: [a.address], dialLearned: false });
  await environment.advance(1_000);
  const session = sessionWith(a, 'b');
  const impostor = await start('b', { seeds: [a.address], cookie: 'guessed' });
  await environment.advance(60_000);
  expect(impostor.counters.handshakesRefusedByPeer['cookie']).toBeGreaterThan(5);
  expect([a.events, b.events, sessionWith(a, 'b')]).toEqual([['up b@h'], ['up a@h'], session]);
});

test('N14: a connection that is closed is down at once, without a timeout', async () => {
  const { environment, network, start } = createCluster();
  const a = await start('a', { listen: { host: 'a.example', port: 1 } });
  const b = await start('b', { seeds: [a.address], redialMinMs: 10_000 });
  await environment.advance(0);
  network.cut(a.address);
  await environment.advance(0);
  expect([a.events.at(-1), b.events.at(-1)]).toEqual(['down b@h ECONNRESET', 'down a@h ECONNRESET']);
  const c = await start('c', { seeds: [a.address] });
  await environment.advance(0);
  void c.stop();
  await environment.advance(0);
  expect(a.events.at(-1)).toBe('down c@h closed');
});

test('N16, N17: a node is up before its first frame, and down behind its last, for every listener', async () => {
  const { environment, start } = createCluster();
  const b = await start('b');
  // The acceptor is the first to have the session: its frames come with the very bytes that bring it up here.
  const a = await start('a', { seeds: [b.address] });
  const order: string[] = [];
  a.onFrame(80, (_session, body) => order.push(Buffer.from(body).toString()));
  for (const stage of ['everyone', 'signals', 'groups'] as const) {
    a.onMembership(stage, ({ type }) => order.push(`${type} for ${stage}`));
  }
  b.onMembership('groups', ({ type, session }) => {
    if (type === 'up') for (const text of ['1', '2']) b.send(session, 80, Buffer.from(text), 'signal');
  });
  await environment.advance(0);
  for (const text of ['3', '4']) b.send(sessionWith(b, 'a'), 80, Buffer.from(text), 'data');
  const last = b.flush().then(() => b.stop());
  await environment.advance(1_000);
  await last;
  expect(order).toEqual([
    ...['up for groups', 'up for signals', 'up for everyone'],
    ...['1', '2', '3', '4'],
    ...['down for groups', 'down for signals', 'down for everyone'],
  ]);
});

test('N30: a peer whose name is no node name is refused before anything is proved, and told nothing of this node', async () => {
  const { environment, network, start } = createCluster();
  const a = await start('a');
  const hello = encodeHello({
    ...{ minVersion: 1, maxVersion: 1, hidden: false, features: FEATURES, creation: 9, maxFrameBytes: 2 ** 20 },
    ...{ name: 'nohost' as NodeName, address: null, challenge: new Uint8Array(32) },
  });
  const answers: { readonly type: number; readonly body: Uint8Array }[] = [];
  const decoder = new FrameDecoder(1_024);
  const [host = '', port = ''] = a.address.split(':');
  const connection = network.transport.dial(host, Number(port), {
    opened: () => connection.write(encodeFrame(FrameType.HELLO, hello)),
    data: (bytes) => decoder.push(bytes, (type, body) => answers.push({ type, body: Uint8Array.from(body) }) > 0),
    closed: () => {},
  });
  await environment.advance(5_000);
  expect(answers.map(({ type }) => type)).toEqual([FrameType.REFUSE]);
  const refusal = decodeRefusal(answers[0]?.body ?? new Uint8Array(0));
  expect(refusal.code).toBe('malformed');
  expect(refusal.text).not.toContain(a.name);
  expect([a.counters.handshakesRefused, a.sessions(), network.connections]).toEqual([{ malformed: 1 }, [], 0]);
});
