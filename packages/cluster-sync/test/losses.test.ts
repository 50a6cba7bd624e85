/**
 * What a subscriber is told of what it does not get, and its publisher: real channels, groups and sessions of two nodes
 * in one thread, over a network in memory that can be held back.
 */
import {
  Channels,
  channelOf,
  type Envelope,
  type Gap,
  type PublishOptions,
  type Receipt,
} from '@liminal-node/channels';
import { type DistributionOptions, startDistribution } from '@liminal-node/distribution';
import {
  createMemoryNetwork,
  createVirtualEnvironment,
  type MemoryNetwork,
  type VirtualEnvironment,
} from '@liminal-node/distribution/testing';
import { startPg } from '@liminal-node/pg';
import {
  type AttachedProcess,
  isGap,
  type NodeName,
  type Pid,
  parseNodeName,
  Scheduler,
  silentLogger,
} from '@liminal-node/scheduler';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ClusterSync, connectChannels } from '../src/index.js';

interface Node {
  readonly name: NodeName;
  readonly address: string;
  readonly scheduler: Scheduler;
  readonly channels: Channels;
  readonly sync: ClusterSync;
  readonly counters: Awaited<ReturnType<typeof startDistribution>>['counters'];
  leave(): Promise<void>;
  stop(): Promise<void>;
}

let environment: VirtualEnvironment;
let network: MemoryNetwork;
let running: Node[];

async function start(name: string, options: Partial<DistributionOptions> = {}): Promise<Node> {
  const node = parseNodeName(`${name}@h`);
  const creation = running.length + 1;
  const scheduler = await Scheduler.start({ node, creation, threads: 0 });
  const distribution = await startDistribution({
    name: node,
    creation,
    cookie: 'secret',
    listen: { host: '127.0.0.1', port: 0 },
    environment,
    transport: network.transport,
    ...options,
  });
  const pg = startPg({ scope: 'channels', scheduler, distribution, environment });
  const channels = new Channels(scheduler, { environment });
  const sync = connectChannels(channels, pg, distribution, silentLogger);
  const { address, counters } = distribution;
  const stop = async (): Promise<void> => {
    const stopped = distribution.stop();
    await environment.advance(2_000);
    await stopped;
    pg.stop();
    await scheduler.stop();
  };
  const started = {
    name: node,
    address: address ?? '',
    scheduler,
    channels,
    sync,
    counters,
    leave: () => distribution.leave(),
    stop,
  };
  running.push(started);
  return started;
}

beforeEach(() => {
  environment = createVirtualEnvironment();
  network = createMemoryNetwork(environment);
  running = [];
});
afterEach(async () => {
  for (const node of running) await node.stop();
});

/** Node `b` publishes, and its queue to `a`, where the subscribers are, holds little. */
async function pair(options: Partial<DistributionOptions> = {}): Promise<{ a: Node; b: Node }> {
  const a = await start('a');
  const b = await start('b', { seeds: [a.address], maxDataQueueBytes: 1_000, maxPendingBytes: 2_000, ...options });
  await environment.advance(0);
  return { a, b };
}

/** Until the node knows of subscribers elsewhere. */
async function known(node: Node, channel: string, count = 1): Promise<void> {
  await turnsUntil(() => node.sync.remoteTargets(channel).length >= count);
}

/** More turns than anything here takes. */
const MANY_TURNS = 20_000;

async function turnsUntil(holds: () => boolean): Promise<void> {
  for (let turns = 0; !holds(); turns++) {
    if (turns === MANY_TURNS) throw new Error('what the test waits for does not come');
    await turn();
  }
}

async function turn(): Promise<void> {
  await environment.advance(0);
  await new Promise((resolve) => setImmediate(resolve));
}

async function take(reader: AsyncIterable<Envelope<number> | Gap>, count: number): Promise<(Envelope<number> | Gap)[]> {
  const items: (Envelope<number> | Gap)[] = [];
  const iterator = reader[Symbol.asyncIterator]();
  for (let next = iterator.next(); items.length < count; next = iterator.next()) {
    // The network moves while the reader waits.
    let got = false;
    void next.then(() => {
      got = true;
    });
    await turnsUntil(() => got);
    const { value } = await next;
    if (value !== undefined) items.push(value);
    if (items.length === count) break;
  }
  return items;
}

