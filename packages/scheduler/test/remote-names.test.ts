/** Monitors of names on other nodes, and calls to servers that are known by such a name. */
import {
  call,
  cast,
  formatPid,
  type NodeName,
  type Ref,
  type ServedBy,
  type ServerAddress,
  startServer,
  stopServer,
} from '@liminal-node/scheduler';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { encodeSignal } from '../src/encoding/signal-codec.js';
import { parsePid } from '../src/pid.js';
import type { Signal } from '../src/signal.js';
import { probe } from './behaviours/fixtures/servers.js';
import { SILENT, TwoNodes } from './two-nodes.js';
import { type Actor, freshName } from './world.js';

const NEVER = { timeoutMs: Number.POSITIVE_INFINITY };

describe.each([
  ['from and to the home thread', 0],
  ['from and to scheduler threads', 2],
])('%s', (_, threads) => {
  let nodes: TwoNodes;
  let watcher: Actor;
  beforeAll(async () => {
    nodes = await TwoNodes.start(threads);
  });
  afterEach(() => nodes.connect());
  afterAll(() => nodes[Symbol.asyncDispose]());

  /** A name on the far node, what holds it, and somebody here who watches it. */
  async function watched(): Promise<{ name: string; node: NodeName; holder: Actor; ref: Ref }> {
    const name = freshName();
    const { node } = nodes.far;
    const holder = await nodes.actor(nodes.far, { name });
    watcher = await nodes.actor(nodes.near);
    const ref = await watcher.do<Ref>('monitor', { name, node });
    expect(await nodes.heardBy(watcher)).toEqual([]);
    return { name, node, holder, ref };
  }

  describe('a monitor of a name on another node', () => {
    test('conformance D9: ends with one down that has the name, the node and the reason', async () => {
      const { name, node, holder, ref } = await watched();
      holder.tell('exit', { crash: 1 });
      await holder.ended;
      expect(await nodes.heardBy(watcher)).toEqual([
        { signal: 'down', ref, pid: holder.pid, name, node, reason: { crash: 1 } },
      ]);
    });

    test('conformance D11: stays on the process that had the name', async () => {
      const { name, holder } = await watched();
      await holder.do('unregister');
      const next = await nodes.actor(nodes.far, { name });
      next.tell('return');
      await next.ended;
      expect(await nodes.heardBy(watcher)).toEqual([]);
      holder.tell('exit', 'end');
      await holder.ended;
      expect(await nodes.heardBy(watcher)).toMatchObject([{ pid: holder.pid, reason: 'end' }]);
    });

    test('conformance D10: is answered with noproc where nobody holds the name, or could', async () => {
      watcher = await nodes.actor(nodes.near);
      const { node } = nodes.far;
      const names = [freshName(), '', 'n'.repeat(300)];
      const refs = await watcher.do<Ref[]>('script', ...names.map((name) => ['monitor', { name, node }] as const));
      const heard = await nodes.heardBy(watcher);
      expect(new Set(heard)).toEqual(
        new Set(names.map((name, at) => ({ signal: 'down', ref: refs[at], name, node, reason: 'noproc' }))),
      );
    });

    test('conformance D19: is answered with noconnection, name and node where the node is not connected', async () => {
      watcher = await nodes.actor(nodes.near);
      const to = { name: 'somebody', node: 'nowhere@host' as NodeName };
      const ref = await watcher.do<Ref>('monitor', to);
      await expect.poll(() => watcher.heard()).toEqual([{ signal: 'down', ref, ...to, reason: 'noconnection' }]);
      await expect(watcher.do('monitor', { name: 'somebody', node: 'no node' })).rejects.toThrow('not a node name');
    });

    test('conformance D15, D18: ends with one noconnection where the connection is lost, and with none when it is back', async () => {
      const { name, node, holder, ref } = await watched();
      const second = await watcher.do<Ref>('monitor', { name, node });
      nodes.lose();
      const down = { signal: 'down', name, node, reason: 'noconnection' };
      const heard: unknown[] = [];
      await expect
        .poll(async () => heard.push(...(await watcher.heard())) && heard)
        .toEqual([
          { ...down, ref, pid: holder.pid },
          // The second was on its way, or its answer was.
          expect.objectContaining({ ...down, ref: second }),
        ]);
      nodes.connect();
      holder.tell('exit', 'too late');
      await holder.ended;
      expect(await nodes.heardBy(watcher)).toEqual([]);
    });

    test('conformance D5, D7: is taken back, before the other node has answered and after', async () => {
      const { name, node, holder, ref } = await watched();
      expect(await watcher.do('demonitor', ref)).toBe(true);
      expect(await watcher.do('demonitor', ref)).toBe(false);
      const taken = await watcher.do<unknown[]>('script', ['monitor', { name, node }], ['demonitor', '$0']);
      expect(taken[1]).toBe(true);
      // Both monitors are ended at who holds the name as well.
      const from = nodes.atFar.lastIndexOf('monitorName');
      await expect.poll(() => nodes.atFar.slice(from)).toContain('demonitor');
      holder.tell('return');
      await holder.ended;
      expect(await nodes.heardBy(watcher)).toEqual([]);
    });

    test('is ended at who holds the name when the watcher ends, also before it has had an answer', async () => {
      const { name, node } = await watched();
      const before = nodes.atFar.length;
      watcher.tell('script', ['monitor', { name, node }], ['exit', 'end']);
      await watcher.ended;
      const sinceThen = () => nodes.atFar.slice(nodes.atFar.indexOf('monitorName', before));
      await expect.poll(sinceThen).toEqual(['monitorName', 'demonitor', 'demonitor']);
    });

    test('is not ended or taken over by a third node', async () => {
      const { ref, holder } = await watched();
      const to = { name: freshName(), node: SILENT };
      const pending = await watcher.do<Ref>('monitor', to);
      const third = { node: 'third@host' as NodeName, creation: 7 };
      const { thread, serial } = parsePid(holder.pid) ?? { thread: 0, serial: 0 };
      const from = formatPid({ ...third, thread, serial });
      for (const target of [ref, pending]) {
        for (const signal of [
          { type: 'monitored', from, to: watcher.pid, ref: target },
          { type: 'down', from, to: watcher.pid, ref: target, reason: 'forged' },
        ] as const) {
          nodes.near.receiveRemote(third.node, third.creation, encodeSignal(signal as unknown as Signal));
        }
      }
      expect(await nodes.heardBy(watcher)).toEqual([]);
      holder.tell('exit', 'end');
      await holder.ended;
      expect(await nodes.heardBy(watcher)).toMatchObject([{ ref, reason: 'end' }]);
      nodes.near.nodeDown(SILENT, 1);
      expect(await nodes.heardBy(watcher)).toEqual([{ signal: 'down', ref: pending, ...to, reason: 'noconnection' }]);
    });
  });

  describe('a server that is known by its name on another node', () => {
    async function server(): Promise<{ at: ServerAddress<ServedBy<typeof probe>>; self: ReturnType<typeof attach> }> {
      const name = freshName();
      const thread = nodes.far.threads[0] ?? 'home';
      await startServer(nodes.far.attach(), probe, [{}], { name, thread });
      return { at: { name, node: nodes.far.node }, self: attach() };
    }
    const attach = () => nodes.near.attach();

    test('answers calls, takes casts, and is stopped', async () => {
      const { at, self } = await server();
      cast(self, at, 'note', ['heard']);
      expect(await call(self, at, 'add', [2])).toBe(2);
      expect(await call(self, at, 'log')).toEqual(['heard']);
      await stopServer(self, at, { shutdown: 'for the night' });
      await expect(stopServer(self, at)).rejects.toMatchObject({ reason: 'noproc' });
    });

    test('conformance J2, J5: fails calls at once with its reason where it crashes, with noproc where it is not there', async () => {
      const { at, self } = await server();
      const waiting = expect(call(self, at, 'queue', [], NEVER)).rejects.toMatchObject({
        reason: { error: expect.objectContaining({ message: 'told to' }) },
      });
      await expect(call(self, at, 'fail', ['told to'], NEVER)).rejects.toMatchObject({
        code: 'ERR_LIMINAL_CALL',
        reason: { error: expect.objectContaining({ message: 'told to' }) },
      });
      await waiting;
      await expect(call(self, at, 'add', [1], NEVER)).rejects.toMatchObject({ reason: 'noproc' });
    });

    test('conformance J22: fails calls with noconnection where its node is lost, or not connected', async () => {
      const { at, self } = await server();
      const waiting = call(self, at, 'queue', [], NEVER);
      const lost = expect(waiting).rejects.toMatchObject({ code: 'ERR_LIMINAL_CALL', reason: 'noconnection' });
      expect(await call(self, at, 'add', [1])).toBe(1);
      nodes.lose();
      await lost;
      await expect(call(self, at, 'add', [1], NEVER)).rejects.toMatchObject({ reason: 'noconnection' });
      nodes.connect();
      expect(await call(self, at, 'add', [1])).toBe(2);
    });
  });

  test('conformance C9: a link or monitor of a process whose node is not connected is answered with noconnection', async () => {
    const process = await nodes.actor(nodes.near, { trapExit: true });
    const pid = formatPid({ node: 'nowhere@host' as NodeName, creation: 7, thread: 1, serial: 5 });
    await process.do('link', pid);
    const ref = await process.do<Ref>('monitor', pid);
    const heard: unknown[] = [];
    await expect
      .poll(async () => heard.push(...(await process.heard())) && heard)
      .toEqual([
        { signal: 'exit', from: pid, reason: 'noconnection' },
        { signal: 'down', ref, pid, reason: 'noconnection' },
      ]);
  });
});
