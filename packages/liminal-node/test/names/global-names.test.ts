/** Global names between whole nodes, over a network in memory and a virtual clock. */
import { connectSignals, type Distribution, FrameType, startDistribution } from '@liminal-node/distribution';
import {
  createMemoryNetwork,
  createVirtualEnvironment,
  type MemoryNetwork,
  type VirtualEnvironment,
} from '@liminal-node/distribution/testing';
import {
  type AttachedProcess,
  defineProcess,
  isExit,
  type NodeName,
  type Pid,
  Scheduler,
  silentLogger,
} from '@liminal-node/scheduler';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GlobalNames, type GlobalNamesOptions } from '../../src/names/global-names.js';
import { globalNames, isNameConflict, lockGlobally } from '../../src/names/registry.js';
import { encodeMessage } from '../../src/names/wire.js';

const LEADER = { via: globalNames, name: 'leader' };

/** Says who it is, and who has the name when it begins. */
const named = defineProcess(import.meta.url, 'named', async (self, observer: Pid) => {
  self.send(observer, [self.pid, self.whereis(LEADER)]);
  await self.receive();
});

interface Node {
  readonly scheduler: Scheduler;
  readonly distribution: Distribution;
  readonly names: GlobalNames;
}

let environment: VirtualEnvironment;
let network: MemoryNetwork;
let nodes: Node[];
let creations = 0;

beforeEach(() => {
  environment = createVirtualEnvironment();
  network = createMemoryNetwork(environment);
  nodes = [];
});
afterEach(async () => {
  const stopping = Promise.all(
    nodes.flatMap(({ names, distribution, scheduler }) => [
      names[Symbol.asyncDispose](),
      distribution.stop(),
      scheduler.stop(),
    ]),
  );
  await pass(5_000);
  await stopping;
});

const pass = (ms = 10): Promise<void> => environment.advance(ms);

async function start(name: string, options: Partial<GlobalNamesOptions> & { hidden?: boolean } = {}): Promise<Node> {
  const { hidden = false, ...ofNames } = options;
  const node = `${name}@h` as NodeName;
  const creation = ++creations;
  const scheduler = await Scheduler.start({ node, creation, threads: 0, environment });
  const distribution = await startDistribution({
    name: node,
    creation,
    cookie: 'secret',
    listen: { host: '127.0.0.1', port: 0 },
    seeds: nodes.flatMap((other) => other.distribution.address ?? []),
    hidden,
    environment,
    transport: network.transport,
  });
  connectSignals(distribution, scheduler);
  const names = new GlobalNames({ scheduler, distribution, hidden, logger: silentLogger }, ofNames);
  const started = { scheduler, distribution, names };
  nodes.push(started);
  await pass();
  return started;
}

/** No byte passes between that node and the others, and in time they give one another up. */
async function isolate({ distribution }: Node): Promise<void> {
  for (const node of nodes) network.silence(node.distribution.address ?? '');
  await pass(15_000);
  expect(distribution.sessions()).toEqual([]);
}

async function heal(): Promise<void> {
  for (const node of nodes) network.restore(node.distribution.address ?? '');
  await pass(30_000);
  for (const { distribution } of nodes) expect(distribution.sessions()).toHaveLength(nodes.length - 1);
}

/** How it has ended, once time has passed. */
async function after<T>(work: Promise<T>, ms = 10): Promise<T> {
  const settled = Promise.allSettled([work]);
  await pass(ms);
  await settled;
  return work;
}

const heldBy = (process: AttachedProcess): unknown[] => nodes.map(() => process.pid);
const seen = (): unknown[] => nodes.map(({ scheduler }) => scheduler.whereis(LEADER));

