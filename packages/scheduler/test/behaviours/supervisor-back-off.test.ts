/** Restarts that wait, on a clock that only the test moves and with a chance that it sets. */
import {
  childTemplate,
  type Pid,
  restartChild,
  type SupervisorInit,
  startChild,
  terminateChild,
  whichChildren,
} from '@liminal-node/scheduler';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { signpost, World } from '../world.js';
import { member } from './fixtures/supervised-members.js';
import { memberSpec, memberSpecs, Stage } from './fixtures/supervised-stage.js';
import { VirtualClock } from './fixtures/virtual-clock.js';

const backOff = { minMs: 100, maxMs: 1_000 };

let clock: VirtualClock;
let world: World;
let stage: Stage;
beforeEach(async () => {
  clock = new VirtualClock();
  // Just below 1, the wait is all that its attempt allows.
  world = await World.start(0, { environment: { ...clock.environment, random: () => 1 - Number.EPSILON } });
  stage = Stage.of(world);
});
afterEach(() => world.scheduler.stop());

/** Members of a supervisor with a back-off, which may restart as often as it needs. */
async function started(init: Partial<SupervisorInit>) {
  const supervisor = await stage.start({ intensity: 100, backOff, ...init });
  stage.log = [];
  const crash = async (id: string) => stage.end((await stage.pids(supervisor))[id], 'crash');
  return { supervisor, crash, status: async (id: string) => (await stage.info(supervisor, id))?.status };
}

test('a child is started again when its wait is over, which doubles with each failure', async () => {
  const { supervisor, crash, status } = await started({ children: memberSpecs('a') });
  for (const [life, waitMs] of [100, 200, 400].entries()) {
    await crash('a');
    await clock.advance(waitMs - 1);
    expect(await status('a')).toBe('restarting');
    expect(stage.log).toHaveLength(life);
    await clock.advance(1);
    await stage.logged('init a', life + 1);
    expect(await stage.info(supervisor, 'a')).toMatchObject({ status: 'running', restarts: life + 1 });
  }
});

test('a child that has lived for the longest wait begins with the shortest again', async () => {
  const { crash } = await started({ children: memberSpecs('a') });
  for (const waitMs of [100, 200]) {
    await crash('a');
    await clock.advance(waitMs);
  }
  await stage.logged('init a', 2);
  await clock.advance(1_000);
  await crash('a');
  await clock.advance(100);
  await stage.logged('init a', 3);
});

test('a start that fails waits longer than the failure before it', async () => {
  const { crash } = await started({ children: memberSpecs('a') });
  stage.verdicts.set('a', ['fail']);
  await crash('a');
  await clock.advance(100);
  await stage.logged('init a', 1);
  await world.settle();
  await clock.advance(199);
  expect(stage.log).toHaveLength(1);
  await clock.advance(1);
  await stage.logged('init a', 2);
});

test('the back-off of a child comes before that of its supervisor', async () => {
  const own = memberSpec('b', { backOff: { minMs: 10, maxMs: 10 } });
  const { crash, status } = await started({ children: [memberSpec('a'), own] });
  await crash('a');
  await crash('b');
  await clock.advance(10);
  await stage.logged('init b');
  expect([await status('a'), await status('b')]).toEqual(['restarting', 'running']);
});

test('I4: those whom a restart takes along stop before the wait and start after it', async () => {
  const { crash } = await started({ strategy: 'one_for_all', children: memberSpecs('abc', { traps: true }) });
  await crash('b');
  await stage.logged('terminate a shutdown');
  await clock.advance(99);
  expect(stage.log).toEqual(['terminate c shutdown', 'terminate a shutdown']);
  await clock.advance(1);
  await stage.logged('init c');
  expect(stage.log.slice(2)).toEqual(['init a', 'init b', 'init c']);
});

test('I8: restarts that wait count towards the intensity', async () => {
  const { supervisor, crash } = await started({ intensity: 1, periodMs: 3_600_000, children: memberSpecs('a') });
  const gone = await stage.watch(supervisor);
  await crash('a');
  await clock.advance(100);
  await stage.logged('init a');
  await crash('a');
  expect(await gone.ended).toEqual(['shutdown']);
});

