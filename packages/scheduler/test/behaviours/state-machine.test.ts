/** State machines in processes. The order of events and the life of timeouts: `event-queue.test.ts`. */
import {
  type AttachedProcess,
  call,
  cast,
  type ErrorReason,
  isDown,
  type Pid,
  type ServedBy,
  type ServerPid,
  startServer,
  startSupervisor,
  stopServer,
  whichChildren,
} from '@liminal-node/scheduler';
import { expect } from 'vitest';
import { freshName, inBothWorlds, type World } from '../world.js';
import { bare, machineTree, type Plan, puppetMachine } from './fixtures/state-machines.js';

const NEVER = { timeoutMs: Number.POSITIVE_INFINITY };

/** A trapping program and a machine elsewhere that tells it what it handles. */
async function pair(world: World, plan: Plan = {}, options: { link?: boolean; trapExit?: boolean } = {}) {
  const self = world.attach(true);
  const thread = world.places[0] ?? 'home';
  const pid = await startServer(self, puppetMachine, [{ ...plan }], { thread, ...options });
  return { self, pid };
}

type Puppet = ServerPid<ServedBy<typeof puppetMachine>>;

async function logOf(self: AttachedProcess, pid: Puppet): Promise<unknown[]> {
  const handled = await call(self, pid, 'log', [], NEVER);
  return handled.filter((entry) => !isEntry(entry));
}

function isEntry(entry: unknown): boolean {
  return Array.isArray(entry) && entry[1] === 'enter';
}

function isTerminated(message: unknown): message is unknown {
  return typeof message === 'object' && message !== null && 'terminated' in message;
}

function failure(reason: unknown): object {
  return { code: 'ERR_LIMINAL_CALL', reason };
}

