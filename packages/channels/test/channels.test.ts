/** Channels of one node, on its home thread. */
import {
  type AnyBytes,
  type AttachedProcess,
  decodeValue,
  hold,
  inOnePiece,
  type JoinedBytes,
  LONG_BYTES,
  type NodeName,
  type Pid,
  Scheduler,
} from '@liminal-node/scheduler';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  Channels,
  type ChannelsOptions,
  type ClusterObserver,
  decodePublication,
  type Envelope,
  encodePublication,
  isEnvelope,
  PayloadTooLargeError,
  type Publication,
  type Subscription,
} from '../src/index.js';

const LOSS = { node: 'b@127.0.0.1' as NodeName, reason: 'queue full', count: 1 } as const;

let scheduler: Scheduler;
let channels: Channels;
beforeEach(() => start());
afterEach(() => scheduler.stop());

async function start(options: Partial<ChannelsOptions> = {}): Promise<void> {
  await scheduler?.stop();
  scheduler = await Scheduler.start({ threads: 0 });
  channels = new Channels(scheduler, options);
}

/** Payloads that come to the subscription before the payload 'end', which is published now. */
async function payloadsOf(subscription: Subscription<unknown>): Promise<unknown[]> {
  await channels.channel(subscription.channel).publish('end');
  const payloads: unknown[] = [];
  for await (const { payload } of subscription) {
    if (payload === 'end') break;
    payloads.push(payload);
  }
  return payloads;
}

/** An observer that writes down what it is told, and reaches nobody. */
function recorder(): ClusterObserver & { readonly told: string[]; readonly publications: Publication[] } {
  const told: string[] = [];
  const publications: Publication[] = [];
  return {
    told,
    publications,
    onSubscribe: (channel, pid) => void told.push(`subscribe ${channel} ${pid}`),
    onUnsubscribe: (channel, pid) => void told.push(`unsubscribe ${channel} ${pid}`),
    onPublish: (publication) => {
      publications.push(publication);
      return { nodes: 2, losses: [LOSS], flushed: async () => void told.push('flushed') };
    },
    onPeerJoin: () => {},
    onPeerLeave: () => {},
    remoteTargets: () => [],
    acknowledged: async () => void told.push('acknowledged'),
  };
}

