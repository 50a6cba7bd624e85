/** What a publish on one node means for subscribers on another. */
import { type Envelope, type PayloadSchema, startNode } from 'liminal-node';
import { describe, expect, it } from 'vitest';
import { COOKIE, numbersBelow, startClusterNode, startPair, until } from '../support/cluster.js';
import { bursting, kibibyte } from '../support/cluster-processes.js';

describe('a publish on another node', () => {
  it('arrives once, with the payload, id, publisher, parents and timestamp that its own node saw (A1)', async () => {
    const [a, b] = await startPair();
    await using _a = a;
    await using _b = b;
    const [onA, onB] = [await a.call('subscribe', 'orders'), await b.call('subscribe', 'orders')];
    await b.targets('orders', [a.name]);
    const payload = { id: 1, total: 99.5, lines: [new Map([['apple', 2n]]), new Uint8Array([1, 2]), -0, null] };
    const options = { parents: ['one', 'two'], trace: '00-0af7-b7ad-01', contentType: 'application/x-order' };
    expect(await b.call('publish', 'orders', payload, options)).toEqual({ local: 1, nodes: 1, dropped: 0 });
    // What arrives before this one has arrived once, and nothing else with it.
    await b.call('publish', 'orders', 'end');
    await Promise.all([a.received(onA, 2), b.received(onB, 2)]);
    const there = await b.call('envelopes', onB);
    const here = await a.call('envelopes', onA);
    expect(here).toEqual(there);
    expect(here.map((envelope: Envelope) => envelope.payload)).toEqual([payload, 'end']);
    expect(here[0]).toMatchObject({ channel: 'orders', ...options });
    expect(here[0]?.publisher).toContain(`${b.name}#${b.creation.toString(36)}.`);
    expect(here[0]?.id).not.toBe(here[1]?.id);
  });

  it.each([
    { start: 'all at once', burst: 10_000 },
    { start: 'in bursts', burst: 500 },
  ])('is one of 10,000, published $start, that three subscribers get in order, each once (A2)', async ({ burst }) => {
    const [a, b] = await startPair();
    await using _a = a;
    await using _b = b;
    const count = 10_000;
    const early = await a.call('subscribeMany', 'numbers', 3);
    await b.targets('numbers', [a.name, a.name, a.name]);
    const publishing = b.call('publishNumbers', 'numbers', count, burst);
    const [first] = early;
    if (first === undefined) throw new Error('no subscription');
    await a.received(first, 1);
    const late = await a.call('subscribe', 'numbers');
    const receipts = await publishing;
    expect(new Set(receipts.map((receipt) => JSON.stringify(receipt)))).toEqual(
      new Set([JSON.stringify({ local: 0, nodes: 1, dropped: 0 })]),
    );
    for (const subscription of early) expect(await a.received(subscription, count)).toEqual(numbersBelow(count));
    // Whoever comes later is given the rest of it, without a gap.
    const rest = await a.call('payloads', late);
    expect(rest).toEqual(numbersBelow(count).slice(count - rest.length));
  });

  it('reaches a subscriber that is older than the publisher, whose node knows only the other node (A3)', async () => {
    const [a, b] = await startPair();
    await using _a = a;
    await using _b = b;
    const [onA, onB] = [await a.call('subscribe', 'orders'), await b.call('subscribe', 'orders')];
    await using c = await startClusterNode({ name: 'c@127.0.0.1', seeds: [a.listen] });
    await c.targets('orders', [a.name, b.name]);
    expect(await c.call('publish', 'orders', { id: 1 })).toEqual({ local: 0, nodes: 2, dropped: 0 });
    expect(await a.received(onA, 1)).toEqual([{ id: 1 }]);
    expect(await b.received(onB, 1)).toEqual([{ id: 1 }]);
  });

  it('keeps the order of its publisher, with two publishers on two nodes and a subscriber on each (A29)', async () => {
    const [a, b] = await startPair();
    await using _a = a;
    await using _b = b;
    const [onA, onB] = [await a.call('subscribe', 'numbers'), await b.call('subscribe', 'numbers')];
    await Promise.all([a.targets('numbers', [b.name]), b.targets('numbers', [a.name])]);
    const count = 5_000;
    await Promise.all([a.call('publishNumbers', 'numbers', count), b.call('publishNumbers', 'numbers', count)]);
    await Promise.all([a.received(onA, 2 * count), b.received(onB, 2 * count)]);
    for (const envelopes of [await a.call('envelopes', onA), await b.call('envelopes', onB)]) {
      for (const { name } of [a, b]) {
        const own = envelopes.filter(({ publisher }) => publisher.startsWith(`${name}#`));
        expect(own.map(({ payload }) => payload)).toEqual(numbersBelow(count));
      }
    }
  });

  it('of 1 MiB crosses to a node once, although 500 processes there subscribe (A14)', async () => {
    const [a, b] = await startPair();
    await using _a = a;
    await using _b = b;
    const subscribers = await a.call('subscribeMany', 'large', 500);
    await b.targets('large', Array(500).fill(a.name));
    const payload = new Uint8Array(2 ** 20).fill(7);
    const before = (await a.call('distributionCounters')).bytesIn;
    expect(await b.call('publish', 'large', payload)).toEqual({ local: 0, nodes: 1, dropped: 0 });
    for (const subscriber of subscribers) await a.received(subscriber, 1);
    const bytes = (await a.call('distributionCounters')).bytesIn - before;
    expect(bytes).toBeGreaterThan(2 ** 20);
    expect(bytes).toBeLessThan(1.01 * 2 ** 20);
  });
});