const show = (item: Envelope<number> | Gap): unknown =>
  'signal' in item ? `${item.count} ${item.reason} ${item.node ?? ''}`.trimEnd() : item.payload;

describe('a subscriber whose node reads too slowly', () => {
  test('is told what it missed, in order, by a subscription with gaps; one without counts it', async () => {
    const { a, b } = await pair();
    const orders = a.channels.channel<number>('orders').subscribe({ gaps: true });
    const plain = a.channels.channel<number>('orders').subscribe();
    await known(b, 'orders', 2);
    const publisher = b.channels.channel('orders');
    const receipts: Receipt[] = [];
    for (let n = 0; n < 100; n++) receipts.push(await publisher.publish(n));
    await turn();
    receipts.push(await publisher.publish(100));
    const dropped = receipts.filter((receipt) => receipt.dropped > 0);
    expect(dropped.length).toBeGreaterThan(2);
    for (const receipt of dropped) {
      expect(receipt).toEqual({
        local: 0,
        nodes: 0,
        dropped: 1,
        losses: [{ node: a.name, reason: 'queue full', count: 1 }],
      });
    }
    const delivered = 100 - dropped.length;
    const items = await take(orders, delivered + 2);
    const expected = [...Array.from({ length: delivered }, (_, n) => n), `${dropped.length} queue full b@h`, 100];
    expect(items.map(show)).toEqual(expected);
    expect(items.find(isGap)).toMatchObject({ channel: 'orders', publisher: b.scheduler.root });
    expect((await take(plain, delivered + 1)).map(show)).toEqual(expected.filter((each) => typeof each === 'number'));
    expect([orders.missed, plain.missed]).toEqual([dropped.length, dropped.length]);
    expect(a.channels.counters.missed).toEqual({ 'queue full': dropped.length });
    expect(b.sync.counters.skipped['queue full']).toBe(dropped.length);
    expect([b.counters.lossesTold, a.counters.lossesHeard]).toEqual([dropped.length, dropped.length]);
  });

  test('that is a process is told in its mailbox, if it asks for gaps', async () => {
    const { a, b } = await pair();
    const process = a.scheduler.attach();
    await channelOf(process, 'orders').subscribe({ gaps: true });
    const other = a.scheduler.attach();
    a.channels.channel('orders').subscribe(other.pid);
    await known(b, 'orders', 2);
    for (let n = 0; n < 100; n++) await b.channels.channel('orders').publish(n);
    await turn();
    const messages = async (from: AttachedProcess): Promise<unknown[]> => {
      const all: unknown[] = [];
      for (;;) {
        const message = await from.receive<Envelope<number> | Gap>({ timeoutMs: 0 }).catch(() => undefined);
        if (message === undefined) return all;
        all.push('signal' in message ? 'gap' : message.payload);
      }
    };
    const told = await messages(process);
    expect(told.at(-1)).toBe('gap');
    expect(await messages(other)).toEqual(told.slice(0, -1));
  });

  test('is told that nobody knows what was lost where the connection is, but not of a node that left', async () => {
    const { a, b } = await pair();
    const orders = a.channels.channel<number>('orders').subscribe({ gaps: true });
    await known(b, 'orders');
    await b.channels.channel('orders').publish(1);
    await turn();
    network.cut(a.address);
    await environment.advance(1_000);
    await known(b, 'orders');
    await b.channels.channel('orders').publish(2);
    expect((await take(orders, 3)).map(show)).toEqual([1, 'undefined noconnection b@h', 2]);
    await b.channels.channel('orders').publish(3);
    const left = b.leave();
    await turn();
    await left;
    await b.stop();
    running.splice(running.indexOf(b), 1);
    await a.channels.channel('orders').publish(4);
    expect((await take(orders, 2)).map(show)).toEqual([3, 4]);
  });
});

