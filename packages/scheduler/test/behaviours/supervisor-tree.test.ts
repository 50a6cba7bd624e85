/** Supervisors under supervisors, on several threads, and threads that die under them. */
import {
  child,
  childTemplate,
  countChildren,
  type Pid,
  parsePid,
  startChild,
  whichChildren,
} from '@liminal-node/scheduler';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { World } from '../world.js';
import { family, lingerer, loner, member } from './fixtures/supervised-members.js';
import { memberSpec, memberSpecs, Stage } from './fixtures/supervised-stage.js';

const threadOf = (pid: Pid | undefined) => parsePid(pid ?? '')?.thread;

describe('a tree of supervisors', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start(2);
  });
  afterAll(() => world.scheduler.stop());

  /** An outer supervisor, here, of an inner one on a scheduler thread, whose members are everywhere. */
  async function tree() {
    const stage = Stage.of(world);
    const [first, second] = world.scheduler.threads;
    const leaves = [
      memberSpec('a', { traps: true, thread: first ?? 'home' }),
      memberSpec('b', { traps: true, thread: second ?? 'home' }),
      memberSpec('c', { traps: true, thread: 'home' }),
    ];
    const inner = child(family, [{ children: leaves, intensity: 0 }], { id: 'inner', thread: first ?? 'home' });
    const outer = await stage.start({ children: [inner, memberSpec('d')], intensity: 1 }, { thread: 'home' });
    const before = await stage.pids(outer);
    const leavesBefore = await stage.pids(before['inner'] as Pid);
    expect(Object.values(leavesBefore).map(threadOf)).toEqual([first, second, 0]);
    stage.log = [];
    return { stage, outer, before, leavesBefore };
  }

  test('I8: passes a fault up that the inner supervisor does not cure, and starts the inner one afresh', async () => {
    const { stage, outer, before, leavesBefore } = await tree();
    await stage.end(leavesBefore['b'], 'crash');
    await stage.logged('init c');
    expect(stage.log).toEqual(['terminate c shutdown', 'terminate a shutdown', 'init a', 'init b', 'init c']);
    const after = await stage.pids(outer);
    expect(after['d']).toBe(before['d']);
    expect(after['inner']).not.toBe(before['inner']);
  });

  test('I1: stops from the leaves up, in reverse order', async () => {
    const { stage, outer } = await tree();
    expect(await stage.stop(outer)).toBe('shutdown');
    expect(stage.log).toEqual(['terminate c shutdown', 'terminate b shutdown', 'terminate a shutdown']);
  });

  test('I26: starts a supervisor that was killed again, with all of its children, which it took along (failure F12)', async () => {
    const { stage, outer, before, leavesBefore } = await tree();
    const gone = await stage.watch(...Object.values(leavesBefore));
    stage.self.exitProcess(before['inner'] as Pid, 'kill');
    expect(await gone.ended).toEqual(['killed', 'killed', 'killed']);
    await stage.logged('init c');
    const after = await stage.pids(outer);
    expect(after['d']).toBe(before['d']);
    const leaves = await stage.pids(after['inner'] as Pid);
    expect(Object.keys(leaves)).toEqual(['a', 'b', 'c']);
    expect(new Set([...Object.values(leaves), ...Object.values(leavesBefore)]).size).toBe(6);
  });

  test('I26: leaves no orphan when its root is killed', async () => {
    const { stage, outer, before, leavesBefore } = await tree();
    const gone = await stage.watch(before['inner'], ...Object.values(leavesBefore));
    stage.self.exitProcess(outer, 'kill');
    expect(await gone.ended).toEqual(['killed', 'shutdown', 'shutdown', 'shutdown']);
  });
});

