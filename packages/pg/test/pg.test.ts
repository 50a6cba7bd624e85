import { ByteWriter, formatPid, type NodeName } from '@liminal-node/scheduler';
import { describe, expect, test } from 'vitest';
import { startPg } from '../src/index.js';
import { encodeFrame, PG_RESYNC, PG_SNAPSHOT, PG_UPDATE, type WireChange } from '../src/wire.js';
import { connect, disconnect, type MemoryNode, MemoryProcesses, settle, startNode } from './memory-network.js';

/** Nodes a, b, c… that are all connected. */
function cluster<N extends number>(count: N, options = {}): MemoryNode[] & { length: N } {
  const nodes = Array.from({ length: count }, (_, index) => startNode(`${'abcdef'[index]}@test`, options));
  for (const [index, one] of nodes.entries()) {
    for (const other of nodes.slice(index + 1)) connect(one.distribution, other.distribution);
  }
  quiet(nodes);
  return nodes as MemoryNode[] & { length: N };
}

function quiet(nodes: readonly MemoryNode[]): void {
  settle(...nodes.map(({ distribution }) => distribution));
}

function split(one: MemoryNode, other: MemoryNode): void {
  disconnect(one.distribution.session(other.name));
}

function two(options = {}): [MemoryNode, MemoryNode] {
  const [a, b] = cluster(2, options);
  return [a as MemoryNode, b as MemoryNode];
}

const change = (group: string, serial: number, joins: number): WireChange => ({ group, thread: 0, serial, joins });

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

