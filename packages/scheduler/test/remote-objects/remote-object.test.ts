/** What a mailbox adds to comlink: ends that are told, deadlines, bounds, supervision, and clients that are forgotten. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  type AttachedProcess,
  call,
  type DownMessage,
  encodeValue,
  expose,
  isDown,
  type ObjectAddress,
  type ObjectOf,
  type ObjectPid,
  type Pid,
  proxy,
  type Remote,
  releaseProxy,
  startObject,
  startSupervisor,
  stopServer,
  wrap,
} from '@liminal-node/scheduler';
import { expect } from 'vitest';
import { freshName } from '../world.js';
import { client, host, narrowToolbox, started, type Toolbox, toolbox, tree } from './fixtures/objects.js';
import { eventually, onEveryPath, type Path } from './paths.js';

const NEVER = { timeoutMs: Number.POSITIVE_INFINITY };

async function open(path: Path): Promise<{ pid: ObjectPid<Toolbox>; remote: Remote<Toolbox> }> {
  const pid = await path.start(toolbox, []);
  return { pid, remote: wrap(path.near, pid, NEVER) };
}

/** A call that is at work in the object. */
async function waiting(remote: Remote<Toolbox>): Promise<{ readonly call: Promise<unknown> }> {
  const open = await remote.waiting();
  const call = remote.wait();
  call.catch(() => {});
  await eventually(async () => (await remote.waiting()) > open);
  return { call };
}

function failure(reason: unknown): object {
  return { code: 'ERR_LIMINAL_CALL', reason };
}

async function endOf(watcher: AttachedProcess, pid: Pid): Promise<unknown> {
  const ref = watcher.monitor(pid);
  const isItsEnd = (message: unknown): message is DownMessage => isDown(message) && message.ref === ref;
  return (await watcher.receive({ match: isItsEnd })).reason;
}

