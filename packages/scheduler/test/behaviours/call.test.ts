import {
  type AttachedProcess,
  call,
  cast,
  type From,
  type Pid,
  reply,
  type ServedBy,
  type ServerAddress,
  startServer,
} from '@liminal-node/scheduler';
import { expect } from 'vitest';
import { freshName, inBothWorlds, type World } from '../world.js';
import { type Plan, probe, sequence } from './fixtures/servers.js';

const NEVER = { timeoutMs: Number.POSITIVE_INFINITY };

/** A caller on the home thread and a server elsewhere, where there is an elsewhere. */
async function pair(world: World, plan: Plan = {}) {
  const self = world.attach();
  const pid = await startServer(self, probe, [plan], { thread: world.places[0] ?? 'home' });
  return { self, pid };
}

async function expectNothingIn(self: AttachedProcess): Promise<void> {
  await expect(self.receive({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'ERR_LIMINAL_RECEIVE_TIMEOUT' });
}

function failure(reason: unknown): object {
  return { code: 'ERR_LIMINAL_CALL', reason };
}

inBothWorlds({
  async 'J1: a call resolves with the reply, and the next call sees the changed state'(world) {
    const { self, pid } = await pair(world);
    expect(await call(self, pid, 'add', [2])).toBe(2);
    expect(await call(self, pid, 'add', [3])).toBe(5);
  },

  async 'J1: calls that come while an async one is at work wait for their turn'(world) {
    const { self, pid } = await pair(world);
    const values = ['a', 'b', 'c'];
    expect(await Promise.all(values.map((value) => call(self, pid, 'echo', [value])))).toEqual(values);
    expect(await call(self, pid, 'log')).toEqual(values);
  },

  async 'G6: a call looks at none of the messages that its caller has, however many and however alike'(world) {
    const { self, pid } = await pair(world);
    // Any look at one of them would take it for the answer.
    for (let at = 0; at < 100_000; at++) self.send(self.pid, { signal: 'reply', value: 'old' });
    expect(await call(self, pid, 'add', [2])).toBe(2);
    expect(await self.receive()).toEqual({ signal: 'reply', value: 'old' });
  },

  async 'G6: a process that attaches a mailbox for an answer looks at none of the messages that it has'(world) {
    const self = world.attach();
    const server = await world.actor(0);
    for (let at = 0; at < 100_000; at++) self.send(self.pid, 'old');
    await using answers = self.attach();
    const ref = self.makeRef();
    await server.do('send', answers.pid, { ref });
    const looked: unknown[] = [];
    const answer = await answers.receive({
      match: (message): message is { ref: string } => {
        looked.push(message);
        return true;
      },
    });
    expect([answer, looked]).toEqual([{ ref }, [{ ref }]]);
  },

  async 'J2: a call to a dead pid or to a name that nobody holds fails with noproc'(world) {
    const self = world.attach();
    await expect(call(self, await world.dead(0), 'add', [1], NEVER)).rejects.toMatchObject(failure('noproc'));
    await expect(call(self, { name: freshName() }, 'add', [1])).rejects.toMatchObject(failure('noproc'));
  },

  async 'J3: a call without a reply in time fails not before that, and the server goes on'(world) {
    const { self, pid } = await pair(world);
    const gate = world.gate('J3');
    const before = performance.now();
    await expect(call(self, pid, 'waitAt', ['J3'], { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'ERR_LIMINAL_CALL_TIMEOUT',
      reason: 'timeout',
      timeoutMs: 20,
    });
    expect(performance.now() - before).toBeGreaterThan(18);
    gate.open();
    expect(await call(self, pid, 'add', [1])).toBe(1);
  },

  async 'J4: a reply that comes too late reaches nobody'(world) {
    const { self, pid } = await pair(world);
    await expect(call(self, pid, 'queue', [], { timeoutMs: 1 })).rejects.toMatchObject({ reason: 'timeout' });
    cast(self, pid, 'answer', [7]);
    expect(await call(self, pid, 'add', [1])).toBe(1);
    await expectNothingIn(self);
  },

  async 'J4: a call that was given up leaves the next reply to the next call'(world) {
    const { self, pid } = await pair(world);
    await expect(call(self, pid, 'queue', [], { timeoutMs: 1 })).rejects.toMatchObject({ reason: 'timeout' });
    const second = call(self, pid, 'queue', [], NEVER);
    cast(self, pid, 'answer', [1]);
    cast(self, pid, 'answer', [2]);
    expect(await second).toBe(2);
  },

  async 'J5: a crash of the server fails its callers at once with its reason'(world) {
    const { self, pid } = await pair(world);
    const queued = call(self, pid, 'queue', [], NEVER).catch((error: unknown) => error);
    await expect(call(self, pid, 'fail', ['told to'], NEVER)).rejects.toMatchObject(
      failure({ error: expect.objectContaining({ name: 'RangeError', message: 'told to' }) }),
    );
    expect(await queued).toMatchObject(failure({ error: expect.objectContaining({ message: 'told to' }) }));
  },

  async 'J5: a server that is killed during a call fails it with killed'(world) {
    const { self, pid } = await pair(world);
    const gate = world.gate('J5');
    const waiting = expect(call(self, pid, 'waitAt', ['J5'], NEVER)).rejects.toMatchObject(failure('killed'));
    await gate.reached;
    self.exitProcess(pid, 'kill');
    await waiting;
    gate.open();
  },

  async 'J6: a call whose reply is left for later gets it from the server'(world) {
    const { self, pid } = await pair(world);
    const later = call(self, pid, 'queue', [], NEVER);
    cast(self, pid, 'answer', [42]);
    expect(await later).toBe(42);
  },

  async 'J6: a call whose reply is left to another process gets it from there'(world) {
    const { self, pid } = await pair(world);
    const clerk = world.attach();
    const delegated = call(self, pid, 'delegate', [clerk.pid], NEVER);
    const { from } = await clerk.receive<{ from: From<string> }>();
    reply(clerk, from, 'from the clerk');
    expect(await delegated).toBe('from the clerk');
  },

  async 'J7: of two replies the call gets the first, and nobody the second'(world) {
    const { self, pid } = await pair(world);
    expect(await call(self, pid, 'replyTwice')).toBe('first');
    expect(await call(self, pid, 'add', [1])).toBe(1);
    await expectNothingIn(self);
  },

  async 'J8: a cast to a dead server, or to a name that nobody holds, is no error'(world) {
    const self = world.attach();
    cast(self, await world.dead(0), 'note', [1]);
    cast(self, { name: freshName() }, 'note', [1]);
    await expectNothingIn(self);
  },

  async 'J9: casts and calls of one client are handled in the order in which it made them'(world) {
    const { self, pid } = await pair(world);
    const calls: Promise<unknown>[] = [];
    for (let at = 0; at < 100; at += 2) {
      calls.push(call(self, pid, 'echo', [at]));
      cast(self, pid, 'note', [at + 1]);
    }
    await Promise.all(calls);
    expect(await call(self, pid, 'log')).toEqual(Array.from({ length: 100 }, (_, at) => at));
  },

  async 'J19: a process that calls itself, by pid or by name, is told so'(world) {
    const self = world.attach();
    const name = freshName();
    await self.register(name);
    await expect(call(self, self.pid, 'add', [1])).rejects.toMatchObject(failure('calling_self'));
    await expect(call(self, { name }, 'add', [1])).rejects.toMatchObject(failure('calling_self'));
  },

  async 'J20: each of many open calls gets its own reply'(world) {
    const { self, pid } = await pair(world);
    const calls = Array.from({ length: 1_000 }, () => call(self, pid, 'queue', [], NEVER));
    for (let at = 0; at < 1_000; at++) cast(self, pid, 'answer', [at]);
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 1_000 }, (_, at) => at));
  },

  async 'J24: what is sent to a closed address is dropped, and the owner sees none of it'(world) {
    const { self } = await pair(world);
    const alias = self.attach();
    const peer = await world.actor(0);
    await peer.do('send', alias.pid, 'in time');
    expect(await alias.receive()).toBe('in time');
    alias.close();
    await peer.do('send', alias.pid, 'too late');
    const ref = self.monitor(alias.pid);
    expect(await self.receive()).toEqual({ signal: 'down', ref, pid: alias.pid, reason: 'noproc' });
  },

  async 'an alias is ended by nobody but its owner, and takes what is sent to it'(world) {
    const { self } = await pair(world);
    for (const alias of [self.attach({ alias: true }), world.scheduler.attach({ alias: true })]) {
      const peer = await world.actor(0);
      await peer.do('link', alias.pid);
      await peer.do('exitProcess', alias.pid, 'kill');
      peer.tell('script', ['send', alias.pid, 'still there'], ['exit', 'crash']);
      await peer.ended;
      await world.settle();
      expect(await alias.receive()).toBe('still there');
      const ref = self.monitor(alias.pid);
      alias.close();
      expect(await self.receive()).toMatchObject({ ref, reason: 'normal' });
    }
  },

  async 'J25: the address of a call is gone once it has had its reply'(world) {
    const { self, pid } = await pair(world);
    const clerk = world.attach();
    const delegated = call(self, pid, 'delegate', [clerk.pid], NEVER);
    const { from } = await clerk.receive<{ from: From<string> }>();
    reply(clerk, from, 'once');
    await delegated;
    const ref = clerk.monitor(from);
    expect(await clerk.receive()).toEqual({ signal: 'down', ref, pid: from, reason: 'noproc' });
  },

  async 'a call by name finds the server, with the types of its definition'(world) {
    const self = world.attach();
    const at: ServerAddress<ServedBy<typeof sequence>> = { name: freshName() };
    await startServer(self, sequence, [], { name: at.name, thread: world.places[1] ?? 'home' });
    expect(await call(self, at, 'next')).toBe(1);
    const second: number = await call(self, at, 'next');
    expect(second).toBe(2);
    // @ts-expect-error the server takes no such call
    await expect(call(self, at, 'previous')).rejects.toMatchObject(failure({ noSuchCall: 'previous' }));
  },

  async 'a call that the server does not know is refused, and the server lives'(world) {
    const { self, pid } = await pair(world);
    const untyped: Pid = pid as Pid<unknown>;
    for (const name of ['nonsense', 'toString', '__proto__', 'constructor']) {
      await expect(call(self, untyped, name, [])).rejects.toMatchObject(failure({ noSuchCall: name }));
      cast(self, untyped, name, []);
    }
    expect(await call(self, pid, 'add', [1])).toBe(1);
  },

  async 'an argument that is no message fails the call where it is made, and reaches nobody'(world) {
    const { self, pid } = await pair(world);
    await expect(call(self, pid, 'echo', [() => {}])).rejects.toMatchObject({ code: 'ERR_LIMINAL_NOT_PORTABLE' });
    expect(await call(self, pid, 'log')).toEqual([]);
  },

  async 'a call is given up with the reason of its abort signal'(world) {
    const { self, pid } = await pair(world);
    const controller = new AbortController();
    const waiting = call(self, pid, 'queue', [], { ...NEVER, signal: controller.signal });
    controller.abort(new Error('no longer wanted'));
    await expect(waiting).rejects.toThrow('no longer wanted');
    await expect(call(self, pid, 'queue', [], { signal: controller.signal })).rejects.toThrow('no longer wanted');
  },

  async 'an exit sent to the address of a reply leaves the call as it was'(world) {
    const { self, pid } = await pair(world);
    const clerk = world.attach();
    const delegated = call(self, pid, 'delegate', [clerk.pid], NEVER);
    const { from } = await clerk.receive<{ from: From<string> }>();
    for (const reason of ['not yours', 'kill']) clerk.exitProcess(from, reason);
    reply(clerk, from, 'still there');
    expect(await delegated).toBe('still there');
  },

  async 'a caller that ends takes the address of its call with it'(world) {
    const { self, pid } = await pair(world);
    const clerk = world.attach();
    void call(self, pid, 'delegate', [clerk.pid], NEVER);
    const { from } = await clerk.receive<{ from: From<string> }>();
    const ref = clerk.monitor(from);
    self.close();
    expect(await clerk.receive()).toEqual({ signal: 'down', ref, pid: from, reason: 'shutdown' });
  },

  async 'an attached process of a process that has ended is dead from the start'(world) {
    const self = world.attach();
    self.close();
    const late = self.attach();
    const watcher = world.attach();
    late.send(watcher.pid, 'from a dead pid');
    const ref = watcher.monitor(late.pid);
    expect(await watcher.receive()).toEqual({ signal: 'down', ref, pid: late.pid, reason: 'noproc' });
  },
});
