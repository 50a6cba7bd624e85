import { ByteWriter, formatPid } from '@liminal-node/scheduler';
import { describe, expect, test } from 'vitest';
import { encodeFrame, PG_RESYNC, PG_SNAPSHOT, PG_UPDATE, type WireChange } from '../src/wire.js';
import { cluster, connect, type MemoryNode, quiet, settle, split, startNode, two } from './memory-network.js';

const change = (group: string, serial: number, joins: number): WireChange => ({ group, thread: 0, serial, joins });

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

  test('a peer that asks for snapshots without end is answered so often, and then again when the time is over', () => {
    const { a, b, hear } = peered({ maxResyncs: 3 });
    const ask = encodeFrame('test', { type: 'resync' });
    a.pg.join('g', a.processes.spawn());
    quiet([a, b]);
    const before = a.pg.counters.framesOut;
    for (let n = 0; n < 1_000; n++) hear(PG_RESYNC, ask);
    expect(a.pg.counters.framesOut - before).toBe(3);
    expect(a.pg.counters.refused['resync flood']).toBe(997);
    // So that an honest one asks again, should it miss something.
    expect(a.timers()).toBe(1);
  });

  test('what distribution does not queue is counted', () => {
    const { a } = peered();
    a.distribution.refuseSends = 'dropped';
    a.pg.join('g', a.processes.spawn());
    a.distribution.refuseSends = 'gone';
    a.pg.join('g', a.processes.spawn());
    expect(a.pg.counters.refused).toMatchObject({ 'not queued': 1, 'session gone': 1 });
  });

  test('what is joined because a send took a session down is told to the others behind what was being sent', () => {
    const nodes = cluster(3);
    const [a, b, c] = nodes as [MemoryNode, MemoryNode, MemoryNode];
    const [first, second] = [a.processes.spawn(), a.processes.spawn()];
    a.distribution.onMembership('groups', ({ type }) => type === 'down' && a.pg.join('h', second));
    const { send } = a.distribution;
    a.distribution.send = (session, type, body) => {
      if (session.node !== b.name) return send.call(a.distribution, session, type, body);
      if (a.distribution.sessions().some(({ node }) => node === b.name)) split(a, b);
      return 'gone';
    };
    a.pg.join('g', first);
    quiet(nodes);
    expect(c.pg.membersOf(a.name)).toEqual(
      new Map([
        ['g', [first]],
        ['h', [second]],
      ]),
    );
    expect(c.pg.counters.refused.gap).toBe(0);
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
