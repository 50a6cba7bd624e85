/** What only threads can show: placement, order between them, their loss and replacement. */
import {
  type DownMessage,
  encodeValue,
  FormedMessage,
  isDown,
  isExit,
  MessageForm,
  type Pid,
  Scheduler,
  type SchedulerOptions,
  type Self,
  SharedMessage,
} from '@liminal-node/scheduler';
import { afterEach, describe, expect, test } from 'vitest';
import { puppet } from '../fixtures/puppet.js';
import { bomb, collector, forwarder, subscriber } from '../fixtures/workers.js';
import { microtasks } from '../manual-environment.js';
import { Actor } from '../world.js';

let scheduler: Scheduler;

async function start(options: Partial<SchedulerOptions> = {}): Promise<[first: number, second: number]> {
  scheduler = await Scheduler.start({ threads: 2, ...options });
  const [first = -1, second = -1] = scheduler.threads;
  return [first, second];
}
afterEach(() => scheduler.stop());

const threadOf = (pid: Pid): number => Number(pid.split('.').at(-2));
const actorOn = async (thread: number | 'home', name?: string): Promise<Actor> =>
  new Actor(scheduler, await scheduler.spawn(puppet, [], { thread, ...(name !== undefined && { name }) }));

/** Resolves when a thread has taken the place of one that was lost. */
async function replaced(): Promise<void> {
  while (scheduler.threads.length < 2) await microtasks();
}

describe('placement', () => {
  test('spreads processes over the scheduler threads, whoever spawns', async () => {
    const [first, second] = await start();
    const pids = await Promise.all(Array.from({ length: 10 }, () => scheduler.spawn(puppet, [])));
    expect(pids.map(threadOf).sort()).toEqual([...Array(5).fill(first), ...Array(5).fill(second)]);
    const one = await actorOn(first);
    const more = await Promise.all(Array.from({ length: 11 }, () => one.do<Pid>('spawnPuppet')));
    expect(more.map(threadOf).sort()).toEqual([...Array(5).fill(first), ...Array(6).fill(second)]);
  });

  test('takes the thread that is asked for', async () => {
    const [first, second] = await start();
    const one = await actorOn(first);
    for (const thread of [first, second, 0]) {
      expect(threadOf(await scheduler.spawn(puppet, [], { thread }))).toBe(thread);
      expect(threadOf(await one.do('spawnPuppet', { thread }))).toBe(thread);
    }
    expect(threadOf(await one.do('spawnPuppet', { thread: 'home' }))).toBe(0);
  });

  test('tells each thread how many processes it has', async () => {
    const [first] = await start();
    for (let at = 0; at < 3; at++) await scheduler.spawn(puppet, [], { thread: first });
    const [, one, two] = await scheduler.inspect();
    expect([one, two]).toMatchObject([
      { thread: first, processes: 3, counters: { spawned: 3, exited: 0 } },
      { processes: 0 },
    ]);
  });
});

describe('a spawn that fails', () => {
  const faults = [
    ['spawnUnloadable', /does not load/, 'ERR_LIMINAL_SPAWN'],
    ['spawnMissing', /defines no process "missing"/, 'ERR_LIMINAL_SPAWN'],
    ['spawnWithFunction', /is a function/, 'ERR_LIMINAL_NOT_PORTABLE'],
  ] as const;

  test.each(faults)('%s says why, leaves nothing and harms nobody', async (method, message, code) => {
    const [first, second] = await start();
    const one = await actorOn(first);
    const other = await actorOn(second);
    // The home thread of a test has a second copy of the module, which does define twice.
    const threads = method === 'spawnMissing' ? [first, second] : [first, second, 'home'];
    for (const thread of threads) {
      const spawning = one.do(method, { thread, link: true, monitor: true });
      await expect(spawning).rejects.toMatchObject({ message: expect.stringMatching(message), code });
    }
    await one.do('visit', other.pid);
    expect(await one.heard()).toEqual([]);
    const counts = (await scheduler.inspect()).slice(1).map(({ processes }) => processes);
    expect(counts).toEqual([1, 1]);
  });

  test('because its name is taken leaves nothing', async () => {
    const [first, second] = await start();
    const holder = await actorOn(first, 'taken');
    for (const thread of [first, second, 'home'] as const) {
      await expect(scheduler.spawn(puppet, [], { name: 'taken', thread })).rejects.toMatchObject({
        code: 'ERR_LIMINAL_NAME',
      });
    }
    expect(scheduler.whereis('taken')).toBe(holder.pid);
    expect((await scheduler.inspect()).slice(1).map(({ processes }) => processes)).toEqual([1, 0]);
  });

  test('because there is no such thread', async () => {
    await start();
    await expect(scheduler.spawn(puppet, [], { thread: 77 })).rejects.toMatchObject({ code: 'ERR_LIMINAL_SPAWN' });
  });
});

