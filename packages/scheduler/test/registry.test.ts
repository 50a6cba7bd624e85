/** Names of a registry in the place of registered names: they do what those do. */
import {
  type AttachedProcess,
  call,
  cast,
  child,
  isDown,
  type Pid,
  type Ref,
  type ServedBy,
  type ServerAddress,
  sendAfter,
  startServer,
  stopServer,
  type Via,
} from '@liminal-node/scheduler';
import { expect, test } from 'vitest';
import { probe, sequence } from './behaviours/fixtures/servers.js';
import { authority, phonebook } from './fixtures/phonebook.js';
import { freshName, inBothWorlds, type World } from './world.js';

const started = new WeakMap<World, Promise<unknown>>();

/** The registry's own processes, once in each world. */
async function listed(world: World): Promise<{ self: AttachedProcess; at: Via; thread: number | 'home' }> {
  const threads = ['home' as const, ...world.scheduler.threads];
  const start = started.get(world) ?? startServer(world.attach(), authority, [threads], { name: 'phonebook' });
  started.set(world, start);
  await start;
  return { self: world.attach(), at: { via: phonebook, name: freshName() }, thread: world.places[0] ?? 'home' };
}

inBothWorlds({
  async 'a server is started under a name of a registry, and is reached by it'(world) {
    const { self, at, thread } = await listed(world);
    const pid = await startServer(self, probe, [{}], { name: at, thread });
    const server: ServerAddress<ServedBy<typeof probe>> = at;
    expect(self.whereis(at)).toBe(pid);
    expect(world.scheduler.whereis(at)).toBe(pid);
    expect(self.whereis(at.name)).toBeUndefined();
    cast(self, server, 'note', ['cast']);
    self.send(at, 'sent');
    await self.offer(at, 'offered');
    sendAfter(self, 0, at, 'timed');
    expect(await call(self, server, 'add', [2])).toBe(2);
    await expect
      .poll(() => call(self, server, 'log'))
      .toEqual(['cast', { info: 'sent' }, { info: 'offered' }, { info: 'timed' }]);
  },

  async 'a process on another thread reaches it by the same name, which is data'(world) {
    const { self, at, thread } = await listed(world);
    const pid = await startServer(self, probe, [{}], { name: at, thread });
    const far = await world.actor(0);
    expect(await far.do('whereis', at)).toBe(pid);
    await far.do('send', at, 'from afar');
    expect(await call(self, pid, 'log')).toEqual([{ info: 'from afar' }]);
  },

  async 'a start under a name that is held fails and says who holds it, and nothing is left of it'(world) {
    const { self, at, thread } = await listed(world);
    const holder = await startServer(self, sequence, [], { name: at, thread });
    await expect(startServer(self, sequence, [], { name: at })).rejects.toMatchObject({
      code: 'ERR_LIMINAL_START',
      reason: { alreadyStarted: holder },
    });
    const actor = await world.actor(1);
    await expect(actor.do('register', at)).rejects.toMatchObject({ code: 'ERR_LIMINAL_NAME' });
    expect(self.whereis(at)).toBe(holder);
  },

  async 'a process may have several names of registries, and gives them up one by one'(world) {
    const { at } = await listed(world);
    const second: Via = { via: phonebook, name: freshName() };
    const actor = await world.actor(0, { name: freshName() });
    await actor.do('register', at);
    await actor.do('register', second);
    await actor.do('unregister', at);
    expect([world.scheduler.whereis(at), world.scheduler.whereis(second)]).toEqual([undefined, actor.pid]);
  },

  async 'the name is free when its holder has ended'(world) {
    const { self, at, thread } = await listed(world);
    const pid = await startServer(self, sequence, [], { name: at, thread });
    self.exitProcess(pid, 'kill');
    await expect.poll(() => self.whereis(at)).toBeUndefined();
    expect(await startServer(self, sequence, [], { name: at })).not.toBe(pid);
  },

  async 'a name that nobody holds fails as one of the node does'(world) {
    const { self, at } = await listed(world);
    const server: ServerAddress<ServedBy<typeof probe>> = at;
    expect(() => self.send(at, 1)).toThrow(expect.objectContaining({ code: 'ERR_LIMINAL_NAME' }));
    await expect(call(self, server, 'add', [1])).rejects.toMatchObject({ reason: 'noproc' });
    await expect(stopServer(self, server)).rejects.toMatchObject({ reason: 'noproc' });
    cast(self, server, 'note', [1]);
    const ref = self.monitor(at);
    expect(await self.receive()).toEqual({ signal: 'down', ref, name: at.name, node: self.node, reason: 'noproc' });
  },

  async 'a monitor of a name is on who holds it, and its down has the name'(world) {
    const { self, at, thread } = await listed(world);
    const pid = await startServer(self, sequence, [], { name: at, thread });
    const ref = self.monitor(at);
    await stopServer(self, at, { shutdown: 'as asked' });
    const down = await self.receive<{ ref: Ref; pid: Pid }>({ match: (message): message is never => isDown(message) });
    expect(down).toMatchObject({ ref, pid, name: at.name, reason: { shutdown: 'as asked' } });
  },

  async 'a child has a name of a registry from its spec'(world) {
    const { at } = await listed(world);
    expect(child(sequence, [], { name: at }).start.options).toEqual({ name: at });
  },

  async 'a registry that this thread does not know, or that does not load, is an error that says so'(world) {
    const { self, at } = await listed(world);
    const unknown: Via = { ...at, via: { ...phonebook, module: new URL('nothing.js', import.meta.url).href } };
    expect(() => self.send(unknown, 1)).toThrow(/does not know registry .* import its module/);
    await expect(startServer(self, sequence, [], { name: unknown })).rejects.toMatchObject({
      code: 'ERR_LIMINAL_SPAWN',
    });
  },
});

test('a registry is data', () => {
  expect(structuredClone(phonebook)).toEqual(phonebook);
});