describe('a publish', () => {
  it('reaches who subscribed before, in order, and tells how many they were', async () => {
    const orders = channels.channel<number>('orders');
    expect(await orders.publish(0)).toEqual({ local: 0, nodes: 0, dropped: 0 });
    const [one, other] = [orders.subscribe(), orders.subscribe()];
    const elsewhere = channels.channel('elsewhere').subscribe();
    expect(await orders.publish(1)).toEqual({ local: 2, nodes: 0, dropped: 0 });
    await Promise.all([orders.publish(2), orders.publish(3)]);
    expect(await payloadsOf(one)).toEqual([1, 2, 3]);
    expect(await payloadsOf(other)).toEqual([1, 2, 3]);
    expect(await payloadsOf(elsewhere)).toEqual([]);
    expect(channels.counters).toMatchObject({ published: 7, received: 0, delivered: 11 });
  });

  it('gives every subscriber of a thread the same envelope, which nobody can change', async () => {
    const orders = channels.channel<{ id: number }>('orders');
    const [one, other] = [orders.subscribe(), orders.subscribe()];
    const payload = { id: 1 };
    await orders.publish(payload, { parents: ['before'], trace: 'trace', contentType: 'text/x-order' });
    const [mine, theirs] = [await first(one), await first(other)];
    expect(mine).toBe(theirs);
    expect(mine).toMatchObject({ channel: 'orders', parents: ['before'], trace: 'trace', contentType: 'text/x-order' });
    expect(mine.publisher).toBe(scheduler.root);
    expect(mine.payload).toEqual(payload);
    // A copy: what the publisher does with its own object afterwards changes nothing.
    expect(mine.payload).not.toBe(payload);
    expect(Object.isFrozen(mine) && Object.isFrozen(mine.payload)).toBe(true);
    expect(isEnvelope(mine) && isEnvelope(mine, 'orders') && !isEnvelope(mine, 'others')).toBe(true);
  });

  it('has an id that is greater at its end than that of the one before, and a time', async () => {
    const orders = channels.channel('orders');
    const subscription = orders.subscribe();
    await orders.publish(1);
    await orders.publish(2);
    const [one, two] = [await first(subscription), await first(subscription)];
    expect(Number(two.id.split('/').at(-1))).toBeGreaterThan(Number(one.id.split('/').at(-1)));
    expect(one.timestamp).toBeLessThanOrEqual(two.timestamp);
    expect(one).not.toHaveProperty('trace');
    expect({ parents: one.parents, contentType: one.contentType }).toEqual({
      parents: [],
      contentType: 'application/cbor',
    });
  });

  it('with an empty trace has none, here as on other nodes', async () => {
    const subscription = channels.channel('orders').subscribe();
    await channels.channel('orders').publish(1, { trace: '' });
    expect(await first(subscription)).not.toHaveProperty('trace');
  });

  it('of what is no portable value is refused, and reaches nobody', async () => {
    const subscription = channels.channel('orders').subscribe();
    await expect(channels.channel<unknown>('orders').publish({ at: () => 1 })).rejects.toMatchObject({
      code: 'ERR_LIMINAL_NOT_PORTABLE',
      path: '.at',
    });
    expect(await payloadsOf(subscription)).toEqual([]);
  });

  it('of more bytes than allowed is refused with both numbers, and reaches nobody', async () => {
    await start({ maxPayloadBytes: 100 });
    const subscription = channels.channel('orders').subscribe();
    const orders = channels.channel<Uint8Array>('orders');
    await expect(orders.publish(new Uint8Array(200))).rejects.toMatchObject({
      code: 'ERR_LIMINAL_PAYLOAD_TOO_LARGE',
      maxBytes: 100,
      bytes: expect.any(Number),
    });
    expect(await payloadsOf(subscription)).toEqual([]);
    expect(channels.counters).toMatchObject({ published: 1, refused: { 'payload too large': 1 } });
  });

  it('with a head that other nodes would not take is refused, and reaches nobody', async () => {
    const subscription = channels.channel('orders').subscribe();
    const parents = ['\uD800'];
    await expect(channels.channel('orders').publish(1, { parents })).rejects.toThrow(RangeError);
    expect(await payloadsOf(subscription)).toEqual([]);
    expect(channels.counters.published).toBe(1);
  });

  it('is refused once the node takes no more, and so is a subscribe', async () => {
    const orders = channels.channel('orders');
    channels.close();
    const closed = { code: 'ERR_LIMINAL_CHANNELS_CLOSED' };
    await expect(orders.publish(1)).rejects.toMatchObject(closed);
    expect(() => orders.subscribe()).toThrow(expect.objectContaining(closed));
    expect((await scheduler.inspect())[0]?.processes).toBe(1);
  });
});

