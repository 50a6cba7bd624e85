/** A thread of its own for one process: started for it, ended with it, counted, and no place for others. */
import {
  type DownMessage,
  type ExitReason,
  type Pid,
  Scheduler,
  type SchedulerOptions,
  startSupervisor,
  whichChildren,
} from '@liminal-node/scheduler';
import { afterEach, describe, expect, test } from 'vitest';
import { puppet, soloists } from '../fixtures/puppet.js';
import { hog } from '../fixtures/workers.js';
import { microtasks } from '../manual-environment.js';
import { Actor } from '../world.js';

let scheduler: Scheduler;

async function start(options: Partial<SchedulerOptions> = {}): Promise<readonly number[]> {
  scheduler = await Scheduler.start({ threads: 1, ...options });
  return scheduler.threads;
}
afterEach(() => scheduler.stop());

const threadOf = (pid: Pid): number => Number(pid.split('.').at(-2));

async function own(options: object = {}): Promise<Actor> {
  return new Actor(scheduler, await scheduler.spawn(puppet, [], { thread: 'own', ...options }));
}

async function noneLeft(): Promise<void> {
  while (scheduler.ownThreads.length > 0) await microtasks();
}

describe('a process with a thread of its own', () => {
  test('runs alone there: neither placement nor a number puts another beside it', async () => {
    const [first = -1] = await start();
    const actor = await own({ name: 'alone', label: 'soloist' });
    const thread = threadOf(actor.pid);
    expect([scheduler.ownThreads, scheduler.threads]).toEqual([[thread], [first]]);
    const others = await Promise.all(Array.from({ length: 5 }, () => scheduler.spawn(puppet, [])));
    expect(others.map(threadOf)).toEqual(Array(5).fill(first));
    expect(threadOf(await actor.do('spawnPuppet'))).toBe(first);
    await expect(scheduler.spawn(puppet, [], { thread })).rejects.toMatchObject({ code: 'ERR_LIMINAL_SPAWN' });
    expect(scheduler.whereis('alone')).toBe(actor.pid);
    expect((await scheduler.inspect()).map((each) => [each.thread, each.processes])).toContainEqual([thread, 1]);
  });

  test('takes its thread along when it ends, after all that it has sent; nothing takes its place', async () => {
    await start();
    const actor = await own({ name: 'alone' });
    const receiver = new Actor(scheduler, await scheduler.spawn(puppet, [], { trapExit: true }));
    await actor.do('link', receiver.pid);
    await receiver.do('monitor', actor.pid);
    await actor.do('visit', receiver.pid);
    const here = await actor.do<Pid>('spawnLocalPuppet');
    const watcher = new Actor(scheduler, here);
    await watcher.do('whereis', '');
    await actor.do('sendMany', receiver.pid, 'own', 2_000);
    actor.tell('exit', 'done');
    expect([await actor.ended, await watcher.ended]).toEqual(['done', 'shutdown']);
    await noneLeft();
    const heard = (await receiver.heard()) as { signal?: string; reason?: ExitReason }[];
    expect(heard).toHaveLength(2_002);
    expect(
      heard
        .slice(-2)
        .map(({ signal, reason }) => [signal, reason])
        .sort(),
    ).toEqual([
      ['down', 'done'],
      ['exit', 'done'],
    ]);
    expect([scheduler.whereis('alone'), scheduler.threadsLost, scheduler.threads.length]).toEqual([undefined, 0, 1]);
    await receiver.do('monitor', actor.pid);
    expect(await receiver.heard()).toMatchObject([{ signal: 'down', reason: 'noproc' }]);
  });

  test('is started by a process of any thread, linked and monitored, also from a thread of its own', async () => {
    const [first = -1] = await start();
    for (const thread of [first, 'home', 'own'] as const) {
      const parent = new Actor(scheduler, await scheduler.spawn(puppet, [], { thread, trapExit: true }));
      const pid = await parent.do<Pid>('spawnPuppet', { thread: 'own', link: true, monitor: true });
      expect(scheduler.ownThreads).toContain(threadOf(pid));
      new Actor(scheduler, pid).tell('exit', 'over');
      const heard: unknown[] = [];
      while (heard.length < 2) heard.push(...((await parent.heard()) as unknown[]));
      expect(heard).toMatchObject([
        { signal: 'exit', from: pid, reason: 'over' },
        { signal: 'down', pid, reason: 'over' },
      ]);
    }
  });

  test('that does not start leaves no thread', async () => {
    await start();
    const missing = { ...puppet, name: 'missing' };
    await expect(scheduler.spawn(missing, [], { thread: 'own' })).rejects.toMatchObject({ code: 'ERR_LIMINAL_SPAWN' });
    await noneLeft();
    await own({ name: 'taken' });
    await expect(own({ name: 'taken' })).rejects.toMatchObject({ code: 'ERR_LIMINAL_NAME' });
    while (scheduler.ownThreads.length > 1) await microtasks();
    expect(scheduler.threadsLost).toBe(0);
  });

  test('B19: over the limit of its heap ends alone, with a reason that says so, and is not replaced', async () => {
    const [first = -1] = await start();
    const neighbour = new Actor(scheduler, await scheduler.spawn(puppet, [], { thread: first }));
    const limits = { resourceLimits: { maxOldGenerationSizeMb: 24 } };
    const pid = await scheduler.spawn(hog, [], { thread: 'own', ...limits });
    const { ended } = new Actor(scheduler, pid);
    scheduler.send(pid, 'go');
    expect(await ended).toMatchObject({ threadDown: { thread: threadOf(pid), cause: 'out_of_memory' } });
    expect([scheduler.threadsLost, scheduler.threads, scheduler.ownThreads]).toEqual([1, [first], []]);
    expect(await neighbour.heard()).toEqual([]);
  });

  test('is refused where there are as many as the node takes, and taken again once one has ended', async () => {
    const [first = -1] = await start({ maxOwnThreads: 1 });
    const actor = await own();
    const refusal = { code: 'ERR_LIMINAL_SPAWN', message: expect.stringContaining('maxOwnThreads') };
    await expect(own()).rejects.toMatchObject(refusal);
    const asker = new Actor(scheduler, await scheduler.spawn(puppet, [], { thread: first }));
    await expect(asker.do('spawnPuppet', { thread: 'own' })).rejects.toMatchObject(refusal);
    actor.tell('return');
    await noneLeft();
    await own();
  });

  test('has limits of its own only there', async () => {
    const [first = -1] = await start();
    for (const [options, message] of [
      [{ thread: first, resourceLimits: {} }, "is for a process with thread: 'own'"],
      [{ thread: 'own', resourceLimits: { maxOldGenerationSizeMb: 1 } }, 'must be a whole number from 8'],
    ] as const) {
      await expect(scheduler.spawn(puppet, [], options)).rejects.toMatchObject({
        code: 'ERR_LIMINAL_OPTION',
        message: expect.stringContaining(message),
      });
    }
  });

  test('ends without it where the thread that asked for it ends first', async () => {
    const [first = -1] = await start();
    const asker = new Actor(scheduler, await scheduler.spawn(puppet, [], { thread: first }));
    const asking = asker.do('spawnPuppet', { thread: 'own' });
    asking.catch(() => {});
    while (scheduler.ownThreads.length === 0) await microtasks();
    await scheduler.endThread(first);
    await asker.ended;
    await noneLeft();
  });

  test('spawns on the home thread where the node has no other', async () => {
    await start({ threads: 0 });
    const actor = await own();
    expect(threadOf(await actor.do('spawnPuppet'))).toBe(0);
  });
});