test('I17: a child that is stopped while it waits stays stopped, and its timer is gone', async () => {
  const { supervisor, crash, status } = await started({ children: memberSpecs('a') });
  const timers = clock.timers;
  await crash('a');
  expect(clock.timers).toBe(timers + 1);
  await terminateChild(stage.self, supervisor, 'a');
  expect(clock.timers).toBe(timers);
  await clock.advance(1_000);
  expect(await status('a')).toBe('stopped');
  // A restart by hand, and the wait after it, are not cut short by the wait of before.
  await restartChild(stage.self, supervisor, 'a');
  await crash('a');
  expect(await status('a')).toBe('restarting');
  expect(stage.log).toEqual(['init a']);
});

test('a wait that is over in the moment in which the child is stopped starts nothing', async () => {
  const { supervisor, crash, status } = await started({ children: memberSpecs('ab', { traps: true }) });
  await crash('a');
  stage.gates.set('b', new Promise((resolve) => setTimeout(resolve, 0)));
  const stopping = terminateChild(stage.self, supervisor, 'b');
  await stage.logged('terminate b shutdown');
  const stopped = terminateChild(stage.self, supervisor, 'a');
  // The message of the timer is now in the mailbox, behind the request to stop.
  await clock.advance(100);
  await Promise.all([stopping, stopped]);
  await world.settle();
  expect(await status('a')).toBe('stopped');
  expect(stage.log).toEqual(['terminate b shutdown']);
});

test('a wait that is over as another restart takes the child along is not taken for the try after that', async () => {
  const waiting = memberSpec('a', { backOff });
  const { supervisor, crash, status } = await started({
    strategy: 'rest_for_one',
    backOff: undefined,
    children: [...memberSpecs('cx', { traps: true }), waiting],
  });
  await crash('a');
  const { x } = await stage.pids(supervisor);
  const [opened, open] = signpost();
  stage.gates.set('c', opened);
  const stopped = terminateChild(stage.self, supervisor, 'c');
  await stage.logged('terminate c shutdown');
  // Behind one another in the mailbox: the end of x, and the end of the wait of a, which starts with x, and fails.
  stage.verdicts.set('a', ['fail']);
  await stage.end(x, 'crash');
  await clock.advance(100);
  open();
  await stopped;
  await stage.logged('init a');
  await world.settle();
  expect(stage.log.slice(1)).toEqual(['init x', 'init a']);
  expect(await status('a')).toBe('restarting');
});

test('a supervisor that is stopped while a child waits ends at once, and its timer with it', async () => {
  const { supervisor, crash } = await started({ children: memberSpecs('a') });
  const timers = clock.timers;
  await crash('a');
  expect(await stage.stop(supervisor)).toBe('shutdown');
  expect(clock.timers).toBe(timers);
  await clock.advance(1_000);
  expect(stage.log).toEqual([]);
});

test('a dynamic child that waits is stopped by the pid of its last life', async () => {
  const { supervisor } = await started({ strategy: 'simple_one_for_one', children: [childTemplate(member, ['x'])] });
  const pid = (await startChild(stage.self, supervisor, [false, '1'])) as Pid;
  const other = (await startChild(stage.self, supervisor, [false, '2'])) as Pid;
  await stage.end(pid, 'crash');
  expect(await whichChildren(stage.self, supervisor)).toMatchObject([{ status: 'restarting' }, { pid: other }]);
  await stage.end(other, 'crash');
  await terminateChild(stage.self, supervisor, other);
  expect(await whichChildren(stage.self, supervisor)).toMatchObject([{ status: 'restarting' }]);
  await clock.advance(100);
  await stage.logged('init x1', 2);
  for (const gone of [pid, other]) {
    await expect(terminateChild(stage.self, supervisor, gone)).rejects.toMatchObject({ reason: 'not_found' });
  }
});