describe('what a peer says', () => {
  const update = (version: number, ...changes: WireChange[]) =>
    encodeFrame('test', { type: 'update', version, changes });
  const snapshot = (version: number, ...changes: WireChange[]) =>
    encodeFrame('test', {
      type: 'snapshot',
      version,
      part: 0,
      last: true,
      groups: changes.map(({ group, ...member }) => ({ group, members: [member] })),
    });

  /** Node a, and a peer that says what the test says. */
  function peered(options = {}) {
    const [a, b] = two(options);
    const session = a.distribution.session(b.name);
    const pid = (serial: number) => formatPid({ node: b.name, creation: 1, thread: 0, serial });
    return {
      a,
      b,
      session,
      pid,
      hear: (type: number, body: Uint8Array) => a.distribution.receive(session, type, body),
    };
  }

  test('P26 a snapshot replaces all that was known of that peer and leaves local members alone', () => {
    const { a, pid, hear } = peered();
    const mine = a.processes.spawn();
    a.pg.join('left', mine);
    hear(PG_SNAPSHOT, snapshot(1, change('left', 1, 1), change('changed', 2, 1), change('kept', 3, 2)));
    hear(PG_SNAPSHOT, snapshot(9, change('changed', 4, 1), change('kept', 3, 2), change('new', 5, 1)));
    expect(Object.fromEntries(a.pg.whichGroups().map((group) => [group, a.pg.members(group)]))).toEqual({
      left: [mine],
      changed: [pid(4)],
      kept: [pid(3), pid(3)],
      new: [pid(5)],
    });
  });

  test('P25 P34 an update before the snapshot is ignored, and the snapshot is asked for once', () => {
    const [a, b] = [startNode('a@test'), startNode('b@test')];
    connect(a.distribution, b.distribution);
    const session = a.distribution.session(b.name);
    session.inbox.length = 0;
    const pid = b.processes.spawn();
    for (let n = 0; n < 3; n++) b.pg.join('g', pid);
    settle(a.distribution);
    expect(a.pg.members('g')).toEqual([]);
    expect(a.pg.counters).toMatchObject({ resyncsAsked: 1, refused: { gap: 1, 'awaiting snapshot': 2 } });
    quiet([a, b]);
    expect(a.pg.members('g')).toEqual([pid, pid, pid]);
  });

  test('a lost update is found by the next one and repaired', () => {
    const { a, b, session } = peered();
    const [lost, next] = [b.processes.spawn(), b.processes.spawn()];
    b.pg.join('g', lost);
    session.inbox.shift();
    b.pg.join('g', next);
    quiet([a, b]);
    expect(a.pg.members('g')).toEqual([lost, next]);
    expect(a.pg.counters.refused.gap).toBe(1);
  });

  test('a lost update that none follows is found by the announcement, which comes once and not while nothing changes', () => {
    const { a, b, session } = peered();
    b.announce();
    expect(b.timers()).toBe(0);
    const lost = b.processes.spawn();
    b.pg.join('g', lost);
    expect(b.timers()).toBe(1);
    quiet([a]);
    session.inbox.length = 0;
    b.pg.leave('g', lost);
    session.inbox.length = 0;
    quiet([a, b]);
    expect(a.pg.members('g')).toEqual([lost]);
    b.announce();
    quiet([a, b]);
    expect(a.pg.members('g')).toEqual([]);
  });

  test('an answer that is lost is asked for again when the next announcement comes', () => {
    const { a, b, session } = peered();
    const pid = b.processes.spawn();
    b.pg.join('g', pid);
    session.inbox.length = 0;
    b.announce();
    quiet([a]);
    b.distribution.session(a.name).inbox.length = 0;
    b.pg.join('g', pid);
    b.announce();
    quiet([a, b]);
    expect(a.pg.members('g')).toEqual([pid, pid]);
    expect(a.pg.counters.resyncsAsked).toBe(2);
  });

  test('a snapshot takes effect at its last part only, and a lost part makes it ask again', () => {
    const { a, b, session } = peered({ maxFrameBytes: 1024 });
    for (let n = 0; n < 200; n++) b.pg.join('g', b.processes.spawn());
    session.inbox.length = 0;
    b.announce();
    settle(a.distribution);
    settle(b.distribution);
    expect(session.inbox.length).toBeGreaterThan(2);
    const first = session.inbox.shift();
    session.inbox.shift();
    if (first !== undefined) a.distribution.receive(session, first.type, first.body);
    expect(a.pg.members('g')).toEqual([]);
    quiet([a, b]);
    expect(a.pg.members('g').length).toBe(0);
    b.announce();
    quiet([a, b]);
    expect(a.pg.members('g').length).toBe(200);
  });

  test('P35 a peer speaks only of its own processes: what it names is made a pid of its own', () => {
    const { a, pid, hear } = peered();
    const mine = a.processes.spawn();
    a.pg.join('g', mine);
    hear(PG_SNAPSHOT, snapshot(0, change('g', 0, 1)));
    hear(PG_UPDATE, update(1, change('g', 0, 0)));
    hear(PG_UPDATE, update(2, change('g', 0, 3)));
    expect(a.pg.localMembers('g')).toEqual([mine]);
    expect(new Set(a.pg.remoteMembers('g').map((member) => member.pid))).toEqual(new Set([pid(0)]));
  });

  test('frames of a session that is over, or never was up, change nothing and are counted by reason', () => {
    const { a, b, session } = peered();
    split(a, b);
    connect(a.distribution, b.distribution);
    quiet([a, b]);
    a.distribution.receive(session, PG_SNAPSHOT, snapshot(5, change('g', 1, 1)));
    a.distribution.receive(session, PG_UPDATE, update(1, change('g', 1, 1)));
    a.distribution.receive({ ...session, id: 99 }, PG_UPDATE, update(1, change('g', 1, 1)));
    expect(a.pg.members('g')).toEqual([]);
    expect(a.pg.counters.refused).toMatchObject({ 'stale session': 2, 'foreign session': 1 });
  });

  test.for([
    ['too many groups', 'over limit', snapshot(1, change('g', 1, 1), change('h', 1, 1), change('i', 1, 1))],
    ['too many joins', 'over limit', snapshot(1, change('g', 1, 1000))],
    ['a member twice', 'malformed', snapshot(1, change('g', 1, 1), change('g', 1, 1))],
    ['junk', 'malformed', new ByteWriter().text('test').u8(7).take()],
  ] as const)(
    'P6 a snapshot with %s closes its session, which purges that peer and nobody else',
    ([, reason, body]) => {
      const { a, b, session, hear } = peered({ maxGroups: 2, maxJoins: 3 });
      const mine = a.processes.spawn();
      a.pg.join('g', mine);
      b.pg.join('g', b.processes.spawn());
      quiet([a, b]);
      hear(PG_SNAPSHOT, body);
      expect(session.closedFor).toBeDefined();
      expect(a.pg.members('g')).toEqual([mine]);
      expect(a.pg.counters.refused[reason]).toBe(1);
    },
  );

  test.for([
    ['groups', [change('g', 1, 1), change('h', 1, 1), change('i', 1, 1)]],
    ['joins', [change('g', 1, 4)]],
  ] as const)('an update beyond the limit of %s closes its session and nothing of it has applied', ([, changes]) => {
    const { session, a, hear } = peered({ maxGroups: 2, maxJoins: 3 });
    hear(PG_UPDATE, update(1, ...changes));
    expect(session.closedFor).toBe('over limit');
    expect(a.pg.whichGroups()).toEqual([]);
    expect(a.pg.counters.refused['over limit']).toBe(1);
  });

  test('a snapshot beyond the limits is refused at the part that goes beyond, not at the last', () => {
    const { session, hear } = peered({ maxJoins: 3 });
    const groups = [{ group: 'g', members: [{ thread: 0, serial: 1, joins: 4 }] }];
    hear(PG_SNAPSHOT, encodeFrame('test', { type: 'snapshot', version: 1, part: 0, last: false, groups }));
    expect(session.closedFor).toBe('over limit');
  });

  test('what distribution does not queue is counted', () => {
    const { a } = peered();
    a.distribution.refuseSends = 'dropped';
    a.pg.join('g', a.processes.spawn());
    a.distribution.refuseSends = 'gone';
    a.pg.join('g', a.processes.spawn());
    expect(a.pg.counters.refused).toMatchObject({ 'not queued': 1, 'session gone': 1 });
  });

  test('a session that goes down within a send is purged at once, and the others are still told', () => {
    const nodes = cluster(3);
    const [a, b, c] = nodes as [MemoryNode, MemoryNode, MemoryNode];
    b.pg.join('g', b.processes.spawn());
    quiet(nodes);
    const { send } = a.distribution;
    let membersAfterDown: unknown;
    a.distribution.send = (session, type, body) => {
      if (session.node !== b.name) return send.call(a.distribution, session, type, body);
      if (a.distribution.sessions().some(({ node }) => node === b.name)) {
        split(a, b);
        membersAfterDown = a.pg.members('g');
      }
      return 'gone';
    };
    const pid = a.processes.spawn();
    a.pg.join('g', pid);
    expect(membersAfterDown).toEqual([pid]);
    quiet(nodes);
    expect(c.pg.membersOf(a.name)).toEqual(new Map([['g', [pid]]]));
  });
});
