/** Looking at processes, on one thread and across threads. */
import { child, type ProcessInfo, type Snapshot, type TraceEvent, type TraceOptions } from '@liminal-node/scheduler';
import { describe, expect, test } from 'vitest';
import { family } from '../behaviours/fixtures/supervised-members.js';
import { memberSpec, Stage } from '../behaviours/fixtures/supervised-stage.js';
import { microtasks } from '../manual-environment.js';
import { Actor, type Case, freshName, inBothWorlds, World } from '../world.js';

const infoOf = async (world: World, { pid }: Pick<Actor, 'pid'>): Promise<ProcessInfo> => {
  const info = await world.scheduler.processInfo(pid);
  if (info === undefined) throw new Error(`${pid} is dead`);
  return info;
};

const liveness: Record<string, Case> = {
  'B18: is false after an exit with kill by the same caller, and true before it': async (world) => {
    for (const [asker, place] of [
      [await world.actor(0), 1],
      [await world.actor(1), 1],
    ] as const) {
      const target = await world.actor(place);
      const answers = await asker.do(
        'script',
        ['isAlive', target.pid],
        ['exitProcess', target.pid, 'kill'],
        ['isAlive', target.pid],
      );
      expect(answers).toEqual([true, undefined, false]);
      const other = await world.actor(place);
      world.scheduler.exitProcess(other.pid, 'kill');
      expect(await world.scheduler.isAlive(other.pid)).toBe(false);
    }
  },

  'is false for a process of an earlier life of the node, and is refused for another node': async (world) => {
    const { pid } = await world.actor(1);
    expect(await world.scheduler.isAlive(pid.replace('#1.', '#2.') as typeof pid)).toBe(false);
    await expect(world.scheduler.isAlive(pid.replace('nonode', 'other') as typeof pid)).rejects.toThrow(
      /of another node/,
    );
    expect(await world.scheduler.isAlive(pid.replace(/\.\d+\.(\d+)$/, '.99.$1') as typeof pid)).toBe(false);
  },
};

const infos: Record<string, Case> = {
  'says what a process runs, where, since when, under which name and for whom': async (world) => {
    const name = freshName();
    const [parent] = await world.actors();
    const pid = await parent.do<Actor['pid']>('spawnPuppet', {
      name,
      label: 'the child',
      trapExit: true,
      link: true,
      monitor: true,
    });
    const child = { pid };
    expect(await infoOf(world, child)).toMatchObject({
      pid,
      thread: Number(pid.split('.').at(-2)),
      status: 'waiting',
      current: 'puppet.ts#puppet',
      label: 'the child',
      name,
      parent: parent.pid,
      ancestors: [parent.pid],
      trapExit: true,
      handled: 0,
      mailbox: { messages: 0, bytes: 0, dropped: 0 },
      links: [parent.pid],
      monitors: [],
      watchers: 1,
    });
    const { ageMs: youngerMs } = await infoOf(world, child);
    const { links, monitors, ageMs } = await infoOf(world, parent);
    expect([links, monitors]).toEqual([[pid], [{ pid }]]);
    expect(ageMs).toBeGreaterThanOrEqual(youngerMs);
  },

  'follows the ancestors over all threads, up to the first that is dead': async (world) => {
    const places = world.places;
    const [first] = await world.actors();
    const second = await first.do<Actor['pid']>('spawnPuppet', { thread: places[1] });
    const third = await actorOf(world, second).do<Actor['pid']>('spawnPuppet', { thread: places[2] });
    expect((await infoOf(world, { pid: third })).ancestors).toEqual([second, first.pid]);
    first.tell('return');
    await first.ended;
    await world.settle();
    expect((await infoOf(world, { pid: third })).ancestors).toEqual([second, first.pid]);
    actorOf(world, second).tell('return');
    await actorOf(world, second).ended;
    expect((await infoOf(world, { pid: third })).ancestors).toEqual([second]);
  },

  'tells a process that waits for a message from one that waits for something else, and counts': async (world) => {
    const actor = await world.actor(1);
    const { reached, open } = world.gate(actor.pid);
    actor.tell('request', 'gate', actor.pid);
    await reached;
    world.scheduler.send(actor.pid, 'one');
    world.scheduler.send(actor.pid, 'two');
    expect(await infoOf(world, actor)).toMatchObject({ status: 'running', handled: 1, mailbox: { messages: 2 } });
    open();
    await actor.heard();
    expect(await infoOf(world, actor)).toMatchObject({ status: 'waiting', handled: 4, mailbox: { messages: 0 } });
  },

  'knows the size of what has come from elsewhere, and what was dropped': async (world) => {
    const pid = await world.scheduler.spawn((await import('../fixtures/puppet.js')).puppet, [], {
      thread: world.places[1] ?? 'home',
      mailbox: { maxItems: 2 },
    });
    const { reached, open } = world.gate(pid);
    actorOf(world, pid).tell('request', 'gate', pid);
    await reached;
    for (let at = 0; at < 5; at++) world.scheduler.send(pid, 'x'.repeat(100));
    const { mailbox } = await infoOf(world, { pid });
    expect(mailbox).toMatchObject({ messages: 2, dropped: 3 });
    expect(mailbox.bytes > 200).toBe(world.scheduler.threads.length > 0);
    open();
  },

  'says nothing of the dead': async (world) => {
    expect(await world.scheduler.processInfo(await world.dead(1))).toBeUndefined();
  },
};