describe('a spawn while every scheduler thread is lost', () => {
  test('waits for the next one, and never takes the home thread instead', async () => {
    const [first = -1] = await start();
    await scheduler.endThread(first);
    expect(scheduler.threads).toEqual([]);
    expect(threadOf(await scheduler.spawn(puppet, []))).toBe(first + 1);
  });

  test('fails where the scheduler is stopped first', async () => {
    const [first = -1] = await start();
    await scheduler.endThread(first);
    const spawning = expect(scheduler.spawn(puppet, [])).rejects.toMatchObject({ code: 'ERR_LIMINAL_THREAD_DOWN' });
    await scheduler.stop();
    await spawning;
  });
});

test('a supervisor starts a child on a thread of its own, and again on another', async () => {
  await start();
  const self = scheduler.attach();
  const supervisor = await startSupervisor(self, soloists, []);
  const pidOf = async (): Promise<Pid> => (await whichChildren(self, supervisor))[0]?.pid as Pid;
  const before = await pidOf();
  expect(scheduler.ownThreads).toEqual([threadOf(before)]);
  const ref = self.monitor(before);
  await scheduler.endThread(threadOf(before));
  const down = await self.receive<DownMessage>();
  expect(down).toMatchObject({ ref, reason: { threadDown: { thread: threadOf(before), cause: 'terminated' } } });
  while ((await pidOf()) === before || (await pidOf()) === undefined) await microtasks();
  const after = await pidOf();
  expect(scheduler.ownThreads).toEqual([threadOf(after)]);
  expect(threadOf(after)).not.toBe(threadOf(before));
});
