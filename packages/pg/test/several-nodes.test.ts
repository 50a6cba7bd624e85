import type { NodeName } from '@liminal-node/scheduler';
import { describe, expect, test } from 'vitest';
import { encodeFrame, PG_RESYNC } from '../src/wire.js';
import { cluster, connect, quiet, split, startNode, two } from './memory-network.js';

describe('several nodes', () => {
  test('P14 P30 a member on another node is in members and not in local members', () => {
    const [a, b] = two();
    const pid = a.processes.spawn();
    a.pg.join('g', pid);
    quiet([a, b]);
    expect(b.pg.members('g')).toEqual([pid]);
    expect(b.pg.localMembers('g')).toEqual([]);
    expect(b.pg.localMemberships()).toEqual(new Map());
    expect(b.pg.nodes('g')).toEqual([a.name]);
    expect(b.pg.membersOf(a.name)).toEqual(new Map([['g', [pid]]]));
    expect(b.pg.membersOf('z@test' as NodeName)).toEqual(new Map());
    expect(a.pg.nodes('g')).toEqual([]);
  });

  test('P15 P20 a newcomer learns all members that joined before, as often as they had joined', () => {
    const [a, b] = [startNode('a@test'), startNode('b@test')];
    const [pid, other] = [a.processes.spawn(), a.processes.spawn()];
    for (const group of ['g', 'g', 'h']) a.pg.join(group, pid);
    a.pg.join('g', other);
    connect(a.distribution, b.distribution);
    a.pg.join('g', pid);
    quiet([a, b]);
    expect(b.pg.membersOf(a.name)).toEqual(
      new Map([
        ['g', [pid, pid, pid, other]],
        ['h', [pid]],
      ]),
    );
  });

  test('P15 a membership that fills many frames is learned whole', () => {
    const [a, b] = [startNode('a@test', { maxFrameBytes: 1024 }), startNode('b@test')];
    for (let n = 0; n < 500; n++) a.pg.join(`group ${n % 7}`, a.processes.spawn());
    connect(a.distribution, b.distribution);
    expect(b.distribution.session(a.name).inbox.length).toBeGreaterThan(7);
    quiet([a, b]);
    expect(b.pg.membersOf(a.name)).toEqual(a.pg.localMemberships());
  });

  test('P16 a process that ends on one node is dropped on the other from all its groups at once', () => {
    const [a, b] = two();
    const pid = a.processes.spawn();
    for (let n = 0; n < 100; n++) a.pg.join(`group ${n}`, pid);
    quiet([a, b]);
    expect(b.pg.whichGroups().length).toBe(100);
    a.processes.end(pid);
    expect(b.distribution.session(a.name).inbox.length).toBe(1);
    quiet([a, b]);
    expect(b.pg.whichGroups()).toEqual([]);
  });

  test('P17 a split drops the other side, and what changed meanwhile is seen after the heal', () => {
    const [a, b] = two();
    const [stays, goes, comes] = [a.processes.spawn(), a.processes.spawn(), a.processes.spawn()];
    a.pg.join('g', stays);
    a.pg.join('g', goes);
    quiet([a, b]);
    split(a, b);
    expect(b.pg.members('g')).toEqual([]);
    a.pg.leave('g', goes);
    a.pg.join('g', comes);
    connect(a.distribution, b.distribution);
    quiet([a, b]);
    expect(b.pg.members('g')).toEqual([stays, comes]);
  });

  test('P24 the last leave on another node deletes the group here', () => {
    const [a, b] = two();
    const [one, other] = [a.processes.spawn(), a.processes.spawn()];
    for (const pid of [one, other, one]) a.pg.join('g', pid);
    quiet([a, b]);
    for (const pid of [other, one, one]) a.pg.leave('g', pid);
    quiet([a, b]);
    expect(b.pg.whichGroups()).toEqual([]);
    expect(b.pg.membersOf(a.name)).toEqual(new Map());
  });

  test('P28 of 16 joins and 4 leaves 12 remain, and none when the node goes', () => {
    const [a, b] = two();
    const pid = a.processes.spawn();
    for (let n = 0; n < 16; n++) a.pg.join('g', pid);
    for (let n = 0; n < 4; n++) a.pg.leave('g', pid);
    quiet([a, b]);
    expect(b.pg.members('g')).toEqual(Array(12).fill(pid));
    expect(b.pg.nodes('g')).toEqual([a.name]);
    split(a, b);
    expect(b.pg.members('g')).toEqual([]);
  });

  test('P29 while thousands of syncs wait, a join completes at once (thundering herd)', () => {
    const [a, b] = two();
    for (let n = 0; n < 10_000; n++) a.pg.join(`group ${n}`, a.processes.spawn());
    quiet([a, b]);
    a.distribution.receive(a.distribution.session(b.name), PG_RESYNC, encodeFrame('test', { type: 'resync' }));
    const inbox = b.distribution.session(a.name).inbox;
    const sync = [...inbox];
    while (inbox.length < 2000 * sync.length) inbox.push(...sync);
    const waiting = inbox.length;
    const pid = b.processes.spawn();
    b.pg.join('group 1', pid);
    expect(b.pg.localMembers('group 1')).toEqual([pid]);
    expect(inbox.length).toBe(waiting);
    inbox.length = 3 * sync.length;
    quiet([a, b]);
    expect(b.pg.members('group 1')).toEqual([pid, ...a.pg.localMembers('group 1')]);
    expect(a.pg.remoteMembers('group 1')).toEqual([{ node: b.name, pid }]);
  });

  test('P31 membership is not passed on: who is not connected is not seen', () => {
    const [a, b, c] = [startNode('a@test'), startNode('b@test'), startNode('c@test')];
    connect(a.distribution, b.distribution);
    connect(b.distribution, c.distribution);
    c.pg.join('g', c.processes.spawn());
    quiet([a, b, c]);
    expect(b.pg.members('g').length).toBe(1);
    expect(a.pg.members('g')).toEqual([]);
    split(a, b);
    connect(a.distribution, b.distribution);
    quiet([a, b, c]);
    expect(a.pg.whichGroups()).toEqual([]);
  });

  test('P32 joins on two nodes at one time end equal everywhere', () => {
    const nodes = cluster(4);
    const pids = nodes.slice(0, 2).map(({ pg, processes }) => {
      const pid = processes.spawn();
      pg.join('g', pid);
      return pid;
    });
    quiet([...nodes].reverse());
    for (const { pg } of nodes) expect([...pg.members('g')].sort()).toEqual([...pids].sort());
  });

  test('P7 a session with the own node is ignored', () => {
    const { distribution, pg, processes, name } = startNode('a@test');
    pg.join('g', processes.spawn());
    distribution.tellUp(distribution.up(name, 1));
    expect(pg.members('g').length).toBe(1);
    expect(pg.nodes('g')).toEqual([]);
    expect(pg.counters.refused['own node']).toBe(1);
  });

  test('a node that came back as another life replaces its predecessor', () => {
    const [a, b] = two();
    a.pg.join('g', a.processes.spawn());
    quiet([a, b]);
    const again = startNode('a@test', {}, 2);
    const pid = again.processes.spawn();
    again.pg.join('g', pid);
    connect(again.distribution, b.distribution);
    expect(b.pg.members('g')).toEqual([]);
    quiet([again, b]);
    expect(b.pg.members('g')).toEqual([pid]);
  });
});
