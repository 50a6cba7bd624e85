/** Many joins and leaves at once. */
import type { Pid } from '@liminal-node/scheduler';
import { describe, expect, test } from 'vitest';
import type { Membership } from '../src/index.js';
import { quiet, startNode, two } from './memory-network.js';

describe('many joins at once', () => {
  test('go in one frame, and are known elsewhere all together', () => {
    const [a, b] = two();
    const [pid, other] = [a.processes.spawn(), a.processes.spawn()];
    const memberships: Membership[] = Array.from({ length: 3_000 }, (_, n) => [`group ${n}`, pid]);
    a.pg.joinMany([...memberships, ['group 0', other], ['group 0', pid]]);
    const inbox = b.distribution.session(a.name).inbox;
    expect(inbox.length).toBe(1);
    quiet([a, b]);
    expect(b.pg.membersOf(a.name)).toEqual(a.pg.localMemberships());
    expect(b.pg.members('group 0')).toEqual([pid, pid, other]);
    expect(a.pg.leaveMany([...memberships, ['group 0', other], ['never', pid]])).toBe(3_001);
    expect(inbox.length).toBe(1);
    quiet([a, b]);
    expect(b.pg.membersOf(a.name)).toEqual(new Map([['group 0', [pid]]]));
    expect(a.pg.counters).toMatchObject({ joins: 3_002, leaves: 3_001 });
    expect(a.processes.watched).toBe(1);
    expect(a.pg.leaveMany([['group 0', pid]])).toBe(1);
    expect(a.processes.watched).toBe(0);
  });

  test('that fill several frames are numbered on, and none is lost', () => {
    const [a, b] = two({ maxFrameBytes: 1024 });
    const pids = Array.from({ length: 500 }, () => a.processes.spawn());
    a.pg.joinMany(pids.map((pid) => ['g', pid]));
    expect(b.distribution.session(a.name).inbox.length).toBeGreaterThan(5);
    quiet([a, b]);
    expect(b.pg.members('g')).toEqual(pids);
    expect(b.pg.counters.refused.gap).toBe(0);
  });

  test.for([
    ['maxGroups', [['g'], ['h'], ['i']]],
    ['maxJoins', [['g'], ['g'], ['g'], ['g']]],
  ] as const)('beyond %s are refused, and none of them has joined', ([limit, groups]) => {
    const { pg, processes } = startNode('a@test', { maxGroups: 2, maxJoins: 3 });
    const pid = processes.spawn();
    const all = groups.map(([group]): Membership => [group, pid]);
    expect(() => pg.joinMany(all)).toThrow(expect.objectContaining({ code: 'ERR_LIMINAL_GROUP_LIMIT', limit }));
    expect([pg.whichGroups(), processes.watched, pg.counters.joins]).toEqual([[], 0, 0]);
    pg.joinMany(all.slice(1));
    expect(pg.counters.joins).toBe(all.length - 1);
  });

  test('of which one is not allowed are refused, and none of them has joined', () => {
    const { pg, processes } = startNode('a@test');
    const pid = processes.spawn();
    expect(() =>
      pg.joinMany([
        ['g', pid],
        ['', pid],
      ]),
    ).toThrow(TypeError);
    expect(() =>
      pg.joinMany([
        ['g', pid],
        ['h', 'nobody' as Pid],
      ]),
    ).toThrow(TypeError);
    expect(pg.groupCount).toBe(0);
    pg.joinMany([]);
    expect(pg.leaveMany([['g', pid]])).toBe(0);
  });

  test('are told to readers group by group, in order', async () => {
    const { pg, processes, name } = startNode('a@test');
    const [pid, other] = [processes.spawn(), processes.spawn()];
    const changes = pg.changes()[Symbol.asyncIterator]();
    await changes.next();
    pg.joinMany([
      ['g', pid],
      ['g', other],
      ['h', pid],
    ]);
    pg.leaveMany([
      ['h', pid],
      ['h', pid],
      ['g', pid],
    ]);
    expect(changes.readReady(10)).toEqual([
      { type: 'join', group: 'g', node: name, pids: [pid, other] },
      { type: 'join', group: 'h', node: name, pids: [pid] },
      { type: 'leave', group: 'h', node: name, pids: [pid] },
      { type: 'leave', group: 'g', node: name, pids: [pid] },
    ]);
  });

  test('P4: of a process that is dead already leave again, all of them', () => {
    const [a, b] = two();
    const pid = a.processes.spawn();
    a.processes.end(pid);
    a.pg.joinMany([
      ['g', pid],
      ['h', pid],
    ]);
    quiet([a, b]);
    expect([a.pg.groupCount, b.pg.groupCount, b.pg.counters.refused.gap]).toEqual([0, 0, 0]);
  });
});

test('groups are counted and listed: those of this node, and all', () => {
  const [a, b] = two();
  const [mine, theirs] = [a.processes.spawn(), b.processes.spawn()];
  a.pg.join('both', mine);
  a.pg.join('here', mine);
  b.pg.join('both', theirs);
  b.pg.join('there', theirs);
  quiet([a, b]);
  expect(a.pg.whichLocalGroups()).toEqual(['both', 'here']);
  expect(a.pg.whichGroups()).toEqual(['both', 'here', 'there']);
  expect([a.pg.groupCount, b.pg.groupCount]).toEqual([3, 3]);
});
