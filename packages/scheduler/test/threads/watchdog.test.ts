/** A process that does not yield its thread: named, with its stack, and ended with the thread. */
import { channel } from 'node:diagnostics_channel';
import { type Pid, Scheduler, type SchedulerOptions, type StallEvent } from '@liminal-node/scheduler';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { blocks } from '../fixtures/blockers.js';
import { puppet } from '../fixtures/puppet.js';
import { microtasks } from '../manual-environment.js';
import { NamedPipe } from '../named-pipe.js';
import { Actor } from '../world.js';

let scheduler: Scheduler;
let stalls: StallEvent[];
let warnings: { readonly fields: object; readonly message: string }[];
const keep = (event: unknown): void => void stalls.push(event as StallEvent);
const nothing = (): void => {};
const logger = {
  debug: nothing,
  info: nothing,
  warn: (fields: object, message: string) => void warnings.push({ fields, message }),
  error: nothing,
};

beforeEach(() => {
  stalls = [];
  warnings = [];
  channel('liminal:thread:stall').subscribe(keep);
});
afterEach(async () => {
  channel('liminal:thread:stall').unsubscribe(keep);
  await scheduler.stop();
});

async function start(watchdog: SchedulerOptions['watchdog']): Promise<[first: number, second: number]> {
  scheduler = await Scheduler.start({ threads: 2, watchdog, logger });
  const [first = -1, second = -1] = scheduler.threads;
  return [first, second];
}

const actorOn = async (thread: number): Promise<Actor> =>
  new Actor(scheduler, await scheduler.spawn(puppet, [], { thread }));

async function toldOf(thread: number): Promise<StallEvent> {
  for (;;) {
    const stall = stalls.find((each) => each.thread === thread);
    if (stall !== undefined) return stall;
    await microtasks();
  }
}

/** Starts a process on `thread` that blocks it in that manner, beside others that have just run. */
async function block(manner: string, thread: number, pipe = ''): Promise<Pid> {
  const neighbours = [await actorOn(thread), await actorOn(thread)];
  const pid = await scheduler.spawn(blocks, [manner, neighbours.map((each) => each.pid), pipe], {
    thread,
    label: `blocks in ${manner}`,
  });
  scheduler.send(pid, 'go');
  return pid;
}

describe('a process that does not yield', () => {
  test.each([
    ['a handler', /^at spin \(.*blockers\.ts:\d+:\d+\)\n(.*\n)*at .*handleGo/],
    ['a body', /^at spin \(.*blockers\.ts:\d+:\d+\)/],
    ['a timer', /^at spin \(.*blockers\.ts:\d+:\d+\)/],
  ])('failure F6: in %s is named once, with label, thread and stack, and others go on', async (manner, stack) => {
    const [first, second] = await start({ warnAfterMs: 100, endAfterMs: Number.POSITIVE_INFINITY });
    const pid = await block(manner, first);
    const stall = await toldOf(first);
    expect(stall).toEqual({
      thread: first,
      pid,
      label: `blocks in ${manner}`,
      forMs: expect.any(Number),
      stack: expect.stringMatching(stack),
    });
    expect(stall.forMs).toBeGreaterThanOrEqual(100);
    const others = [await actorOn(second), await actorOn(0)];
    await others[0]?.do('visit', others[1]?.pid);
    await others[0]?.do('register', 'while another blocks');
    expect(stalls.map(({ thread }) => thread)).toEqual([first]);
    expect(warnings.map(({ fields }) => fields)).toEqual([stall]);
    expect(scheduler.threads).toEqual([first, second]);
  });

  test.each([
    ['B16, failure F6', 'a handler', 'at spin'],
    ['failure F7', 'Atomics.wait', 'blockers.ts'],
    ['failure F7', 'a pipe', 'no JavaScript ran for 3 s: it is in native code, or the machine is overloaded'],
  ])('%s: in %s is ended with its thread, which is replaced', async (_, manner, stack) => {
    using pipe = new NamedPipe();
    const [first, second] = await start({ warnAfterMs: 100, endAfterMs: 1_500 });
    const bystander = await actorOn(first);
    const survivor = await actorOn(second);
    const pid = await block(manner, first, pipe.path);
    if (manner === 'a pipe') await pipe.hasReader();
    const ended = (await bystander.ended) as { threadDown: { cause: string; blocker: StallEvent } };
    expect(ended.threadDown).toMatchObject({ thread: first, cause: 'blocked', blocker: { pid } });
    expect(ended.threadDown.blocker.forMs).toBeGreaterThanOrEqual(1_500);
    expect(ended.threadDown.blocker.stack).toContain(stack);
    while (scheduler.threads.length < 2) await microtasks();
    expect(await survivor.heard()).toEqual([]);
    expect([scheduler.threadsLost, stalls.length]).toEqual([1, 1]);
  });

  test('on a thread of its own is watched as well', async () => {
    await start({ warnAfterMs: 100, endAfterMs: 1_500 });
    const pid = await scheduler.spawn(blocks, ['a handler', [], ''], { thread: 'own' });
    const { ended } = new Actor(scheduler, pid);
    scheduler.send(pid, 'go');
    expect(await ended).toMatchObject({ threadDown: { cause: 'blocked', blocker: { pid } } });
    expect([scheduler.ownThreads, scheduler.threads.length]).toEqual([[], 2]);
  });
});

test('a process that yields between much work is not told of', async () => {
  const [first] = await start({ warnAfterMs: 100, endAfterMs: 300 });
  const self = scheduler.attach();
  const pid = await scheduler.spawn(blocks, ['turns', [self.pid], ''], { thread: first });
  scheduler.send(pid, 'go');
  expect(await self.receive()).toBe('worked');
  expect([stalls, scheduler.threadsLost]).toEqual([[], 0]);
});

test.each([[{ warnAfterMs: 0 }], [{ endAfterMs: -1 }], [{ after: 5 }], [5]])('%j is refused', async (watchdog) => {
  scheduler = await Scheduler.start({ threads: 0 });
  const starting = Scheduler.start({ watchdog: watchdog as object });
  await expect(starting).rejects.toMatchObject({ code: 'ERR_LIMINAL_OPTION', option: 'watchdog' });
});
