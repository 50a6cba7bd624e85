/**
 * Publications that travel together: real channels, groups and sessions of nodes in one thread, over a network in memory
 * that can be held back.
 */
import { Channels, type Envelope, publicationsIn, type Receipt, type Subscription } from '@liminal-node/channels';
import { type Distribution, type DistributionOptions, FrameType, startDistribution } from '@liminal-node/distribution';
import {
  createMemoryNetwork,
  createVirtualEnvironment,
  type MemoryNetwork,
  type VirtualEnvironment,
} from '@liminal-node/distribution/testing';
import { startPg } from '@liminal-node/pg';
import { parseNodeName, Scheduler, silentLogger } from '@liminal-node/scheduler';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ClusterSync, connectChannels } from '../src/index.js';

interface Node {
  readonly address: string;
  readonly scheduler: Scheduler;
  readonly channels: Channels;
  readonly sync: ClusterSync;
  readonly distribution: Distribution;
  /** Frames of publications that came: how many were in each. */
  readonly frames: number[];
}

let environment: VirtualEnvironment;
let network: MemoryNetwork;
let running: Node[];

/** @param takesBlocks whether others hear that it does. */
async function start(name: string, options: Partial<DistributionOptions> = {}, takesBlocks = true): Promise<Node> {
  const node = parseNodeName(`${name}@h`);
  const creation = running.length + 1;
  const scheduler = await Scheduler.start({ node, creation, threads: 0 });
  const listen = { host: '127.0.0.1', port: 0 };
  const { transport } = network;
  const given = { name: node, creation, cookie: 'secret', listen, environment, transport, ...options };
  const distribution = await startDistribution(given);
  const pg = startPg({ scope: 'channels', scheduler, distribution, environment });
  const channels = new Channels(scheduler, { environment });
  const frames: number[] = [];
  const sessions: Distribution = {
    ...(distribution as object),
    ...bound(distribution),
    session: (peer) => {
      const session = distribution.session(peer);
      if (session !== undefined && !takesBlocks) Object.assign(session, { takesPublicationBlocks: false });
      return session;
    },
    onFrame: (type, handler) =>
      distribution.onFrame(type, (session, body) => {
        frames.push(type === FrameType.PUBLISH ? 1 : publicationsIn(body));
        handler(session, body);
      }),
  } as Distribution;
  const sync = connectChannels(channels, pg, sessions, silentLogger);
  const started = { address: distribution.address ?? '', scheduler, channels, sync, distribution, frames };
  running.push(started);
  return started;
}

function bound(distribution: Distribution): Partial<Distribution> {
  const { distribution: own } = { distribution };
  return {
    send: (...args) => own.send(...args),
    sendGrowing: (...args) => own.sendGrowing(...args),
    sendWhenRoom: (...args) => own.sendWhenRoom(...args),
    tellLoss: (...args) => own.tellLoss(...args),
    flush: (...args) => own.flush(...args),
    onLoss: (...args) => own.onLoss(...args),
    onMembership: (...args) => own.onMembership(...args),
  };
}

beforeEach(() => {
  environment = createVirtualEnvironment();
  network = createMemoryNetwork(environment);
  running = [];
});
afterEach(async () => {
  for (const { distribution, scheduler } of running) {
    const stopped = distribution.stop();
    await environment.advance(2_000);
    await stopped;
    await scheduler.stop();
  }
});

