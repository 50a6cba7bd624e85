/** What threads ask of home, and home of threads: services, blocking work, slow spawns, and the stop of it all. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { BroadcastChannel } from 'node:worker_threads';
import { type ExitReason, Scheduler, type SchedulerOptions } from '@liminal-node/scheduler';
import { afterEach, describe, expect, test } from 'vitest';
import { puppet } from '../fixtures/puppet.js';
import { SLOW_CHANNEL, slow } from '../fixtures/slow-module.js';
import { add, blocker, fail, hang } from '../fixtures/workers.js';
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

let channels = 0;

/** Resolves when somebody in another thread says `word` on the channel. */
function hears(channelName: string, word: string): Promise<void> {
  const [said, say] = signpost();
  const channel = new BroadcastChannel(channelName);
  channel.onmessage = (event) => {
    if ((event as { data: unknown }).data !== word) return;
    channel.close();
    say();
  };
  return said;
}

describe('a service', () => {
  test.each(['home', 'another thread'])('answers a process on %s, and knows who asks', async (place) => {
    const [first] = await start();
    scheduler.provide('double', (from, body) => ({ from, twice: Number(body) * 2 }));
    const actor = await actorOn(place === 'home' ? 'home' : first);
    expect(await actor.do('request', 'double', 21)).toEqual({ from: actor.pid, twice: 42 });
  });

  test.each(['home', 'another thread'])('throws at a process on %s what it throws', async (place) => {
    const [first] = await start();
    scheduler.provide('refuse', async () => {
      throw Object.assign(new Error('not today'), { code: 'E_REFUSED' });
    });
    scheduler.provide('unportable', () => (place === 'home' ? Promise.reject(new Error('a function')) : () => {}));
    const actor = await actorOn(place === 'home' ? 'home' : first);
    await expect(actor.do('request', 'refuse', 1)).rejects.toMatchObject({ message: 'not today', code: 'E_REFUSED' });
    await expect(actor.do('request', 'nothing', 1)).rejects.toThrow(/runs no service "nothing"/);
    await expect(actor.do('request', 'unportable', 1)).rejects.toThrow(/a function/);
    expect(await actor.heard()).toEqual([]);
  });

  test('is provided once', async () => {
    await start({ threads: 0 });
    scheduler.provide('one', () => 1);
    expect(() => scheduler.provide('one', () => 2)).toThrow(TypeError);
  });
});

