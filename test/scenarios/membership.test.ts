/** Who knows of which subscriber, while nodes and subscribers come and go. */
import { type MembershipEvent, type Pid, startNode } from 'liminal-node';
import { describe, expect, it } from 'vitest';
import { ClusterNode, COOKIE, numbersBelow, startChain, startPair, until } from '../support/cluster.js';
import type { Order } from '../support/cluster-processes.js';
import { freePort } from '../support/free-port.js';

describe('subscribers', () => {
  it('that unsubscribed, were disposed of, crashed, were killed or lost their thread are told to no newcomer (A5)', async () => {
    const [forA, forB] = [new ClusterNode(), new ClusterNode()];
    await using a = await forA.start({ name: 'a@127.0.0.1', threads: 2 });
    await using b = await forB.start({ name: 'b@127.0.0.1', seeds: [a.listen] });
    const forC = new ClusterNode();
    const observer = await a.call('attach');
    const [thread, otherThread] = await a.call('threads');
    if (thread === undefined || otherThread === undefined) throw new Error('two threads were asked for');
    const onThread = async (channel: string, at: number): Promise<Pid> => {
      const pid = await a.call('spawnObedient', observer, { thread: at });
      await a.call('send', pid, { order: 'subscribe', channel } satisfies Order);
      return pid;
    };
    const ways: Record<string, () => Promise<unknown>> = {};
    const closed = await a.call('subscribe', 'closed');
    ways['closed'] = () => a.call('unsubscribe', closed);
    const disposed = await a.call('subscribe', 'disposed');
    ways['disposed'] = () => a.call('dispose', disposed);
    const unsubscribed = await onThread('unsubscribed', thread);
    ways['unsubscribed'] = () => a.call('send', unsubscribed, { order: 'unsubscribe', channel: 'unsubscribed' });
    const crashed = await onThread('crashed', thread);
    ways['crashed'] = () => a.call('send', crashed, { order: 'throw', message: 'on purpose' } satisfies Order);
    const killed = await onThread('killed', thread);
    ways['killed'] = () => a.call('exitProcess', killed, 'kill');
    await onThread('thread lost', otherThread);
    ways['thread lost'] = () => a.call('endThread', otherThread);
    await a.call('subscribe', 'kept');

    for (const channel of [...Object.keys(ways), 'kept']) await b.targets(channel, [a.name]);
    for (const [channel, end] of Object.entries(ways)) {
      await end();
      await b.targets(channel, []);
    }
    await using c = await forC.start({ name: 'c@127.0.0.1', seeds: [a.listen] });
    // All that A tells a newcomer takes effect at once.
    await c.targets('kept', [a.name]);
    for (const channel of Object.keys(ways)) {
      expect(await c.call('remoteTargets', channel)).toEqual([]);
      expect(await c.call('publish', channel, 1)).toEqual({ local: 0, nodes: 0, dropped: 0 });
    }
  });
});