describe('messages from thread to thread', () => {
  test('keep the order of each sender, also when they are many', async () => {
    const [first, second] = await start();
    const total = 10_000;
    const teller = scheduler.attach();
    const receiver = await scheduler.spawn(collector, [teller.pid, 2 * total], { thread: second });
    const senders = [await actorOn(first), await actorOn('home')];
    await Promise.all(senders.map((sender) => sender.do('sendMany', receiver, sender.pid, total)));
    const messages = await teller.receive<{ from: string; at: number }[]>();
    for (const { pid } of senders) {
      expect(messages.filter(({ from }) => from === pid).map(({ at }) => at)).toEqual([...Array(total).keys()]);
    }
  });

  test('are subject to the bound of the mailbox, in number and in bytes, and what it drops is counted', async () => {
    const [first, second] = await start();
    const closed: Promise<void>[] = [];
    const reached = new Map<unknown, () => void>();
    scheduler.provide('gate', (_from, name) => {
      reached.get(name)?.();
      return new Promise(() => {});
    });
    const sender = await actorOn(second);
    const small = await scheduler.spawn(puppet, [], { thread: first, mailbox: { maxItems: 10 } });
    const narrow = await scheduler.spawn(puppet, [], { thread: first, mailbox: { maxBytes: 100 } });
    for (const pid of [small, narrow]) {
      closed.push(new Promise((resolve) => reached.set(pid, resolve)));
      new Actor(scheduler, pid).tell('request', 'gate', pid);
    }
    await Promise.all(closed);
    await sender.do('sendMany', small, 's', 100);
    const other = await actorOn(first);
    await sender.do('visit', other.pid);
    const dropped = async (): Promise<number> =>
      (await scheduler.inspect()).find(({ thread }) => thread === first)?.counters.dropped['mailbox full'] ?? 0;
    expect(await dropped()).toBe(90);
    await sender.do('sendMany', narrow, 'n', 100);
    await sender.do('visit', other.pid);
    expect(await dropped()).toBeGreaterThan(180);
  });

  test('for many are decoded once on each thread, whose subscribers share one frozen object', async () => {
    const [first, second] = await start();
    const teller = scheduler.attach();
    const audience = scheduler.createAudience();
    const heard: unknown[] = [];
    for (const thread of [first, first, first, second, second]) {
      audience.add(await scheduler.spawn(subscriber, [teller.pid], { thread }));
    }
    const local = (self: Self) => (message: unknown) => void heard.push([self.pid, message]);
    for (let at = 0; at < 2; at++) audience.add(scheduler.spawnLocal(local, []));
    const value = Object.freeze({ event: 1 });
    expect(scheduler.sendToAll(audience, SharedMessage.ofValue(value))).toBe(0);
    const told = [];
    for (let at = 0; at < 5; at++) told.push(await teller.receive<{ same: boolean }>());
    expect(told).toEqual(Array(5).fill({ message: { event: 1 }, same: expect.any(Boolean), frozen: true }));
    expect(told.filter(({ same }) => same).length).toBe(3);
    expect(heard.map((each) => (each as unknown[])[1] === value)).toEqual([true, true]);
  });

  test('for an audience reach who was a member when they were sent, in order, however many there are', async () => {
    const [first] = await start();
    const teller = scheduler.attach({ mailbox: { maxItems: 1e6 } });
    const audience = scheduler.createAudience();
    const members: Pid[] = [];
    for (let at = 0; at < 20; at++) members.push(await scheduler.spawn(forwarder, [teller.pid], { thread: first }));
    const [leaver, latecomer, ...others] = members as [Pid, Pid, ...Pid[]];
    for (const pid of [leaver, ...others]) audience.add(pid);
    const count = 1000;
    for (let n = 0; n < count; n++) {
      if (n === 300) audience.delete(leaver);
      if (n === 600) audience.add(latecomer);
      expect(scheduler.sendToAll(audience, SharedMessage.ofValue(n))).toBe(0);
    }
    const heard = new Map<Pid, number[]>(members.map((pid) => [pid, []]));
    for (let due = 18 * count + 300 + 400; due > 0; due--) {
      const { from, message } = await teller.receive<{ from: Pid; message: number }>();
      heard.get(from)?.push(message);
    }
    const numbers = (start: number, end: number): number[] =>
      Array.from({ length: end - start }, (_, at) => start + at);
    expect(heard.get(leaver)).toEqual(numbers(0, 300));
    expect(heard.get(latecomer)).toEqual(numbers(600, count));
    for (const pid of others) expect(heard.get(pid)).toEqual(numbers(0, count));
  });

  test('of more forms than a thread remembers arrive as they are, between others', async () => {
    const [first] = await start();
    const teller = scheduler.attach({ mailbox: { maxItems: 1e6 } });
    const audience = scheduler.createAudience();
    audience.add(await scheduler.spawn(forwarder, [teller.pid], { thread: first }));
    const own = { text: 'name', number: 'size', value: 'inside' };
    const forms = Array.from(
      { length: 1_200 },
      (_, kind) => new MessageForm({ fields: { name: '', kind, size: 0, inside: null, tags: ['a'] }, own }),
    );
    const sent: unknown[] = [];
    for (const [kind, form] of [...forms, ...forms].entries()) {
      const name = `n${kind}`;
      const inside = { kind };
      const encoded = encodeValue(inside);
      const bytes = Buffer.concat([Buffer.from(`<${name}>`), encoded]);
      const [textEnd, valueAt] = [1 + name.length, 2 + name.length];
      const message = new FormedMessage(form, bytes, 1, textEnd, kind / 2, valueAt, bytes.length, true);
      scheduler.sendToAll(audience, message);
      sent.push({ name, kind: form.definition.fields['kind'], size: kind / 2, inside, tags: ['a'] });
      if (kind % 400 === 0) {
        scheduler.sendToAll(audience, SharedMessage.ofValue(kind));
        sent.push(kind);
      }
    }
    const heard = [];
    while (heard.length < sent.length) heard.push((await teller.receive<{ message: unknown }>()).message);
    expect(heard).toEqual(sent);
    expect(Object.keys(heard[0] as object)).toEqual(['name', 'kind', 'size', 'inside', 'tags']);
  });

  test('for members that have ended are counted', async () => {
    const [first] = await start();
    const audience = scheduler.createAudience();
    const lost = await actorOn(first);
    const late = await actorOn(first);
    const watcher = scheduler.attach();
    audience.add(lost.pid);
    for (const { pid } of [lost, late]) {
      watcher.monitor(pid);
      scheduler.exitProcess(pid, 'shutdown');
      await watcher.receive();
    }
    audience.add(late.pid);
    scheduler.sendToAll(audience, SharedMessage.ofValue(1));
    const dropped = async () => {
      // What this thread was sent before has arrived.
      await actorOn(first);
      return (await scheduler.inspect()).find(({ thread }) => thread === first)?.counters.dropped;
    };
    expect(await dropped()).toEqual({ 'no such process': 2 });
    for (const { pid } of [lost, late]) audience.delete(pid);
    scheduler.sendToAll(audience, SharedMessage.ofValue(2));
    expect(await dropped()).toEqual({ 'no such process': 2 });
  });

  test('for a thread that is gone are counted', async () => {
    const [first] = await start();
    const lost = await actorOn(first);
    await scheduler.endThread(first);
    const audience = scheduler.createAudience();
    audience.add(lost.pid);
    scheduler.sendToAll(audience, SharedMessage.ofValue(1));
    scheduler.send(lost.pid, 'anybody?');
    expect((await scheduler.inspect())[0]?.counters.dropped).toEqual({ 'no such thread': 2 });
  });
});