describe('a name', () => {
  test('X1, X7: that was registered on one node is found on all once that has succeeded, and a send to it arrives', async () => {
    for (const name of ['a', 'b', 'c']) await start(name);
    const [a, , c] = nodes as [Node, Node, Node];
    const holder = c.scheduler.attach();
    let then: unknown;
    await after(
      holder.register(LEADER).then(() => {
        then = seen();
      }),
    );
    expect(then).toEqual(heldBy(holder));
    a.scheduler.send(LEADER, 'hello');
    await pass();
    expect(await holder.receive({ timeoutMs: 0 })).toBe('hello');
  });

  test('X2: that is taken is refused, and its holder stays', async () => {
    for (const name of ['a', 'b']) await start(name);
    const [first, second] = nodes.map(({ scheduler }) => scheduler.attach()) as [AttachedProcess, AttachedProcess];
    await after(second.register(LEADER));
    await expect(after(first.register(LEADER))).rejects.toMatchObject({ code: 'ERR_LIMINAL_NAME' });
    expect(seen()).toEqual(heldBy(second));
  });

  test('X3: is free everywhere when its holder ends, and can be had by who hears of that end', async () => {
    for (const name of ['a', 'b', 'c']) await start(name);
    const [a, b] = nodes as [Node, Node];
    const holder = b.scheduler.attach();
    await after(holder.register(LEADER));
    const heir = a.scheduler.attach();
    heir.monitor(holder.pid);
    const inherited = heir.receive().then(() => heir.register(LEADER));
    holder.close();
    await after(inherited);
    expect(seen()).toEqual(heldBy(heir));
    await after(heir.unregister(LEADER));
    expect(seen()).toEqual([undefined, undefined, undefined]);
  });

  test('X5: of a node that goes down is gone from the others', async () => {
    for (const name of ['a', 'b', 'c']) await start(name);
    const [a, b, c] = nodes as [Node, Node, Node];
    await after(a.scheduler.attach().register(LEADER));
    const told: unknown[] = [];
    b.distribution.onMembership('signals', ({ type }) => told.push(type, b.scheduler.whereis(LEADER)));
    network.cut(a.distribution.address ?? '');
    a.distribution.stop();
    await pass(1_000);
    expect(told).toEqual(['down', undefined]);
    expect(c.scheduler.whereis(LEADER)).toBeUndefined();
  });

  test('is known to a node that joins later', async () => {
    const a = await start('a');
    const holder = a.scheduler.attach();
    await after(holder.register(LEADER));
    const late = await start('b');
    expect(late.scheduler.whereis(LEADER)).toBe(holder.pid);
    expect(late.names.registered()).toEqual(new Map([['leader', holder.pid]]));
  });

  test('is given to a process before its first instruction where it is spawned with it', async () => {
    for (const name of ['a', 'b']) await start(name);
    const [a, b] = nodes as [Node, Node];
    const observer = a.scheduler.attach();
    const pid = await after(b.scheduler.spawn(named, [observer.pid], { name: LEADER }));
    expect(await after(observer.receive())).toEqual([pid, pid]);
    await expect(after(a.scheduler.spawn(named, [observer.pid], { name: LEADER }))).rejects.toMatchObject({
      code: 'ERR_LIMINAL_NAME',
    });
  });

  test.each(['', 'x'.repeat(256)])('has 1 to 255 bytes', async (name) => {
    const a = await start('a');
    await expect(a.scheduler.attach().register({ via: globalNames, name })).rejects.toMatchObject({
      code: 'ERR_LIMINAL_NAME',
    });
  });

  test('that not every node agrees to in time is not registered, and the caller is told', async () => {
    const a = await start('a', { registerTimeoutMs: 500 });
    const b = await start('b');
    network.silence(a.distribution.address ?? '');
    await expect(after(a.scheduler.attach().register(LEADER), 600)).rejects.toMatchObject({
      code: 'ERR_LIMINAL_GLOBAL_NAME',
      reason: 'timeout',
    });
    await heal();
    expect(seen()).toEqual([undefined, undefined]);
    expect(a.names.counters.refused).toEqual({ timeout: 1 });
    await after(b.scheduler.attach().register(LEADER));
  });

  test('beyond what a node may have is refused', async () => {
    const a = await start('a', { maxNames: 1 });
    const process = a.scheduler.attach();
    await after(process.register(LEADER));
    await expect(after(process.register({ via: globalNames, name: 'another' }))).rejects.toMatchObject({
      reason: 'limit',
    });
  });
});

