/** What can be asked of a supervisor, by the numbers of the statements. */
import {
  CallError,
  type ChildSpec,
  child,
  childTemplate,
  countChildren,
  deleteChild,
  type Pid,
  restartChild,
  startChild,
  terminateChild,
  whichChildren,
} from '@liminal-node/scheduler';
import { expect } from 'vitest';
import { inBothWorlds, type World } from '../world.js';
import { family, member } from './fixtures/supervised-members.js';
import { memberSpec, memberSpecs, Stage } from './fixtures/supervised-stage.js';

/** A supervisor of dynamic members called `x` and whatever is appended. */
async function dynamic(world: World, template: ChildSpec = childTemplate(member, ['x', false])) {
  const stage = Stage.of(world);
  const supervisor = await stage.start({ strategy: 'simple_one_for_one', children: [template], intensity: 100 });
  return { stage, supervisor, add: (extra: string) => startChild(stage.self, supervisor, [extra]) as Promise<Pid> };
}

async function two(world: World) {
  const stage = Stage.of(world);
  const supervisor = await stage.start({ children: memberSpecs('ab'), intensity: 100 });
  return { stage, self: stage.self, supervisor, before: await stage.pids(supervisor) };
}

const refused = (reason: string, pid?: Pid) => ({ code: 'ERR_LIMINAL_SUPERVISOR', reason, pid });