describe('a thread that ends', () => {
  test('takes exactly its own processes along, and every link and monitor hears of it once', async () => {
    const [first, second] = await start();
    const count = 1000;
    const pids: Pid[] = [];
    for (let at = 0; at < count; at++) pids.push(await scheduler.spawn(puppet, [], { thread: first }));
    const named = await actorOn(first, 'on the lost thread');
    const survivor = await actorOn(second);
    const afar = new Actor(scheduler, await scheduler.spawn(puppet, [], { thread: second, trapExit: true }));
    await afar.do('script', ['link', pids[0]], ['monitor', pids[1]], ['link', named.pid]);
    await afar.do('visit', named.pid);
    const self = scheduler.attach({ trapExit: true });
    for (const pid of pids) {
      self.link(pid);
      self.monitor(pid);
    }
    await named.do('whereis', '');
    let callbacks = 0;
    scheduler.onExit(named.pid, () => callbacks++);
    await scheduler.endThread(first);

    const reason = { threadDown: { thread: first, cause: 'terminated' } };
    const heard = { exits: new Set<Pid>(), downs: new Set<Pid>() };
    for (let at = 0; at < 2 * count; at++) {
      const message = await self.receive<{ reason: unknown }>();
      expect(message.reason).toEqual(reason);
      if (isExit(message)) heard.exits.add(message.from);
      if (isDown(message) && message.pid !== undefined) heard.downs.add(message.pid);
    }
    expect([heard.exits.size, heard.downs.size]).toEqual([count, count]);
    await expect(self.receive({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'ERR_LIMINAL_RECEIVE_TIMEOUT' });

    expect(await named.ended).toEqual(reason);
    expect(callbacks).toBe(1);
    const witness = await actorOn('home');
    await witness.do('visit', survivor.pid);
    const told = (await afar.heard()) as { signal: string; from?: Pid; pid?: Pid; reason: unknown }[];
    expect(told.map(({ signal, from, pid }) => [signal, from ?? pid]).sort()).toEqual(
      [
        ['down', pids[1]],
        ['exit', named.pid],
        ['exit', pids[0]],
      ].sort(),
    );
    expect(told.map((each) => each.reason)).toEqual(Array(3).fill(reason));
    expect([scheduler.whereis('on the lost thread'), await survivor.do('whereis', 'on the lost thread')]).toEqual([
      undefined,
      undefined,
    ]);
    await survivor.do('register', 'on the lost thread');
  });

  test('is replaced under a new number, which every other thread can reach', async () => {
    const [first, second] = await start();
    const survivor = await actorOn(second, 'survivor');
    const gone = await actorOn(first, 'gone');
    await scheduler.endThread(first);
    await gone.ended;
    await replaced();
    expect([scheduler.threadsLost, scheduler.threads.includes(first)]).toEqual([1, false]);
    const fresh = scheduler.threads.find((thread) => thread !== second) ?? -1;
    expect(fresh).toBeGreaterThan(second);
    const actor = await actorOn(fresh);
    expect(await actor.do('whereis', 'survivor')).toBe(survivor.pid);
    expect(await actor.do('whereis', 'gone')).toBeUndefined();
    await actor.do('visit', survivor.pid);
    await survivor.do('visit', actor.pid);
    expect(threadOf(await survivor.do('spawnPuppet', { thread: fresh }))).toBe(fresh);
    await expect(survivor.do('spawnPuppet', { thread: first })).rejects.toMatchObject({ code: 'ERR_LIMINAL_SPAWN' });
  });

  test('leaves nobody waiting for the dead: links, monitors and sends to them are answered as to any dead pid', async () => {
    const [first, second] = await start();
    const lost = await actorOn(first);
    const afar = new Actor(scheduler, await scheduler.spawn(puppet, [], { thread: second, trapExit: true }));
    await scheduler.endThread(first);
    await lost.ended;
    await (await actorOn('home')).do('visit', afar.pid);
    await afar.do('script', ['link', lost.pid], ['monitor', lost.pid], ['send', lost.pid, 1]);
    const told = (await afar.heard()) as { signal: string; reason: unknown }[];
    expect(told.map(({ signal, reason }) => [signal, reason])).toEqual([
      ['exit', 'noproc'],
      ['down', 'noproc'],
    ]);
  });

  test('delivers what its processes had sent before, and only then their end', async () => {
    const [first, second] = await start();
    const receivers = [await actorOn(second), await actorOn('home')];
    const sender = await actorOn(first);
    for (const receiver of receivers) await receiver.do('monitor', sender.pid);
    for (const receiver of receivers) await receiver.do('visit', sender.pid);
    for (const receiver of receivers) await sender.do('sendMany', receiver.pid, 'lost', 5000);
    await scheduler.endThread(first);
    await sender.ended;
    await (await actorOn('home')).do('visit', (receivers[0] as Actor).pid);
    for (const receiver of receivers) {
      const heard = await receiver.heard();
      expect(heard.length).toBe(5001);
      expect(isDown(heard.at(-1))).toBe(true);
      expect(heard.slice(0, -1)).toEqual(Array.from({ length: 5000 }, (_, at) => ({ from: 'lost', at })));
    }
  });

  test('failure F3: because of an uncaught error in a timer takes no other thread along and tells the error', async () => {
    const logged: unknown[] = [];
    const logger = { debug() {}, info() {}, warn() {}, error: (fields: object) => void logged.push(fields) };
    const [first, second] = await start({ logger });
    const survivor = await actorOn(second);
    const victim = await actorOn(first);
    scheduler.send(await scheduler.spawn(bomb, [], { thread: first }), 'go');
    const error = { name: 'RangeError', message: 'exploded in a timer', stack: expect.stringContaining('workers.ts') };
    const reason = { threadDown: { thread: first, cause: 'error', error } };
    expect(await victim.ended).toEqual(reason);
    expect(logged).toEqual([{ thread: first, reason }]);
    await replaced();
    expect(scheduler.threadsLost).toBe(1);
    expect(await survivor.heard()).toEqual([]);
  });

  test('again and again is replaced again and again', async () => {
    await start();
    for (let round = 0; round < 3; round++) {
      await Promise.all(scheduler.threads.map((thread) => scheduler.endThread(thread)));
      await replaced();
    }
    expect(scheduler.threadsLost).toBe(6);
    const actors = await Promise.all(scheduler.threads.map((thread) => actorOn(thread)));
    for (const one of actors) for (const other of actors) if (one !== other) await one.do('visit', other.pid);
    const names = actors.map((each, at) => each.do('register', `name ${at}`));
    await Promise.all(names);
  });
});

test('a callback for the end of a process on another thread is called once, with its reason', async () => {
  const [first] = await start();
  const actor = await actorOn(first);
  const reasons: unknown[] = [];
  scheduler.onExit(actor.pid, (reason) => reasons.push(reason));
  const [done, finish] = [scheduler.attach(), 'told'];
  const ref = done.monitor(actor.pid);
  actor.tell('exit', finish);
  const { ref: heard } = await done.receive<DownMessage>();
  await microtasks();
  expect([heard, reasons]).toEqual([ref, ['told']]);
});