describe('a node that is killed', () => {
  it('is nobody’s target any more, while local subscribers see every publish and no publisher an error (A6)', async () => {
    const [a, b] = await startPair();
    await using _a = a;
    await using _b = b;
    const [onA, onB] = [await a.call('subscribe', 'numbers'), await b.call('subscribe', 'numbers')];
    await b.targets('numbers', [a.name]);
    await b.call('startPublishing', 'numbers');
    await a.received(onA, 100);
    await a.kill();
    await b.targets('numbers', []);
    const then = await b.call('receivedCount', onB);
    await b.received(onB, then + 100);
    const { count, errors } = await b.call('stopPublishing');
    expect(errors).toEqual([]);
    expect(await b.received(onB, count)).toEqual(numbersBelow(count));
    expect(await b.call('publish', 'numbers', 'after')).toEqual({ local: 1, nodes: 0, dropped: 0 });
  });

  it('and restarted under its name has its new members only, and gets nothing that is sent to the old ones (A8)', async () => {
    const [a, b] = await startPair();
    await using _a = a;
    await using _b = b;
    const next = await new ClusterNode().loaded();
    const oldSubscriber = await a.call('subscribe', 'orders');
    expect(await b.targets('orders', [a.name])).toEqual([oldSubscriber]);
    await a.kill();
    await using again = await next.start({ name: a.name, listen: a.listen, seeds: [b.listen] });
    expect(again.creation).not.toBe(a.creation);
    const subscriber = await again.call('subscribe', 'orders');
    // The same number in another life of the node: only the creation keeps them apart.
    expect(withoutCreation(subscriber)).toBe(withoutCreation(oldSubscriber));
    await until('b has the new member alone', async () => {
      const targets = await b.call('remoteTargets', 'orders');
      return targets.length === 1 && targets[0]?.pid === subscriber;
    });
    const before = (await b.call('droppedSignals'))['no connection'] ?? 0;
    await b.call('send', oldSubscriber, 'for the dead');
    expect((await b.call('droppedSignals'))['no connection']).toBe(before + 1);
    expect(await b.call('publish', 'orders', 'for the living')).toEqual({ local: 0, nodes: 1, dropped: 0 });
    expect(await again.received(subscriber, 1)).toEqual(['for the living']);
  });

  it('or frozen, and replaced before anybody noticed, goes down before its successor comes up (A8)', async () => {
    await using b = await startNode({ name: 'b@127.0.0.1', cookie: COOKIE, threads: 0 });
    const seeds = [b.listen ?? ''];
    const [forA, forNext] = [new ClusterNode(), new ClusterNode()];
    await using a = await forA.start({ name: 'a@127.0.0.1', seeds });
    const oldSubscriber = await a.call('subscribe', 'orders');
    await until('b knows of the subscriber', () => b.clusterSync.remoteTargets('orders').length === 1);
    const events: string[] = [];
    const listed = (): Pid[] => b.clusterSync.remoteTargets('orders').map(({ pid }) => pid);
    b.distribution.onMembership('everyone', ({ type, session }: MembershipEvent) => {
      events.push(`${type} ${session.creation}, members: [${listed()}]`);
    });
    expect(listed()).toEqual([oldSubscriber]);
    a.signal('SIGSTOP');
    await using again = await forNext.start({ name: 'a@127.0.0.1', seeds });
    const subscriber = await again.call('subscribe', 'orders');
    await until('b has the new member alone', () => listed().join() === subscriber);
    // The purge came first, and nothing of the successor was there yet.
    expect(events).toEqual([`down ${a.creation}, members: []`, `up ${again.creation}, members: []`]);
  });
});

describe('a node that is frozen', () => {
  it('is down within the bound, keeps no publisher waiting, and is in step again when it goes on (A7)', async () => {
    const distribution = { heartbeatIntervalMs: 100, heartbeatTimeoutMs: 600, writeTimeoutMs: 5_000 };
    const [forA, forB] = [new ClusterNode(), new ClusterNode()];
    await using a = await forA.start({ name: 'a@127.0.0.1', distribution });
    await using b = await forB.start({ name: 'b@127.0.0.1', seeds: [a.listen], distribution });
    const onA = await a.call('subscribe', 'orders');
    await b.targets('orders', [a.name]);
    const [before] = await b.call('sessions');
    await b.call('startPublishing', 'orders');
    await a.received(onA, 10);
    a.signal('SIGSTOP');
    // More than the kernel takes for a peer that does not read: it is let go when the peer is down.
    const stuck = b.call('publish', 'orders', new Uint8Array(6 * 2 ** 20), { flush: true });
    await b.targets('orders', []);
    await stuck;
    expect((await b.call('distributionCounters')).sessionsDown).toEqual({ silent: 1 });
    const { errors, longestMs } = await b.call('stopPublishing');
    expect(errors).toEqual([]);
    expect(longestMs).toBeLessThan(distribution.writeTimeoutMs);
    const onB = await b.call('subscribe', 'returns');

    a.signal('SIGCONT');
    expect(await b.targets('orders', [a.name])).toEqual([onA]);
    expect(await a.targets('returns', [b.name])).toEqual([onB]);
    const [after] = await b.call('sessions');
    expect(after?.creation).toBe(a.creation);
    expect(after?.id).toBeGreaterThan(before?.id ?? Number.POSITIVE_INFINITY);
    await b.call('publish', 'orders', 'again');
    await until('a gets what is published now', async () => (await a.call('payloads', onA)).includes('again'));
  });
});