inBothWorlds({
  async 'conformance K1: each event is handled with its type, its content, the state and the data, and next moves on'(
    world,
  ) {
    const { self, pid } = await pair(world);
    expect(await call(self, pid, 'where')).toBe('a');
    cast(self, pid, 'go', [{ to: 'b' }]);
    self.send(pid, 'a plain message');
    cast(self, pid, 'note', ['a cast']);
    expect(await call(self, pid, 'where')).toBe('here, in b');
    cast(self, pid, 'go', [{ to: 'c', insert: [{ type: 'internal', content: 'inserted' }] }]);
    cast(self, pid, 'go', [{ timeouts: { one: { ms: 0, content: 'named' } } }]);
    cast(self, pid, 'go', [{ stateTimeout: { ms: 0, content: 'state' } }]);
    cast(self, pid, 'go', [{ eventTimeout: { ms: 0, content: 'event' } }]);
    expect(await call(self, pid, 'log')).toEqual([
      ['a', 'enter', 'a'],
      ['b', 'enter', 'a'],
      ['b', 'info', 'a plain message'],
      ['b', 'note', 'a cast'],
      ['c', 'enter', 'b'],
      ['c', 'internal', 'inserted'],
      ['c', 'timeout one', 'named'],
      ['c', 'stateTimeout', 'state'],
      ['c', 'eventTimeout', 'event'],
    ]);
  },

  async 'conformance K2: a postponed event is tried again after the next change of state, before newer ones'(world) {
    const { self, pid } = await pair(world);
    for (const value of [1, 2]) cast(self, pid, 'note', [value]);
    cast(self, pid, 'go', [{}]);
    cast(self, pid, 'wait', ['K2']);
    const gate = world.gate('K2');
    await gate.reached;
    cast(self, pid, 'go', [{ to: 'b' }]);
    cast(self, pid, 'note', [3]);
    await world.settle();
    gate.open();
    expect(await logOf(self, pid)).toEqual([
      ['a', 'postponed', 1],
      ['a', 'postponed', 2],
      ['b', 'note', 1],
      ['b', 'note', 2],
      ['b', 'note', 3],
    ]);
  },

  async 'conformance K2: a postponed call is answered from the state that takes it'(world) {
    const { self, pid } = await pair(world);
    const postponed = call(self, pid, 'inB', [], NEVER);
    cast(self, pid, 'go', [{ to: 'c' }]);
    cast(self, pid, 'go', [{ to: 'b' }]);
    expect(await postponed).toBe('in b');
  },

  async 'conformance K2: going to the state that it is in is no change, and brings no postponed event back'(world) {
    const { self, pid } = await pair(world);
    cast(self, pid, 'note', [1]);
    cast(self, pid, 'go', [{ to: 'a' }]);
    cast(self, pid, 'go', [{ repeat: true }]);
    expect(await call(self, pid, 'log')).toEqual([
      ['a', 'enter', 'a'],
      ['a', 'postponed', 1],
      ['a', 'enter', 'a'],
    ]);
  },

  async 'conformance K5: inserted events are handled in their order, before postponed and queued ones'(world) {
    const { self, pid } = await pair(world);
    cast(self, pid, 'note', [1]);
    cast(self, pid, 'wait', ['K5']);
    const gate = world.gate('K5');
    await gate.reached;
    cast(self, pid, 'go', [
      {
        to: 'b',
        insert: [
          { type: 'internal', content: 'first' },
          { type: 'cast', name: 'note', args: ['second'] },
          { type: 'info', message: 'third' },
        ],
      },
    ]);
    cast(self, pid, 'note', [2]);
    await world.settle();
    gate.open();
    expect(await logOf(self, pid)).toEqual([
      ['a', 'postponed', 1],
      ['b', 'internal', 'first'],
      ['b', 'note', 'second'],
      ['b', 'info', 'third'],
      ['b', 'note', 1],
      ['b', 'note', 2],
    ]);
  },

  async 'conformance K7: a stop with a reply sends it before terminate, and the machine ends with the reason'(world) {
    const self = world.attach(true);
    const { pid } = await pair(world, { tell: self.pid });
    await self.receive();
    const ref = self.monitor(pid);
    // Asked by hand, so that the reply is in one mailbox with the rest.
    self.send(pid, { signal: 'call', name: 'stopAndReply', args: ['done for', 'good bye'], from: self.pid });
    expect(await self.receive()).toEqual({ signal: 'reply', value: 'good bye' });
    expect(await self.receive()).toEqual({ terminated: 'done for', state: 'a' });
    expect(await self.receive()).toEqual({ signal: 'down', ref, pid, reason: 'done for' });
  },

  async 'a stop without a reply fails the call, and all that wait, with the reason'(world) {
    const { self, pid } = await pair(world);
    const waiting = expect(call(self, pid, 'queue', [], NEVER)).rejects.toMatchObject(failure('done for'));
    const postponed = expect(call(self, pid, 'inB', [], NEVER)).rejects.toMatchObject(failure('done for'));
    await expect(call(self, pid, 'stop', ['done for'], NEVER)).rejects.toMatchObject(failure('done for'));
    await Promise.all([waiting, postponed]);
  },

  async 'a call is answered with its transition, and later from wherever'(world) {
    const { self, pid } = await pair(world);
    expect(await call(self, pid, 'go', [{ to: 'b' }, 'on the way'])).toBe('on the way');
    expect(await call(self, pid, 'where')).toBe('here, in b');
    const later: Promise<string> = call(self, pid, 'queue', [], NEVER);
    cast(self, pid, 'answer', ['at last']);
    expect(await later).toBe('at last');
  },

  async 'a call that a transition leaves without an answer waits for its deadline, and the machine has moved on'(
    world,
  ) {
    const { self, pid } = await pair(world);
    await expect(call(self, pid, 'silent', [], { timeoutMs: 1 })).rejects.toMatchObject({ reason: 'timeout' });
    expect(await call(self, pid, 'where')).toBe('c');
  },

  async 'callbacks may be async, and none runs beside another'(world) {
    const { self, pid } = await pair(world);
    const gate = world.gate('slow');
    const slow = call(self, pid, 'slow', ['slow'], NEVER);
    const where = call(self, pid, 'where', [], NEVER);
    await gate.reached;
    cast(self, pid, 'go', [{ to: 'c' }]);
    await world.settle();
    gate.open();
    expect(await Promise.all([slow, where])).toEqual(['through', 'a']);
  },

  async 'a callback that throws ends the machine with the error, after terminate'(world) {
    const self = world.attach(true);
    const { pid } = await pair(world, { tell: self.pid });
    const reason = { error: expect.objectContaining({ name: 'RangeError', message: 'told to' }) };
    await expect(call(self, pid, 'fail', ['told to'], NEVER)).rejects.toMatchObject({ reason });
    expect(await self.receive({ match: isTerminated })).toEqual({ terminated: reason, state: 'a' });
  },

  async 'enter that throws or stops ends the machine in the state that it came into'(world) {
    const self = world.attach(true);
    for (const [enterB, reason] of [
      ['throw', { error: expect.objectContaining({ message: 'no way in' }) }],
      ['stop', 'stopped at the door'],
      ['postpone', { error: expect.objectContaining({ message: expect.stringContaining('and nothing else') }) }],
    ] as const) {
      const { pid } = await pair(world, { tell: self.pid, enterB });
      const waiting = expect(call(self, pid, 'queue', [], NEVER)).rejects.toMatchObject(failure(reason));
      cast(self, pid, 'go', [{ to: 'b' }]);
      expect(await self.receive({ match: isTerminated })).toEqual({ terminated: reason, state: 'b' });
      await waiting;
    }
  },

  async 'a start whose init throws or stops fails with the reason'(world) {
    const self = world.attach();
    const thread = world.places[0] ?? 'home';
    await expect(startServer(self, puppetMachine, [{ init: 'stop' }], { thread })).rejects.toMatchObject({
      code: 'ERR_LIMINAL_START',
      reason: 'stopped in init',
    });
    await expect(startServer(self, puppetMachine, [{ init: 'throw' }], { thread })).rejects.toMatchObject({
      code: 'ERR_LIMINAL_START',
      reason: { error: expect.objectContaining({ name: 'RangeError', message: 'no good start' }) },
    });
  },

  async 'what a machine begins with comes before any message'(world) {
    const { self, pid } = await pair(world, {
      begin: { insert: [{ type: 'internal', content: 'begin' }], timeouts: { one: 0 } },
    });
    cast(self, pid, 'go', [{ to: 'c' }]);
    expect(await call(self, pid, 'log')).toEqual([
      ['a', 'enter', 'a'],
      ['a', 'internal', 'begin'],
      ['a', 'timeout one', undefined],
      ['c', 'enter', 'a'],
    ]);
  },

  async 'an unknown call is refused, an unknown cast and a plain message are dropped'(world) {
    const self = world.attach();
    const pid = await startServer(self, bare, [], { thread: world.places[0] ?? 'home' });
    cast(self, pid as Pid<unknown>, 'toString', []);
    self.send(pid, 'plain');
    for (const name of ['nonsense', 'toString', '__proto__']) {
      await expect(call(self, pid as Pid<unknown>, name, [])).rejects.toMatchObject(failure({ noSuchCall: name }));
    }
    expect(await call(self, pid, 'ping')).toBe('pong');
  },

  async 'a timeout or an internal event without a callback, an unknown state, and a reply to nobody are faults'(world) {
    const self = world.attach();
    const start = { thread: world.places[0] ?? 'home' };
    const faultOf = async (pid: Pid, name: string, args: unknown[]) => {
      self.monitor(pid);
      cast(self, pid as Pid<unknown>, name, args);
      const { reason } = await self.receive({ match: isDown });
      return (reason as ErrorReason).error.message;
    };
    for (const [options, message] of [
      [{ timeouts: { unheard: 0 } }, 'state "only" has no callback for the timeout "unheard"'],
      [{ stateTimeout: 0 }, 'state "only" has no callback "stateTimeout"'],
      [{ insert: [{ type: 'internal', content: 1 }] }, 'state "only" has no callback "internal"'],
      [{ stateTimeout: -1 }, 'a timeout takes 0 ms or more, not -1'],
    ] as const) {
      expect(await faultOf(await startServer(self, bare, [], start), 'keep', [options])).toBe(message);
    }
    expect(await faultOf((await pair(world)).pid, 'nowhere', [])).toBe('there is no state "nowhere"');
    expect(await faultOf((await pair(world)).pid, 'replyInACast', [])).toBe(
      'only a call has a caller that can be answered',
    );
  },

  async 'stopServer stops a machine, after what it was sent before'(world) {
    const self = world.attach(true);
    const { pid } = await pair(world, { tell: self.pid });
    cast(self, pid, 'go', [{ to: 'c' }]);
    await stopServer(self, pid, { shutdown: 'for the night' });
    expect(await self.receive({ match: isTerminated })).toEqual({
      terminated: { shutdown: 'for the night' },
      state: 'c',
    });
  },

  async 'a machine is the child of a supervisor, which starts it again'(world) {
    const self = world.attach();
    const name = freshName();
    const supervisor = await startSupervisor(self, machineTree, [name], { thread: world.places[0] ?? 'home' });
    const before = self.whereis(name) as Puppet;
    self.monitor(before);
    cast(self, before, 'go', [{ to: 'c' }]);
    await expect(call(self, before, 'fail', ['told to'])).rejects.toMatchObject({ code: 'ERR_LIMINAL_CALL' });
    const isAnother = (holder: Pid | undefined): boolean => holder !== undefined && holder !== before;
    await expect.poll(() => isAnother(self.whereis(name)), { timeout: 30_000 }).toBe(true);
    expect(await whichChildren(self, supervisor)).toMatchObject([{ id: 'puppet', pid: self.whereis(name) }]);
    expect(await call(self, self.whereis(name) as Puppet, 'where')).toBe('a');
    await stopServer(self, supervisor, 'shutdown');
  },

  async 'a machine that holds more events than it may ends with a reason that says so'(world) {
    const { self, pid } = await pair(world);
    const waiting = expect(call(self, pid, 'queue', [], NEVER)).rejects.toMatchObject(
      failure({ eventQueueFull: { events: 101 } }),
    );
    for (let value = 0; value <= 100; value++) cast(self, pid, 'note', [value]);
    await waiting;
  },

  async 'a machine that traps exits is terminated with the reason of its parent, and hears of others by info'(world) {
    const self = world.attach();
    const { pid } = await pair(world, { tell: self.pid }, { trapExit: true });
    const other = world.attach();
    other.exitProcess(pid, 'only a word');
    const heard = await self.receive({
      match: (message): message is unknown[] => Array.isArray(message) && message[1] === 'info',
    });
    expect(heard).toEqual(['a', 'info', { signal: 'exit', from: other.pid, reason: 'only a word' }]);
  },
});