describe('a publisher that waits', () => {
  test('loses nothing, in order, and is held up by nobody but who reads slowly', async () => {
    const { a, b } = await pair();
    const c = await start('c', { seeds: [b.address] });
    const slow = a.channels.channel<number>('orders').subscribe({ gaps: true });
    const fast = c.channels.channel<number>('orders').subscribe({ gaps: true });
    const here = b.channels.channel<number>('orders').subscribe();
    await environment.advance(1_000);
    await known(b, 'orders', 2);
    network.silence(a.address);
    const publisher = b.channels.channel('orders');
    const receipts: Receipt[] = [];
    for (let n = 0; n < 20; n++) {
      void publisher.publish(n, { whenFull: 'wait' }).then((receipt) => receipts.push(receipt));
      await turn();
    }
    expect((await take(fast, 20)).map(show)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    expect((await take(here, 20)).map(show)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    expect(receipts.length).toBeLessThan(20);
    network.restore(a.address);
    expect((await take(slow, 20)).map(show)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    expect(receipts).toEqual(new Array(20).fill({ local: 1, nodes: 2, dropped: 0 }));
    expect(b.channels.counters.waited).toBeGreaterThan(0);
  });

  test.each(['timeoutMs', 'signal'] as const)(
    'and gives up by its %s has the message dropped there and nowhere else, in its place',
    async (how) => {
      const { a, b } = await pair();
      const slow = a.channels.channel<number>('orders').subscribe({ gaps: true });
      const here = b.channels.channel<number>('orders').subscribe();
      await known(b, 'orders');
      network.silence(a.address);
      const publisher = b.scheduler.attach();
      const orders = channelOf<number>(publisher, 'orders');
      await orders.publish(0);
      await turn();
      while ((await orders.publish(1)).dropped === 0);
      const abort = new AbortController();
      const limit: PublishOptions = how === 'signal' ? { signal: abort.signal } : { timeoutMs: 500 };
      const waits = orders.publish(2, { whenFull: 'wait', ...limit });
      const after = orders.publish(3, { whenFull: 'wait' });
      await turn();
      abort.abort();
      await environment.advance(500);
      const reason = how === 'signal' ? 'aborted' : 'timed out';
      expect(await waits).toEqual({ local: 1, nodes: 0, dropped: 1, losses: [{ node: a.name, reason, count: 1 }] });
      network.restore(a.address);
      const items: unknown[] = [];
      while (items.at(-1) !== 3) items.push(...(await take(slow, 1)).map(show));
      expect(items.slice(-3)).toEqual(['1 queue full b@h', `1 ${reason} b@h`, 3]);
      expect(await after).toEqual({ local: 1, nodes: 1, dropped: 0 });
      while ((await take(here, 1)).map(show)[0] !== 3);
    },
  );

  test('is told of a node that goes down while it waits', async () => {
    const { a, b } = await pair({ writeTimeoutMs: 3_000 });
    a.channels.channel<number>('orders').subscribe();
    await known(b, 'orders');
    network.silence(a.address);
    const orders = b.channels.channel('orders');
    await orders.publish(0);
    await turn();
    while ((await orders.publish(1)).dropped === 0);
    const waits = orders.publish(2, { whenFull: 'wait' });
    await environment.advance(4_000);
    const losses = [{ node: a.name, reason: 'noconnection', count: 1 }];
    expect(await waits).toEqual({ local: 0, nodes: 0, dropped: 1, losses });
  });

  test('with a signal that is aborted already publishes nothing; a policy or time that is none is refused', async () => {
    const { b } = await pair();
    const here = b.channels.channel<number>('orders').subscribe();
    const orders = b.channels.channel('orders');
    await expect(orders.publish(1, { signal: AbortSignal.abort('no') })).rejects.toBe('no');
    await expect(orders.publish(1, { whenFull: 'hope' as never })).rejects.toThrow(RangeError);
    await expect(orders.publish(1, { timeoutMs: -1 })).rejects.toThrow(RangeError);
    await orders.publish(2);
    expect((await take(here, 1)).map(show)).toEqual([2]);
  });
});

test('a message that is longer than the other node takes is refused to its publisher, and told to the subscribers there', async () => {
  const a = await start('a', { maxFrameBytes: 300_000 });
  const b = await start('b', { seeds: [a.address] });
  await environment.advance(0);
  const orders = a.channels.channel<number>('orders').subscribe({ gaps: true });
  await known(b, 'orders');
  const receipt = await b.channels.channel('orders').publish(new Uint8Array(300_000));
  expect(receipt).toMatchObject({ nodes: 0, losses: [{ node: a.name, reason: 'too long', count: 1 }] });
  await b.channels.channel('orders').publish(1);
  expect((await take(orders, 2)).map(show)).toEqual(['1 too long b@h', 1]);
});

test('whatever is published, waits, gives up and is held back when: at every subscriber, what was published is what arrived and what was told, in the order of each publisher', async () => {
  const publisher = fc.integer({ min: 0, max: 1 });
  const channel = fc.constantFrom('x', 'y');
  const policy = fc.constantFrom<PublishOptions>({}, {}, { whenFull: 'wait' }, { whenFull: 'wait', timeoutMs: 5 });
  const action = fc.oneof(
    { weight: 12, arbitrary: fc.record({ publisher, channel, policy, bytes: fc.integer({ min: 0, max: 400 }) }) },
    { weight: 2, arbitrary: fc.constantFrom('silence' as const, 'restore' as const) },
    { weight: 1, arbitrary: fc.constant('turn' as const) },
    { weight: 1, arbitrary: fc.constant('later' as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 20, maxLength: 60 }), async (actions) => {
      environment = createVirtualEnvironment();
      network = createMemoryNetwork(environment);
      running = [];
      const { a, b } = await pair();
      const subscribers = new Map(['x', 'y'].map((name) => [name, a.scheduler.attach()]));
      for (const [name, { pid }] of subscribers) a.channels.subscribeProcess(name, pid, { gaps: true });
      await known(b, 'x');
      await known(b, 'y');
      const publishers = [b.scheduler.attach(), b.scheduler.attach()];
      const published: { channel: string; publisher: Pid; receipt: Receipt | Promise<Receipt> }[] = [];
      for (const next of actions) {
        if (next === 'silence') network.silence(a.address);
        else if (next === 'restore') network.restore(a.address);
        else if (next === 'turn') await turn();
        else if (next === 'later') await environment.advance(10);
        else {
          const payload = Buffer.alloc(next.bytes + 4);
          payload.writeUInt32BE(published.length);
          const { pid } = publishers[next.publisher] as AttachedProcess;
          const { receipt } = b.channels.publish(next.channel, new Uint8Array(payload), next.policy, pid);
          published.push({ channel: next.channel, publisher: pid, receipt });
        }
      }
      network.restore(a.address);
      await environment.advance(20);
      await turn();
      for (const [name, subscriber] of subscribers) {
        const arrived: Record<string, Seen> = {};
        for (let item = await next(subscriber); item !== undefined; item = await next(subscriber)) {
          const of = seenOf(arrived, String(item.publisher));
          if ('signal' in item) see(of, 'lost', item.count);
          else see(of, Buffer.from(item.payload).readUInt32BE());
        }
        const sent: Record<string, Seen> = {};
        for (const [id, { channel: its, publisher: by, receipt }] of published.entries()) {
          if (its === name) see(seenOf(sent, by), (await receipt).dropped > 0 ? 'lost' : id);
        }
        expect(arrived).toEqual(sent);
      }
      for (const node of running) await node.stop();
      running = [];
    }),
    { numRuns: 60 },
  );
}, 120_000);

/** Ids of what arrived, and how many are missing in between. */
type Seen = (number | string)[];

function seenOf(all: Record<string, Seen>, publisher: string): Seen {
  all[publisher] ??= [];
  return all[publisher];
}

function see(seen: Seen, what: number | 'lost', count = 1): void {
  const last = seen.at(-1);
  if (what !== 'lost') seen.push(what);
  else if (typeof last === 'string') seen[seen.length - 1] = `lost ${Number(last.slice(5)) + count}`;
  else seen.push(`lost ${count}`);
}

/** What is in its mailbox; undefined where there is nothing. */
function next(from: AttachedProcess): Promise<Envelope<Uint8Array> | Gap | undefined> {
  return from.receive<Envelope<Uint8Array> | Gap>({ timeoutMs: 0 }).catch(() => undefined);
}
