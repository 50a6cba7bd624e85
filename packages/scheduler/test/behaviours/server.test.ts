import { call, cast, type ExitReason, type Pid, Scheduler, startServer, stopServer } from '@liminal-node/scheduler';
import { expect, test } from 'vitest';
import { freshName, inBothWorlds, type World } from '../world.js';
import { type Plan, parent, probe, sequence } from './fixtures/servers.js';
import { settled, VirtualClock } from './fixtures/virtual-clock.js';

const NEVER = { timeoutMs: Number.POSITIVE_INFINITY };

function elsewhere(world: World): { thread: number | 'home' } {
  return { thread: world.places[0] ?? 'home' };
}

/** A trapping program, so that it hears of every exit, and a server elsewhere that tells it how it ends. */
async function pair(world: World, plan: Plan = {}, options: { link?: boolean; trapExit?: boolean } = {}) {
  const self = world.attach(true);
  const pid = await startServer(self, probe, [{ tell: self.pid, ...plan }], { ...elsewhere(world), ...options });
  return { self, pid };
}

const NO_MORE = { code: 'ERR_LIMINAL_RECEIVE_TIMEOUT' };

inBothWorlds({
  async 'J10: a plain message is handled by info'(world) {
    const { self, pid } = await pair(world);
    self.send(pid, { plain: 1 });
    self.send(pid, { signal: 'call', name: 'add' });
    expect(await call(self, pid, 'log')).toEqual([{ info: { plain: 1 } }, { info: { signal: 'call', name: 'add' } }]);
  },

  async 'a plain message to a server without info, and a cast that it does not know, are dropped'(world) {
    const self = world.attach();
    const pid = await startServer(self, sequence, [], elsewhere(world));
    self.send(pid, 'plain');
    cast(self, pid as Pid<unknown>, 'unknown', []);
    expect(await call(self, pid, 'next')).toBe(1);
  },

  async 'J11: a start whose init stops, exits or throws fails with the reason, and nobody gets an exit'(world) {
    const self = world.attach(true);
    const start = (init: NonNullable<Plan['init']>) =>
      startServer(self, probe, [{ init }], { ...elsewhere(world), link: true });
    await expect(start('stop')).rejects.toMatchObject({ code: 'ERR_LIMINAL_START', reason: 'stopped in init' });
    await expect(start('exit')).rejects.toMatchObject({ code: 'ERR_LIMINAL_START', reason: 'left in init' });
    await expect(start('throw')).rejects.toMatchObject({
      code: 'ERR_LIMINAL_START',
      reason: { error: expect.objectContaining({ name: 'RangeError', message: 'no good start' }) },
    });
    await world.settle();
    await expect(self.receive({ timeoutMs: 0 })).rejects.toMatchObject(NO_MORE);
  },

  async 'J11: a starter that does not trap exits outlives a start that fails'(world) {
    const self = world.attach();
    const start = startServer(self, probe, [{ init: 'throw' }], { ...elsewhere(world), link: true });
    await expect(start).rejects.toMatchObject({ code: 'ERR_LIMINAL_START' });
    await world.settle();
    expect(await call(self, await startServer(self, sequence, []), 'next')).toBe(1);
  },

  async 'J11: a server that is killed in init fails its start with killed, and nobody gets an exit'(world) {
    const self = world.attach(true);
    const name = freshName();
    const gate = world.gate(name);
    const start = startServer(self, probe, [{ gate: name }], { ...elsewhere(world), link: true, name });
    const failed = expect(start).rejects.toMatchObject({ code: 'ERR_LIMINAL_START', reason: 'killed' });
    await gate.reached;
    self.exitProcess(self.whereis(name) as Pid, 'kill');
    await failed;
    await world.settle();
    await expect(self.receive({ timeoutMs: 0 })).rejects.toMatchObject(NO_MORE);
    gate.open();
  },

  async 'J12: a start under a name in use fails and says who holds it'(world) {
    const self = world.attach();
    const name = freshName();
    const holder = await startServer(self, sequence, [], { ...elsewhere(world), name });
    await expect(startServer(self, sequence, [], { name })).rejects.toMatchObject({
      code: 'ERR_LIMINAL_START',
      reason: { alreadyStarted: holder },
    });
    expect(await call(self, holder, 'next')).toBe(1);
  },

  async 'J13: a start resolves only when init has finished, and the name is registered then'(world) {
    const self = world.attach();
    const name = freshName();
    const gate = world.gate(name);
    const order: string[] = [];
    const start = startServer(self, probe, [{ gate: name }], { ...elsewhere(world), name });
    void start.then(() => order.push('started'));
    await gate.reached;
    await world.settle();
    order.push('init goes on');
    gate.open();
    expect(self.whereis(name)).toBe(await start);
    expect(order).toEqual(['init goes on', 'started']);
  },

  async 'a start that takes too long fails with timeout, and its process is killed'(world) {
    const self = world.attach(true);
    const name = freshName();
    const gate = world.gate(name);
    const start = startServer(self, probe, [{ gate: name }], { ...elsewhere(world), name, startTimeoutMs: 10 });
    const watcher = world.attach();
    await gate.reached;
    watcher.monitor(self.whereis(name) as Pid);
    await expect(start).rejects.toMatchObject({ code: 'ERR_LIMINAL_START', reason: 'timeout' });
    expect(await watcher.receive()).toMatchObject({ signal: 'down', reason: expect.stringMatching('killed|noproc') });
    gate.open();
  },

  async 'a starter that ends takes with it the server that it was starting'(world) {
    const self = world.attach();
    const watcher = world.attach();
    const name = freshName();
    const gate = world.gate(name);
    void startServer(self, probe, [{ gate: name }], { ...elsewhere(world), name });
    await gate.reached;
    watcher.monitor(self.whereis(name) as Pid);
    self.close();
    expect(await watcher.receive()).toMatchObject({ signal: 'down', reason: 'shutdown' });
    gate.open();
  },

  async 'J14: what init continues with runs before any message'(world) {
    const self = world.attach();
    const name = freshName();
    const gate = world.gate(name);
    const start = startServer(self, probe, [{ gate: name, continueWith: 'second half' }], {
      ...elsewhere(world),
      name,
    });
    await gate.reached;
    cast(self, { name }, 'note', ['early bird']);
    await world.settle();
    gate.open();
    expect(await call(self, await start, 'log')).toEqual([{ topic: 'second half' }, 'early bird']);
  },

  async 'J14: what a call continues with runs in order before the next message'(world) {
    const { self, pid } = await pair(world);
    const gate = world.gate('J14');
    const waiting = call(self, pid, 'waitAt', ['J14'], NEVER);
    const twice = call(self, pid, 'continueTwice', [], NEVER);
    cast(self, pid, 'note', ['behind']);
    await gate.reached;
    gate.open();
    await Promise.all([waiting, twice]);
    expect(await call(self, pid, 'log')).toEqual([{ topic: 'one' }, { topic: 'two' }, 'behind']);
  },

  async 'J15: a server that asked for it is told that nothing came, once'(world) {
    const { self, pid } = await pair(world);
    await call(self, pid, 'idleAfter', [1]);
    expect(await self.receive()).toBe('idle');
    expect(await call(self, pid, 'log')).toEqual(['idle']);
  },

  async 'J16: a stop resolves once terminate has run and the server has ended with the reason'(world) {
    const { self, pid } = await pair(world, {}, { link: true });
    cast(self, pid, 'note', ['before']);
    await stopServer(self, pid, { shutdown: 'for the night' });
    expect(await self.receive()).toEqual({ terminated: { shutdown: 'for the night' } });
    expect(await self.receive()).toEqual({ signal: 'exit', from: pid, reason: { shutdown: 'for the night' } });
    await expect(stopServer(self, pid)).rejects.toMatchObject({ code: 'ERR_LIMINAL_CALL', reason: 'noproc' });
  },

  async 'J16: a stop fails where terminate throws, and where the server has not ended in time'(world) {
    const { self, pid } = await pair(world, { terminate: 'throw' });
    const gate = world.gate('J16');
    const busy = call(self, pid, 'waitAt', ['J16'], NEVER);
    await gate.reached;
    await expect(stopServer(self, pid, 'normal', { timeoutMs: 1 })).rejects.toMatchObject({
      code: 'ERR_LIMINAL_CALL_TIMEOUT',
    });
    const stopped = expect(stopServer(self, pid)).rejects.toMatchObject({
      reason: { error: expect.objectContaining({ message: 'cannot clean up' }) },
    });
    gate.open();
    expect(await busy).toBe('through');
    await stopped;
  },

  async 'J17: a call that stops the server gets its reply, after terminate, and the server ends with the reason'(
    world,
  ) {
    const { self, pid } = await pair(world, {}, { link: true });
    expect(await call(self, pid, 'stopAndReply', ['done for', 'good bye'], NEVER)).toBe('good bye');
    expect(await self.receive()).toEqual({ terminated: 'done for' });
    expect(await self.receive()).toEqual({ signal: 'exit', from: pid, reason: 'done for' });
  },

  async 'J17: a call that stops the server without a reply fails with the reason'(world) {
    const { self, pid } = await pair(world);
    await expect(call(self, pid, 'stop', ['done for'], NEVER)).rejects.toMatchObject({ reason: 'done for' });
    expect(await self.receive()).toEqual({ terminated: 'done for' });
  },

  async 'a cast can stop the server'(world) {
    const { self, pid } = await pair(world, {}, { link: true });
    cast(self, pid, 'stop', ['told by a cast']);
    expect(await self.receive()).toEqual({ terminated: 'told by a cast' });
    expect(await self.receive()).toEqual({ signal: 'exit', from: pid, reason: 'told by a cast' });
  },

  async 'J18: a server that traps exits is terminated with the reason of its parent'(world) {
    const watcher = world.attach();
    for (const reason of ['parent is gone', 'normal'] satisfies ExitReason[]) {
      const boss = await world.scheduler.spawn(parent, [{ tell: watcher.pid }, true]);
      const pid = await watcher.receive<Pid>();
      const ref = watcher.monitor(pid);
      watcher.send(boss, reason);
      expect(await watcher.receive()).toEqual({ terminated: reason });
      expect(await watcher.receive()).toEqual({ signal: 'down', ref, pid, reason });
    }
  },

  async 'J18: a server that does not trap exits ends with its parent, without terminate'(world) {
    const watcher = world.attach();
    const boss = await world.scheduler.spawn(parent, [{ tell: watcher.pid }, false]);
    const pid = await watcher.receive<Pid>();
    const ref = watcher.monitor(pid);
    watcher.send(boss, 'parent is gone');
    expect(await watcher.receive()).toEqual({ signal: 'down', ref, pid, reason: 'parent is gone' });
  },

  async 'J18: a server whose parent ends while it starts is terminated once it has started'(world) {
    const watcher = world.attach();
    const name = freshName();
    const { reached, open } = world.gate(name);
    const boss = await world.scheduler.spawn(parent, [{ tell: watcher.pid, gate: name }, true]);
    await reached;
    const ref = watcher.monitor(boss);
    watcher.exitProcess(boss, 'parent is gone');
    expect(await watcher.receive()).toEqual({ signal: 'down', ref, pid: boss, reason: 'parent is gone' });
    await world.settle();
    open();
    expect(await watcher.receive()).toEqual({ terminated: 'shutdown' });
  },

  async 'J18: an exit of anybody else, a parent without a link among them, is a message to a server that traps exits'(
    world,
  ) {
    const { self, pid } = await pair(world, {}, { trapExit: true });
    const other = world.attach();
    for (const sender of [other, self]) {
      sender.exitProcess(pid, 'only a word');
      await world.settle();
    }
    expect(await call(self, pid, 'log')).toEqual([
      { info: { signal: 'exit', from: other.pid, reason: 'only a word' } },
      { info: { signal: 'exit', from: self.pid, reason: 'only a word' } },
    ]);
  },

  async 'J21 (differs): a callback that throws ends the server with the error, after terminate'(world) {
    const { self, pid } = await pair(world, {}, { link: true });
    const reason = { error: expect.objectContaining({ name: 'RangeError', message: 'told to' }) };
    await expect(call(self, pid, 'fail', ['told to'], NEVER)).rejects.toMatchObject({ reason });
    expect(await self.receive()).toEqual({ terminated: reason });
    expect(await self.receive()).toEqual({ signal: 'exit', from: pid, reason });
  },

  async 'a server that was started is the child of its starter'(world) {
    const self = world.attach();
    const boss = await world.scheduler.spawn(parent, [{ tell: self.pid }, true]);
    const pid = await self.receive<Pid>();
    self.exitProcess(boss, 'kill');
    expect(await self.receive()).toEqual({ terminated: 'killed' });
    expect(pid).not.toBe(boss);
  },
});

test('J15: any message cancels the idle timeout', async () => {
  const clock = new VirtualClock();
  await using scheduler = await Scheduler.start({ threads: 0, environment: clock.environment });
  const self = scheduler.attach();
  const pid = await startServer(self, probe, [{ tell: self.pid }]);
  await call(self, pid, 'idleAfter', [100], NEVER);
  await clock.advance(99);
  cast(self, pid, 'note', ['in time']);
  await clock.advance(1_000);
  expect(await call(self, pid, 'log', [], NEVER)).toEqual(['in time']);

  await call(self, pid, 'idleAfter', [100], NEVER);
  await clock.advance(99);
  expect(await call(self, pid, 'add', [0], NEVER)).toBe(0);
  await call(self, pid, 'idleAfter', [0], NEVER);
  await settled();
  expect(await call(self, pid, 'log', [], NEVER)).toEqual(['in time', 'idle']);
});
