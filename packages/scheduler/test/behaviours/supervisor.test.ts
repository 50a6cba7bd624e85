/** Supervisors at work, by the numbers of the statements: on one thread, and with their children on three. */
import {
  child,
  isExit,
  type StartError,
  type SupervisorInit,
  startChild,
  stopServer,
  terminateChild,
  whichChildren,
} from '@liminal-node/scheduler';
import { expect } from 'vitest';
import { inBothWorlds, signpost, type World } from '../world.js';
import { loner, quick } from './fixtures/supervised-members.js';
import { memberSpec, memberSpecs, Stage } from './fixtures/supervised-stage.js';

/** Three members, whose supervisor may restart as often as it needs. */
async function three(world: World, init: Partial<SupervisorInit> = {}) {
  const stage = Stage.of(world);
  const supervisor = await stage.start({ children: memberSpecs('abc'), intensity: 100, ...init });
  const before = await stage.pids(supervisor);
  stage.log = [];
  return { stage, supervisor, before };
}

inBothWorlds({
  async 'I1: starts children in order, each once the one before is ready, and stops them in reverse'(world) {
    const stage = Stage.of(world);
    const supervisor = await stage.start({ children: memberSpecs('abc', { traps: true }) });
    expect(stage.log).toEqual(['init a', 'init b', 'init c']);
    stage.log = [];
    const [opened, open] = signpost();
    stage.gates.set('c', opened);
    const stopped = stage.stop(supervisor);
    await stage.logged('terminate c shutdown');
    await world.settle();
    expect(stage.log).toEqual(['terminate c shutdown']);
    open();
    expect(await stopped).toBe('shutdown');
    expect(stage.log).toEqual(['terminate c shutdown', 'terminate b shutdown', 'terminate a shutdown']);
  },

  async 'I2: fails to start where a child does, after it has stopped those before in reverse'(world) {
    const stage = Stage.of(world);
    stage.verdicts.set('c', ['fail']);
    const failure = await stage
      .start({ children: memberSpecs('abcd', { traps: true }) }, { link: true })
      .catch((e) => e);
    expect((failure as StartError).code).toBe('ERR_LIMINAL_START');
    expect((failure as StartError).reason).toMatchObject({
      shutdown: { failedToStartChild: { id: 'c', reason: { error: { message: 'c was told to fail' } } } },
    });
    expect(stage.log.slice(3)).toEqual(['terminate b shutdown', 'terminate a shutdown']);
    await expect(stage.self.receive({ match: isExit, timeoutMs: 0 })).rejects.toThrow('no matching message');
  },

  async 'I3: one_for_one restarts the child that crashed alone, with a new pid'(world) {
    const { stage, supervisor, before } = await three(world, { strategy: 'one_for_one' });
    await stage.end(before['b'], 'crash');
    await stage.logged('init b');
    const after = await stage.pids(supervisor);
    expect(stage.log).toEqual(['init b']);
    expect(after).toEqual({ ...before, b: after['b'] });
    expect(after['b']).not.toBe(before['b']);
    expect((await stage.info(supervisor, 'b'))?.restarts).toBe(1);
  },

  async 'I4: one_for_all stops the others in reverse order and starts all in order'(world) {
    const { stage, supervisor, before } = await three(world, {
      strategy: 'one_for_all',
      children: memberSpecs('abc', { traps: true }),
    });
    await stage.end(before['b'], 'crash');
    await stage.logged('init c');
    expect(stage.log).toEqual(['terminate c shutdown', 'terminate a shutdown', 'init a', 'init b', 'init c']);
    const after = await stage.pids(supervisor);
    expect(new Set([...Object.values(before), ...Object.values(after)]).size).toBe(6);
  },

  async 'I5: rest_for_one restarts the child that crashed and those after it'(world) {
    const { stage, supervisor, before } = await three(world, {
      strategy: 'rest_for_one',
      children: memberSpecs('abc', { traps: true }),
    });
    await stage.end(before['b'], 'crash');
    await stage.logged('init c');
    expect(stage.log).toEqual(['terminate c shutdown', 'init b', 'init c']);
    const after = await stage.pids(supervisor);
    expect(after['a']).toBe(before['a']);
    expect(after['c']).not.toBe(before['c']);
  },

  async 'I8: ends with shutdown, all children stopped, when it needs one restart too many'(world) {
    const { stage, supervisor, before } = await three(world, { intensity: 2, periodMs: 3_600_000 });
    const gone = await stage.watch(supervisor);
    for (let life = 1; life <= 2; life++) {
      await stage.end((await stage.pids(supervisor))['b'], 'crash');
      await stage.logged('init b', life);
    }
    const last = await stage.pids(supervisor);
    const others = await stage.watch(last['a'], last['c']);
    await stage.end(last['b'], 'crash');
    expect(await gone.ended).toEqual(['shutdown']);
    expect(await others.ended).toEqual(['shutdown', 'shutdown']);
    expect(stage.log).toEqual(['init b', 'init b']);
    expect(last['a']).toBe(before['a']);
  },

  async 'I9: lives on where restarts are further apart than the period, in ms'(world) {
    const { stage, supervisor } = await three(world, { intensity: 1, periodMs: 20, children: memberSpecs('a') });
    for (let life = 1; life <= 4; life++) {
      await stage.end((await stage.pids(supervisor))['a'], 'crash');
      await stage.logged('init a', life);
      for (const since = performance.now(); performance.now() - since < 25; ) await world.settle();
    }
    expect(await stage.info(supervisor, 'a')).toMatchObject({ status: 'running', restarts: 4 });
  },

  async 'I10: allows one restart in 5 s by default'(world) {
    const stage = Stage.of(world);
    const byDefault = await stage.start({ children: memberSpecs('a') });
    const gone = await stage.watch(byDefault);
    await stage.end((await stage.pids(byDefault))['a'], 'crash');
    await stage.logged('init a', 2);
    await stage.end((await stage.pids(byDefault))['a'], 'crash');
    expect(await gone.ended).toEqual(['shutdown']);
  },

  async 'I11: a transient child that ends normal, shutdown or { shutdown } is not restarted, otherwise it is'(world) {
    const { stage, supervisor, before } = await three(world, {
      children: memberSpecs('abcd', { restart: 'transient' }),
    });
    await stage.end(before['a'], 'normal');
    await stage.end(before['b'], 'shutdown');
    await stage.end(before['c'], { shutdown: 'for tea' });
    const after = await stage.pids(supervisor);
    expect(after).toEqual({ a: undefined, b: undefined, c: undefined, d: before['d'] });
    await stage.end(before['d'], 'crash');
    await stage.logged('init d');
    expect(stage.log).toEqual(['init d']);
  },

  async 'I11: a transient child that ends before it can be monitored is known by the reason that its link told'(world) {
    const { stage, supervisor } = await three(world, { children: [child(quick, [], { restart: 'transient' })] });
    await world.settle();
    expect(await stage.info(supervisor, 'quick')).toMatchObject({ pid: undefined, status: 'stopped', restarts: 0 });
  },

  async 'I12: a temporary child is never restarted and its spec is forgotten'(world) {
    const { stage, supervisor, before } = await three(world, { children: memberSpecs('ab', { restart: 'temporary' }) });
    await stage.end(before['a'], 'crash');
    expect(await stage.pids(supervisor)).toEqual({ b: before['b'] });
    expect(stage.log).toEqual([]);
  },

  async 'I13: a permanent child that ends normal is restarted, which counts'(world) {
    const { stage, supervisor, before } = await three(world, { intensity: 1, periodMs: 3_600_000 });
    await stage.end(before['a'], 'normal');
    await stage.logged('init a');
    const gone = await stage.watch(supervisor);
    await stage.end((await stage.pids(supervisor))['a'], 'normal');
    expect(await gone.ended).toEqual(['shutdown']);
  },

  async 'I14: a child that hangs as it ends is killed, and not before its time is up'(world) {
    const { stage, supervisor, before } = await three(world, {
      children: memberSpecs('a', { traps: true, shutdown: 200 }),
    });
    stage.gates.set('a', new Promise(() => {}));
    const start = performance.now();
    const gone = await stage.watch(before['a']);
    await terminateChild(stage.self, supervisor, 'a');
    expect(await gone.ended).toEqual(['killed']);
    expect(performance.now() - start).toBeGreaterThan(199);
    expect(stage.log).toEqual(['terminate a shutdown']);
  },

  async 'I15: brutal_kill kills at once'(world) {
    const { stage, supervisor, before } = await three(world, {
      children: memberSpecs('a', { traps: true, shutdown: 'brutal_kill' }),
    });
    const gone = await stage.watch(before['a']);
    await terminateChild(stage.self, supervisor, 'a');
    expect(await gone.ended).toEqual(['killed']);
    expect(stage.log).toEqual([]);
  },

  async 'I16: infinity waits for as long as it takes'(world) {
    const { stage, supervisor, before } = await three(world, {
      children: memberSpecs('a', { traps: true, shutdown: 'infinity' }),
    });
    const [opened, open] = signpost();
    stage.gates.set('a', opened);
    const gone = await stage.watch(before['a']);
    const terminated = terminateChild(stage.self, supervisor, 'a');
    await stage.logged('terminate a shutdown');
    await world.settle();
    open();
    await terminated;
    expect(await gone.ended).toEqual(['shutdown']);
  },

  async 'I20: is not started where it says ignore; a child that says so keeps its spec without a pid'(world) {
    const stage = Stage.of(world);
    await expect(stage.start('ignore' as never)).rejects.toMatchObject({ code: 'ERR_LIMINAL_START', reason: 'ignore' });
    stage.verdicts.set('b', ['ignore']);
    const supervisor = await stage.start({ children: memberSpecs('abc') });
    expect(await stage.info(supervisor, 'b')).toMatchObject({ pid: undefined, status: 'stopped' });
    expect(stage.log).toEqual(['init a', 'init b', 'init c']);
  },

  async 'I21: any_significant ends with the first significant child that ends normal, after the others'(world) {
    const { stage, supervisor, before } = await three(world, {
      autoShutdown: 'any_significant',
      children: [
        memberSpec('a', { traps: true }),
        ...memberSpecs('bc', { restart: 'transient', significant: true, traps: true }),
      ],
    });
    const gone = await stage.watch(supervisor);
    await stage.end(before['b'], 'normal');
    expect(await gone.ended).toEqual(['shutdown']);
    expect(stage.log).toEqual(['terminate c shutdown', 'terminate a shutdown']);
  },

  async 'I22: all_significant ends only after the last significant child has'(world) {
    const { stage, supervisor, before } = await three(world, {
      autoShutdown: 'all_significant',
      children: [memberSpec('a'), ...memberSpecs('bc', { restart: 'transient', significant: true })],
    });
    await stage.end(before['b'], 'normal');
    expect(await stage.pids(supervisor)).toEqual({ ...before, b: undefined });
    const gone = await stage.watch(supervisor);
    await stage.end(before['c'], 'normal');
    expect(await gone.ended).toEqual(['shutdown']);
  },

  async 'I24: no automatic shutdown follows a significant child that is stopped by terminateChild'(world) {
    const { stage, supervisor } = await three(world, {
      autoShutdown: 'any_significant',
      children: memberSpecs('ab', { restart: 'transient', significant: true }),
    });
    await terminateChild(stage.self, supervisor, 'a');
    await terminateChild(stage.self, supervisor, 'b');
    expect(await stage.pids(supervisor)).toEqual({ a: undefined, b: undefined });
  },

  async 'I25: fails to start with two children of one id'(world) {
    const stage = Stage.of(world);
    const failure = await stage.start({ children: memberSpecs('aa') }).catch((error) => error);
    expect((failure as StartError).reason).toMatchObject({
      error: { message: expect.stringContaining('duplicate_child_name') },
    });
    expect(stage.log).toEqual([]);
  },

  async 'I26: takes its children along when it is killed'(world) {
    const { stage, supervisor, before } = await three(world);
    const gone = await stage.watch(...Object.values(before));
    stage.self.exitProcess(supervisor, 'kill');
    expect(await gone.ended).toEqual(['killed', 'killed', 'killed']);
    expect(stage.log).toEqual([]);
  },

  async 'I26: takes a child along that has no init when it is killed'(world) {
    const { stage, supervisor } = await three(world, { children: [child(loner, [], { id: 'loner' })] });
    const gone = await stage.watch((await stage.info(supervisor, 'loner'))?.pid);
    stage.self.exitProcess(supervisor, 'kill');
    expect(await gone.ended).toEqual(['killed']);
  },

  async 'hears what it is sent while it stops a child: an exit that ends it, the end of another child'(world) {
    const { stage, supervisor, before } = await three(world, { children: memberSpecs('abc', { traps: true }) });
    const [opened, open] = signpost();
    stage.gates.set('a', opened);
    const terminated = terminateChild(stage.self, supervisor, 'a');
    await stage.logged('terminate a shutdown');
    const gone = await stage.watch(supervisor);
    await stage.end(before['b'], 'crash');
    stage.self.exitProcess(supervisor, 'shutdown');
    await world.settle();
    open();
    await terminated;
    expect(await gone.ended).toEqual(['shutdown']);
    expect(stage.log).toEqual(['terminate a shutdown', 'init b', 'terminate c shutdown', 'terminate b shutdown']);
  },

  async 'I27: tries a start that fails again, and gives up when the tries are too many'(world) {
    const { stage, supervisor, before } = await three(world, { intensity: 3, periodMs: 3_600_000 });
    stage.verdicts.set('b', ['fail', 'fail', 'fail', 'fail']);
    const gone = await stage.watch(supervisor);
    await stage.end(before['b'], 'crash');
    expect(await gone.ended).toEqual(['shutdown']);
    expect(stage.log).toEqual(['init b', 'init b', 'init b']);
  },

  async 'I27: lives on when a later try succeeds'(world) {
    const { stage, supervisor, before } = await three(world, { strategy: 'rest_for_one' });
    stage.verdicts.set('b', ['fail', 'fail']);
    await stage.end(before['b'], 'crash');
    await stage.logged('init c');
    expect(stage.log).toEqual(['init b', 'init b', 'init b', 'init c']);
    const after = await stage.pids(supervisor);
    expect(after['a']).toBe(before['a']);
    expect(Object.values(after)).not.toContain(undefined);
  },

  async 'ends with its parent, with the same reason'(world) {
    const { stage, supervisor: outer } = await three(world, { children: [] });
    const { family } = await import('./fixtures/supervised-members.js');
    const inner = await startChild(stage.self, outer, child(family, [{ children: memberSpecs('a') }]));
    const gone = await stage.watch(inner);
    stage.self.exitProcess(outer, 'kill');
    expect(await gone.ended).toEqual(['killed']);
  },

  async 'ends with the shutdown that anybody sends, and with no other exit of a stranger'(world) {
    const { stage, supervisor, before } = await three(world);
    const stranger = world.attach();
    stranger.exitProcess(supervisor, 'crash');
    await world.settle();
    expect(await stage.pids(supervisor)).toEqual(before);
    const gone = await stage.watch(supervisor);
    stranger.exitProcess(supervisor, 'shutdown');
    expect(await gone.ended).toEqual(['shutdown']);
    stranger.close();
  },

  async 'stops like a server, after its children, with the reason that it is given'(world) {
    const { stage, supervisor } = await three(world, { children: memberSpecs('ab', { traps: true }) });
    await stopServer(stage.self, supervisor, 'enough');
    expect(stage.log).toEqual(['terminate b shutdown', 'terminate a shutdown']);
  },

  async 'hears of a child that has ended the link between them'(world) {
    const { stage, supervisor } = await three(world, { children: [child(loner, [], { id: 'loner' })] });
    const [info] = await whichChildren(stage.self, supervisor);
    const pid = info?.pid ?? supervisor;
    const gone = await stage.watch(pid);
    stage.self.send(pid, 'go');
    expect(await gone.ended).toEqual(['left']);
    await world.settle();
    const after = await stage.info(supervisor, 'loner');
    expect(after).toMatchObject({ status: 'running', restarts: 1 });
    expect(after?.pid).not.toBe(pid);
  },

  async 'is not deceived by an exit that a living child sends'(world) {
    const { stage, supervisor, before } = await three(world);
    // Sent in the child's name, which is how a child's own exit signal arrives.
    stage.self.send(supervisor, { signal: 'exit', from: before['a'], reason: 'crash' });
    await world.settle();
    expect(await stage.pids(supervisor)).toEqual(before);
  },

  async 'outlives messages that make no sense'(world) {
    const { stage, supervisor, before } = await three(world);
    for (const nonsense of [undefined, 'text', { signal: 'call', name: 'x' }, { supervisor: 'retry', id: 'a' }]) {
      stage.self.send(supervisor, nonsense);
    }
    expect(await stage.pids(supervisor)).toEqual(before);
  },
});
