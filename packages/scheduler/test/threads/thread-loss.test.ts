/** How a thread can end, what its processes end with, and what is left of what they had asked for. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { BroadcastChannel } from 'node:worker_threads';
import { type ExitReason, type Pid, Scheduler, type SchedulerOptions } from '@liminal-node/scheduler';
import { afterEach, describe, expect, test } from 'vitest';
import { puppet } from '../fixtures/puppet.js';
import { add, brood, exiter, hang, hog, mourner, pipeReader, waitsForWork } from '../fixtures/workers.js';
import { microtasks } from '../manual-environment.js';
import { NamedPipe } from '../named-pipe.js';
import { Actor, signpost } from '../world.js';

let scheduler: Scheduler;

async function start(options: Partial<SchedulerOptions> = {}): Promise<[first: number, second: number]> {
  scheduler = await Scheduler.start({ threads: 2, ...options });
  const [first = -1, second = -1] = scheduler.threads;
  return [first, second];
}
afterEach(() => scheduler.stop());

const actorOn = async (thread: number | 'home'): Promise<Actor> =>
  new Actor(scheduler, await scheduler.spawn(puppet, [], { thread }));

async function replaced(): Promise<void> {
  while (scheduler.threads.length < 2) await microtasks();
}

/** What is told of the thread of `pid` to others on it, once `pid` has been told to end it. */
async function endsWith(thread: number, pid: Pid): Promise<ExitReason> {
  const bystander = await actorOn(thread);
  scheduler.send(pid, 'go');
  return bystander.ended;
}

describe('the reason of a process whose thread has ended', () => {
  test('B19: tells that the thread ran out of memory; the node and the other threads live', async () => {
    const [first, second] = await start({ resourceLimits: { maxOldGenerationSizeMb: 24 } });
    const survivor = await actorOn(second);
    const reason = await endsWith(first, await scheduler.spawn(hog, [], { thread: first }));
    const error = expect.objectContaining({ code: 'ERR_WORKER_OUT_OF_MEMORY' });
    expect(reason).toEqual({ threadDown: { thread: first, cause: 'out_of_memory', error } });
    await replaced();
    expect(await survivor.do('whereis', 'nobody')).toBeUndefined();
  });

  test('tells the code that process.exit was called with, also on a diagnostics channel', async () => {
    const events: unknown[] = [];
    const take = (event: unknown): void => void events.push(event);
    subscribe('liminal:thread:down', take);
    const [first] = await start();
    const reason = await endsWith(first, await scheduler.spawn(exiter, [7], { thread: first }));
    expect(reason).toEqual({ threadDown: { thread: first, cause: 'exit', code: 7 } });
    await replaced();
    unsubscribe('liminal:thread:down', take);
    expect(events).toEqual([{ thread: first, reason }]);
  });

  test('failure F7: is told although the thread waits in native code, which nobody can end', async () => {
    using pipe = new NamedPipe();
    const [first] = await start();
    const bystander = await actorOn(first);
    const self = scheduler.attach();
    scheduler.send(await scheduler.spawn(pipeReader, [pipe.path, self.pid], { thread: first }), 'go');
    expect(await self.receive()).toBe('reading');
    await pipe.hasReader();
    await scheduler.endThread(first);
    expect(await bystander.ended).toEqual({ threadDown: { thread: first, cause: 'terminated' } });
    await replaced();
    expect(scheduler.threads).not.toContain(first);
  });
});

test('failure F3, I30: ten thousand processes of a thread are each told of once, by link and by monitor, wherever', async () => {
  const [first, second] = await start();
  const self = scheduler.attach();
  await scheduler.spawn(brood, [10_000, self.pid], { thread: first });
  const pids = await self.receive<Pid[]>();
  for (const thread of ['home', second] as const) {
    await scheduler.spawn(mourner, [pids, self.pid], { thread, trapExit: true });
    expect(await self.receive()).toBe('bound');
  }
  await (await actorOn(second)).do('visit', (await actorOn(first)).pid);
  await scheduler.endThread(first);
  const reason = { threadDown: { thread: first, cause: 'terminated' } };
  for (let told = 0; told < 2; told++) {
    const { exits, downs, reasons } = await self.receive<{ exits: Pid[]; downs: Pid[]; reasons: unknown[] }>();
    expect([[...exits].sort(), [...downs].sort()]).toEqual([[...pids].sort(), [...pids].sort()]);
    expect(reasons).toEqual([reason]);
  }
});

describe('what a lost thread had asked for', () => {
  test('blocking work is aborted: nobody waits for it', async () => {
    const [first] = await start({ blockingWork: { maxThreads: 1, maxQueue: 1 } });
    const name = 'lost thread';
    const channel = new BroadcastChannel(name);
    const [running, tellRunning] = signpost();
    channel.onmessage = tellRunning;
    const pids = [];
    for (let job = 0; job < 2; job++) pids.push(await scheduler.spawn(waitsForWork, [name], { thread: first }));
    await running;
    while (scheduler.blockingWork.waiting === 0) await microtasks();
    expect(scheduler.blockingWork).toEqual({
      running: 1,
      waiting: 1,
      threads: 1,
      refused: 0,
      maxThreads: 1,
      maxQueue: 1,
    });
    const self = scheduler.attach();
    await expect(self.block(hang, [name])).rejects.toMatchObject({ code: 'ERR_LIMINAL_BLOCKING_WORK' });
    await scheduler.endThread(first);
    while (scheduler.blockingWork.running > 0) await microtasks();
    expect(scheduler.blockingWork).toMatchObject({ waiting: 0, refused: 1 });
    expect(await self.block(add, [2, 3])).toBe(5);
    channel.close();
  });
});

describe('limits of a thread', () => {
  test.each([
    [{ maxOldGenerationSizeMb: 1 }, 'maxOldGenerationSizeMb must be a whole number from 8'],
    [{ heap: 1 }, 'heap is not known; known are maxOldGenerationSizeMb'],
    [5, 'must be an object, not 5'],
  ])('%j are refused', async (resourceLimits, message) => {
    await start({ threads: 0 });
    const starting = Scheduler.start({ resourceLimits: resourceLimits as object });
    await expect(starting).rejects.toMatchObject({
      option: 'resourceLimits',
      message: expect.stringContaining(message),
    });
  });
});
