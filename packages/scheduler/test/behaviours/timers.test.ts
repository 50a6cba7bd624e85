import {
  type AttachedProcess,
  call,
  Scheduler,
  sendAfter,
  sendEvery,
  startServer,
  startTimer,
} from '@liminal-node/scheduler';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freshName, inBothWorlds, type World } from '../world.js';
import { clockmaker } from './fixtures/servers.js';
import { VirtualClock } from './fixtures/virtual-clock.js';

const DAY_MS = 86_400_000;
const NOTHING = { code: 'ERR_LIMINAL_RECEIVE_TIMEOUT' };

describe('with a clock that stands still', () => {
  let clock: VirtualClock;
  let scheduler: Scheduler;
  let self: AttachedProcess;

  beforeEach(async () => {
    clock = new VirtualClock();
    scheduler = await Scheduler.start({ threads: 0, environment: clock.environment });
    self = scheduler.attach();
  });
  afterEach(() => scheduler.stop());

  async function received(of = self): Promise<unknown[]> {
    const messages: unknown[] = [];
    for (;;) {
      const message = await of.receive({ timeoutMs: 0 }).catch(() => NOTHING);
      if (message === NOTHING) return messages;
      messages.push(message);
    }
  }

  test('H1: a message is sent once, and not before its time', async () => {
    sendAfter(self, 100, self.pid, 'due');
    await clock.advance(99.5);
    expect(await received()).toEqual([]);
    await clock.advance(0.5);
    expect(await received()).toEqual(['due']);
    await clock.advance(1_000);
    expect(await received()).toEqual([]);
  });

  test('H1: a timer that its thread fires too early waits for the rest', async () => {
    const { environment } = clock;
    const hasty = {
      ...environment,
      setTimer: (ms: number, callback: () => void) => environment.setTimer(ms * 0.75, callback),
    };
    await using other = await Scheduler.start({ threads: 0, environment: hasty });
    const owner = other.attach();
    sendAfter(owner, 100, owner.pid, 'due');
    await clock.advance(99);
    expect(await received(owner)).toEqual([]);
    await clock.advance(1);
    expect(await received(owner)).toEqual(['due']);
  });

  test('H2: a started timer sends its ref along', async () => {
    const { ref } = startTimer(self, 10, self.pid, 'content');
    await clock.advance(10);
    expect(await received()).toEqual([{ signal: 'timeout', ref, message: 'content' }]);
  });

  test('H3: a cancel in time returns the ms left and nothing is sent; after firing it returns false', async () => {
    const cancelled = sendAfter(self, 100, self.pid, 'never');
    await clock.advance(30);
    expect(cancelled.cancel()).toBe(70);
    const fired = sendAfter(self, 10, self.pid, 'sent');
    await clock.advance(1_000);
    expect(fired.cancel()).toBe(false);
    expect(await received()).toEqual(['sent']);
    expect(clock.timers).toBe(0);
  });

  test('H4: a second cancel returns false', () => {
    const timer = startTimer(self, 100, self.pid, 'never');
    expect(timer.cancel()).toBe(100);
    expect(timer.cancel()).toBe(false);
  });

  test('H5: a timer is dropped when the pid ends that it would send to', async () => {
    const receiver = scheduler.attach();
    const timer = sendAfter(self, 100, receiver.pid, 'never');
    receiver.close();
    await clock.advance(1);
    expect(timer.left()).toBe(false);
    expect(clock.timers).toBe(0);
  });

  test('H5: a name is looked up when the timer fires', async () => {
    const [first, second] = [scheduler.attach(), scheduler.attach()];
    const name = freshName();
    await first.register(name);
    sendAfter(self, 100, { name }, 'for the holder');
    first.close();
    await second.register(name);
    await clock.advance(100);
    expect(await received(second)).toEqual(['for the holder']);
  });

  test('H5: a name that nobody holds when the timer fires is no error', async () => {
    const timer = sendAfter(self, 100, { name: freshName() }, 'for nobody');
    await clock.advance(100);
    expect(timer.left()).toBe(false);
  });

  test('a timer is dropped when its owner ends', async () => {
    const owner = scheduler.attach();
    const timer = sendAfter(owner, 100, self.pid, 'never');
    owner.close();
    await clock.advance(1);
    expect(clock.timers).toBe(0);
    expect(timer.left()).toBe(false);
    await clock.advance(1_000);
    expect(await received()).toEqual([]);
  });

  test('H6: a timer can be read: the ms left, or false', async () => {
    const timer = sendAfter(self, 100, self.pid, 'due');
    expect(timer.left()).toBe(100);
    await clock.advance(40);
    expect(timer.left()).toBe(60);
    await clock.advance(60);
    expect(timer.left()).toBe(false);
  });

  test('H7: of 10,000 timers with one due time none is lost, and they fire in the order of setting', async () => {
    for (let at = 0; at < 10_000; at++) sendAfter(self, 100, self.pid, at);
    await clock.advance(100);
    expect(await received()).toEqual(Array.from({ length: 10_000 }, (_, at) => at));
  });

  test('H8: a wall clock that is set back or ahead changes nothing', async () => {
    sendAfter(self, 100, self.pid, 'due');
    clock.wallOffset = -DAY_MS;
    await clock.advance(99);
    clock.wallOffset = DAY_MS;
    await clock.advance(0);
    expect(await received()).toEqual([]);
    await clock.advance(1);
    expect(await received()).toEqual(['due']);
  });

  test('H9: an interval keeps its beat, and leaves out what it has missed', async () => {
    const receiver = scheduler.attach();
    const timer = sendEvery(self, 100, receiver.pid, 'tick');
    await clock.advance(350);
    expect(await received(receiver)).toEqual(['tick', 'tick', 'tick']);
    expect(timer.left()).toBe(50);
    clock.skip(1_000);
    await clock.advance(0);
    expect(await received(receiver)).toEqual(['tick']);
    expect(timer.left()).toBe(50);
  });

  test('H9: an interval stops when its receiver ends, and when it is cancelled', async () => {
    const receiver = scheduler.attach();
    const dropped = sendEvery(self, 100, receiver.pid, 'tick');
    const cancelled = sendEvery(self, 100, self.pid, 'tick');
    await clock.advance(100);
    receiver.close();
    expect(cancelled.cancel()).toBe(100);
    await clock.advance(1_000);
    expect(await received()).toEqual(['tick']);
    expect(dropped.left()).toBe(false);
    expect(clock.timers).toBe(0);
  });

  test('H10: with 0 ms a message is sent without waiting for other timers', async () => {
    sendAfter(self, 1, self.pid, 'later');
    sendAfter(self, 0, self.pid, 'now');
    expect(await received()).toEqual(['now']);
  });

  test('a timer of many weeks fires at its time', async () => {
    sendAfter(self, 60 * DAY_MS, self.pid, 'due');
    await clock.advance(60 * DAY_MS - 1);
    expect(await received()).toEqual([]);
    await clock.advance(1);
    expect(await received()).toEqual(['due']);
  });

  test('what cannot be sent, and where nothing can be sent to, is refused where the timer is set', () => {
    expect(() => sendAfter(self, 1, self.pid, () => {})).toThrow('cannot be sent');
    expect(() => sendAfter(self, 1, 'no pid' as typeof self.pid, 1)).toThrow(TypeError);
    expect(() => sendAfter(self, 1, { name: 'x', node: 'no node' as typeof self.node }, 1)).toThrow(TypeError);
    expect(() => sendAfter(self, -1, self.pid, 1)).toThrow(RangeError);
    expect(() => sendAfter(self, Number.NaN, self.pid, 1)).toThrow(RangeError);
    expect(() => sendEvery(self, 0, self.pid, 1)).toThrow(RangeError);
    expect(clock.timers).toBe(0);
  });

  test('a message is as it was when the timer was set', () => {
    const message = { items: [1] };
    sendAfter(self, 1, self.pid, message);
    expect(() => message.items.push(2)).toThrow(TypeError);
  });
});