describe('a subscription', () => {
  it('ends its reader’s loop when it is closed, and gets nothing afterwards', async () => {
    const orders = channels.channel<number>('orders');
    const subscription = orders.subscribe();
    const read: number[] = [];
    const reading = (async () => {
      for await (const { payload } of subscription) {
        read.push(payload);
        if (payload === 1) subscription.close();
      }
    })();
    await orders.publish(1);
    await reading;
    expect(await orders.publish(2)).toEqual({ local: 0, nodes: 0, dropped: 0 });
    expect(read).toEqual([1]);
    subscription.close();
    for await (const envelope of subscription) expect.fail(`${envelope.id} came after the end`);
  });

  it('ends a reader that waits, and at the end of its block', async () => {
    const orders = channels.channel('orders');
    let reading: Promise<unknown>;
    {
      await using subscription = orders.subscribe();
      reading = subscription[Symbol.asyncIterator]().next();
    }
    expect(await reading).toEqual({ done: true, value: undefined });
    expect(channels.load).toEqual({ channels: 0, subscriptions: 0 });
  });

  it('stays open when its reader leaves the loop, and goes on where that stopped', async () => {
    const orders = channels.channel<number>('orders');
    const subscription = orders.subscribe();
    for (const number of [1, 2, 3]) await orders.publish(number);
    expect((await first(subscription)).payload).toBe(1);
    expect(await payloadsOf(subscription)).toEqual([2, 3]);
  });

  it('drops the newest beyond its bound, and says how many, to itself, to the publisher and in the counters', async () => {
    const orders = channels.channel<number>('orders');
    const slow = orders.subscribe({ maxItems: 2 });
    const fast = orders.subscribe();
    const receipts = [];
    for (const number of [1, 2, 3, 4]) receipts.push(await orders.publish(number));
    expect(receipts.map(({ local, dropped }) => `${local}/${dropped}`)).toEqual(['2/0', '2/0', '1/1', '1/1']);
    expect([slow.dropped, fast.dropped]).toEqual([2, 0]);
    expect(channels.counters.dropped['mailbox full']).toBe(2);
    expect([(await first(slow)).payload, (await first(slow)).payload]).toEqual([1, 2]);
    expect(await payloadsOf(fast)).toEqual([1, 2, 3, 4]);
  });

  it('drops the oldest where it was asked to', async () => {
    const orders = channels.channel<number>('orders');
    const slow = orders.subscribe({ maxItems: 2, overflow: 'drop-oldest' });
    for (const number of [1, 2, 3]) await orders.publish(number);
    expect([(await first(slow)).payload, (await first(slow)).payload]).toEqual([2, 3]);
    expect(slow.dropped).toBe(1);
  });

  it('ends instead of losing anything where it was asked to, and says so to its reader', async () => {
    const orders = channels.channel<number>('orders');
    const strict = orders.subscribe({ maxItems: 1, overflow: 'exit' });
    await orders.publish(1);
    expect(await orders.publish(2)).toMatchObject({ local: 0, nodes: 0, dropped: 1 });
    await expect(first(strict)).rejects.toMatchObject({ code: 'ERR_LIMINAL_SUBSCRIPTION_OVERFLOW', channel: 'orders' });
    expect(await orders.publish(3)).toEqual({ local: 0, nodes: 0, dropped: 0 });
    expect(channels.load.subscriptions).toBe(0);
  });

  it('is bounded in bytes as well', async () => {
    const orders = channels.channel<Uint8Array>('orders');
    const subscription = orders.subscribe({ maxBytes: 3_000 });
    for (let published = 0; published < 4; published++) await orders.publish(new Uint8Array(1_000));
    expect(subscription.dropped).toBe(2);
  });
});

describe('a process', () => {
  let process: AttachedProcess;
  beforeEach(() => {
    process = scheduler.attach();
  });

  it('that subscribes gets envelopes into its mailbox, once however often it subscribed', async () => {
    const orders = channels.channel('orders');
    const [one, other] = [orders.subscribe(process.pid), orders.subscribe(process.pid)];
    expect(await orders.publish(1)).toEqual({ local: 1, nodes: 0, dropped: 0 });
    expect(await process.receive()).toMatchObject({ channel: 'orders', payload: 1 });
    one.close();
    one.close();
    expect(await orders.publish(2)).toEqual({ local: 1, nodes: 0, dropped: 0 });
    other[Symbol.dispose]();
    expect(await orders.publish(3)).toEqual({ local: 0, nodes: 0, dropped: 0 });
  });

  it('of another node cannot subscribe here', () => {
    const stranger = 'c@127.0.0.1#1.0.1' as Pid;
    expect(() => channels.channel('orders').subscribe(stranger)).toThrow(TypeError);
  });

  it('that ends, or has ended before, is subscribed to nothing', async () => {
    const observer = recorder();
    channels.setObserver(observer);
    channels.subscribeProcess('orders', process.pid);
    channels.subscribeProcess('returns', process.pid);
    process.close();
    const { pid } = process;
    // The exit is told in a later turn: a watch of our own is told after that of the channels.
    await new Promise((resolve) => scheduler.onExit(pid, resolve));
    expect(channels.load).toEqual({ channels: 0, subscriptions: 0 });
    channels.subscribeProcess('orders', pid);
    await new Promise((resolve) => scheduler.onExit(pid, resolve));
    expect(channels.load).toEqual({ channels: 0, subscriptions: 0 });
    expect(observer.told).toEqual([
      `subscribe orders ${pid}`,
      `subscribe returns ${pid}`,
      `unsubscribe orders ${pid}`,
      `unsubscribe returns ${pid}`,
      `subscribe orders ${pid}`,
      `unsubscribe orders ${pid}`,
    ]);
  });
});

