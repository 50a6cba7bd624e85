/** Peers that read slowly, a little, or not at all: what their senders are told, and when they are down. */
import { connect, createServer, type Socket } from 'node:net';
import type { NodeName } from '@liminal-node/scheduler';
import { afterEach, describe, expect, test } from 'vitest';
import { startDistribution } from '../src/distribution.js';
import type { DistributionOptions } from '../src/options.js';
import type { PendingSend } from '../src/session.js';
import { createCluster, observe, sessionWith, TEST_FRAME, type TestNode } from './cluster.js';

const LABEL = Buffer.from('orders');

/** What a node gets and is told of, in order: `b@h:text` for a frame, `lost 3 orders` for a notice. */
function listen(node: TestNode): string[] {
  node.onLoss(TEST_FRAME, (_session, label, count) => node.frames.push(`lost ${count} ${Buffer.from(label)}`));
  return node.frames;
}

describe('a peer that reads too slowly', () => {
  test('hears how many frames it missed, between those that it gets, and both sides count the same', async () => {
    const { environment, network, start } = createCluster();
    const a = await start('a');
    const b = await start('b', { seeds: [a.address], maxDataQueueBytes: 300 });
    const seen = listen(a);
    await environment.advance(0);
    const session = sessionWith(b, 'a');
    let sent = 0;
    const publish = (times: number): void => {
      for (let n = 0; n < times; n++) {
        const outcome = b.send(session, TEST_FRAME, Buffer.from(String(sent++).padStart(95, '0')), 'data', 7);
        if (outcome === 'dropped') b.tellLoss(session, TEST_FRAME, LABEL, 7);
      }
    };
    publish(8);
    await environment.advance(0);
    publish(2);
    await environment.advance(0);
    network.silence(a.address);
    publish(4);
    network.restore(a.address);
    await environment.advance(0);
    const expected = [0, 1, 2, 'lost 5 orders', 8, 9, 10, 11, 12, 'lost 1 orders'];
    expect(seen.map((each) => (each.startsWith('lost') ? each : Number(each.slice(4))))).toEqual(expected);
    expect([b.counters.lossesTold, a.counters.lossesHeard, b.counters.dropped['data budget']]).toEqual([6, 6, 6]);
  });

  test('gets what its senders wait to send, in their order; one that gives up is told as lost in its place', async () => {
    const { environment, network, start } = createCluster();
    const a = await start('a');
    const b = await start('b', { seeds: [a.address], maxDataQueueBytes: 200, maxPendingBytes: 1_000 });
    const seen = listen(a);
    await environment.advance(0);
    const session = sessionWith(b, 'a');
    network.silence(a.address);
    b.send(session, TEST_FRAME, Buffer.from('x'.repeat(200)), 'data', 1);
    // What is queued is handed over in this turn; what comes now waits behind it.
    await environment.advance(0);
    const wait = (text: string): PendingSend =>
      b.sendWhenRoom(session, TEST_FRAME, Buffer.from(text), 7) as PendingSend;
    const [one, two, three] = [wait('one'), wait('two'), wait('three')];
    expect(b.send(session, TEST_FRAME, Buffer.from('bye'), 'signal', 7)).toBe('queued');
    expect([two.withdraw(LABEL), two.withdraw(LABEL)]).toEqual([true, false]);
    network.restore(a.address);
    await environment.advance(0);
    expect(seen.slice(1)).toEqual(['b@h:one', 'lost 1 orders', 'b@h:three', 'b@h:bye']);
    expect(await Promise.all([one.settled, two.settled, three.settled])).toEqual(['queued', 'dropped', 'queued']);
    expect([b.counters.dropped, b.counters.lossesTold, a.counters.lossesHeard]).toEqual([{ 'given up': 1 }, 1, 1]);
  });

  test('that goes down ends the wait of its senders', async () => {
    const { environment, network, start } = createCluster();
    const a = await start('a');
    const b = await start('b', { seeds: [a.address], maxDataQueueBytes: 10 });
    await environment.advance(0);
    const session = sessionWith(b, 'a');
    network.silence(a.address);
    b.send(session, TEST_FRAME, Buffer.alloc(300), 'data');
    await environment.advance(0);
    const waiting = b.sendWhenRoom(session, TEST_FRAME, Buffer.alloc(300)) as PendingSend;
    await environment.advance(20_000);
    expect(await waiting.settled).toBe('gone');
    expect(waiting.withdraw(LABEL)).toBe(false);
    expect(b.sendWhenRoom(session, TEST_FRAME, Buffer.alloc(1))).toBe('gone');
  });

  test('is told of nothing longer than it takes, nor of more senders than may wait: they are dropped and counted', async () => {
    const { environment, network, start } = createCluster();
    const a = await start('a', { maxFrameBytes: 300_000 });
    const b = await start('b', { seeds: [a.address], maxDataQueueBytes: 10, maxPendingBytes: 100 });
    await environment.advance(0);
    const session = sessionWith(b, 'a');
    network.silence(a.address);
    const send = (bytes: number): unknown => b.sendWhenRoom(session, TEST_FRAME, Buffer.alloc(bytes));
    expect([send(300_000), send(299_999), typeof send(50), send(50)]).toEqual([
      'dropped',
      'queued',
      'object',
      'dropped',
    ]);
    expect(b.counters.dropped).toEqual({ 'frame too long': 1, 'too many waiting': 1 });
  });
});

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(cleanUp.splice(0).map((undo) => undo()));
});

