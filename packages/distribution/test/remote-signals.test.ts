import { type NodeName, ProtocolError, type RemotePort, type SignalEndpoint } from '@liminal-node/scheduler';
import { expect, test } from 'vitest';
import { FrameType } from '../src/frame-type.js';
import { connectSignals } from '../src/remote-signals.js';
import { createCluster, nodeName, sessionWith, type TestNode } from './cluster.js';

/** The head of a signal between two processes: operation, target and source. */
const HEAD = Buffer.alloc(21, 1);
const signal = (text: string): Buffer => Buffer.concat([HEAD, Buffer.from(text)]);

/** A scheduler that notes what it is told. */
function endpoint(node: TestNode): SignalEndpoint & { readonly told: string[]; port: RemotePort | undefined } {
  const told: string[] = [];
  const it = {
    told,
    port: undefined as RemotePort | undefined,
    setRemote: (port: RemotePort) => {
      it.port = port;
    },
    receiveRemote: (from: NodeName, creation: number, bytes: Uint8Array) => {
      if (bytes.length === 0) throw new ProtocolError('no signal');
      told.push(`${from} ${creation} ${Buffer.from(bytes.subarray(HEAD.length))}`);
    },
    nodeDown: (down: NodeName, creation: number) => {
      // By now nothing can be sent there any more: whoever links now must be answered from here.
      told.push(`down ${down} ${creation} ${it.port?.send(down, 0, signal('x'), true)}`);
    },
  };
  connectSignals(node, it);
  return it;
}

test('signals go to the life of the node that is meant, in order, and its end is told once, after its groups', async () => {
  const { environment, start } = createCluster();
  const a = await start('a');
  const b = await start('b', { seeds: [a.address], dialLearned: false, redialMinMs: 5_000, maxControlQueueBytes: 100 });
  const [atA, atB] = [endpoint(a), endpoint(b)];
  a.onMembership('groups', (event) => atA.told.push(`groups ${event.type}`));
  const send = (creation: number, text: string, mustDeliver = true): boolean | undefined =>
    atB.port?.send(nodeName('a'), creation, signal(text), mustDeliver);
  expect(send(0, 'too early')).toBe(false);
  await environment.advance(0);
  expect([send(1, 'one'), send(0, 'two', false), send(2, 'another life'), send(1, 'three')]).toEqual([
    true,
    true,
    false,
    true,
  ]);
  expect(atB.port?.send(nodeName('nobody'), 0, signal('x'), true)).toBe(false);
  await environment.advance(0);
  expect(atA.told).toEqual(['groups up', 'b@h 2 one', 'b@h 2 two', 'b@h 2 three']);
  const old = sessionWith(b, 'a');
  expect([send(1, 'x'.repeat(80)), send(1, 'y'.repeat(80)), old.up]).toEqual([true, false, false]);
  await environment.advance(0);
  expect(atB.told).toEqual(['down a@h 1 false']);
  expect(atA.told.slice(4)).toEqual(['groups down', 'down b@h 2 false']);
});

test('bytes that are no signal end the session that brought them', async () => {
  const { environment, start } = createCluster();
  const a = await start('a');
  const b = await start('b', { seeds: [a.address] });
  for (const node of [a, b]) endpoint(node);
  await environment.advance(0);
  b.send(sessionWith(b, 'a'), FrameType.SIGNAL, Buffer.alloc(0), 'signal');
  await environment.advance(0);
  expect(a.counters.protocolErrors).toEqual({ 'no signal': 1 });
  expect(a.events).toContain('down b@h protocol error: no signal');
});