/** A Standard Schema made by hand, as zod, valibot and others make them. */
const order: PayloadSchema<{ items: { price: number }[] }> = {
  '~standard': {
    version: 1,
    vendor: 'by hand',
    validate: (value) => {
      const { items } = value as { items: { price: unknown }[] };
      const issues = items.flatMap(({ price }, index) =>
        typeof price === 'number' ? [] : [{ message: 'must be a number', path: ['items', { key: index }, 'price'] }],
      );
      return issues.length > 0 ? { issues } : { value: { items: items as { price: number }[] } };
    },
  },
};

describe('messages that a process sends to another node faster than they are written', () => {
  it('come as they were sent, each once and in order, whatever memory they waited in', async () => {
    await using a = await startNode({ name: 'a@127.0.0.1', cookie: COOKIE, threads: 1 });
    await using b = await startNode({ name: 'b@127.0.0.1', cookie: COOKIE, threads: 0, seeds: [a.listen ?? ''] });
    await until('the nodes are connected', () => a.distribution.sessions().length === 1);
    const [bursts, burst] = [20, 1_000];
    const receiver = b.attach();
    const sender = await a.spawn(bursting, [receiver.pid, bursts, burst], { thread: a.scheduler.threads[0] ?? 'home' });
    for (let n = 0; n < bursts * burst; n++) {
      expect(await receiver.receive()).toEqual(kibibyte(n));
      if (n % burst === burst - 1) receiver.send(sender, 'on');
    }
    receiver.close();
  });
});

describe('a payload that its schema refuses', () => {
  it('is an error for its publisher, with the path to the fault, and reaches nobody (A31)', async () => {
    await using a = await startClusterNode({ name: 'a@127.0.0.1' });
    await using b = await startNode({ name: 'b@127.0.0.1', cookie: COOKIE, threads: 0, seeds: [a.listen] });
    const onA = await a.call('subscribe', 'orders');
    const onB = b.channel('orders').subscribe();
    await until('b knows of the subscriber', () => b.clusterSync.remoteTargets('orders').length === 1);
    const orders = b.channel('orders', { schema: order });
    const wrong = { items: [{ price: 1 }, { price: 'two' }] } as never;
    await expect(orders.publish(wrong)).rejects.toMatchObject({
      code: 'ERR_LIMINAL_PAYLOAD',
      channel: 'orders',
      issues: [{ path: 'items.1.price', message: 'must be a number' }],
      message: 'the payload does not fit channel "orders": items.1.price: must be a number',
    });
    const right = { items: [{ price: 3 }] };
    expect(await orders.publish(right)).toEqual({ local: 1, nodes: 1, dropped: 0 });
    expect(await a.received(onA, 1)).toEqual([right]);
    for await (const { payload } of onB) {
      expect(payload).toEqual(right);
      break;
    }
  });
});
