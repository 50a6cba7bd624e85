import { formatPid, type NodeName } from '@liminal-node/scheduler';
import { describe, expect, test } from 'vitest';
import { startPg } from '../src/index.js';
import { type MemoryNode, MemoryProcesses, quiet, startNode, two } from './memory-network.js';

describe('one node', () => {
  test('P1 a process that joined three times is listed three times and must leave three times', () => {
    const { pg, processes } = startNode('a@test');
    const pid = processes.spawn();
    for (let n = 0; n < 3; n++) pg.join('g', pid);
    expect(pg.members('g')).toEqual([pid, pid, pid]);
    expect([1, 2, 3, 4].map(() => pg.leave('g', pid))).toEqual([true, true, true, false]);
    expect(pg.members('g')).toEqual([]);
  });

  test('P2 leave of a process that is not a member says so and changes nothing', () => {
    const { pg, processes } = startNode('a@test');
    const [member, stranger] = [processes.spawn(), processes.spawn()];
    pg.join('g', member);
    pg.join('h', stranger);
    expect(pg.leave('g', stranger)).toBe(false);
    expect(pg.leave('other', member)).toBe(false);
    expect(pg.localMemberships()).toEqual(
      new Map([
        ['g', [member]],
        ['h', [stranger]],
      ]),
    );
  });

  test('P3 the last leave deletes the group, and an unknown group reads as empty', () => {
    const { pg, processes } = startNode('a@test');
    const pid = processes.spawn();
    pg.join('g', pid);
    expect(pg.whichGroups()).toEqual(['g']);
    pg.leave('g', pid);
    expect(pg.whichGroups()).toEqual([]);
    expect([pg.members('never'), pg.localMembers('never'), pg.remoteMembers('never'), pg.nodes('never')]).toEqual([
      [],
      [],
      [],
      [],
    ]);
    expect(processes.watched).toBe(0);
  });

  test('P4 a process that ends leaves all its groups, as often as it had joined', () => {
    const { pg, processes } = startNode('a@test');
    const [pid, other] = [processes.spawn(), processes.spawn()];
    for (const group of ['g', 'g', 'h']) pg.join(group, pid);
    pg.join('h', other);
    processes.end(pid);
    expect(pg.localMemberships()).toEqual(new Map([['h', [other]]]));
  });

  test('P5 a leave that is followed by the end of the process is no double leave (leave_exit_race)', () => {
    const { pg, processes } = startNode('a@test');
    const pid = processes.spawn();
    pg.join('g', pid);
    pg.join('h', pid);
    pg.leave('g', pid);
    processes.end(pid);
    expect(pg.leave('h', pid)).toBe(false);
    expect(pg.whichGroups()).toEqual([]);
    expect(pg.counters).toMatchObject({ joins: 2, leaves: 1, exits: 1 });
  });

  test('a process that is dead when it joins leaves again, and peers hear the join before the leave', () => {
    const [a, b] = two();
    const pid = a.processes.spawn();
    a.processes.end(pid);
    a.pg.join('g', pid);
    expect(a.pg.members('g')).toEqual([]);
    quiet([a, b]);
    expect(b.pg.members('g')).toEqual([]);
    expect(b.pg.counters.refused.gap).toBe(0);
    expect(b.pg.counters.framesIn).toBe(3);
  });

  test('a process is watched while it is in a group, and watched again when it joins again', () => {
    const { pg, processes } = startNode('a@test');
    const pid = processes.spawn();
    pg.join('g', pid);
    pg.join('h', pid);
    pg.leave('g', pid);
    expect(processes.watched).toBe(1);
    pg.leave('h', pid);
    expect(processes.watched).toBe(0);
    pg.join('g', pid);
    processes.end(pid);
    expect(pg.members('g')).toEqual([]);
  });

  test('P13 a join of a process of another node, or of another life of this one, is refused', () => {
    const { pg } = startNode('a@test');
    for (const [node, creation] of [
      ['b@test', 1],
      ['a@test', 2],
    ] as const) {
      const stranger = formatPid({ node: node as NodeName, creation, thread: 0, serial: 0 });
      expect(() => pg.join('g', stranger)).toThrow(TypeError);
    }
    expect(pg.whichGroups()).toEqual([]);
    expect(pg.counters.refused['not local']).toBe(2);
  });

  test('a group’s name is text that is not empty, is the same on the wire, and has at most 255 bytes', () => {
    const { pg, processes } = startNode('a@test');
    const pid = processes.spawn();
    expect(() => pg.join('', pid)).toThrow(TypeError);
    expect(() => pg.join('\ud800', pid)).toThrow(TypeError);
    expect(() => pg.join('é'.repeat(128), pid)).toThrow(RangeError);
    pg.join('é'.repeat(127), pid);
    expect(pg.counters.refused['local limit']).toBe(3);
  });

  test('a join beyond a limit is refused and changes nothing', () => {
    const { pg, processes } = startNode('a@test', { maxGroups: 2, maxJoins: 3 });
    const pid = processes.spawn();
    pg.join('g', pid);
    pg.join('h', pid);
    expect(() => pg.join('i', pid)).toThrow(
      expect.objectContaining({ code: 'ERR_LIMINAL_GROUP_LIMIT', limit: 'maxGroups' }),
    );
    pg.join('h', pid);
    expect(() => pg.join('h', pid)).toThrow(expect.objectContaining({ limit: 'maxJoins' }));
    pg.leave('g', pid);
    pg.join('i', pid);
    expect(pg.localMemberships()).toEqual(
      new Map([
        ['h', [pid, pid]],
        ['i', [pid]],
      ]),
    );
  });

  test('an option that is refused is named', () => {
    const scheduler = new MemoryProcesses('a@test' as NodeName, 1);
    const start = (options: object) => () => startPg({ scope: 's', scheduler, distribution: undefined, ...options });
    expect(start({ scope: '' })).toThrow(expect.objectContaining({ code: 'ERR_LIMINAL_OPTION', option: 'scope' }));
    expect(start({ maxGroups: 0 })).toThrow(expect.objectContaining({ option: 'maxGroups' }));
    expect(start({ maxGroop: 1 })).toThrow(expect.objectContaining({ option: 'maxGroop' }));
  });

  test('without distribution a scope works for this node alone', () => {
    const processes = new MemoryProcesses('a@test' as NodeName, 1);
    const pg = startPg({ scope: 's', scheduler: processes, distribution: undefined, node: 'a@test' as NodeName });
    const pid = processes.spawn();
    pg.join('g', pid);
    expect(pg.membersOf('a@test' as NodeName)).toEqual(new Map([['g', [pid]]]));
    expect(pg.nodes('g')).toEqual([]);
    pg.stop();
  });

  test('P22 after stop nobody joins, all views are empty, and nothing is watched or timed', () => {
    const [a, b] = two();
    const pid = a.processes.spawn();
    a.pg.join('g', pid);
    b.pg.join('g', b.processes.spawn());
    quiet([a, b]);
    a.pg.stop();
    a.pg.stop();
    expect(() => a.pg.join('g', pid)).toThrow(
      expect.objectContaining({ code: 'ERR_LIMINAL_SCOPE_STOPPED', scope: 'test' }),
    );
    expect(a.pg.leave('g', pid)).toBe(false);
    expect(a.pg.whichGroups()).toEqual([]);
    expect([a.processes.watched, a.timers(), a.distribution.listeners]).toEqual([0, 0, 0]);
    b.pg.join('g', b.processes.spawn());
    quiet([a, b]);
    expect(a.pg.members('g')).toEqual([]);
    expect(b.distribution.session(a.name).up).toBe(true);
  });
});

