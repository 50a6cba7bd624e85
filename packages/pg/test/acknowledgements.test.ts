import { createVirtualEnvironment } from '@liminal-node/scheduler/testing';
import { describe, expect, test } from 'vitest';
import type { Pg } from '../src/index.js';
import { encodeVersion, PG_ACK, PG_ASK } from '../src/wire.js';
import { cluster, connect, type MemoryNode, quiet, split, startNode } from './memory-network.js';

/** What has become of a promise so far. */
function watched(promise: Promise<unknown>): { state: string } {
  const it = { state: 'waiting' };
  const became = (state: string) => (): void => {
    it.state = state;
  };
  promise.then(became('acknowledged'), (error) => became(error.code ?? error.message)());
  return it;
}

const microtasks = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function stateOf(it: { state: string }): Promise<string> {
  await microtasks();
  return it.state;
}

function join(node: MemoryNode, group: string): void {
  node.pg.join(group, node.processes.spawn());
}

describe('a join that is waited for', () => {
  test('is acknowledged when every peer has taken it in, and at once where there is none', async () => {
    const [a, b, c] = cluster(3) as [MemoryNode, MemoryNode, MemoryNode];
    join(a, 'g');
    const it = watched(a.pg.acknowledged());
    expect(await stateOf(it)).toBe('waiting');
    expect(a.timers()).toBe(2);
    quiet([a, b]);
    expect([await stateOf(it), b.pg.nodes('g'), c.pg.nodes('g')]).toEqual(['waiting', [a.name], []]);
    quiet([a, b, c]);
    expect([await stateOf(it), c.pg.nodes('g')]).toEqual(['acknowledged', [a.name]]);
    expect(a.timers()).toBe(1);
    // What they have shown need not be asked for again.
    const sent = a.pg.counters.framesOut;
    await a.pg.acknowledged();
    expect(a.pg.counters.framesOut).toBe(sent);
    await startNode('alone@test').pg.acknowledged();
  });

  test('waits for those alone that were connected at the call, and for a session only until it is down', async () => {
    const [a, b, c] = cluster(3) as [MemoryNode, MemoryNode, MemoryNode];
    join(a, 'g');
    const it = watched(a.pg.acknowledged());
    const d = startNode('d@test');
    connect(a.distribution, d.distribution);
    quiet([b, c, a].filter((node) => node !== c));
    split(a, c);
    expect(await stateOf(it)).toBe('acknowledged');
    expect(d.pg.nodes('g')).toEqual([]);
  });

  test('is asked for once by many who wait, and each is told of its own', async () => {
    const [a, b] = cluster(2) as [MemoryNode, MemoryNode];
    join(a, 'g');
    const first = [watched(a.pg.acknowledged()), watched(a.pg.acknowledged())];
    const { inbox } = b.distribution.session(a.name);
    expect(inbox.filter(({ type }) => type === PG_ASK)).toHaveLength(1);
    const before = inbox.length;
    join(a, 'h');
    const later = watched(a.pg.acknowledged());
    // The peer has read what came before the second join, and no more.
    for (const { type, body } of inbox.splice(0, before))
      b.distribution.receive(b.distribution.session(a.name), type, body);
    const [ack] = a.distribution.session(b.name).inbox.splice(0);
    if (ack !== undefined) a.distribution.receive(a.distribution.session(b.name), ack.type, ack.body);
    expect(await Promise.all([...first, later].map(stateOf))).toEqual(['acknowledged', 'acknowledged', 'waiting']);
    quiet([a, b]);
    expect(await stateOf(later)).toBe('acknowledged');
  });

  test('comes through where the update was lost: the peer answers when it is in step again', async () => {
    const environment = createVirtualEnvironment();
    const [a, b] = cluster(2, { environment }) as [MemoryNode, MemoryNode];
    a.distribution.refuseSends = 'dropped';
    join(a, 'g');
    a.distribution.refuseSends = undefined;
    const it = watched(a.pg.acknowledged({ timeoutMs: 1_000_000 }));
    quiet([a, b]);
    expect([await stateOf(it), b.pg.nodes('g')]).toEqual(['waiting', []]);
    await environment.advance(60_000);
    quiet([a, b]);
    expect([await stateOf(it), b.pg.nodes('g')]).toEqual(['acknowledged', [a.name]]);
  });

  test('comes through where the question or the answer did not fit into what may be held', async () => {
    for (const asker of [0, 1]) {
      const environment = createVirtualEnvironment();
      const nodes = cluster(2, { environment, burstBytes: 1, maxHeldBytes: 1 });
      const [a, b] = (asker === 0 ? nodes : [...nodes].reverse()) as [MemoryNode, MemoryNode];
      const held = nodes[0]?.distribution;
      if (held === undefined) throw new Error('no node');
      await environment.advance(60_000);
      quiet(nodes);
      await microtasks();
      held.flushes = [];
      // The first frame goes out, what follows is over the bound.
      join(nodes[0] as MemoryNode, 'other');
      join(a, 'g');
      const it = watched(a.pg.acknowledged({ timeoutMs: 1_000_000 }));
      quiet(nodes);
      expect(await stateOf(it)).toBe('waiting');
      const flushes = held.flushes;
      held.flushes = undefined;
      for (const flushed of flushes) flushed();
      for (let round = 0; round < 5; round++) {
        await environment.advance(60_000);
        quiet(nodes);
        await microtasks();
      }
      expect([await stateOf(it), b.pg.nodes('g')]).toEqual(['acknowledged', [a.name]]);
    }
  });
});

