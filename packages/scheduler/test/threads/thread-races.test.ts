/**
 * Interleavings of the end of one thread with what another does. A process holds its thread, so that what
 * comes meanwhile waits unread in its ports, until the test lets it go on.
 */
import { BroadcastChannel } from 'node:worker_threads';
import { isDown, type Pid, Scheduler, systemEnvironment } from '@liminal-node/scheduler';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../src/logger.js';
import { DEFAULT_MAILBOX_BOUND } from '../../src/mailbox.js';
import { NameAuthority } from '../../src/names.js';
import { formatPid, NO_NODE } from '../../src/pid.js';
import { Runtime } from '../../src/runtime.js';
import { Outbox } from '../../src/threads/outbox.js';
import { type Control, writeControl } from '../../src/threads/parcel.js';
import { puppet } from '../fixtures/puppet.js';
import { microtasks } from '../manual-environment.js';
import { Actor, signpost } from '../world.js';
import { twoEnds } from './thread-way.js';

let scheduler: Scheduler;
let first: number;
let second: number;

beforeEach(async () => {
  scheduler = await Scheduler.start({ threads: 2 });
  [first = -1, second = -1] = scheduler.threads;
});
afterEach(() => scheduler.stop());

const actorOn = async (thread: number | 'home', options: { name?: string; trapExit?: boolean } = {}): Promise<Actor> =>
  new Actor(scheduler, await scheduler.spawn(puppet, [], { thread, ...options }));

let channels = 0;

/** Holds the thread of `actor`, which then takes `steps` before it reads anything. */
async function hold(actor: Actor, ...steps: [string, ...unknown[]][]): Promise<() => void> {
  const name = `hold ${channels++}`;
  const channel = new BroadcastChannel(name);
  const [held, tellHeld] = signpost();
  channel.onmessage = tellHeld;
  actor.tell('script', ['holdThread', name], ...steps);
  await held;
  return () => {
    channel.postMessage('go on');
    channel.close();
  };
}

/** Resolves when what home and the thread of `actor` had sent each other has arrived. */
async function settle(actor: Actor): Promise<void> {
  const guide = await actorOn('home');
  await guide.do('visit', actor.pid);
}

test('what a thread had sent before it ended arrives before its end, also where nothing of it was read yet', async () => {
  const receiver = await actorOn(second);
  const holder = await actorOn(second);
  const sender = await actorOn(first);
  await receiver.do('monitor', sender.pid);
  await receiver.do('visit', sender.pid);
  const release = await hold(holder);
  await sender.do('sendMany', receiver.pid, 'lost', 5000);
  await settle(sender);
  await scheduler.endThread(first);
  release();
  await settle(receiver);
  const heard = await receiver.heard();
  expect(heard.length).toBe(5001);
  expect(heard.findIndex(isDown)).toBe(5000);
});

test('a link made while the other thread is ending is answered once', async () => {
  const lost = await actorOn(first);
  const linker = await actorOn(second, { trapExit: true });
  const release = await hold(linker, ['link', lost.pid], ['monitor', lost.pid]);
  await scheduler.endThread(first);
  release();
  await settle(linker);
  await settle(linker);
  const heard = (await linker.heard()) as { signal: string; reason: unknown }[];
  expect(heard.map(({ signal }) => signal)).toEqual(['exit', 'down']);
});

test('a spawn on a thread that is ending is refused, not left waiting', async () => {
  const spawner = await actorOn(second);
  const release = await hold(spawner);
  await scheduler.endThread(first);
  const spawning = spawner.do('spawnPuppet', { thread: first });
  const outcome = expect(spawning).rejects.toMatchObject({
    code: expect.stringMatching(/ERR_LIMINAL_(SPAWN|THREAD_DOWN)/),
  });
  release();
  await outcome;
});

test('a name that is freed while a new thread starts is unknown to that thread', async () => {
  const holder = await actorOn(second, { name: 'short-lived' });
  const release = await hold(holder, ['exit', 'done']);
  await scheduler.endThread(first);
  // The new thread has been given the names of this moment, and cannot be reached by the second one yet.
  release();
  await holder.ended;
  while (scheduler.threads.length < 2) await microtasks();
  const fresh = await actorOn(scheduler.threads.find((thread) => thread !== second) ?? -1);
  expect(await fresh.do('whereis', 'short-lived')).toBeUndefined();
});