onEveryPath({
  async 'calls of one proxy begin in the order in which they were made, sets and gets among them'(path) {
    const { remote } = await open(path);
    const calls: Promise<unknown>[] = [];
    for (let at = 0; at < 100; at++) {
      calls.push(remote.note(at));
      // biome-ignore lint/suspicious/noExplicitAny: comlink's types have a promise where a value is assigned
      if (at === 50) (remote as any).value = 50;
      if (at === 60) calls.push(Promise.resolve(remote.value).then((value) => expect(value).toBe(50)));
    }
    await Promise.all(calls);
    expect(await remote.log()).toEqual(Array.from({ length: 100 }, (_, at) => at));
  },

  async 'a method that waits lets the next one begin'(path) {
    const { remote } = await open(path);
    const { call: first } = await waiting(remote);
    expect(await remote.arrow()).toBe(4);
    await remote.letGo('gone');
    expect(await first).toBe('gone');
  },

  async 'a call without an answer in time fails with its deadline, and its late answer reaches nobody'(path) {
    const { pid, remote } = await open(path);
    const hasty = wrap(path.near, pid, { timeoutMs: 20 });
    await expect(hasty.wait()).rejects.toMatchObject({
      code: 'ERR_LIMINAL_CALL_TIMEOUT',
      reason: 'timeout',
      call: 'wait',
      timeoutMs: 20,
    });
    await remote.letGo('too late');
    expect(await remote.waiting()).toBe(0);
  },

  async 'a proxied result that comes too late is let go'(path) {
    const { pid, remote } = await open(path);
    const hasty = wrap(path.near, pid, { timeoutMs: 20 });
    await expect(hasty.makeLater()).rejects.toMatchObject({ code: 'ERR_LIMINAL_CALL_TIMEOUT' });
    const before = await processesOf(path);
    await remote.letGo(0);
    await eventually(async () => (await processesOf(path)) === before);
  },

  async 'when the process ends, open calls and later ones fail at once with its reason'(path) {
    const { pid, remote } = await open(path);
    const { call: pending } = await waiting(remote);
    const method = remote.arrow;
    path.attach().exitProcess(pid, 'broken off');
    await expect(pending).rejects.toMatchObject({ ...failure('broken off'), call: 'wait' });
    await expect(method()).rejects.toMatchObject(failure('broken off'));
    await expect((async () => remote.nested)()).rejects.toMatchObject({ ...failure('broken off'), call: 'get nested' });
  },

  async 'a process that is killed, leaves or crashes fails calls with killed and with its reason'(path) {
    const watcher = path.attach();
    const killed = await open(path);
    const { call: pending } = await waiting(killed.remote);
    watcher.exitProcess(killed.pid, 'kill');
    await expect(pending).rejects.toMatchObject(failure('killed'));
    const leaving = wrap(path.near, await path.start(started, [watcher.pid, 'one']), NEVER);
    await expect(leaving.leave()).rejects.toMatchObject(failure('left'));
    const crashing = wrap(path.near, await path.start(started, [watcher.pid, 'two']), NEVER);
    await crashing.crash();
    await eventually(() => crashing.name.then(() => false).catch(({ reason }) => reason === 'crashed'));
  },

  async 'a call of what is not there fails at once with noproc, by pid or by name'(path) {
    const { pid } = await open(path);
    const watcher = path.attach();
    watcher.exitProcess(pid, 'gone');
    await endOf(watcher, pid);
    await expect(wrap(path.near, pid, NEVER).value).rejects.toMatchObject(failure('noproc'));
    const nobody: ObjectAddress<Toolbox> = { name: freshName() };
    await expect(wrap(path.near, nobody, NEVER).arrow()).rejects.toMatchObject(failure('noproc'));
    const nobodyThere: ObjectAddress<Toolbox> = { name: freshName(), node: path.far.node };
    await expect(wrap(path.near, nobodyThere, NEVER).arrow()).rejects.toMatchObject(failure('noproc'));
    expect(() => wrap(path.near, 'nonsense' as ObjectPid<Toolbox>)).toThrow(TypeError);
  },

  async 'an object is found by its name, and a proxy stays with the process that had it'(path) {
    const name = freshName();
    const options = { name, thread: path.thread };
    const pid = await startObject(path.far.attach(), toolbox, [], options);
    const address: ObjectAddress<ObjectOf<typeof toolbox>> = { name, node: path.far.node };
    const remote = wrap(path.near, address, NEVER);
    expect(await Promise.all([remote.note(1), remote.note(2), remote.value])).toEqual([1, 2, 4]);
    await stopServer(path.far.attach(), pid, 'over');
    await eventually(() =>
      remote.value.then(() => false).catch(({ reason }: { reason: unknown }) => reason === 'over'),
    );
    await startObject(path.far.attach(), toolbox, [], options);
    await expect(remote.value).rejects.toMatchObject(failure('over'));
    expect(await wrap(path.near, address).value).toBe(4);
  },

  async 'a supervisor starts an object and restarts it under its name'(path) {
    const name = freshName();
    await startSupervisor(path.far.attach(), tree, [name, path.thread]);
    const first = path.far.whereis(name) as ObjectPid<Toolbox>;
    const remote = wrap(path.near, first, NEVER);
    expect(await remote.note('before')).toBe(1);
    path.attach().exitProcess(first, 'crash');
    await eventually(() => ![first, undefined].includes(path.far.whereis(name) as ObjectPid<Toolbox>));
    const again = wrap(path.near, path.far.whereis(name) as ObjectPid<Toolbox>, NEVER);
    expect(await again.log()).toEqual([]);
  },

  async 'an object that cannot be made fails its start'(path) {
    const starter = path.far.attach();
    await expect(path.start(started, [starter.pid, ''])).rejects.toMatchObject({
      code: 'ERR_LIMINAL_START',
      reason: { error: { name: 'RangeError', message: 'no name' } },
    });
  },

  async 'an object takes no calls of servers, and drops what is not for it, counted'(path) {
    const { pid, remote } = await open(path);
    const self = path.attach();
    await expect(call(self, pid as Pid, 'value', [])).rejects.toMatchObject(failure({ noSuchCall: 'value' }));
    const before = await path.dropped('not for an object');
    const request = {
      signal: 'request',
      type: 'GET',
      from: self.pid,
      id: 'a',
      path: ['value'],
      args: new Uint8Array(),
    };
    for (const message of [
      'text',
      null,
      { signal: 'down', ref: self.makeRef() },
      { ...request, type: 'ENDPOINT' },
      { ...request, type: 'toString' },
      { ...request, from: 'somebody' },
      { ...request, id: 1 },
      { ...request, path: 'value' },
      { ...request, path: [1] },
      { ...request, path: Array.from({ length: 1000 }, () => 'a') },
      { ...request, type: 'SET', path: [] },
      { ...request, args: [] },
      { ...request, args: new Uint8Array([0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]) },
      { ...request, args: new Uint8Array([0xf6]) },
      { signal: 'client', from: 1 },
    ]) {
      self.send<unknown>(pid, message);
    }
    self.send<unknown>(pid, { ...request, id: 'b' });
    expect(await self.receive()).toMatchObject({ signal: 'answer', id: 'b' });
    // A down message that is not of its monitors is nobody's end.
    expect((await path.dropped('not for an object')) - before).toBe(14);
    expect(await remote.value).toBe(4);
  },

  async 'a proxy drops what is not for it, counted, and an exit sent to it leaves its calls as they were'(path) {
    const object = path.far.attach();
    const remote = wrap<Toolbox>(path.near, object.pid as ObjectPid<Toolbox>, NEVER);
    const pending = remote.wait();
    const { from, id } = await object.receive<{ from: Pid<unknown>; id: string }>();
    const useless = ['not for a proxy', 'late answer'];
    const before = await droppedNear(path, ...useless);
    const answer = { signal: 'answer', id };
    for (const message of [
      'text',
      { signal: 'down', ref: object.makeRef(), reason: 'normal' },
      answer,
      { ...answer, id: '' },
      { ...answer, result: 'text' },
      { ...answer, result: encodeValue('no outcome') },
      { ...answer, result: encodeValue({ result: 'no pid', handler: 'proxy' }) },
      { ...answer, result: new Uint8Array([0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]) },
      { ...answer, id: 'another', result: encodeValue({ result: 1 }) },
      { signal: 'object', pid: 'no pid' },
    ]) {
      object.send(from, message);
    }
    object.exitProcess(from, 'an exit');
    object.send(from, { ...answer, result: encodeValue({ result: 'as it was' }) });
    expect(await pending).toBe('as it was');
    expect((await droppedNear(path, ...useless)) - before).toBe(9);
    const handled = remote.wait();
    object.send(from, {
      ...answer,
      id: (await object.receive<{ id: string }>()).id,
      result: encodeValue({ result: 1, handler: 'unheard of' }),
    });
    await expect(handled).rejects.toThrow('no transfer handler "unheard of"');
  },

  async 'a proxy whose mailbox is killed fails its calls'(path) {
    const object = path.far.attach();
    const pending = wrap<Toolbox>(path.near, object.pid as ObjectPid<Toolbox>, NEVER).wait();
    object.exitProcess((await object.receive<{ from: Pid }>()).from, 'kill');
    await expect(pending).rejects.toMatchObject(failure('killed'));
  },

  async 'a process exposes an object beside its own work, until it takes it back or ends'(path) {
    const observer = path.attach();
    const pid = await path.far.spawn(host, [observer.pid], { thread: path.thread });
    const { pid: exposed } = await observer.receive<{ pid: ObjectPid<Toolbox> }>();
    const [one, other] = [wrap(path.near, exposed, NEVER), wrap(path.near, exposed, NEVER)];
    expect([await one.note('a'), await other.note('b')]).toEqual([1, 2]);
    observer.send(pid, 'clients');
    expect(await observer.receive()).toEqual({ clients: 2 });
    other[releaseProxy]();
    await eventually(async () => {
      observer.send(pid, 'clients');
      return (await observer.receive<{ clients: number }>()).clients === 1;
    });
    const { call: pending } = await waiting(one);
    observer.send(pid, 'end');
    await expect(pending).rejects.toMatchObject(failure('shutdown'));
  },

  async 'a client whose process ends is forgotten'(path) {
    const { pid, remote } = await open(path);
    const observer = path.attach();
    const other = await path.near.spawn(client, [pid, observer.pid, 'wait']);
    expect(await observer.receive()).toBe(1);
    expect(await remote.finalized).toBe(0);
    observer.send(other, 'end');
    await eventually(async () => (await remote.finalized) === 1);
  },

  async 'a callback whose process has ended fails with the reason'(path) {
    const { pid, remote } = await open(path);
    const observer = path.attach();
    const other = await path.near.spawn(client, [pid, observer.pid, 'callback']);
    expect(await observer.receive()).toBe(1);
    expect(await remote.failureOfKept()).toBeUndefined();
    observer.send(other, 'end');
    await endOf(observer, other);
    await eventually(async () => (await remote.failureOfKept()) !== undefined);
    expect(await remote.failureOfKept()).toEqual(failure('shutdown'));
  },

  async 'a callback that the object releases is closed, and one whose object ends as well'(path) {
    const { pid, remote } = await open(path);
    const before = await processesOf(path);
    await remote.keep(proxy(() => 1));
    expect(await remote.tellKept(0)).toBe(1);
    await remote.releaseKept();
    await eventually(async () => (await processesOf(path)) === before);
    await remote.keep(proxy(() => 1));
    path.attach().exitProcess(pid, 'over');
    // The object, the proxy's mailbox and the callback's; a watcher has come.
    await eventually(async () => (await processesOf(path)) === before - 1);
  },

  async 'a released proxy fails its open calls, and what it has brought lives on'(path) {
    const { remote } = await open(path);
    const sample = await remote.makeSample(3);
    const { call: pending } = await waiting(remote);
    remote[releaseProxy]();
    await expect(pending).rejects.toMatchObject(failure('released'));
    expect(await sample.counter).toBe(3);
  },

  async 'a proxy that is collected is released, but not while a call is open'(path) {
    const { pid, remote } = await open(path);
    const pending = wrap(path.near, pid, NEVER).wait();
    await eventually(async () => (await remote.waiting()) === 1);
    await collected(async () => (await remote.note('round')) > 5);
    expect(await remote.finalized).toBe(0);
    await remote.letGo('kept');
    expect(await pending).toBe('kept');
    await collected(async () => (await remote.finalized) === 1);
  },

  async 'one more open call than a proxy may have fails at once, here'(path) {
    const pid = await path.start(toolbox, []);
    const remote = wrap(path.near, pid, { ...NEVER, maxPendingCalls: 2 });
    const calls = [remote.wait(), remote.wait()];
    await expect(remote.arrow()).rejects.toMatchObject(failure({ tooManyCalls: 2 }));
    await wrap(path.near, pid).letGo('all');
    expect(await Promise.all(calls)).toEqual(['all', 'all']);
    expect(await remote.arrow()).toBe(4);
  },

  async 'one more open call than a client may have, one more client and one more callback are refused there'(path) {
    const pid = await path.start(narrowToolbox, []);
    const remote = wrap(path.near, pid, NEVER);
    const calls = [remote.wait(), remote.wait()];
    await expect(remote.arrow()).rejects.toMatchObject(failure({ tooManyCalls: 2 }));
    const second = wrap(path.near, pid, NEVER);
    await second.letGo('all');
    expect(await Promise.all(calls)).toEqual(['all', 'all']);
    const third = wrap(path.near, pid, NEVER);
    await expect(third.arrow()).rejects.toMatchObject(failure({ tooManyClients: 2 }));
    second[releaseProxy]();
    await eventually(() =>
      third.arrow().then(
        () => true,
        () => false,
      ),
    );
    const samples = [await remote.makeSample(1), await remote.makeSample(2)];
    await expect(remote.makeSample(3)).rejects.toMatchObject(failure({ tooManyProxies: 2 }));
    await expect(remote.keep(proxy(() => {}))).rejects.toMatchObject(failure({ tooManyProxies: 2 }));
    samples[0]?.[releaseProxy]();
    await eventually(() =>
      remote.makeSample(4).then(
        () => true,
        () => false,
      ),
    );
    // The object's own calls have its deadline.
    samples[1]?.[releaseProxy]();
    await eventually(() =>
      remote.keep(proxy(() => new Promise(() => {}))).then(
        () => true,
        () => false,
      ),
    );
    expect(await remote.failureOfKept()).toEqual({ code: 'ERR_LIMINAL_CALL_TIMEOUT', reason: 'timeout' });
  },

  async 'more callbacks than a proxy may have open are refused here, and options that make no sense'(path) {
    const pid = await path.start(toolbox, []);
    const remote = wrap(path.near, pid, { ...NEVER, maxProxies: 1 });
    const nothing = proxy(() => 0);
    await expect(remote.sum(nothing, nothing, nothing)).rejects.toMatchObject(failure({ tooManyProxies: 1 }));
    expect(() => wrap(path.near, pid, { maxPendingCalls: 0 })).toThrow('maxPendingCalls');
    expect(() => expose(path.near, {}, { maxClients: 0 })).toThrow('maxClients');
  },

  async 'an assignment that fails ends nothing, and is counted'(path) {
    // biome-ignore lint/suspicious/noExplicitAny: assigns what the types forbid
    const remote = (await open(path)).remote as any;
    const before = await droppedNear(path, 'assignment failed');
    remote.arrived = 1;
    remote.log = 2;
    remote.value = () => {};
    Reflect.set(remote.nested.a, '__proto__', { polluted: true });
    const sample = await remote.makeSample(3);
    sample.counter = -1;
    expect([await remote.value, await remote.arrived, await remote.log()]).toEqual([4, undefined, []]);
    expect([await sample.counter, await remote.nested.a.polluted]).toEqual([3, undefined]);
    expect((await droppedNear(path, 'assignment failed')) - before).toBe(5);
  },

  async 'members that are not of the object or its classes are out of reach'(path) {
    // biome-ignore lint/suspicious/noExplicitAny: reaches for what the types do not have
    const remote = (await open(path)).remote as any;
    const reach = (from: object, name: string) => Reflect.get(from, name);
    for (const attempt of [
      () => remote.constructor('return process'),
      () => remote.arrow.constructor('return process'),
      () => reach(remote, '__proto__').echo(1),
      () =>
        remote.__defineGetter__(
          'value',
          proxy(() => 1),
        ),
      () => reach(remote, 'hasOwnProperty')('value'),
      () => remote.toString(),
      () => remote.arrow.call(null),
      () => remote.items.constructor.from([1]),
      () => remote.Sample.prototype.method(),
      () => new remote.Sample.constructor('return process'),
      () => new remote.arrow(),
      () => remote.value(),
      () => remote.absent(),
      () => remote.absent.deeper,
      () => remote.undefinedValue.deeper,
      () => remote(),
      () => new remote(),
      () => remote.Sample(),
    ]) {
      await expect((async () => attempt())()).rejects.toMatchObject({ name: 'TypeError' });
    }
    expect(await remote.value).toBe(4);
  },
});

async function processesOf({ near, far }: Path): Promise<number> {
  const threads = [...(await near.inspect()), ...(near === far ? [] : await far.inspect())];
  return threads.reduce((sum, { processes }) => sum + processes, 0);
}

/** Messages of the home thread, where the proxies are, that were dropped for one of these reasons. */
async function droppedNear({ near }: Path, ...reasons: string[]): Promise<number> {
  const [home] = await near.inspect();
  return reasons.reduce((sum, reason) => sum + (home?.counters.dropped[reason] ?? 0), 0);
}

/** Collects garbage until the condition holds. */
async function collected(condition: () => Promise<boolean>): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await eventually(async () => {
    collect();
    return condition();
  });
}