describe('the waiting ends', () => {
  async function ending(end: (pg: Pg, node: MemoryNode) => Promise<unknown>): Promise<unknown> {
    const [a, b] = cluster(2) as [MemoryNode, MemoryNode];
    join(a, 'g');
    const caught = await end(a.pg, a).catch((error: unknown) => error);
    // Whoever gave up leaves nothing behind, and a late answer harms nobody.
    quiet([a, b]);
    a.announce();
    expect(a.timers()).toBe(0);
    return caught;
  }

  test('at the deadline, with the names of those that have not answered', async () => {
    const caught = await ending((pg, node) => {
      const waiting = pg.acknowledged({ timeoutMs: 70 });
      node.announce();
      return waiting;
    });
    expect(caught).toMatchObject({ code: 'ERR_LIMINAL_NOT_ACKNOWLEDGED', nodes: ['b@test'] });
    expect(String(caught)).toContain('within 70 ms by b@test');
  });

  test('by an abort, before or meanwhile', async () => {
    const reason = new Error('never mind');
    expect(await ending((pg) => pg.acknowledged({ signal: AbortSignal.abort(reason) }))).toBe(reason);
    const abort = new AbortController();
    expect(
      await ending((pg) => {
        const waiting = pg.acknowledged({ signal: abort.signal });
        abort.abort(reason);
        return waiting;
      }),
    ).toBe(reason);
  });

  test('when the scope stops', async () => {
    const caught = await ending((pg) => {
      const waiting = pg.acknowledged();
      pg.stop();
      return waiting;
    });
    expect(caught).toMatchObject({ code: 'ERR_LIMINAL_SCOPE_STOPPED' });
  });
});

describe('a peer', () => {
  test('that acknowledges what it was never told loses its session, and vouches for nothing', async () => {
    const [a, b] = cluster(2) as [MemoryNode, MemoryNode];
    const session = a.distribution.session(b.name);
    a.distribution.receive(session, PG_ACK, encodeVersion('test', 1_000));
    expect([session.up, session.closedFor, a.pg.counters.refused.malformed]).toEqual([false, 'bad version', 1]);
  });

  test('whose question or answer is cut short or too long loses its session', () => {
    for (const type of [PG_ASK, PG_ACK]) {
      const body = encodeVersion('test', 0);
      for (const wrong of [body.subarray(0, -1), Buffer.concat([body, Buffer.of(0)])]) {
        const [a, b] = cluster(2) as [MemoryNode, MemoryNode];
        const session = a.distribution.session(b.name);
        a.distribution.receive(session, type, wrong);
        expect([session.up, a.pg.counters.refused.malformed]).toEqual([false, 1]);
      }
    }
  });

  test('that asks for a version that will never be is owed one answer, however often it asks', () => {
    const [a, b] = cluster(2) as [MemoryNode, MemoryNode];
    const session = a.distribution.session(b.name);
    for (let n = 0; n < 1_000; n++) {
      a.distribution.receive(session, PG_ASK, encodeVersion('test', 2 ** 40 + n));
    }
    expect(b.distribution.session(a.name).inbox).toEqual([]);
    a.distribution.receive(session, PG_ASK, encodeVersion('test', 0));
    expect(b.distribution.session(a.name).inbox).toEqual([]);
    split(a, b);
    a.distribution.receive(session, PG_ASK, encodeVersion('test', 0));
    expect(a.pg.counters.refused['stale session']).toBe(1);
  });
});