const snapshots: Record<string, Case> = {
  'holds every process exactly once, and none that had ended': async (world) => {
    const name = freshName();
    const living = [await world.actor(0, { name }), await world.actor(1), await world.actor(2)];
    const dead = await world.dead(1);
    const snapshot = await world.scheduler.snapshot();
    const pids = [...snapshot.processes].map(({ pid }) => pid);
    expect(new Set(pids).size).toBe(pids.length);
    expect(pids).toEqual(expect.arrayContaining(living.map(({ pid }) => pid)));
    expect(pids).not.toContain(dead);
    expect(snapshot.names.get(name)).toBe(living[0]?.pid);
    expect(snapshot.threads.map(({ thread }) => thread)).toEqual([0, ...world.scheduler.threads]);
    expect(snapshot.threads.reduce((sum, { processes }) => sum + processes, 0)).toBe(pids.length);
    expect(snapshot).toMatchObject({
      node: 'nonode@nohost',
      creation: 1,
      silent: [],
      blockingWork: { running: 0, waiting: 0 },
    });
  },

  'says of a process what its info says': async (world) => {
    const actor = await world.actor(1, { trapExit: true });
    await actor.do('monitor', (await world.actor(0)).pid);
    await world.settle();
    const row = rowOf(await world.scheduler.snapshot(), actor);
    const { ancestors, links, monitors, ageMs, ...info } = await infoOf(world, actor);
    expect(row).toEqual({ ...info, links: links.length, monitors: monitors.length, ageMs: expect.any(Number) });
    expect(row?.monitors).toBe(1);
  },

  'has the supervision tree, with children as their supervisors see them, wherever they run': async (world) => {
    const stage = Stage.of(world);
    const [first = 'home', second = 'home'] = world.places;
    const inner = child(family, [{ children: [memberSpec('a', { thread: second })] }], { id: 'inner', thread: first });
    const outer = await stage.start({ children: [inner, memberSpec('b')], strategy: 'rest_for_one', intensity: 5 });
    const before = await stage.pids(outer);
    await stage.end(before['b'], 'crash');
    await stage.logged('init b', 2);
    const { inner: innerPid, b } = await stage.pids(outer);
    const { supervisors } = await world.scheduler.snapshot();
    const root = supervisors.roots.find(({ pid }) => pid === outer);
    expect(root).toMatchObject({ strategy: 'rest_for_one', restarts: 1, childCount: 2 });
    const [one, two] = [...(root?.children ?? [])];
    expect(one).toMatchObject({ id: 'inner', pid: innerPid, type: 'supervisor', status: 'running', restarts: 0 });
    expect(two).toMatchObject({
      id: 'b',
      pid: b,
      type: 'worker',
      restart: 'permanent',
      restarts: 1,
      supervisor: undefined,
    });
    const { a } = await stage.pids(innerPid as NonNullable<typeof innerPid>);
    expect([...(one?.supervisor?.children ?? [])]).toMatchObject([{ id: 'a', pid: a }]);
    await stage.stop(outer);
    expect((await world.scheduler.snapshot()).supervisors.get(outer)).toBeUndefined();
  },

  'is begun after it was asked for, however many ask': async (world) => {
    const asked = Array.from({ length: 4 }, () => world.scheduler.snapshot());
    const [first, second, ...others] = await Promise.all(asked);
    expect(second).not.toBe(first);
    for (const other of others) expect(other).toBe(second);
    const { pid } = await world.actor(1);
    expect(rowOf(await world.scheduler.snapshot(), { pid })).toBeDefined();
  },
};