describe('nodes that join', () => {
  it('all at once, each dialing all, end with one connection a pair (A10)', async () => {
    const names = ['a@127.0.0.1', 'b@127.0.0.1', 'c@127.0.0.1'];
    const seeds = (await Promise.all(names.map(freePort))).map((port) => `127.0.0.1:${port}`);
    const waiting = await Promise.all(names.map(() => new ClusterNode().loaded()));
    const [a, b, c] = (await Promise.all(
      waiting.map((node, index) => node.start({ name: names[index] ?? '', listen: seeds[index] ?? '', seeds })),
    )) as [ClusterNode, ClusterNode, ClusterNode];
    await using _a = a;
    await using _b = b;
    await using _c = c;
    const nodes = [a, b, c];
    const readers = await Promise.all(nodes.map((node) => node.call('subscribe', 'hello')));
    for (const node of nodes) {
      const others = nodes.filter((other) => other !== node);
      await node.targets(
        'hello',
        others.map(({ name }) => name),
      );
      await until(`${node.name} has 2 sockets`, async () => (await node.call('sockets')) === 2);
      const sessions = await node.call('sessions');
      expect(sessions.map(({ node, creation }) => `${node} ${creation}`).sort()).toEqual(
        others.map(({ name, creation }) => `${name} ${creation}`).sort(),
      );
      expect((await node.call('health')).unmet).toEqual([]);
    }
    for (const node of nodes) {
      expect(await node.call('publish', 'hello', node.name)).toEqual({ local: 1, nodes: 2, dropped: 0 });
    }
    for (const [index, node] of nodes.entries()) {
      const reader = readers[index];
      if (reader === undefined) throw new Error('no subscription');
      expect([...(await node.received(reader, 3))].sort()).toEqual(names);
    }
  });

  it('before any of their seeds is up do so when one is, and say until then that they are not ready (A12)', async () => {
    const seed = `127.0.0.1:${await freePort()}`;
    const [forA, forB] = [new ClusterNode(), new ClusterNode()];
    await using b = await forB.start({ name: 'b@127.0.0.1', seeds: [seed] });
    const refused = `connected to 0 of 1 seeds: ${seed} (ECONNREFUSED)`;
    await until(
      'b says why it is not ready',
      async () => (await b.call('health')).unmet.includes(refused),
      async () => (await b.call('health')).unmet,
    );
    const joined = { connected: 0, known: 1, missing: [`${seed} (ECONNREFUSED)`] };
    expect(await b.call('health')).toEqual({ live: true, ready: false, unmet: [refused], joined });
    await using a = await forA.start({ name: 'a@127.0.0.1', listen: seed });
    await until('b is ready', async () => (await b.call('health')).ready);
    await b.connectedTo(a.name);
    const all = { connected: 1, known: 1, missing: [] };
    expect(await b.call('health')).toEqual({ live: true, ready: true, unmet: [], joined: all });
  });

  it('with themselves and one node twice among their seeds have one connection, and none to themselves (A13)', async () => {
    const own = `127.0.0.1:${await freePort()}`;
    const [forA, forB] = [new ClusterNode(), new ClusterNode()];
    await using b = await forB.start({ name: 'b@127.0.0.1' });
    await using a = await forA.start({ name: 'a@127.0.0.1', listen: own, seeds: [own, b.listen, own, b.listen] });
    await a.connectedTo(b.name);
    await until('a has found itself', async () => (await a.call('peers')).some(({ state }) => state === 'self'));
    const peers = (await a.call('peers')).map(({ address, state }) => ({ address, state }));
    expect(peers).toHaveLength(2);
    expect(peers).toContainEqual({ address: own, state: 'self' });
    expect(peers).toContainEqual({ address: b.listen, state: 'connected' });
    await until('only the socket to b is left', async () => (await a.call('sockets')) === 1);
    expect((await a.call('members')).map(({ name, state }) => ({ name, state }))).toEqual([
      { name: a.name, state: 'self' },
      { name: b.name, state: 'up' },
    ]);
    expect((await a.call('distributionCounters')).sessionsUp).toBe(1);
  });

  it('learn of each other from the node between them', async () => {
    const [a, b, c] = await startChain('a', 'b', 'c');
    if (a === undefined || b === undefined || c === undefined) throw new Error('three nodes were asked for');
    await using _a = a;
    await using _b = b;
    await using _c = c;
    expect((await a.call('sessions')).map(({ node }) => node).sort()).toEqual([b.name, c.name]);
  });
});

function withoutCreation(pid: Pid): string {
  return pid.replace(/#[^.]*\./, '#');
}
