import type { Pid } from '@liminal-node/scheduler';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChangeFeed } from '../src/changes.js';
import type { GroupChange } from '../src/index.js';
import { connect, disconnect, type MemoryNode, settle, startNode } from './memory-network.js';

/** All that is there to read, up to the end of the iteration that `end` brings about. */
async function read(changes: AsyncIterable<GroupChange>): Promise<GroupChange[]> {
  const all: GroupChange[] = [];
  for await (const change of changes) all.push(change);
  return all;
}

function begin(node: MemoryNode, options?: Parameters<MemoryNode['pg']['changes']>[0]): AsyncIterator<GroupChange> {
  return node.pg.changes(options)[Symbol.asyncIterator]();
}

const done = { done: true, value: undefined };

describe('changes', () => {
  test('P9 first comes all that is there, then every change, none missed, none twice', async () => {
    const [a, b] = [startNode('a@test'), startNode('b@test')];
    const [pid, late, theirs] = [a.processes.spawn(), a.processes.spawn(), b.processes.spawn()];
    a.pg.join('g', pid);
    a.pg.join('g', pid);
    const reading = read(a.pg.changes());
    a.pg.join('h', late);
    b.pg.join('g', theirs);
    connect(a.distribution, b.distribution);
    settle(a.distribution, b.distribution);
    b.pg.join('g', theirs);
    settle(a.distribution, b.distribution);
    a.pg.leave('g', pid);
    a.processes.end(pid);
    disconnect(a.distribution.session(b.name));
    a.pg.stop();
    expect(await reading).toEqual([
      { type: 'snapshot', groups: new Map([['g', [pid, pid]]]) },
      { type: 'join', group: 'h', node: a.name, pids: [late] },
      { type: 'join', group: 'g', node: b.name, pids: [theirs] },
      { type: 'join', group: 'g', node: b.name, pids: [theirs] },
      { type: 'leave', group: 'g', node: a.name, pids: [pid] },
      { type: 'leave', group: 'g', node: a.name, pids: [pid] },
      { type: 'leave', group: 'g', node: b.name, pids: [theirs, theirs] },
    ]);
  });

  test('P9 whoever begins within a burst of changes gets the rest of it, once', async () => {
    const { pg, processes } = startNode('a@test');
    const readings = [];
    for (let n = 0; n < 20; n++) {
      readings.push(read(pg.changes()));
      pg.join(`group ${n % 3}`, processes.spawn());
    }
    const listed = new Map(pg.whichGroups().map((group) => [group, pg.members(group)]));
    pg.stop();
    for (const changes of await Promise.all(readings)) {
      const sum = new Map<string, Pid[]>();
      for (const change of changes) {
        if (change.type === 'snapshot') for (const [group, pids] of change.groups) sum.set(group, [...pids]);
        else sum.set(change.group, [...(sum.get(change.group) ?? []), ...change.pids]);
      }
      expect(sum).toEqual(listed);
    }
  });

  test('P10 one group’s changes come alone, also of a group that does not exist yet', async () => {
    const { pg, processes, name } = startNode('a@test');
    const pid = processes.spawn();
    pg.join('other', pid);
    const reading = read(pg.changes({ group: 'g' }));
    pg.join('other', pid);
    pg.join('g', pid);
    pg.stop();
    expect(await reading).toEqual([
      { type: 'snapshot', groups: new Map() },
      { type: 'join', group: 'g', node: name, pids: [pid] },
    ]);
  });

  test('P11 P12 return ends the iteration, drops what is queued and leaves nothing behind', async () => {
    const feed = new ChangeFeed(
      () => new Map(),
      10,
      () => {},
    );
    const one = feed.open()[Symbol.asyncIterator]();
    const other = feed.open({ group: 'g' })[Symbol.asyncIterator]();
    expect(feed.subscriptions).toBe(2);
    feed.push([{ type: 'join', group: 'g', node: 'a@test' as never, pids: ['p' as Pid] }]);
    await one.return?.();
    expect(await one.next()).toEqual(done);
    await other.return?.();
    expect(await other.next()).toEqual(done);
    expect(feed.subscriptions).toBe(0);
  });

  test('P11 abort ends the iteration for a reader that waits, and drops what is queued', async () => {
    const node = startNode('a@test');
    const abort = new AbortController();
    const waiting = begin(node, { signal: abort.signal });
    const behind = begin(node, { signal: abort.signal });
    await waiting.next();
    const next = waiting.next();
    abort.abort();
    expect(await next).toEqual(done);
    expect(await behind.next()).toEqual(done);
    expect(await begin(node, { signal: abort.signal }).next()).toEqual(done);
  });

  test('stop ends the iteration after what is queued, and at once for a reader that waits', async () => {
    const node = startNode('a@test');
    const [waiting, behind] = [begin(node), begin(node)];
    await waiting.next();
    const next = waiting.next();
    const pid = node.processes.spawn();
    node.pg.stop();
    expect(await next).toEqual(done);
    expect((await behind.next()).value).toMatchObject({ type: 'snapshot' });
    expect(await behind.next()).toEqual(done);
    expect(await begin(node).next()).toEqual(done);
    expect(node.pg.leave('g', pid)).toBe(false);
  });

  test('a reader that is too far behind is told so by the end of its iteration, and others are not', async () => {
    const node = startNode('a@test', { maxQueuedChanges: 3 });
    const [slow, quick] = [begin(node), begin(node)];
    await quick.next();
    const pid = node.processes.spawn();
    for (let n = 0; n < 4; n++) {
      node.pg.join('g', pid);
      expect((await quick.next()).value).toMatchObject({ type: 'join' });
    }
    await expect(slow.next()).rejects.toMatchObject({ code: 'ERR_LIMINAL_CHANGES_OVERFLOW' });
    expect(await slow.next()).toEqual(done);
    expect(node.pg.counters.refused['reader overflow']).toBe(1);
  });

  test('several reads at one time are answered in order', async () => {
    const node = startNode('a@test');
    const changes = begin(node);
    const reads = [changes.next(), changes.next(), changes.next()];
    const pid = node.processes.spawn();
    node.pg.join('g', pid);
    node.pg.leave('g', pid);
    expect((await Promise.all(reads)).map(({ value }) => value.type)).toEqual(['snapshot', 'join', 'leave']);
  });

  test('P27 a second snapshot that says the same is told as no change', async () => {
    const [a, b] = [startNode('a@test'), startNode('b@test')];
    const pid = b.processes.spawn();
    b.pg.join('g', pid);
    connect(a.distribution, b.distribution);
    const inbox = a.distribution.session(b.name).inbox;
    const sync = [...inbox];
    settle(a.distribution, b.distribution);
    const reading = read(a.pg.changes());
    inbox.push(...sync, ...sync);
    settle(a.distribution, b.distribution);
    expect(a.pg.counters.framesIn).toBe(3 * sync.length);
    a.pg.stop();
    expect(await reading).toEqual([{ type: 'snapshot', groups: new Map([['g', [pid]]]) }]);
  });

  test('whatever is pushed and read in whatever order comes out as it went in', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 200 }), async (steps) => {
        const feed = new ChangeFeed(
          () => new Map(),
          1000,
          () => {},
        );
        const changes = feed.open()[Symbol.asyncIterator]();
        await changes.next();
        const pushed: string[] = [];
        const reads: Promise<IteratorResult<GroupChange, unknown>>[] = [];
        for (const isPush of steps) {
          if (isPush) {
            pushed.push(`group ${pushed.length}`);
            feed.push([{ type: 'join', group: `group ${pushed.length - 1}`, node: 'a@test' as never, pids: [] }]);
          } else {
            reads.push(changes.next());
          }
        }
        feed.close();
        while (reads.length < pushed.length + 1) reads.push(changes.next());
        const values = (await Promise.all(reads)).flatMap(({ value }) => (value as { group?: string })?.group ?? []);
        expect(values).toEqual(pushed);
      }),
    );
  });
});