test('a thread that ends before another could be told of it is no place for that one to spawn on', async () => {
  const spawner = await actorOn(second);
  const release = await hold(spawner);
  await scheduler.endThread(first);
  const stillborn = second + 1;
  await scheduler.endThread(stillborn);
  release();
  while (scheduler.threads.length < 2) await microtasks();
  await settle(spawner);
  const pids = await Promise.all(Array.from({ length: 20 }, () => spawner.do<Pid>('spawnPuppet')));
  const threads = new Set(pids.map((pid) => Number(pid.split('.').at(-2))));
  expect([...threads].sort()).toEqual([...scheduler.threads].sort());
  await expect(spawner.do('spawnPuppet', { thread: stillborn })).rejects.toMatchObject({ code: 'ERR_LIMINAL_SPAWN' });
});

test('a thread that does not yield delays no register, and knows the name before anything else once it yields', async () => {
  const holder = await actorOn(second);
  const release = await hold(holder);
  const named = await actorOn(first);
  await named.do('register', 'granted meanwhile');
  await named.do('sendMany', holder.pid, 'n', 1);
  expect(scheduler.whereis('granted meanwhile')).toBe(named.pid);
  const asked = holder.do('whereis', 'granted meanwhile');
  release();
  expect(await asked).toBe(named.pid);
});

test('a thread that does not yield delays no new thread, and reaches it once it yields', async () => {
  const holder = await actorOn(second);
  const release = await hold(holder);
  await scheduler.endThread(first);
  while (scheduler.threads.length < 2) await microtasks();
  const fresh = await actorOn(second + 1);
  await fresh.do('sendMany', holder.pid, 'from the new thread', 3);
  const visit = fresh.do('visit', holder.pid);
  release();
  await visit;
  expect(await holder.heard()).toHaveLength(3);
  await holder.do('visit', fresh.pid);
});

test('a process that gives its name up and takes it again at once keeps it on every thread', async () => {
  const holder = await actorOn(first);
  const other = await actorOn(second);
  for (let round = 0; round < 50; round++) {
    await holder.do('script', ['register', 'again'], ['unregister'], ['register', 'again']);
    await settle(other);
    expect(await other.do('whereis', 'again')).toBe(holder.pid);
    await holder.do('unregister');
  }
});

test('a process that gives its name up while it asks for it, and asks again, has it once', async () => {
  const holder = await actorOn(first);
  const other = await actorOn(second);
  await holder.do('registerTwice', 'wanted');
  await settle(other);
  expect([scheduler.whereis('wanted'), await other.do('whereis', 'wanted')]).toEqual([holder.pid, holder.pid]);
  await holder.do('unregister');
  await settle(other);
  expect([scheduler.whereis('wanted'), await other.do('whereis', 'wanted')]).toEqual([undefined, undefined]);
});

describe('the authority over names', () => {
  const pid = formatPid({ node: NO_NODE, creation: 1, thread: 1, serial: 5 });

  function setUp() {
    const runtime = new Runtime({
      node: NO_NODE,
      creation: 1,
      thread: 0,
      environment: systemEnvironment,
      logger: silentLogger,
      mailbox: DEFAULT_MAILBOX_BOUND,
      checkMessages: true,
      threadQueueBytes: 1_000_000,
      onLoad: () => {},
    });
    const [here, there] = twoEnds();
    runtime.mesh.attach(1, here);
    const outbox = new Outbox();
    const post = (control: Control): void => {
      writeControl(outbox, control);
      outbox.send(there);
    };
    return { runtime, post };
  }

  test('tells every thread of a grant before it gives it, and grants a name to one process', () => {
    const { runtime } = setUp();
    const told: unknown[] = [];
    const authority = new NameAuthority(runtime, (...grant) => told.push(grant));
    const other = formatPid({ node: NO_NODE, creation: 1, thread: 2, serial: 1 });
    expect(authority.register('name', pid)).toBe(1);
    expect(authority.register('name', other)).toBe(`"name" is held by ${pid}`);
    expect(told).toEqual([['name', pid, 1]]);
    runtime.mesh.close();
  });

  test('grants a name anew to a process that has given it up, though home has not heard so yet', () => {
    const { runtime, post } = setUp();
    const authority = new NameAuthority(runtime, () => {});
    const grants = [authority.register('name', pid), authority.register('name', pid)];
    expect(grants).toEqual([1, 2]);
    post({ type: 'nameFreed', name: 'name', pid, grant: 1 });
    runtime.mesh.receivePending(1);
    expect(runtime.names.get('name')).toBe(pid);
    runtime.mesh.close();
  });

  test('F5: takes in first what the thread of the holder has posted', () => {
    const { runtime, post } = setUp();
    const authority = new NameAuthority(runtime, () => {});
    authority.register('name', pid);
    post({ type: 'nameFreed', name: 'name', pid, grant: 1 });
    const other = formatPid({ node: NO_NODE, creation: 1, thread: 2, serial: 1 });
    expect(authority.register('name', other)).toBe(2);
    expect(runtime.names.get('name')).toBe(other);
    runtime.mesh.close();
  });
});
