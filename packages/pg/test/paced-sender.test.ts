import type { NodeName } from '@liminal-node/scheduler';
import { describe, expect, test } from 'vitest';
import type { GroupEvent } from '../src/group-events.js';
import { GroupState } from '../src/group-state.js';
import { DEFAULTS } from '../src/options.js';
import type { PgFrame } from '../src/wire.js';
import { connect, disconnect, settle, startNode } from './memory-network.js';

/** Two nodes, of which a has more members than it may give distribution in one burst, and flushes that wait. */
function large(options = {}) {
  const a = startNode('a@test', { maxFrameBytes: 1024, burstBytes: 3000, ...options });
  const b = startNode('b@test');
  const pids = Array.from({ length: 500 }, () => a.processes.spawn());
  for (const pid of pids) a.pg.join('g', pid);
  const flushes: (() => void)[] = [];
  a.distribution.flushes = flushes;
  connect(a.distribution, b.distribution);
  /** Lets every flush come that waits, and those that are asked for thereupon. */
  const flushAll = async () => {
    let bursts = 0;
    for (let flush = flushes.shift(); flush !== undefined; flush = flushes.shift()) {
      flush();
      bursts++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    settle(a.distribution, b.distribution);
    return bursts;
  };
  return { a, b, pids, flushes, flushAll, inbox: b.distribution.session(a.name).inbox };
}

describe('a membership larger than a queue', () => {
  test('goes out in bursts, each when the one before has been flushed, and later changes behind it', async () => {
    const { a, b, pids, flushes, flushAll, inbox } = large();
    expect(inbox.reduce((bytes, { body }) => bytes + body.length, 0)).toBeLessThan(3000 + 1024);
    expect(flushes.length).toBe(1);
    const late = a.processes.spawn();
    a.pg.join('g', late);
    a.pg.leave('g', pids[0] ?? late);
    settle(a.distribution, b.distribution);
    expect(b.pg.members('g')).toEqual([]);
    // 500 members of 14 bytes each, in frames of less than 1024 bytes with more than 700 of members in each.
    expect(await flushAll()).toBeLessThanOrEqual(4);
    expect(b.pg.members('g')).toEqual([...pids.slice(1), late]);
    expect(b.pg.counters.refused.gap).toBe(0);
  });

  test('what may not wait any more is dropped and counted, and the peer asks anew', async () => {
    const { a, b, flushAll } = large({ maxHeldBytes: 2000 });
    await flushAll();
    expect(a.pg.counters.refused['not queued']).toBeGreaterThan(0);
    expect(b.pg.members('g')).toEqual([]);
    a.distribution.flushes = undefined;
    for (let round = 0; round < 3; round++) {
      a.pg.leave('g', a.pg.localMembers('g')[0] as never);
      await flushAll();
    }
    expect(b.pg.counters.refused.gap).toBeGreaterThan(0);
  });

  test('a loss that no other change follows is found, although what would have told of it was lost as well', async () => {
    const { a, b, pids, flushAll } = large({ maxHeldBytes: 9_000 });
    for (const pid of pids.slice(0, 400)) a.pg.leave('g', pid);
    const lost = a.pg.counters.refused['not queued'];
    a.announce();
    expect(a.pg.counters.refused['not queued']).toBe(lost + 1);
    await flushAll();
    expect(b.pg.membersOf(a.name)).not.toEqual(a.pg.localMemberships());
    expect(a.timers()).toBe(1);
    a.announce();
    settle(a.distribution, b.distribution);
    await flushAll();
    expect(b.pg.membersOf(a.name)).toEqual(a.pg.localMemberships());
  });

  test('a question for a snapshot that may have been lost on its way out goes out again with the next announcement', () => {
    const state = new GroupState('a@test' as NodeName, DEFAULTS, 1);
    const session = { id: 1, node: 'b@test' as NodeName, creation: 1 };
    const other = { id: 2, node: 'c@test' as NodeName, creation: 1 };
    const gap: PgFrame = { type: 'update', version: 3, changes: [] };
    const asked = (event: GroupEvent) =>
      state
        .step(event)
        .flatMap((effect) => (effect.type === 'send' && effect.frames[0]?.type === 'resync' ? effect.to : []));
    for (const up of [session, other]) {
      state.step({ type: 'up', session: up, ask: false });
      expect(asked({ type: 'frame', session: up, frame: gap })).toEqual([up]);
    }
    expect(state.step({ type: 'lost', session })).toEqual([{ type: 'announceLater' }]);
    expect(asked({ type: 'announce' })).toEqual([session]);
    expect(asked({ type: 'announce' })).toEqual([]);
    state.step({ type: 'lost', session });
    state.step({ type: 'frame', session, frame: { type: 'snapshot', version: 3, part: 0, last: true, groups: [] } });
    expect(asked({ type: 'announce' })).toEqual([]);
    state.step({ type: 'down', session });
    expect(state.step({ type: 'lost', session })).toEqual([]);
  });

  test('what is held for a session is lost with it, and the next session begins anew', async () => {
    const { a, b, pids, flushAll } = large();
    disconnect(a.distribution.session(b.name));
    connect(a.distribution, b.distribution);
    await flushAll();
    expect(b.pg.members('g')).toEqual(pids);
    expect(b.pg.counters.refused.gap).toBe(0);
  });

  test('a stop drops what is held, and peers hear at once that all have left', async () => {
    const { a, b, flushAll, inbox } = large();
    const sent = inbox.length;
    a.pg.stop();
    expect(inbox.length).toBe(sent + 1);
    await flushAll();
    expect(b.pg.counters.framesIn).toBe(sent + 1);
    expect(b.pg.members('g')).toEqual([]);
    expect(b.pg.counters.refused).toMatchObject({ gap: 0, 'awaiting snapshot': 0 });
  });
});