async function start(name: string, options: Partial<DistributionOptions> = {}): Promise<TestNode> {
  const local = { host: '127.0.0.1', port: 0 };
  const cookie = 'secret';
  const node = observe(
    await startDistribution({ name: `${name}@h` as NodeName, creation: 1, cookie, listen: local, ...options }),
  );
  cleanUp.push(() => node.stop());
  return node;
}

const TICK_MS = 20;

/** A way to a node that lets `bytesPerTick` through to it, and everything that comes from it. */
async function throttle(to: TestNode): Promise<{ address: string; bytesPerTick: number }> {
  const way = { address: '', bytesPerTick: 1e9 };
  const server = createServer((socket) => {
    const target = connect(Number(to.address.split(':')[1]), '127.0.0.1');
    const end = (): void => {
      clearInterval(ticks);
      socket.destroy();
      target.destroy();
    };
    const ticks = setInterval(() => pass(socket, target, way.bytesPerTick), TICK_MS);
    target.on('data', (bytes) => socket.write(bytes));
    for (const each of [socket, target]) each.on('error', end).on('close', end);
    socket.on('readable', () => {});
    cleanUp.push(end);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp.push(() => server.close());
  way.address = `127.0.0.1:${(server.address() as { port: number }).port}`;
  return way;
}

function pass(from: Socket, to: Socket, bytes: number): void {
  const chunk: Buffer | null = from.read(Math.min(bytes, from.readableLength));
  if (chunk !== null) to.write(chunk);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, TICK_MS));
}

test('a peer is up while it reads some of what the kernel holds for it, and down when it only trickles', async () => {
  const writeTimeoutMs = 1_500;
  // Its heartbeats say how much it has read: several in a deadline.
  const slow = await start('slow', { heartbeatIntervalMs: 200 });
  const way = await throttle(slow);
  const sender = await start('sender', { writeTimeoutMs, maxDataQueueBytes: 2 ** 27, seeds: [way.address] });
  await until(() => sender.sessions().length === 1);
  way.bytesPerTick = 2_000;
  const session = sessionWith(sender, 'slow');
  for (let n = 0; n < 1_000; n++) sender.send(session, TEST_FRAME, Buffer.alloc(64 * 1_024), 'data');
  // The kernel takes nothing for longer than the deadline, since its buffers empty in large steps.
  let writtenFrames = 0;
  let since = performance.now();
  await until(() => {
    if (sender.counters.framesOut !== writtenFrames) since = performance.now();
    writtenFrames = sender.counters.framesOut;
    return !session.up || performance.now() - since > 2 * writeTimeoutMs;
  });
  expect(sender.events).toEqual(['up slow@h']);
  way.bytesPerTick = 1;
  await until(() => !session.up);
  expect(sender.events).toEqual(['up slow@h', 'down slow@h write timeout']);
}, 120_000);