describe('a thread that dies', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start(2);
  });
  afterAll(() => world.scheduler.stop());

  test('I30: is one crash for each child that was on it, to its own supervisor', async () => {
    const stage = Stage.of(world);
    const [thread = 0] = world.scheduler.threads;
    const onThread = childTemplate(member, ['x'], { restart: 'temporary', thread });
    const here = memberSpec('here', { thread: 'home' });
    const some = await stage.start({ strategy: 'simple_one_for_one', children: [onThread] }, { thread: 'home' });
    const alone = await stage.start({ children: [here] }, { thread: 'home' });
    const lost = [];
    for (const extra of ['1', '2', '3']) lost.push(await startChild(stage.self, some, [false, extra]));
    const before = await stage.pids(alone);
    const reasons = await stage.watch(...lost);
    await world.scheduler.endThread(thread);
    expect(await reasons.ended).toEqual(lost.map(() => ({ threadDown: expect.objectContaining({ thread }) })));
    expect(await whichChildren(stage.self, some)).toEqual([]);
    expect(await stage.pids(alone)).toEqual(before);
  });

  test('I30: counts once for each child: a permanent one starts elsewhere, one too many ends the supervisor', async () => {
    const stage = Stage.of(world);
    const supervisor = await stage.start(
      { strategy: 'one_for_all', intensity: 1, periodMs: 3_600_000, children: memberSpecs('ab') },
      { thread: 'home' },
    );
    const before = await stage.pids(supervisor);
    const thread = threadOf(before['a']) ?? 0;
    expect(thread).not.toBe(0);
    await world.scheduler.endThread(thread);
    await stage.logged('init b', 2);
    const after = await stage.pids(supervisor);
    expect(threadOf(after['a'])).not.toBe(thread);
    const gone = stage.ended(supervisor);
    // A thread that has died cannot settle, so nothing waits for that here.
    stage.self.exitProcess(after['a'] as Pid, 'crash');
    expect(await gone).toBe('shutdown');
  });
});

describe('many dynamic children', () => {
  test('I30: of a thread that dies are as many crashes, and each is started again once, elsewhere', async () => {
    await using world = await World.start(2);
    const stage = Stage.of(world);
    const [thread = 0] = world.scheduler.threads;
    const restarted = new Set<Pid>();
    world.scheduler.watchSupervision((report) => {
      if (report.type !== 'restart' || report.formerPid === undefined) return;
      expect(report.reason).toEqual({ threadDown: expect.objectContaining({ thread }) });
      restarted.add(report.formerPid);
    });
    const init = { strategy: 'simple_one_for_one', children: [childTemplate(loner, [])], intensity: 10_000 } as const;
    const supervisor = await stage.start(init, { thread: 'home' });
    const all = await Promise.all(Array.from({ length: 2_000 }, () => startChild(stage.self, supervisor, [])));
    const lost = all.filter((pid) => threadOf(pid) === thread);
    expect(lost.length).toBeGreaterThan(500);
    await world.scheduler.endThread(thread);
    while ((await countChildren(stage.self, supervisor)).restarts < lost.length);
    expect(await countChildren(stage.self, supervisor)).toMatchObject({ active: 2_000, restarts: lost.length });
    expect(restarted).toEqual(new Set(lost));
    const after = (await whichChildren(stage.self, supervisor)).map(({ pid }) => threadOf(pid));
    expect(after).not.toContain(thread);
  });

  test('I29: ten thousand are stopped in parallel, none of them killed, when their supervisor stops', async () => {
    await using world = await World.start(2);
    const stage = Stage.of(world);
    const kills: Pid[] = [];
    world.scheduler.watchSupervision((report) => {
      if (report.type === 'kill') kills.push(report.pid);
    });
    // One after another they would take 500 s.
    const template = childTemplate(lingerer, [50], { shutdown: 30_000 });
    const supervisor = await stage.start({ strategy: 'simple_one_for_one', children: [template] });
    const started = await Promise.all(Array.from({ length: 10_000 }, () => startChild(stage.self, supervisor, [])));
    expect(new Set(started).size).toBe(10_000);
    expect((await countChildren(stage.self, supervisor)).active).toBe(10_000);
    expect(await stage.stop(supervisor)).toBe('shutdown');
    expect(kills).toEqual([]);
    const threads = await world.scheduler.inspect();
    expect(threads.reduce((sum, { processes }) => sum + processes, 0)).toBeLessThan(20);
  });
});