describe('blocking work', () => {
  const limits = { blockingWork: { maxThreads: 1, maxQueue: 1 } };

  test('gives its result or its error to the home thread', async () => {
    await start({ threads: 0 });
    const self = scheduler.attach();
    expect(await self.block(add, [2, 3])).toBe(5);
    await expect(self.block(fail, [])).rejects.toThrow(new RangeError('the task failed'));
    await expect(self.block({ ...add, name: 'missing' }, [1, 2])).rejects.toThrow(/defines no task "missing"/);
  });

  test('that is aborted rejects with the reason, whether it runs, waits or was never started', async () => {
    await start({ threads: 0, ...limits });
    const self = scheduler.attach();
    const name = `abort ${channels++}`;
    const running = hears(name, 'running');
    const controller = new AbortController();
    const { signal } = controller;
    const jobs = [self.block(hang, [name], { signal })];
    await running;
    jobs.push(self.block(hang, [name], { signal }));
    controller.abort('enough');
    jobs.push(self.block(hang, [name], { signal }));
    expect(await Promise.allSettled(jobs)).toEqual(Array(3).fill({ status: 'rejected', reason: 'enough' }));
    expect(await self.block(add, [2, 3])).toBe(5);
  });

  test('is refused where too much of it waits', async () => {
    await start({ threads: 0, ...limits });
    const self = scheduler.attach();
    const name = `full ${channels++}`;
    const running = hears(name, 'running');
    const controller = new AbortController();
    const { signal } = controller;
    const jobs = [self.block(hang, [name], { signal })];
    await running;
    jobs.push(self.block(hang, [name], { signal }));
    await expect(self.block(add, [2, 3])).rejects.toMatchObject({ code: 'ERR_LIMINAL_BLOCKING_WORK' });
    controller.abort();
    await Promise.allSettled(jobs);
  });

  test('is refused where none may wait', async () => {
    await start({ threads: 0, blockingWork: { maxThreads: 1, maxQueue: 0 } });
    const self = scheduler.attach();
    const name = `none ${channels++}`;
    const running = hears(name, 'running');
    const controller = new AbortController();
    const job = self.block(hang, [name], { signal: controller.signal });
    await running;
    await expect(self.block(add, [2, 3])).rejects.toMatchObject({ code: 'ERR_LIMINAL_BLOCKING_WORK' });
    controller.abort();
    await expect(job).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('does for a process on another thread what it does for home', async () => {
    const [first] = await start(limits);
    const self = scheduler.attach();
    const name = `worker ${channels++}`;
    const running = hears(name, 'running');
    const pid = await scheduler.spawn(blocker, [self.pid, name], { thread: first });
    expect(await self.receive()).toEqual({ value: 5 });
    expect(await self.receive()).toMatchObject({ name: 'RangeError', message: 'the task failed' });
    expect(await self.receive()).toBe('hanging');
    await running;
    scheduler.send(pid, 'go on');
    expect(await self.receive()).toMatchObject({ name: 'BlockingWorkError', code: 'ERR_LIMINAL_BLOCKING_WORK' });
    expect(await self.receive()).toMatchObject({ message: 'enough' });
    expect(await self.receive()).toMatchObject({ message: 'enough' });
  });
});

describe('a spawn whose module loads slowly', () => {
  /** Asks for it, and resolves when the module waits; `go` lets it load. */
  async function request(
    spawner: (thread: number) => Promise<unknown>,
    thread: number,
  ): Promise<{ spawning: Promise<unknown>; go: () => void }> {
    const loading = hears(SLOW_CHANNEL, 'loading');
    const spawning = spawner(thread);
    spawning.catch(() => {});
    await loading;
    const channel = new BroadcastChannel(SLOW_CHANNEL);
    return {
      spawning,
      go() {
        channel.postMessage('go');
        channel.close();
      },
    };
  }

  test('fails when its thread ends first', async () => {
    const [first] = await start();
    const { spawning, go } = await request((thread) => scheduler.spawn(slow, [], { thread }), first);
    await scheduler.endThread(first);
    await expect(spawning).rejects.toMatchObject({ code: 'ERR_LIMINAL_THREAD_DOWN' });
    go();
  });

  test('and whose parent ends first ends the child with noproc, where it is linked', async () => {
    const [first, second] = await start();
    const parent = await actorOn(first);
    const { go } = await request((thread) => parent.do('spawnSlow', { thread, link: true, name: 'child' }), second);
    scheduler.exitProcess(parent.pid, 'kill');
    await parent.ended;
    go();
    expect(await ended('child')).toBe('noproc');
  });

  test('and whose parent ends with its whole thread first ends the child with noproc, where it is linked', async () => {
    const [first, second] = await start();
    const parent = await actorOn(first);
    const { go } = await request((thread) => parent.do('spawnSlow', { thread, link: true, name: 'child' }), second);
    await scheduler.endThread(first);
    await parent.ended;
    // The second thread has heard of the loss when it answers what home asked it afterwards.
    await (await actorOn('home')).do('visit', (await actorOn(second)).pid);
    go();
    expect(await ended('child')).toBe('noproc');
  });

  /** How the process that will have that name ends. */
  async function ended(name: string): Promise<ExitReason> {
    const self = scheduler.attach();
    while (scheduler.whereis(name) === undefined) await new Promise((resolve) => setImmediate(resolve));
    self.monitor({ name });
    return (await self.receive<{ reason: ExitReason }>()).reason;
  }
});

describe('stop', () => {
  test('ends every process with shutdown, and starts none afterwards', async () => {
    const [first] = await start();
    const reasons: unknown[] = [];
    const local = scheduler.spawnLocal(async (self) => {
      self.signal.addEventListener('abort', () => reasons.push('aborted'));
      await self.receive();
    }, []);
    const remote = await actorOn(first);
    const self = scheduler.attach();
    await Promise.all([scheduler.stop(), scheduler.stop()]);
    scheduler.send(remote.pid, 'anybody?');
    expect([reasons, scheduler.threads, scheduler.threadsLost]).toEqual([['aborted'], [], 0]);
    expect((await scheduler.inspect()).map(({ processes }) => processes)).toEqual([0]);
    const stopped = { code: 'ERR_LIMINAL_THREAD_DOWN' };
    await expect(scheduler.spawn(puppet, [])).rejects.toMatchObject(stopped);
    expect(() => scheduler.spawnLocal(() => {}, [])).toThrow(expect.objectContaining(stopped));
    expect(() => scheduler.attach()).toThrow(expect.objectContaining(stopped));
    scheduler.send(local, 'anybody?');
    self.send(local, 'anybody?');
  });

  test('fails what was waiting for a thread', async () => {
    await start();
    const spawning = scheduler.spawn({ ...puppet, module: slow.module, name: 'slow' }, []);
    const failed = expect(spawning).rejects.toMatchObject({ code: 'ERR_LIMINAL_THREAD_DOWN' });
    await scheduler.stop();
    await failed;
  });

  test('ends a thread that does not yield', async () => {
    const [first] = await start();
    const name = `stop ${channels++}`;
    const held = hears(name, 'held');
    (await actorOn(first)).tell('holdThread', name);
    await held;
    await scheduler.stop();
    expect(scheduler.threads).toEqual([]);
  });

  test('leaves nothing that keeps the program alive', async () => {
    scheduler = await Scheduler.start({ threads: 0 });
    const program = fileURLToPath(new URL('../fixtures/start-and-stop.ts', import.meta.url));
    const loader = new URL('../../../../test/support/load-typescript.mjs', import.meta.url).href;
    const child = spawn(process.execPath, ['--import', loader, program], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(output).toBe('stopped 5\n');
  });
});
