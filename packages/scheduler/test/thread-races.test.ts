/**
 * Interleavings of the end of one thread with what another does. A process holds its thread, so that what
 * comes meanwhile waits unread in its ports, until the test lets it go on.
 */
import { BroadcastChannel, MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { isDown, type Pid, Scheduler, systemEnvironment } from '@liminal-node/scheduler';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ByteWriter } from '../src/bytes.js';
import { silentLogger } from '../src/logger.js';
import { DEFAULT_MAILBOX_BOUND } from '../src/mailbox.js';
import { meshPort } from '../src/mesh-port.js';
import { NameAuthority } from '../src/names.js';
import { type Control, type ParcelHandler, readBatch, writeControl } from '../src/parcel.js';
import { formatPid, NO_NODE } from '../src/pid.js';
import { Runtime } from '../src/runtime.js';
import { puppet } from './fixtures/puppet.js';
import { microtasks } from './manual-environment.js';
import { Actor, signpost } from './world.js';

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
      onLoad: () => {},
    });
    const { port1, port2 } = new MessageChannel();
    runtime.mesh.attach(1, meshPort(port1, false));
    const freed = (): unknown[] => {
      runtime.mesh.flush();
      const controls: unknown[] = [];
      const handler = { control: (_thread: number, control: unknown) => controls.push(control) };
      for (let next = receiveMessageOnPort(port2); next !== undefined; next = receiveMessageOnPort(port2)) {
        readBatch(next.message, 0, handler as unknown as ParcelHandler);
      }
      return controls;
    };
    const post = (control: Control): void => {
      const writer = new ByteWriter();
      writeControl(writer, control);
      port2.postMessage(writer.take());
    };
    return { runtime, freed, post };
  }

  test('grants a name once every thread has entered it', async () => {
    const { runtime, freed } = setUp();
    const [entered, enter] = signpost();
    const authority = new NameAuthority(runtime, () => entered);
    let granted = false;
    const registering = authority.register('name', pid).then((fault) => {
      granted = fault === undefined;
    });
    await microtasks();
    expect([
      granted,
      await authority.register('name', formatPid({ node: NO_NODE, creation: 1, thread: 2, serial: 1 })),
    ]).toEqual([false, `"name" is held by ${pid}`]);
    enter();
    await registering;
    expect([granted, freed()]).toEqual([true, []]);
    runtime.mesh.close();
  });

  test('F5: takes in first what the thread of the holder has posted', async () => {
    const { runtime, post } = setUp();
    const authority = new NameAuthority(runtime, async () => {});
    await authority.register('name', pid);
    post({ type: 'nameFreed', name: 'name', pid });
    const other = formatPid({ node: NO_NODE, creation: 1, thread: 2, serial: 1 });
    expect(await authority.register('name', other)).toBeUndefined();
    expect(runtime.names.get('name')).toBe(other);
    runtime.mesh.close();
  });

  test('frees a name again on every thread, where its holder ended while they entered it', async () => {
    const { runtime, freed } = setUp();
    const authority = new NameAuthority(runtime, async () => runtime.forgetName('name', pid));
    await authority.register('name', pid);
    expect(freed()).toEqual([{ type: 'nameFreed', name: 'name', pid }]);
    runtime.mesh.close();
  });
});