describe('the observer', () => {
  it('is told of what is subscribed already, then of each first and last subscription of a process', () => {
    const { pid } = scheduler.attach();
    channels.subscribeProcess('orders', pid);
    const observer = recorder();
    channels.setObserver(observer);
    channels.subscribeProcess('orders', pid);
    channels.unsubscribeProcess('orders', pid);
    expect(observer.told).toEqual([`subscribe orders ${pid}`]);
    channels.unsubscribeProcess('orders', pid);
    channels.unsubscribeProcess('orders', pid);
    expect(observer.told).toEqual([`subscribe orders ${pid}`, `unsubscribe orders ${pid}`]);
  });

  it('that refuses a subscription leaves nothing of it', async () => {
    const refuse = (): never => {
      throw new RangeError('no more channels');
    };
    channels.setObserver({ ...recorder(), onSubscribe: refuse });
    const { pid } = scheduler.attach();
    expect(() => channels.subscribeProcess('orders', pid)).toThrow('no more channels');
    expect(() => channels.subscribe('orders')).toThrow('no more channels');
    expect(channels.load).toEqual({ channels: 0, subscriptions: 0 });
    expect(await channels.channel('orders').publish(1)).toMatchObject({ local: 0 });
  });

  it('is asked by who waits for the cluster, behind the subscribe; what it refuses is no subscription', async () => {
    const told = recorder();
    const orders = channels.channel<number>('orders');
    const alone = await orders.subscribe({ ready: 'cluster' });
    alone.close();
    channels.setObserver(told);
    const subscription = await orders.subscribe({ ready: 'cluster', maxItems: 2 });
    expect(told.told).toEqual([`subscribe orders ${subscription.pid}`, 'acknowledged']);
    for (const payload of [1, 2, 3]) await orders.publish(payload);
    expect(subscription.dropped).toBe(1);
    subscription.close();
    const refusal = Object.assign(new Error('too late'), { code: 'ERR_LIMINAL_NOT_ACKNOWLEDGED' });
    const asked: unknown[] = [];
    channels.setObserver({
      ...told,
      acknowledged: async (options) => {
        asked.push(options);
        throw refusal;
      },
    });
    const { signal } = new AbortController();
    await expect(orders.subscribe({ ready: 'cluster', timeoutMs: 7, signal })).rejects.toBe(refusal);
    expect([asked, channels.load.subscriptions]).toEqual([[{ timeoutMs: 7, signal }], 0]);
    const reason = new Error('never mind');
    await expect(orders.subscribe({ ready: 'cluster', signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(orders.subscribe({ ready: 'soon' as 'cluster' })).rejects.toThrow(TypeError);
    expect([asked.length, channels.load.subscriptions]).toEqual([1, 0]);
  });

  it('says what became of a publish elsewhere, and makes its bytes once for all nodes', async () => {
    const observer = recorder();
    channels.setObserver(observer);
    expect(await channels.channel('orders').publish(1)).toEqual({ local: 0, nodes: 2, dropped: 1, losses: [LOSS] });
    expect(observer.told).toEqual([]);
    await channels.channel('orders').publish(2, { flush: true });
    expect(observer.told).toEqual(['flushed']);
    expect(channels.counters.dropped.remote).toBe(2);
    const [publication] = observer.publications;
    expect(publication?.encode()).toBe(publication?.encode());
  });
});

describe('a long payload', () => {
  const long = (fill: number): Uint8Array => new Uint8Array(LONG_BYTES).fill(fill);

  it('stays as it was published for who holds its bytes, whatever is published and changed afterwards', async () => {
    const observer = recorder();
    const kept: AnyBytes[] = [];
    const onPublish: ClusterObserver['onPublish'] = (publication, wait) => {
      kept.push(publication.encode());
      hold(publication.encode());
      return observer.onPublish(publication, wait);
    };
    channels.setObserver({ ...observer, onPublish });
    const payload = long(0);
    for (let n = 0; n < 4; n++) {
      payload.fill(n);
      await channels.channel('orders').publish(payload);
    }
    const source = { node: 'b@127.0.0.1' as NodeName, creation: 5 };
    const fills = kept.map((bytes) => {
      const value = decodeValue(decodePublication(inOnePiece(bytes), source).payload) as Uint8Array;
      return [...new Set(value)];
    });
    expect(fills).toEqual([[0], [1], [2], [3]]);
  });

  it('is written into the memory of the one before, where all have let it go', async () => {
    const memories: unknown[] = [];
    const observer = recorder();
    const onPublish: ClusterObserver['onPublish'] = (publication, wait) => {
      memories.push((publication.encode() as JoinedBytes).tail.buffer);
      return observer.onPublish(publication, wait);
    };
    channels.setObserver({ ...observer, onPublish });
    for (let n = 0; n < 3; n++) await channels.channel('orders').publish(long(n));
    expect(new Set(memories).size).toBe(1);
    await start({ maxPayloadBytes: LONG_BYTES });
    memories.length = 0;
    channels.setObserver({ ...observer, onPublish });
    await expect(channels.channel('orders').publish(long(1))).rejects.toThrow(PayloadTooLargeError);
  });

  it('comes to a local subscriber that reads it late as it was published', async () => {
    const subscription = channels.channel<Uint8Array>('orders').subscribe();
    for (let n = 0; n < 4; n++) await channels.channel('orders').publish(long(n));
    const payloads = (await payloadsOf(subscription)) as Uint8Array[];
    expect(payloads.map((payload) => [...new Set(payload)])).toEqual([[0], [1], [2], [3]]);
  });
});

describe('a publish that comes from another node', () => {
  const source = { node: 'b@127.0.0.1' as never, creation: 5 };
  const received = async (channel: string, payload: Uint8Array): Promise<void> => {
    const publisher = 'b@127.0.0.1#5.0.1' as Pid;
    const head = { id: 'b/1', channel, publisher, timestamp: 1, parents: [], contentType: 'application/cbor' };
    channels.receive(source, encodePublication(head, payload));
  };

  it('goes to the subscribers of that moment, and to no other node', async () => {
    const observer = recorder();
    channels.setObserver(observer);
    const subscription = channels.channel('orders').subscribe();
    await received('orders', new Uint8Array([0x18, 99]));
    expect(await first(subscription)).toMatchObject({ id: 'b/1', publisher: 'b@127.0.0.1#5.0.1', payload: 99 });
    expect(observer.publications).toEqual([]);
    expect(channels.counters).toMatchObject({ received: 1, delivered: 1, published: 0 });
  });

  it('is counted where nobody subscribes any more, and where a mailbox was full: once each', async () => {
    await received('orders', new Uint8Array([1]));
    expect(channels.counters.dropped).toMatchObject({ 'no subscriber': 1, 'mailbox full': 0, remote: 0 });
    const subscription = channels.channel('orders').subscribe({ maxItems: 1 });
    await received('orders', new Uint8Array([2]));
    await received('orders', new Uint8Array([3]));
    expect(channels.counters.dropped).toMatchObject({ 'no subscriber': 1, 'mailbox full': 1, remote: 0 });
    expect((await first(subscription)).payload).toBe(2);
  });

  it.each([
    ['that is no value', [0xff, 0xff]],
    // Only the check of a peer's bytes refuses it: { "__proto__": 1 }.
    ['that no node of ours would send', [0xa1, 0x69, ...Buffer.from('__proto__'), 1]],
  ])('with a payload %s is dropped and counted, and harms nobody', async (_what, bytes) => {
    const subscription = channels.channel('orders').subscribe();
    await received('orders', new Uint8Array(bytes));
    expect(await payloadsOf(subscription)).toEqual([]);
    expect((await scheduler.inspect())[0]?.counters.dropped).toEqual({ malformed: 1 });
  });
});

describe('the name of a channel', () => {
  it.each([
    ['empty', ''],
    ['longer than 255 bytes', 'é'.repeat(128)],
    ['half of a surrogate pair', '\uD800'],
  ])('is not %s', (_what, name) => {
    expect(() => channels.channel(name)).toThrow(TypeError);
    expect(() => channels.subscribe(name)).toThrow(TypeError);
    expect(channels.load.subscriptions).toBe(0);
  });
});

async function first<T>(subscription: Subscription<T>): Promise<Envelope<T>> {
  for await (const envelope of subscription) return envelope;
  throw new Error('the subscription has ended');
}