describe('two processes that have one name after a partition', () => {
  async function split(options: Partial<GlobalNamesOptions>): Promise<[AttachedProcess, AttachedProcess]> {
    for (const name of ['a', 'b', 'c']) await start(name, options);
    const [a, , c] = nodes as [Node, Node, Node];
    await isolate(c);
    const older = c.scheduler.attach({ trapExit: true });
    await after(older.register(LEADER));
    const younger = a.scheduler.attach({ trapExit: true });
    await after(younger.register(LEADER));
    expect([c, a].map(({ scheduler }) => scheduler.whereis(LEADER))).toEqual([older.pid, younger.pid]);
    await heal();
    return [older, younger];
  }

  test('X4: the older keeps it on every node, and the other is ended with a reason that says so', async () => {
    const [older, younger] = await split({});
    expect(seen()).toEqual(heldBy(older));
    expect(await younger.receive({ match: isExit, timeoutMs: 0 })).toMatchObject({
      reason: { nameConflict: { kind: 'name', name: 'leader', keeper: older.pid } },
    });
    await expect(older.receive({ timeoutMs: 0 })).rejects.toThrow('no matching message');
    expect(nodes.map(({ names }) => names.counters.conflictsLost)).toEqual([1, 0, 0]);
  });

  test('X4: the other may be told and live', async () => {
    const [older, younger] = await split({ conflict: 'notify' });
    expect(seen()).toEqual(heldBy(older));
    expect(await younger.receive({ match: isNameConflict, timeoutMs: 0 })).toEqual({
      signal: 'nameConflict',
      kind: 'name',
      name: 'leader',
      keeper: older.pid,
    });
  });

  test('X4: nobody may keep it, and both are told', async () => {
    const both = await split({ conflict: 'notify_all' });
    expect(seen()).toEqual([undefined, undefined, undefined]);
    for (const process of both) {
      expect(await process.receive({ match: isNameConflict, timeoutMs: 0 })).not.toHaveProperty('keeper');
    }
  });
});

describe('a lock', () => {
  test('X6: is held by one, waited for, and freed when its holder releases it or ends', async () => {
    for (const name of ['a', 'b', 'c']) await start(name);
    const [first, second, third] = nodes.map(({ scheduler }) => scheduler.attach()) as [
      AttachedProcess,
      AttachedProcess,
      AttachedProcess,
    ];
    const order: string[] = [];
    const held = await after(lockGlobally(second, 'the lock'));
    const waiting = [
      lockGlobally(first, 'the lock').then(() => order.push('first')),
      lockGlobally(third, 'the lock').then(() => order.push('third')),
    ];
    await pass(1_000);
    expect(order).toEqual([]);
    await after(held.release());
    await pass(1_000);
    expect(order).toHaveLength(1);
    const holder = order[0] === 'first' ? first : third;
    holder.close();
    await pass(1_000);
    await Promise.all(waiting);
    expect(order).toHaveLength(2);
  });

  test('X6: is freed when the node of its holder is lost, and given up by who waits too long', async () => {
    for (const name of ['a', 'b']) await start(name);
    const [a, b] = nodes as [Node, Node];
    await after(lockGlobally(b.scheduler.attach(), 'the lock'));
    const waiting = a.scheduler.attach();
    await expect(after(lockGlobally(waiting, 'the lock', { timeoutMs: 100 }), 200)).rejects.toMatchObject({
      code: 'ERR_LIMINAL_GLOBAL_NAME',
      reason: 'timeout',
    });
    const lock = lockGlobally(waiting, 'the lock');
    await pass(100);
    await isolate(b);
    await after(lock);
  });
});

test('a hidden node is told of no name, and what it says of names is ignored', async () => {
  const a = await start('a');
  const hidden = await start('b', { hidden: true });
  const [holder, stranger] = [a.scheduler.attach(), hidden.scheduler.attach()];
  await after(holder.register(LEADER));
  expect(hidden.scheduler.whereis(LEADER)).toBeUndefined();
  await after(stranger.register(LEADER));
  expect(a.scheduler.whereis(LEADER)).toBe(holder.pid);
  const session = hidden.distribution.session('a@h' as NodeName);
  if (session === undefined) throw new Error('not connected');
  const claim = { key: 'nother', pid: stranger.pid, time: 1, held: true };
  const [bytes] = encodeMessage({ type: 'claim', request: 1, claim });
  hidden.distribution.send(session, FrameType.GLOBAL_NAMES, bytes as Uint8Array, 'control');
  hidden.distribution.send(session, FrameType.GLOBAL_NAMES, Uint8Array.of(200), 'control');
  await pass();
  expect(a.names.registered()).toEqual(new Map([['leader', holder.pid]]));
  expect(a.names.counters.ignored).toEqual({ 'hidden node': 2 });
});
