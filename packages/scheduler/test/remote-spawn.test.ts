/** Processes that one node has another start. */
import {
  type CodeAddress,
  encodeValue,
  formatPid,
  type NodeName,
  type Pid,
  parsePid,
  type Ref,
  type SpawnCode,
  SpawnRefusedError,
} from '@liminal-node/scheduler';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { encodeSignal, encodeSpawn } from '../src/encoding/signal-codec.js';
import type { Signal } from '../src/signal.js';
import { puppet } from './fixtures/puppet.js';
import { ROOT, TwoNodes } from './two-nodes.js';
import { Actor, freshName, signpost } from './world.js';

const FAR = 'far@host' as NodeName;

describe.each([
  ['from and to the home thread', 0],
  ['from and to scheduler threads', 2],
])('%s', (_, threads) => {
  let nodes: TwoNodes;
  let asker: Actor;
  /** What the far node waits for before it decides. */
  let gate: Promise<void>;
  const asked: SpawnCode[] = [];
  beforeAll(async () => {
    nodes = await TwoNodes.start(threads);
    nodes.far.setSpawnPolicy({
      async resolve(_kind, code, asking): Promise<CodeAddress> {
        asked.push(code);
        await gate;
        if ('spec' in code) return { module: puppet.module, name: code.spec };
        if (code.name === 'forbidden') throw new SpawnRefusedError(`not for ${asking}`, { reason: 'not_allowed' });
        return { module: new URL(code.module, ROOT).href, name: code.name };
      },
      spec: () => undefined,
    });
  });
  beforeEach(async () => {
    gate = Promise.resolve();
    asked.length = 0;
    asker = await nodes.actor(nodes.near, { trapExit: true });
  });
  afterEach(() => nodes.connect());
  afterAll(() => nodes[Symbol.asyncDispose]());

  const spawnFar = async (options: object = {}): Promise<Actor> =>
    new Actor(nodes.far, await asker.do<Pid>('spawnPuppet', { node: FAR, ...options }));

  test('N24: a process is started on another node, with its parent, its label and its name', async () => {
    const name = freshName();
    const child = await spawnFar({ name, label: 'the far one' });
    expect(parsePid(child.pid)?.node).toBe(FAR);
    expect(asked).toEqual([{ module: 'fixtures/puppet.ts', name: 'puppet' }]);
    expect(nodes.far.whereis(name)).toBe(child.pid);
    const info = await nodes.far.processInfo(child.pid);
    expect(info).toMatchObject({ parent: asker.pid, label: 'the far one' });
    await expect(asker.do('spawnPuppet', { node: FAR, name })).rejects.toMatchObject({ code: 'ERR_LIMINAL_NAME' });
  });

  test('B14, N24: link and monitor are in place before its first instruction', async () => {
    const ref = await asker.do<Ref>('makeRef');
    const pid = await asker.do<Pid>('spawnFailing', { node: FAR, link: true, monitor: ref });
    const reason = { error: expect.objectContaining({ message: 'failed at once' }) };
    const heard: unknown[] = [];
    await expect
      .poll(async () => heard.push(...(await asker.heard())) && heard)
      .toEqual([
        { signal: 'exit', from: pid, reason },
        { signal: 'down', ref, pid, reason },
      ]);
  });

  test('its end is told once, and the end of its parent ends it where they are linked', async () => {
    const [linked, monitored, free] = [
      await spawnFar({ link: true }),
      await spawnFar({ monitor: true }),
      await spawnFar(),
    ];
    monitored.tell('exit', 'done');
    await monitored.ended;
    expect(await nodes.heardBy(asker)).toMatchObject([{ signal: 'down', pid: monitored.pid, reason: 'done' }]);
    asker.tell('exit', 'the end');
    expect(await linked.ended).toBe('the end');
    expect(await nodes.far.isAlive(free.pid)).toBe(true);
  });

  test('trapExit counts from the first instruction', async () => {
    const child = await spawnFar({ link: true, trapExit: true });
    asker.tell('exit', 'the end');
    await asker.ended;
    await expect.poll(() => child.heard()).toEqual([{ signal: 'exit', from: asker.pid, reason: 'the end' }]);
  });

  test('a program may ask, and what it asked for has no parent', async () => {
    const child = new Actor(nodes.far, await nodes.near.spawn(puppet, [], { node: FAR }));
    expect((await nodes.far.processInfo(child.pid))?.parent).toBeUndefined();
  });

  test('its own node is as good as none', async () => {
    const pid = await asker.do<Pid>('spawnPuppet', { node: nodes.near.node, link: true });
    expect(parsePid(pid)?.node).toBe(nodes.near.node);
  });

  test('what a node has registered is started by its name alone, also at home', async () => {
    const far = await asker.do<Pid>('spawn', { spec: 'puppet' }, [], { node: FAR });
    expect(asked).toEqual([{ spec: 'puppet' }]);
    expect(parsePid(far)?.node).toBe(FAR);
    const { module, name } = puppet;
    const found = { module, name };
    nodes.near.setSpawnPolicy({ resolve: () => found, spec: (spec) => (spec === 'here' ? found : undefined) });
    const here = await asker.do<Pid>('spawn', { spec: 'here' }, []);
    expect(parsePid(here)?.node).toBe(nodes.near.node);
    await expect(asker.do('spawn', { spec: 'there' }, [])).rejects.toMatchObject({
      code: 'ERR_LIMINAL_SPAWN_REFUSED',
      message: expect.stringContaining('"there"'),
    });
  });

  test('a refusal tells its reason, is counted, and leaves nothing behind', async () => {
    const before = nodes.far.remoteSpawns.refused['not_allowed'] ?? 0;
    const forbidden = { ...puppet, name: 'forbidden' };
    await expect(nodes.near.spawn(forbidden, [], { node: FAR })).rejects.toMatchObject({
      code: 'ERR_LIMINAL_SPAWN_REFUSED',
      reason: 'not_allowed',
      message: 'not for near@host',
    });
    expect(nodes.far.remoteSpawns.refused['not_allowed']).toBe(before + 1);
  });

  test('what the module is at fault for is told as at home', async () => {
    const { failed } = nodes.far.remoteSpawns;
    const options = { node: FAR, link: true };
    await expect(asker.do('spawnMissing', options)).rejects.toMatchObject({
      code: 'ERR_LIMINAL_SPAWN',
      message: expect.stringContaining(puppet.module),
    });
    await expect(asker.do('spawnUnloadable', options)).rejects.toMatchObject({ code: 'ERR_LIMINAL_SPAWN' });
    expect(nodes.far.remoteSpawns.failed).toBe(failed + 2);
    await expect(asker.do('spawnWithFunction', options)).rejects.toMatchObject({ code: 'ERR_LIMINAL_NOT_PORTABLE' });
    expect(await nodes.heardBy(asker)).toEqual([]);
  });

  test('a module that no other node could find is not asked for', async () => {
    const elsewhere = { ...puppet, module: 'file:///elsewhere/module.js' };
    await expect(nodes.near.spawn(elsewhere, [], { node: FAR })).rejects.toMatchObject({ code: 'ERR_LIMINAL_SPAWN' });
    await expect(nodes.near.spawn(puppet, [], { node: FAR, thread: 'home' })).rejects.toMatchObject({
      code: 'ERR_LIMINAL_OPTION',
    });
    expect(asked).toEqual([]);
  });

  test('conformance N24: a node that is not connected is answered for with noconnection', async () => {
    await expect(nodes.near.spawn(puppet, [], { node: 'nowhere@host' as NodeName })).rejects.toMatchObject({
      code: 'ERR_LIMINAL_SPAWN_REFUSED',
      reason: 'noconnection',
    });
    await expect(asker.do('spawnPuppet', { node: 'nowhere@host', link: true })).rejects.toMatchObject({
      code: 'ERR_LIMINAL_SPAWN_REFUSED',
    });
    expect(await nodes.heardBy(asker)).toEqual([]);
  });

  test.each([
    ['is not back', false],
    ['is back', true],
  ])(
    'a connection lost before the answer is one noconnection, and ends what was to be linked, where it %s',
    async (__, back) => {
      const [opened, open] = signpost();
      gate = opened;
      const name = freshName();
      const spawning = asker.do<Pid>('spawnPuppet', { node: FAR, link: true, monitor: true, name });
      const lost = expect(spawning).rejects.toMatchObject({ code: 'ERR_LIMINAL_SPAWN_REFUSED' });
      await expect.poll(() => asked).toHaveLength(1);
      nodes.lose();
      await lost;
      if (back) nodes.connect();
      const started = nodes.far.remoteSpawns.started;
      open();
      await expect.poll(() => nodes.far.remoteSpawns.started).toBe(started + 1);
      // It was to be linked, and has nobody to be linked to.
      await expect.poll(() => nodes.far.whereis(name)).toBeUndefined();
      nodes.connect();
      expect(await nodes.heardBy(asker)).toEqual([]);
    },
  );

  test('a parent that ends before the answer takes the child along where they are to be linked', async () => {
    const [opened, open] = signpost();
    gate = opened;
    const name = freshName();
    asker.tell('spawnPuppet', { node: FAR, link: true, name });
    await expect.poll(() => asked).toHaveLength(1);
    nodes.near.exitProcess(asker.pid, 'kill');
    await asker.ended;
    const started = nodes.far.remoteSpawns.started;
    open();
    await expect.poll(() => nodes.far.remoteSpawns.started).toBe(started + 1);
    await expect.poll(() => nodes.far.whereis(name)).toBeUndefined();
  });

  test('bytes that are no request are refused, counted and answered', async () => {
    const refused = nodes.far.remoteSpawns.refused['malformed'] ?? 0;
    const at = { thread: 0, serial: 9 };
    const request = { code: { spec: 'puppet' }, args: [], parent: true, link: true, monitor: false, trapExit: false };
    const bad = [
      new Uint8Array([0xff]),
      ...[
        'text',
        { ...request, args: 'none' },
        { ...request, code: { module: 5, name: 'x' } },
        { ...request, link: 1 },
        { ...request, name: { via: 'x', name: 'y' } },
        { ...request, label: 'x'.repeat(2_000) },
        { ...request, mailbox: { maxItems: '9' } },
        { ...request, mailbox: { overflow: 'never' } },
      ].map((value) => encodeValue(value)),
    ];
    for (const bytes of bad) nodes.far.receiveRemote(nodes.near.node, 1, encodeSpawn(at, 'ref' as never, bytes));
    await expect.poll(() => nodes.far.remoteSpawns.refused['malformed']).toBe(refused + bad.length);
    expect(asked).toEqual([]);
  });

  test('an answer of a third node is not taken for that of the node that was asked', async () => {
    const [opened, open] = signpost();
    gate = opened;
    const ref = await asker.do<Ref>('makeRef');
    const spawning = asker.do<Pid>('spawnPuppet', { node: FAR, monitor: ref });
    await expect.poll(() => asked).toHaveLength(1);
    const third = { node: 'third@host' as NodeName, creation: 7 };
    const from = formatPid({ ...third, thread: 0, serial: 5 });
    const forged = { type: 'spawned', from, to: asker.pid, ref } as unknown as Signal;
    nodes.near.receiveRemote(third.node, third.creation, encodeSignal(forged));
    open();
    expect(parsePid(await spawning)?.node).toBe(FAR);
  });
});

test.each([
  ['as small as it was asked for', { maxItems: 3 }, 3],
  ['no larger than others of its node', { maxItems: 1e9 }, 10],
])('its mailbox is %s', async (_, mailbox, items) => {
  await using nodes = await TwoNodes.start(0, { mailbox: { maxItems: 10, maxBytes: 1e6, overflow: 'drop-newest' } });
  const { module, name } = puppet;
  nodes.far.setSpawnPolicy({ resolve: () => ({ module, name }), spec: () => undefined });
  const pid = await nodes.near.spawn(puppet, [], { node: FAR, mailbox });
  const sent = 100;
  for (let count = 0; count < sent; count++) nodes.far.send(pid, count);
  // The first is handed to it, and its turn does not come before the others.
  expect((await nodes.far.processInfo(pid))?.mailbox).toMatchObject({ messages: items, dropped: sent - items - 1 });
});

test('a node without a policy starts nothing for others', async () => {
  await using nodes = await TwoNodes.start(0);
  await expect(nodes.near.spawn(puppet, [], { node: FAR })).rejects.toMatchObject({ reason: 'not_allowed' });
  expect(nodes.far.remoteSpawns).toEqual({ started: 0, failed: 0, refused: { not_allowed: 1 } });
});