const traces: Record<string, Case> = {
  'shows messages in and out, signals and the end, in order, in short': async (world) => {
    const traced = await world.actor(1, { trapExit: true });
    const other = await world.actor(0);
    const trace = await world.scheduler.trace(traced.pid);
    world.scheduler.send(traced.pid, { big: 'x'.repeat(10_000) });
    await traced.do('script', ['send', other.pid, ['hello']], ['link', other.pid], ['monitor', other.pid]);
    await world.settle();
    other.tell('exit', { why: 'enough' });
    await other.ended;
    await world.settle();
    traced.tell('exit', 'done');
    const events = await all(trace);
    const shown = events.map(({ atMs, ...event }) => event);
    const peer = other.pid;
    expect(shown).toContainEqual({ type: 'send', to: peer, message: '["hello"]' });
    expect(shown.filter((event) => event.type === 'signal' && event.peer === peer)).toEqual([
      { type: 'signal', direction: 'out', signal: 'link', peer },
      { type: 'signal', direction: 'out', signal: 'monitor', peer },
      { type: 'signal', direction: 'in', signal: 'exit', peer, reason: '{ why: "enough" }' },
      { type: 'signal', direction: 'in', signal: 'down', peer, reason: '{ why: "enough" }' },
    ]);
    expect(shown[0]).toEqual({ type: 'receive', message: expect.stringMatching(/^\{ big: "x{100,200}…$/) });
    expect(shown).toContainEqual({ type: 'receive', message: expect.stringContaining('signal: "exit"') });
    expect(shown.slice(-2)).toEqual([
      { type: 'exit', reason: 'done' },
      { type: 'end', because: 'exit' },
    ]);
    const times = events.map(({ atMs }) => atMs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  },

  'ends at the bound of events, and leaves the process as it was': async (world) => {
    const traced = await world.actor(1);
    const trace = await world.scheduler.trace(traced.pid, { maxEvents: 3 });
    for (let at = 0; at < 5; at++) world.scheduler.send(traced.pid, at);
    expect(inShort(await all(trace))).toEqual(['receive 0', 'receive 1', 'receive 2', 'end events']);
    expect(await traced.heard()).toEqual([0, 1, 2, 3, 4]);
  },

  'ends at the bound of time': async (world) => {
    const traced = await world.actor(1);
    expect(inShort(await all(await world.scheduler.trace(traced.pid, { forMs: 5 })))).toEqual(['end time']);
  },

  'ends when it is stopped, and shows what had come before': async (world) => {
    const traced = await world.actor(1);
    const trace = await world.scheduler.trace(traced.pid);
    world.scheduler.send(traced.pid, 'seen');
    trace.stop();
    world.scheduler.send(traced.pid, 'unseen');
    expect(inShort(await all(trace))).toEqual(['receive "seen"', 'end stopped']);
    expect(await trace.next()).toEqual({ done: true, value: undefined });
  },

  'of one process can be taken by several, each with a bound of its own': async (world) => {
    const traced = await world.actor(1);
    const short = await world.scheduler.trace(traced.pid, { maxEvents: 1 });
    const long = await world.scheduler.trace(traced.pid, { maxEvents: 2 });
    world.scheduler.send(traced.pid, 1);
    world.scheduler.send(traced.pid, 2);
    expect(inShort(await all(short))).toEqual(['receive 1', 'end events']);
    expect(inShort(await all(long))).toEqual(['receive 1', 'receive 2', 'end events']);
  },

  'shows what a full mailbox has cost': async (world) => {
    const { puppet } = await import('../fixtures/puppet.js');
    const pid = await world.scheduler.spawn(puppet, [], {
      thread: world.places[1] ?? 'home',
      mailbox: { maxItems: 1 },
    });
    const { reached, open } = world.gate(pid);
    actorOf(world, pid).tell('request', 'gate', pid);
    await reached;
    const trace = await world.scheduler.trace(pid, { maxEvents: 3 });
    world.scheduler.send(pid, 'kept');
    world.scheduler.send(pid, 'lost');
    expect(inShort(await all(trace))).toEqual(['receive "kept"', 'receive "lost"', 'drop "lost"', 'end events']);
    open();
  },

  'leaves nothing behind, read or not': async (world) => {
    const traced = await world.actor(1);
    const before = (await world.scheduler.snapshot()).processes.length;
    const trace = await world.scheduler.trace(traced.pid, { maxEvents: 1 });
    const { watchers, links } = await infoOf(world, traced);
    expect([watchers, links]).toEqual([1, []]);
    world.scheduler.send(traced.pid, 'last');
    for await (const { type } of trace) if (type === 'receive') break;
    await world.settle();
    await until(async () => (await world.scheduler.snapshot()).processes.length === before);
  },

  'is refused for the dead, and with options that make no sense': async (world) => {
    await expect(world.scheduler.trace(await world.dead(1))).rejects.toMatchObject({
      code: 'ERR_LIMINAL_TRACE',
      reason: 'noproc',
    });
    const { pid } = await world.actor(1);
    const wrong: Partial<TraceOptions>[] = [
      { forMs: 0 },
      { forMs: 3_600_001 },
      { maxEvents: 0 },
      { maxEvents: 100_001 },
    ];
    for (const options of wrong) {
      await expect(world.scheduler.trace(pid, options)).rejects.toMatchObject({ code: 'ERR_LIMINAL_OPTION' });
    }
  },

  'is refused where a thread has as many as it takes': async (world) => {
    const { pid } = await world.actor(1);
    const open = await Promise.all(Array.from({ length: 64 }, () => world.scheduler.trace(pid)));
    await expect(world.scheduler.trace(pid)).rejects.toMatchObject({ code: 'ERR_LIMINAL_TRACE', reason: 'limit' });
    for (const trace of open) trace.stop();
    for (const trace of open) await all(trace);
    await all(await world.scheduler.trace(pid, { forMs: 1 }));
  },
};

describe('isAlive', () => inBothWorlds(liveness));
describe('processInfo', () => inBothWorlds(infos));
describe('a snapshot', () => inBothWorlds(snapshots));
describe('a trace', () => inBothWorlds(traces));

describe('a thread that ends', () => {
  test('ends the traces of its processes, answers for them, and is left out of snapshots', async () => {
    await using world = await World.start(2);
    const traced = await world.actor(0);
    const { pid } = traced;
    const trace = await world.scheduler.trace(pid);
    const channel = freshName();
    const held = holding(channel);
    traced.tell('holdThread', channel);
    await held;
    const questions = [world.scheduler.isAlive(pid), world.scheduler.processInfo(pid)];
    const [thread = -1] = world.scheduler.threads;
    const snapshot = world.scheduler.snapshot();
    await world.scheduler.endThread(thread);
    expect(await Promise.all(questions)).toEqual([false, undefined]);
    expect(inShort(await all(trace)).at(-1)).toBe('end threadDown');
    expect((await snapshot).threads.map((one) => one.thread)).not.toContain(thread);
    await expect(world.scheduler.trace(pid)).rejects.toMatchObject({ reason: 'noproc' });
  });

  test('a thread that is blocked is named by a snapshot, which has all others', async () => {
    await using world = await World.start(2);
    const [blocked, other] = [await world.actor(0), await world.actor(1)];
    const channel = freshName();
    const held = holding(channel);
    blocked.tell('holdThread', channel);
    const release = await held;
    const snapshot = await world.scheduler.snapshot();
    expect(snapshot.silent).toEqual([world.scheduler.threads[0]]);
    expect(rowOf(snapshot, other)).toBeDefined();
    expect(rowOf(snapshot, blocked)).toBeUndefined();
    release();
    await blocked.heard();
    expect((await world.scheduler.snapshot()).silent).toEqual([]);
  });
});

/** Resolves when a thread is held; what it resolves to lets it go. */
function holding(name: string): Promise<() => void> {
  const channel = new BroadcastChannel(name);
  return new Promise((resolve) => {
    channel.onmessage = () => {
      resolve(() => {
        channel.postMessage('go on');
        channel.close();
      });
    };
    (channel as unknown as { unref(): void }).unref();
  });
}

function rowOf(snapshot: Snapshot, { pid }: Pick<Actor, 'pid'>) {
  return [...snapshot.processes].find((row) => row.pid === pid);
}

async function all(trace: AsyncIterable<TraceEvent>): Promise<TraceEvent[]> {
  const events: TraceEvent[] = [];
  for await (const event of trace) events.push(event);
  return events;
}

function inShort(events: readonly TraceEvent[]): string[] {
  return events.map((event) => {
    if (event.type === 'end') return `end ${event.because}`;
    return 'message' in event ? `${event.type} ${event.message}` : event.type;
  });
}

/** Asks until it is so; the test's deadline is the bound. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await microtasks();
}

function actorOf(world: World, pid: Actor['pid']): Actor {
  return new Actor(world.scheduler, pid);
}