/** A process elsewhere, where there is an elsewhere, that sets timers; and a program that receives. */
async function pair(world: World) {
  const self = world.attach();
  const pid = await startServer(self, clockmaker, [], { thread: world.places[0] ?? 'home' });
  return { self, pid };
}

inBothWorlds({
  async 'H1: a message from another thread comes once, not before its time'(world) {
    const { self, pid } = await pair(world);
    const before = performance.now();
    await call(self, pid, 'sendAfter', [20, self.pid, 'due']);
    expect(await self.receive()).toBe('due');
    expect(performance.now() - before).toBeGreaterThanOrEqual(20);
    expect(await call(self, pid, 'left')).toEqual([false]);
  },

  async 'H2: the ref of a started timer is the same everywhere'(world) {
    const { self, pid } = await pair(world);
    const ref = await call(self, pid, 'startTimer', [1, self.pid, 'content']);
    expect(await self.receive()).toEqual({ signal: 'timeout', ref, message: 'content' });
  },

  async 'H3: a timer that was cancelled sends nothing'(world) {
    const { self, pid } = await pair(world);
    await call(self, pid, 'sendAfter', [DAY_MS, self.pid, 'never']);
    expect(await call(self, pid, 'cancel')).toEqual([expect.any(Number)]);
    expect(await call(self, pid, 'cancel')).toEqual([false]);
  },

  async 'H5: a timer is dropped when a receiver on another thread ends'(world) {
    const { self, pid } = await pair(world);
    const receiver = world.attach();
    await call(self, pid, 'sendAfter', [DAY_MS, receiver.pid, 'never']);
    receiver.close();
    await world.settle();
    expect(await call(self, pid, 'left')).toEqual([false]);
  },

  async 'H5: a name that moved to another thread is found there'(world) {
    const { self, pid } = await pair(world);
    const name = freshName();
    await call(self, pid, 'sendAfter', [1, { name: await registered(self, name) }, 'found']);
    expect(await self.receive()).toBe('found');
  },

  async 'H7: of 10,000 timers with one due time none is lost'(world) {
    const { self, pid } = await pair(world);
    await call(self, pid, 'sendMany', [10_000, 5, self.pid]);
    const seen = new Set<unknown>();
    while (seen.size < 10_000) seen.add(await self.receive());
    expect(seen.size).toBe(10_000);
  },

  async 'H9: an interval goes on until its receiver ends'(world) {
    const { self, pid } = await pair(world);
    const receiver = world.attach();
    await call(self, pid, 'sendEvery', [1, receiver.pid, 'tick']);
    for (let beat = 0; beat < 5; beat++) expect(await receiver.receive()).toBe('tick');
    receiver.close();
    await world.settle();
    expect(await call(self, pid, 'left')).toEqual([false]);
  },

  async 'H10: with 0 ms a message is sent ahead of other timers'(world) {
    const { self, pid } = await pair(world);
    await call(self, pid, 'sendAfter', [1, self.pid, 'later']);
    await call(self, pid, 'sendAfter', [0, self.pid, 'now']);
    expect(new Set([await self.receive(), await self.receive()])).toEqual(new Set(['now', 'later']));
  },

  async 'a timer ends with its owner on another thread'(world) {
    const { self, pid } = await pair(world);
    await call(self, pid, 'sendEvery', [1, self.pid, 'tick']);
    await self.receive();
    self.exitProcess(pid, 'kill');
    await world.settle();
    while ((await self.receive({ timeoutMs: 0 }).catch(() => NOTHING)) !== NOTHING);
    await world.settle();
    await expect(self.receive({ timeoutMs: 0 })).rejects.toMatchObject(NOTHING);
  },
});

async function registered(self: AttachedProcess, name: string): Promise<string> {
  await self.register(name);
  return name;
}