inBothWorlds({
  async 'I6: simple_one_for_one appends arguments to its template; its children have pids and no ids'(world) {
    const { stage, supervisor, add } = await dynamic(world);
    expect(stage.log).toEqual([]);
    const pids = [await add('1'), await add('2'), await add('2')];
    expect(stage.log).toEqual(['init x1', 'init x2', 'init x2']);
    const infos = await whichChildren(stage.self, supervisor);
    expect(infos.map(({ pid }) => pid)).toEqual(pids);
    expect(infos.map(({ id }) => id)).toEqual([undefined, undefined, undefined]);
    expect(new Set(pids).size).toBe(3);
  },

  async 'I7: simple_one_for_one stops a child by its pid and refuses an id'(world) {
    const { stage, supervisor, add } = await dynamic(world);
    const pid = await add('1');
    const gone = await stage.watch(pid);
    for (const ask of [terminateChild, restartChild, deleteChild]) {
      await expect(ask(stage.self, supervisor, 'x')).rejects.toMatchObject(refused('simple_one_for_one'));
    }
    await expect(startChild(stage.self, supervisor, memberSpec('a'))).rejects.toMatchObject(
      refused('simple_one_for_one'),
    );
    await terminateChild(stage.self, supervisor, pid);
    expect(await gone.ended).toEqual(['shutdown']);
    await expect(terminateChild(stage.self, supervisor, pid)).rejects.toMatchObject(refused('not_found'));
    expect(await whichChildren(stage.self, supervisor)).toEqual([]);
  },

  async 'restarts a dynamic child with the arguments that it was started with'(world) {
    const { stage, supervisor, add } = await dynamic(world);
    await stage.end(await add('1'), 'crash');
    await stage.logged('init x1', 2);
    expect(await whichChildren(stage.self, supervisor)).toMatchObject([{ status: 'running', restarts: 1 }]);
  },

  async 'forgets a dynamic child that has ended for good'(world) {
    const { stage, supervisor } = await dynamic(world, childTemplate(member, ['x'], { restart: 'transient' }));
    await stage.end((await startChild(stage.self, supervisor, [false, '1'])) as Pid, 'normal');
    expect(await whichChildren(stage.self, supervisor)).toEqual([]);
    stage.verdicts.set('x', ['ignore']);
    expect(await startChild(stage.self, supervisor, [])).toBeUndefined();
    expect(await whichChildren(stage.self, supervisor)).toEqual([]);
    const pid = (await startChild(stage.self, supervisor, [])) as Pid;
    stage.verdicts.set('x', ['ignore']);
    await stage.end(pid, 'crash');
    await stage.logged('init x', 3);
    expect(await whichChildren(stage.self, supervisor)).toEqual([]);
  },

  async 'I17: a permanent child that was stopped stays so until restartChild, with its spec'(world) {
    const { stage, self, supervisor, before } = await two(world);
    await terminateChild(self, supervisor, 'a');
    expect(await stage.info(supervisor, 'a')).toMatchObject({ pid: undefined, status: 'stopped' });
    expect(stage.log).toEqual(['init a', 'init b']);
    const pid = await restartChild(self, supervisor, 'a');
    expect(await stage.pids(supervisor)).toEqual({ a: pid, b: before['b'] });
    expect(pid).not.toBe(before['a']);
    await expect(restartChild(self, supervisor, 'a')).rejects.toMatchObject(refused('running'));
    await expect(restartChild(self, supervisor, 'z')).rejects.toMatchObject(refused('not_found'));
  },

  async 'I18: deletes no child that runs, and none that is not there'(world) {
    const { stage, self, supervisor, before } = await two(world);
    await expect(deleteChild(self, supervisor, 'a')).rejects.toMatchObject(refused('running'));
    await expect(deleteChild(self, supervisor, 'z')).rejects.toMatchObject(refused('not_found'));
    await expect(terminateChild(self, supervisor, 'z')).rejects.toMatchObject(refused('not_found'));
    await terminateChild(self, supervisor, 'a');
    await deleteChild(self, supervisor, 'a');
    expect(await stage.pids(supervisor)).toEqual({ b: before['b'] });
  },

  async 'I19: starts no child under an id in use'(world) {
    const { self, supervisor, before } = await two(world);
    await expect(startChild(self, supervisor, memberSpec('a'))).rejects.toMatchObject(
      refused('already_started', before['a']),
    );
    await terminateChild(self, supervisor, 'a');
    await expect(startChild(self, supervisor, memberSpec('a'))).rejects.toMatchObject(refused('already_present'));
  },

  async 'starts a child behind the others, and keeps none that fails or is temporary and ignored'(world) {
    const { stage, self, supervisor, before } = await two(world);
    const pid = await startChild(self, supervisor, memberSpec('c'));
    expect(await stage.pids(supervisor)).toEqual({ ...before, c: pid });
    stage.verdicts.set('d', ['fail', 'ignore', 'ignore']);
    await expect(startChild(self, supervisor, memberSpec('d'))).rejects.toMatchObject({
      code: 'ERR_LIMINAL_START',
      reason: { error: { message: 'd was told to fail' } },
    });
    expect(await startChild(self, supervisor, memberSpec('d', { restart: 'temporary' }))).toBeUndefined();
    expect(await stage.info(supervisor, 'd')).toBeUndefined();
    expect(await startChild(self, supervisor, memberSpec('d'))).toBeUndefined();
    expect(await stage.info(supervisor, 'd')).toMatchObject({ status: 'stopped' });
  },

  async 'I23: refuses to start a significant child where it never shuts down by itself'(world) {
    const { self, supervisor } = await two(world);
    const spec = memberSpec('c', { restart: 'transient', significant: true });
    await expect(startChild(self, supervisor, spec)).rejects.toMatchObject({
      reason: { error: { code: 'ERR_LIMINAL_OPTION' } },
    });
    await expect(startChild(self, supervisor, null as never)).rejects.toMatchObject({ code: 'ERR_LIMINAL_START' });
  },

  async 'I28: counts specs, active children, supervisors and workers after a mix of stops and starts'(world) {
    const { stage, self, supervisor } = await two(world);
    await startChild(self, supervisor, child(family, [{}], { id: 'inner' }));
    await startChild(self, supervisor, memberSpec('c', { restart: 'temporary' }));
    await terminateChild(self, supervisor, 'a');
    await terminateChild(self, supervisor, 'inner');
    expect(await countChildren(self, supervisor)).toEqual({
      specs: 4,
      active: 2,
      supervisors: 1,
      workers: 3,
      restarts: 0,
    });
    await stage.end((await stage.pids(supervisor))['c'], 'normal');
    await restartChild(self, supervisor, 'a');
    expect(await countChildren(self, supervisor)).toEqual({
      specs: 3,
      active: 2,
      supervisors: 1,
      workers: 2,
      restarts: 0,
    });
    const { supervisor: many, add } = await dynamic(world);
    await add('1');
    await add('2');
    expect(await countChildren(self, many)).toEqual({ specs: 1, active: 2, supervisors: 0, workers: 2, restarts: 0 });
  },

  async 'I29: dynamic children are stopped at the same time, and killed together when their time is up'(world) {
    const { stage, supervisor, add } = await dynamic(world, childTemplate(member, ['x', true], { shutdown: 3_000 }));
    const pids = await Promise.all(Array.from({ length: 20 }, (_, at) => add(`${at}`)));
    const gone = await stage.watch(...pids);
    stage.gates.set('x7', new Promise(() => {}));
    const stopped = stage.stop(supervisor);
    for (const [at] of pids.entries()) await stage.logged(`terminate x${at} shutdown`);
    expect(await stopped).toBe('shutdown');
    expect(await gone.ended).toEqual(pids.map((_, at) => (at === 7 ? 'killed' : 'shutdown')));
  },

  async 'fails a request to a supervisor that is not there or ends meanwhile'(world) {
    const { stage, self, supervisor } = await two(world);
    await stage.stop(supervisor);
    await expect(whichChildren(self, supervisor)).rejects.toBeInstanceOf(CallError);
    await expect(countChildren(self, supervisor)).rejects.toMatchObject({ reason: 'noproc' });
  },
});
