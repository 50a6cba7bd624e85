/** Channels for processes on scheduler threads. */
import { Channels, type Receipt } from '@liminal-node/channels';
import { type AttachedProcess, Scheduler } from '@liminal-node/scheduler';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accountant, patient, publisher, subscriber, twins } from './channel-processes.js';

let scheduler: Scheduler;
let channels: Channels;
let me: AttachedProcess;
beforeAll(async () => {
  scheduler = await Scheduler.start({ threads: 2 });
  channels = new Channels(scheduler, { maxPayloadBytes: 1_000 });
});
afterAll(() => scheduler.stop());
beforeEach(() => {
  me = scheduler.attach();
});

const numbers = Array.from({ length: 500 }, (_, number) => number);

describe('a process on a scheduler thread', () => {
  it('publishes, in order and in its own name, to subscribers on all threads', async () => {
    const [thread, otherThread] = scheduler.threads;
    if (thread === undefined || otherThread === undefined) throw new Error('two threads were asked for');
    const onHome = channels.channel<number | string>('numbers').subscribe();
    for (const at of [thread, otherThread]) {
      await scheduler.spawn(subscriber, ['numbers', me.pid], { thread: at });
      await me.receive();
    }
    const pid = await scheduler.spawn(publisher, ['numbers', [...numbers, 'end'], me.pid], { thread });
    const { receipts } = await me.receive<{ receipts: unknown[] }>({
      match: (m): m is never => 'receipts' in Object(m),
    });
    expect(new Set(receipts.map((receipt) => JSON.stringify(receipt)))).toEqual(
      new Set([JSON.stringify({ local: 3, nodes: 0, dropped: 0 })]),
    );
    const isReport = (message: unknown): message is { payloads: unknown[] } => 'payloads' in Object(message);
    for (let reports = 0; reports < 2; reports++) {
      expect((await me.receive({ match: isReport })).payloads).toEqual(numbers);
    }
    const received: unknown[] = [];
    for await (const envelope of onHome) {
      expect(envelope.publisher).toBe(pid);
      if (envelope.payload === 'end') break;
      received.push(envelope.payload);
    }
    expect(received).toEqual(numbers);
    // The subscribers have unsubscribed before they reported.
    onHome.close();
    expect(channels.load).toEqual({ channels: 0, subscriptions: 0 });
  });

  it('whose thread has fallen behind is told what it missed, in its place, and its publisher as well', async () => {
    const own = await Scheduler.start({ threads: 1, threadQueueBytes: 100_000 });
    const program = own.attach();
    const numbers = new Channels(own);
    await own.spawn(accountant, ['numbers', 300, program.pid], { thread: own.threads[0] ?? 'home' });
    await program.receive();
    const publish = (n: number, last: boolean): Promise<Receipt> =>
      numbers.channel('numbers').publish({ n, last, text: 'x'.repeat(20_000) });
    let n = 0;
    let lost = 0;
    // Until it misses something, and some more.
    for (let more = 20; more > 0 && n < 100_000; n++) {
      const { dropped, losses } = await publish(n, false);
      if (dropped > 0) expect(losses).toEqual([{ node: own.node, reason: 'thread queue full', count: 1 }]);
      lost += dropped;
      if (lost > 0) more--;
      if (n % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(lost).toBeGreaterThan(0);
    let last = await publish(n++, true);
    while (last.dropped > 0) {
      lost++;
      await new Promise((resolve) => setImmediate(resolve));
      last = await publish(n++, true);
    }
    const { items, due } = await program.receive<{ items: string[]; due: number }>();
    expect([due, items.filter((item) => item === 'due').length]).toEqual([n, n - lost]);
    expect(new Set(items)).toEqual(new Set(['due', 'thread queue full']));
    expect(numbers.counters.dropped['thread queue full']).toBe(lost);
    await own.stop();
  });

  it('is given long payloads as they were published, however many follow before its thread takes them', async () => {
    const own = await Scheduler.start({ threads: 1 });
    const program = own.attach();
    const bytes = new Channels(own, { maxPayloadBytes: 2 ** 22 });
    await own.spawn(subscriber, ['bytes', program.pid], { thread: own.threads[0] ?? 'home' });
    await program.receive();
    // More than there is room for on the way to the thread.
    const payload = new Uint8Array(2_000_000);
    for (let n = 0; n < 6; n++) {
      payload.fill(n);
      void bytes.channel('bytes').publish(payload);
    }
    void bytes.channel('bytes').publish('end');
    const { payloads } = await program.receive<{ payloads: Uint8Array[] }>();
    expect(payloads.map((each) => [...new Set(each)])).toEqual([[0], [1], [2], [3], [4], [5]]);
    await own.stop();
  });

  it('may wait for other nodes, and is not subscribed where they do not answer', async () => {
    const own = await Scheduler.start({ threads: 1 });
    const elsewhere = new Channels(own);
    const late = Object.assign(new Error('too late'), { code: 'ERR_LIMINAL_NOT_ACKNOWLEDGED' });
    const answers = [() => Promise.reject(late), () => Promise.resolve()];
    const asked: unknown[] = [];
    elsewhere.setObserver({
      onSubscribe: () => {},
      onUnsubscribe: () => {},
      onPublish: () => ({ nodes: 0, losses: [], flushed: async () => {} }),
      onPeerJoin: () => {},
      onPeerLeave: () => {},
      remoteTargets: () => [],
      acknowledged: async (options) => {
        asked.push([options, elsewhere.load.subscriptions]);
        await answers.shift()?.();
      },
    });
    const program = own.attach();
    await own.spawn(patient, ['orders', program.pid]);
    expect(await program.receive()).toEqual({ code: 'ERR_LIMINAL_NOT_ACKNOWLEDGED' });
    expect(elsewhere.load.subscriptions).toBe(0);
    await own.spawn(patient, ['orders', program.pid]);
    expect(await program.receive()).toBe('ready');
    expect(asked).toEqual(Array(2).fill([{ timeoutMs: 30_000 }, 1]));
    expect(await elsewhere.channel('orders').publish(1)).toMatchObject({ local: 1 });
    await own.stop();
  });

  it('gets the code of the refusal of its publish', async () => {
    await scheduler.spawn(publisher, ['orders', [new Uint8Array(2_000)], me.pid]);
    expect(await me.receive()).toEqual({ code: 'ERR_LIMINAL_PAYLOAD_TOO_LARGE' });
  });

  it('shares one frozen envelope with the other subscribers of its thread', async () => {
    await scheduler.spawn(twins, ['orders', me.pid]);
    await me.receive();
    expect(await channels.channel('orders').publish({ id: 1 })).toEqual({ local: 2, nodes: 0, dropped: 0 });
    expect(await me.receive()).toEqual({ same: true, frozen: true });
  });

  it('that goes with its thread leaves its channels', async () => {
    const [thread] = scheduler.threads;
    if (thread === undefined) throw new Error('no thread');
    const pid = await scheduler.spawn(subscriber, ['orders', me.pid], { thread });
    expect(await me.receive()).toEqual({ subscribed: pid });
    expect(channels.load.subscriptions).toBe(1);
    await scheduler.endThread(thread);
    await new Promise((resolve) => scheduler.onExit(pid, resolve));
    expect(channels.load).toEqual({ channels: 0, subscriptions: 0 });
    expect(await channels.channel('orders').publish(1)).toEqual({ local: 0, nodes: 0, dropped: 0 });
  });
});
