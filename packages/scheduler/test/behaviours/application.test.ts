/** What an application may be, what a failed start says, and its end. */
import {
  type Application,
  ApplicationError,
  applicationSpec,
  child,
  defineProcess,
  defineServer,
  type Pid,
  parsePid,
  startApplication,
  whichChildren,
} from '@liminal-node/scheduler';
import { describe, expect, test } from 'vitest';
import { inBothWorlds, World } from '../world.js';
import { family, lone } from './fixtures/supervised-members.js';
import { memberSpec, memberSpecs, Stage } from './fixtures/supervised-stage.js';

describe('an application', () => {
  const worker = defineProcess(import.meta.url, 'worker', () => {});
  const server = defineServer(import.meta.url, 'server', { init: () => ({}) });

  test('is a supervisor on the home thread, or one with arguments where its spec says', () => {
    expect(applicationSpec(lone)).toMatchObject({
      type: 'supervisor',
      start: { name: 'lone', args: [], options: { thread: 'home' } },
    });
    const spec = child(family, [{}], { name: 'top' });
    expect(applicationSpec(spec).start).toMatchObject({ args: [{}], options: { name: 'top', thread: 'home' } });
    expect(applicationSpec(child(family, [{}], { thread: 2 })).start.options.thread).toBe(2);
  });

  test('is a list of child specs, which get a supervisor of their own on the home thread', () => {
    const specs = [child(worker, []), child(server, [])];
    expect(applicationSpec(specs)).toMatchObject({
      type: 'supervisor',
      start: { name: 'application', args: [specs], options: { thread: 'home' } },
    });
  });

  test.each<[string, unknown, string]>([
    ['a number', 5, 'option app: must be what defineSupervisor makes'],
    ['null', null, 'option app: must be what defineSupervisor makes'],
    ['a server', server, 'option app: must be what defineSupervisor makes'],
    ['a list with something else', [child(worker, []), 'x'], 'option app: must be what defineSupervisor makes'],
    ['an empty list', [], 'option app: has no children'],
    ['a child that is no supervisor', child(worker, []), 'put the child "worker" into a list'],
    ['a spec that is none', { start: {} }, 'option id'],
  ])('is not %s', (_, given, why) => {
    expect(() => applicationSpec(given)).toThrow(why);
    expect(() => applicationSpec(given)).toThrow(expect.objectContaining({ code: 'ERR_LIMINAL_OPTION' }));
  });
});

function start(world: World, app: Application) {
  const stage = Stage.of(world);
  const application = startApplication(world.attach(true), applicationSpec(app), new AbortController().signal);
  return { stage, application };
}

inBothWorlds({
  async 'I1: starts in order and stops in reverse, and tells its end'(world) {
    const tree = [memberSpec('a', { traps: true }), child(family, [{ children: memberSpecs('bc', { traps: true }) }])];
    const { stage, application } = start(world, tree);
    const running = await application;
    expect(parsePid(running.supervisor)?.thread).toBe(0);
    expect(stage.log).toEqual(['init a', 'init b', 'init c']);
    stage.log = [];
    expect(await running.stop(60_000)).toBe(true);
    expect(await running.ended).toBe('shutdown');
    expect(stage.log).toEqual(['terminate c shutdown', 'terminate b shutdown', 'terminate a shutdown']);
  },

  async 'I2: names the child that did not start, by the way to it, and leaves nothing of the others'(world) {
    const inner = child(family, [{ children: memberSpecs('bcd', { traps: true }) }], { id: 'inner' });
    const stage = Stage.of(world);
    stage.verdicts.set('c', ['fail']);
    const tree = applicationSpec([memberSpec('a', { traps: true }), inner]);
    const application = startApplication(world.attach(true), tree, new AbortController().signal);
    const error = await application.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ApplicationError);
    expect(error).toMatchObject({
      code: 'ERR_LIMINAL_APPLICATION',
      child: 'inner/c',
      reason: { error: { name: 'RangeError', message: 'c was told to fail' } },
      message: 'the application did not start: its child "inner/c" failed: RangeError: c was told to fail',
    });
    expect(stage.log).toEqual(['init a', 'init b', 'init c', 'terminate b shutdown', 'terminate a shutdown']);
  },

  async 'I20: does not start where its top supervisor says ignore'(world) {
    const { application } = start(world, child(family, ['ignore']));
    await expect(application).rejects.toMatchObject({ child: undefined, reason: 'ignore' });
  },

  async 'I8: tells when its top supervisor gives up'(world) {
    const { stage, application } = start(world, child(family, [{ children: memberSpecs('a'), intensity: 0 }]));
    const { supervisor, ended } = await application;
    const [info] = await whichChildren(stage.self, supervisor);
    await stage.end(info?.pid, 'crash');
    expect(await ended).toBe('shutdown');
  },

  async 'I16: is not waited for beyond the time of the stop, and its top supervisor is killed'(world) {
    const tree = memberSpecs('a', { traps: true, shutdown: 'infinity' });
    const { stage, application } = start(world, tree);
    const running = await application;
    stage.gates.set('a', new Promise(() => {}));
    expect(await running.stop(1)).toBe(false);
    expect(await running.ended).toBe('killed');
  },

  async 'gives up a start when it is told to'(world) {
    const controller = new AbortController();
    const stage = Stage.of(world);
    const held = memberSpec('held');
    stage.verdicts.set('held', [new Promise(() => {}) as never]);
    const application = startApplication(world.attach(true), applicationSpec([held]), controller.signal);
    await stage.logged('init held');
    controller.abort('enough');
    await expect(application).rejects.toBe('enough');
    await expect(startApplication(world.attach(true), applicationSpec([held]), controller.signal)).rejects.toBe(
      'enough',
    );
  },
});

test('an application lives on whatever is sent to the process that stands for the program', async () => {
  await using world = await World.start(0);
  const stage = Stage.of(world);
  const owner = world.attach(true);
  const running = await startApplication(owner, applicationSpec(memberSpecs('a')), new AbortController().signal);
  for (const nonsense of ['text', { signal: 'down', ref: 'x', reason: 'y' }])
    stage.self.send(owner.pid as Pid, nonsense);
  await world.settle();
  expect(await whichChildren(stage.self, running.supervisor)).toHaveLength(1);
  expect(await running.stop(60_000)).toBe(true);
});