describe('scopes', () => {
  test('P8 a group of one name in two scopes is two groups', () => {
    const [a, b] = two();
    const start = ({ processes, distribution }: MemoryNode) =>
      startPg({ scope: 'second', scheduler: processes, distribution });
    const [a2, b2] = [start(a), start(b)];
    const [pid, pid2] = [a.processes.spawn(), a.processes.spawn()];
    a.pg.join('g', pid);
    a2.join('g', pid2);
    quiet([a, b]);
    expect(b.pg.members('g')).toEqual([pid]);
    expect(b2.members('g')).toEqual([pid2]);
    a2.stop();
    b2.stop();
  });

  test('a scope runs once on a distribution', () => {
    const { processes, distribution } = startNode('a@test');
    expect(() => startPg({ scope: 'test', scheduler: processes, distribution })).toThrow(TypeError);
  });

  test('P22 frames of a scope that does not run here are counted and harm nobody', () => {
    const [a, b] = two();
    const only = startPg({ scope: 'only on a', scheduler: a.processes, distribution: a.distribution });
    only.join('g', a.processes.spawn());
    quiet([a, b]);
    expect(b.pg.counters.refused['unknown scope']).toBe(3);
    expect(b.pg.whichGroups()).toEqual([]);
    expect(b.distribution.session(a.name).up).toBe(true);
    only.stop();
  });

  test('P23 a scope that starts when the nodes are connected already learns all and is learned', () => {
    const [a, b] = two();
    const late = { scope: 'late', scheduler: a.processes, distribution: a.distribution };
    const onA = startPg(late);
    const [pidA, pidB] = [a.processes.spawn(), b.processes.spawn()];
    onA.join('g', pidA);
    quiet([a, b]);
    const onB = startPg({ ...late, scheduler: b.processes, distribution: b.distribution });
    onB.join('g', pidB);
    quiet([a, b]);
    expect(onA.remoteMembers('g')).toEqual([{ node: b.name, pid: pidB }]);
    expect(onB.remoteMembers('g')).toEqual([{ node: a.name, pid: pidA }]);
    onA.stop();
    onB.stop();
  });

  test('P21 P33 a node whose scope alone stops is purged elsewhere, and a scope started anew syncs', () => {
    const [a, b] = two();
    const [pid, pidB] = [a.processes.spawn(), b.processes.spawn()];
    a.pg.join('g', pid);
    b.pg.join('g', pidB);
    quiet([a, b]);
    a.pg.stop();
    quiet([a, b]);
    expect(b.pg.members('g')).toEqual([pidB]);
    const again = startPg({ scope: 'test', scheduler: a.processes, distribution: a.distribution });
    quiet([a, b]);
    expect(again.members('g')).toEqual([pidB]);
    again.join('g', pid);
    quiet([a, b]);
    expect(b.pg.members('g')).toEqual([pidB, pid]);
    expect(b.pg.counters.refused.gap).toBe(0);
    again.stop();
  });
});