async function until(holds: () => boolean): Promise<void> {
  for (let turns = 0; !holds(); turns++) {
    if (turns === 20_000) throw new Error('what the test waits for does not come');
    await environment.advance(0);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Everything that it is given from now on. */
function reading(subscription: Subscription<unknown>): Envelope[] {
  const envelopes: Envelope[] = [];
  void (async () => {
    for await (const envelope of subscription) envelopes.push(envelope);
  })();
  return envelopes;
}

/** `b` publishes to `a` and `c`. */
async function cluster(
  options: Partial<DistributionOptions> = {},
  cTakesBlocks = true,
): Promise<{ a: Node; b: Node; c: Node; got: Record<'a' | 'c', Envelope[]> }> {
  const a = await start('a');
  const c = await start('c');
  const b = await start('b', { seeds: [a.address, c.address], ...options }, cTakesBlocks);
  await environment.advance(0);
  const got = { a: reading(a.channels.subscribe('orders')), c: reading(c.channels.subscribe('orders')) };
  await until(() => b.sync.remoteTargets('orders').length === 2);
  return { a, b, c, got };
}

const numbers = (count: number, first = 0): number[] => Array.from({ length: count }, (_, n) => n + first);
const payloads = (envelopes: readonly Envelope[]): unknown[] => envelopes.map(({ payload }) => payload);

describe('what is published in one turn', () => {
  test('is one frame for each node, and each has its receipt and counts by itself', async () => {
    const { a, b, c, got } = await cluster();
    const before = b.distribution.sessions().map(({ traffic }) => traffic.queued);
    const receipts = await Promise.all(numbers(50).map((n) => b.channels.channel('orders').publish({ n })));
    expect(receipts).toEqual(new Array<Receipt>(50).fill({ local: 0, nodes: 2, dropped: 0 }));
    await until(() => got.a.length === 50 && got.c.length === 50);
    expect([a.frames, c.frames]).toEqual([[50], [50]]);
    expect(b.sync.counters.sent).toBe(100);
    expect([a.sync.counters.received, a.channels.counters.received, a.channels.counters.delivered]).toEqual([
      50, 50, 50,
    ]);
    expect(b.distribution.sessions().map(({ traffic }, at) => traffic.queued - (before[at] ?? 0))).toEqual([50, 50]);
    expect(b.distribution.sessions().every(({ traffic }) => traffic.queued === traffic.written)).toBe(true);
    expect(payloads(got.a)).toEqual(numbers(50).map((n) => ({ n })));
    expect(got.a).toEqual(got.c);
    expect(new Set(got.a.map(({ id }) => id)).size).toBe(50);
    expect(got.a[0]).toEqual({
      id: expect.stringMatching(/^b@h\/3\/\d+$/),
      channel: 'orders',
      publisher: b.scheduler.root,
      timestamp: environment.wallNow(),
      parents: [],
      contentType: 'application/cbor',
      payload: { n: 0 },
    });
  });

  test('is what it is by itself where a node takes one by one', async () => {
    const { a, b, c, got } = await cluster({}, false);
    for (const n of numbers(20)) await b.channels.channel('orders').publish({ n });
    await until(() => got.a.length === 20 && got.c.length === 20);
    expect([a.frames, c.frames]).toEqual([new Array(20).fill(1), new Array(20).fill(1)]);
    expect(payloads(got.a)).toEqual(numbers(20).map((n) => ({ n })));
  });

  test('keeps its order with other channels, with what goes by itself, and with what the codec of streams leaves out', async () => {
    const { a, b, got } = await cluster();
    const all: unknown[] = [];
    void (async () => {
      for await (const { payload } of a.channels.subscribe('other')) all.push(payload);
    })();
    await until(() => b.sync.remoteTargets('other').length === 1);
    const orders = b.channels.channel('orders');
    const values = [1, { n: 2 }, 5n ** 90n, new Error('three'), 'x'.repeat(20_000), { n: 4 }];
    for (const value of values) await orders.publish(value);
    await orders.publish('told of', { parents: ['some id'] });
    await b.channels.channel('other').publish('between');
    await orders.publish('waits', { whenFull: 'wait' });
    await orders.publish('last');
    await until(() => got.c.length === 9 && got.a.length === 9 && all.length === 1);
    const [, , , error] = payloads(got.a);
    expect(error).toMatchObject({ message: 'three' });
    expect(payloads(got.a).map(String)).toEqual([...values, 'told of', 'waits', 'last'].map(String));
    // One, two and the great number together; the error, the long one and those after it do as their order allows.
    expect(a.frames.reduce((sum, each) => sum + each, 0)).toBe(10);
  });

  test('is refused by itself for a node whose queue is full, in its place, and reaches the others', async () => {
    const { a, b, c, got } = await cluster({ maxDataQueueBytes: 2_000 });
    network.silence(a.address);
    const orders = b.channels.channel('orders');
    const receipts: Receipt[] = [];
    for (const n of numbers(40)) {
      receipts.push(await orders.publish({ n, text: 'x'.repeat(100) }));
      // So that the queue to c is empty again.
      if (n % 5 === 0) await until(() => got.c.length === n + 1);
    }
    await until(() => got.c.length === 40);
    const lost = receipts.filter(({ dropped }) => dropped === 1).length;
    expect(lost).toBeGreaterThan(5);
    for (const { nodes, dropped } of receipts) expect(nodes + dropped).toBe(2);
    network.restore(a.address);
    await until(() => a.channels.counters.missed['queue full'] === lost);
    await until(() => got.a.length === 40 - lost);
    const kept = numbers(40).filter((n) => receipts[n]?.dropped === 0);
    expect(got.a.map(({ payload }) => (payload as { n: number }).n)).toEqual(kept);
    expect(b.sync.counters.skipped['queue full']).toBe(lost);
    expect(c.frames.some((each) => each > 1)).toBe(true);
  });

  test('and flushed has its flush resolve when it is written, not what is published behind it', async () => {
    const { a, b, got } = await cluster();
    const orders = b.channels.channel('orders');
    const first = orders.publish(1, { flush: true });
    await orders.publish(2);
    await Promise.all([first, until(() => got.a.length === 2)]);
    expect(a.frames).toEqual([1, 1]);
  });

  test('reaches a node that has subscribers meanwhile, and not one that has none any more', async () => {
    const a = await start('a');
    const late = await start('late');
    const b = await start('b', { seeds: [a.address, late.address] });
    const got = reading(a.channels.subscribe('orders'));
    await until(() => b.sync.remoteTargets('orders').length === 1);
    // What is written first is on its way for long, so that all that follows waits in one queue.
    network.silence(a.address);
    const orders = b.channels.channel('orders');
    await orders.publish(0);
    await environment.advance(0);
    await orders.publish(1);
    const subscription = late.channels.subscribe('orders');
    const gotLate = reading(subscription);
    await until(() => b.sync.remoteTargets('orders').length === 2);
    expect(await orders.publish(2)).toMatchObject({ nodes: 2 });
    await until(() => gotLate.length === 1);
    subscription.close();
    await until(() => b.sync.remoteTargets('orders').length === 1);
    expect(await orders.publish(3)).toMatchObject({ nodes: 1 });
    network.restore(a.address);
    await until(() => got.length === 4);
    expect([payloads(got), payloads(gotLate)]).toEqual([numbers(4), [2]]);
    expect(late.channels.counters.dropped['no subscriber']).toBe(0);
  });

  test('and cannot travel is refused before anybody receives it', async () => {
    const { b, got } = await cluster();
    const orders = b.channels.channel('orders');
    await orders.publish(1);
    await expect(orders.publish(() => {})).rejects.toMatchObject({ code: 'ERR_LIMINAL_NOT_PORTABLE' });
    await orders.publish(2);
    await until(() => got.a.length === 2);
    expect([payloads(got.a), b.channels.counters.published]).toEqual([[1, 2], 2]);
  });

  test('by a getter in a payload goes by itself, and so does what it was published in', async () => {
    const { b, got } = await cluster();
    const orders = b.channels.channel('orders');
    await orders.publish(0);
    let asked = 0;
    await orders.publish({
      get n() {
        if (asked++ === 0) void orders.publish('inner');
        return 1;
      },
    });
    await orders.publish(2);
    await until(() => got.a.length === 4 && got.c.length === 4);
    expect(payloads(got.a)).toEqual([0, 'inner', { n: 1 }, 2]);
  });
});

test('a subscriber whose node goes down has the books balanced', async () => {
  const { a, b, got } = await cluster();
  const session = b.distribution.session(a.distribution.name);
  const before = session?.traffic.queued ?? 0;
  network.silence(a.address);
  for (const n of numbers(30)) await b.channels.channel('orders').publish({ n });
  b.distribution.disconnect(a.distribution.name);
  await until(() => got.c.length === 30);
  const { queued, written, dropped, uncertain } = session?.traffic ?? {
    queued: 0,
    written: 1,
    dropped: 1,
    uncertain: 1,
  };
  expect(queued - before).toBe(30);
  expect(queued).toBe(written + dropped + uncertain);
});
