/** Peers that come back: what they are told, and what is held of them meanwhile. */
import { describe, expect, test } from 'vitest';
import type { PgOptions } from '../src/index.js';
import { PG_RESUME, PG_SNAPSHOT } from '../src/wire.js';
import { connect, type MemoryNode, quiet, split, startNode } from './memory-network.js';

interface Pair {
  readonly a: MemoryNode;
  readonly b: MemoryNode;
  /** Connects them again and delivers everything. @returns the types of what `b` is sent, and how many bytes. */
  readonly meet: () => { types: number[]; bytes: number };
}

function pair(options: Partial<PgOptions> = {}): Pair {
  const [a, b] = [startNode('a@test', options), startNode('b@test', options)];
  return { a, b, meet: () => meetOf(a, b) };
}

function meetOf(a: MemoryNode, b: MemoryNode): { types: number[]; bytes: number } {
  connect(a.distribution, b.distribution, true);
  const sent: { type: number; body: Uint8Array }[] = [];
  const { inbox } = b.distribution.session(a.name);
  const push = inbox.push.bind(inbox);
  inbox.push = (...frames) => {
    sent.push(...frames);
    return push(...frames);
  };
  quiet([a, b]);
  const told = sent.filter(({ type }) => type === PG_RESUME || type === PG_SNAPSHOT);
  return { types: told.map(({ type }) => type), bytes: told.reduce((sum, { body }) => sum + body.length, 0) };
}

describe('a peer that comes back', () => {
  test('is told only what it missed, and sees the members of then and of now', () => {
    const { a, b, meet } = pair();
    const pid = a.processes.spawn();
    a.pg.joinMany(Array.from({ length: 1_000 }, (_, n) => [`group ${n}`, pid]));
    expect(meet().types).toEqual([PG_SNAPSHOT]);
    split(a, b);
    a.pg.join('more', pid);
    a.pg.leave('group 7', pid);
    const { types, bytes } = meet();
    expect(types).toEqual([PG_RESUME]);
    expect(bytes).toBeLessThan(100);
    expect(b.pg.membersOf(a.name)).toEqual(a.pg.localMemberships());
    expect(b.pg.isSynced(a.name)).toBe(true);
    a.pg.join('later', pid);
    quiet([a, b]);
    expect(b.pg.membersOf(a.name)).toEqual(a.pg.localMemberships());
    expect(b.pg.counters.refused).toMatchObject({ gap: 0, 'awaiting snapshot': 0 });
  });

  test('is seen in no group while it is away, and until it has gone on from where it was', async () => {
    const { a, b, meet } = pair();
    a.pg.join('g', a.processes.spawn());
    meet();
    const changes = b.pg.changes()[Symbol.asyncIterator]();
    await changes.next();
    split(a, b);
    expect([b.pg.whichGroups(), b.pg.groupCount, b.pg.nodes('g')]).toEqual([[], 0, []]);
    connect(a.distribution, b.distribution, true);
    expect([b.pg.members('g'), b.pg.isSynced(a.name)]).toEqual([[], false]);
    quiet([a, b]);
    expect(b.pg.members('g')).toEqual(a.pg.localMembers('g'));
    expect(changes.readReady(10).map((change) => change.type)).toEqual(['leave', 'join']);
  });

  test('that did nothing meanwhile says so in one frame', () => {
    const { a, b, meet } = pair();
    a.pg.join('g', a.processes.spawn());
    meet();
    split(a, b);
    expect(meet().types).toEqual([PG_RESUME]);
    split(a, b);
    connect(a.distribution, b.distribution, true);
    split(a, b);
    expect(meet().types).toEqual([PG_RESUME]);
    expect(b.pg.members('g')).toEqual(a.pg.localMembers('g'));
  });

  test('in another life is told of as a whole', () => {
    const { a, b, meet } = pair();
    a.pg.join('old', a.processes.spawn());
    meet();
    split(a, b);
    const next = startNode('a@test', {}, 2);
    next.pg.join('new', next.processes.spawn());
    expect(meetOf(next, b).types).toEqual([PG_SNAPSHOT]);
    expect(b.pg.membersOf(a.name)).toEqual(next.pg.localMemberships());
  });

  test('that missed more than maxLoggedChanges is told of as a whole', () => {
    const { a, b, meet } = pair({ maxLoggedChanges: 3 });
    const pid = a.processes.spawn();
    meet();
    for (const [count, type] of [
      [3, PG_RESUME],
      [4, PG_SNAPSHOT],
    ] as const) {
      split(a, b);
      for (let n = 0; n < count; n++) a.pg.join('g', pid);
      expect(meet().types).toEqual([type]);
      expect(b.pg.members('g')).toEqual(a.pg.localMembers('g'));
    }
  });

  test('of which more than maxKeptJoins would be held is told of as a whole', () => {
    const { a, b, meet } = pair({ maxKeptJoins: 2 });
    const pid = a.processes.spawn();
    for (const [joins, type] of [
      [2, PG_RESUME],
      [3, PG_SNAPSHOT],
    ] as const) {
      while (a.pg.localMembers('g').length < joins) a.pg.join('g', pid);
      if (a.distribution.sessions().length === 0) meet();
      quiet([a, b]);
      split(a, b);
      expect(meet().types).toEqual([type]);
    }
  });

  test('after keepLostMs twice is told of as a whole, and nothing is held of it', () => {
    const { a, b, meet } = pair();
    a.pg.join('g', a.processes.spawn());
    meet();
    b.announce();
    split(a, b);
    expect(b.timers()).toBe(1);
    b.announce();
    b.announce();
    expect(b.timers()).toBe(0);
    expect(meet().types).toEqual([PG_SNAPSHOT]);
  });

  test('is told in several frames where one does not hold what it missed', () => {
    const { a, b, meet } = pair({ maxFrameBytes: 1024 });
    meet();
    split(a, b);
    for (let n = 0; n < 200; n++) a.pg.join(`group ${n}`, a.processes.spawn());
    const { types } = meet();
    expect(types.length).toBeGreaterThan(5);
    expect(new Set(types)).toEqual(new Set([PG_RESUME]));
    expect(b.pg.membersOf(a.name)).toEqual(a.pg.localMemberships());
    expect(b.pg.counters.refused.gap).toBe(0);
  });
});
