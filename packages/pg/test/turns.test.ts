/** What one turn changes is told together. */
import { describe, expect, test } from 'vitest';
import { connect, type MemoryNode, quiet, startNode, two } from './memory-network.js';

/** Two nodes whose turns end when the frames of their network are delivered, and what has come to the second. */
function turning(): { a: MemoryNode; b: MemoryNode; inbox: { readonly length: number } } {
  const [a, b] = two();
  a.distribution.gathering = [];
  return { a, b, inbox: b.distribution.session(a.name).inbox };
}

describe('the joins and leaves of one turn', () => {
  test('go in one frame at its end, and are told there in their order', async () => {
    const { a, b, inbox } = turning();
    const changes = b.pg.changes()[Symbol.asyncIterator]();
    await changes.next();
    const [one, other] = [a.processes.spawn(), a.processes.spawn()];
    for (const pid of [one, other]) a.pg.join('g', pid);
    a.pg.leave('g', one);
    a.pg.join('h', one);
    a.processes.end(other);
    expect(inbox.length).toBe(0);
    a.distribution.endTurn();
    expect(inbox.length).toBe(1);
    quiet([a, b]);
    const { node } = b.distribution.session(a.name);
    expect(changes.readReady(10)).toEqual([
      { type: 'join', group: 'g', node, pids: [one, other] },
      { type: 'leave', group: 'g', node, pids: [one] },
      { type: 'join', group: 'h', node, pids: [one] },
      { type: 'leave', group: 'g', node, pids: [other] },
    ]);
    expect(b.pg.membersOf(a.name)).toEqual(new Map([['h', [one]]]));
  });

  test('are one frame with those of every process, and the next turn is another', () => {
    const { a, b, inbox } = turning();
    for (let n = 0; n < 100; n++) a.pg.join(`group ${n}`, a.processes.spawn());
    a.distribution.endTurn();
    a.pg.join('later', a.processes.spawn());
    a.distribution.endTurn();
    expect(inbox.length).toBe(2);
    quiet([a, b]);
    expect(b.pg.membersOf(a.name).size).toBe(101);
    expect(b.pg.counters.refused.gap).toBe(0);
  });

  test('go out before it ends where they are very many', () => {
    const { a, b, inbox } = turning();
    const pid = a.processes.spawn();
    for (let n = 0; n < 5_000; n++) a.pg.join(`group ${n}`, pid);
    expect(inbox.length).toBe(1);
    quiet([a, b]);
    expect(b.pg.membersOf(a.name).size).toBe(5_000);
  });

  test('are told before anybody is asked whether he has taken them in', async () => {
    const { a, b } = turning();
    const pid = a.processes.spawn();
    a.pg.join('g', pid);
    const acknowledged = a.pg.acknowledged();
    quiet([b]);
    expect(b.pg.members('g')).toEqual([pid]);
    quiet([a, b]);
    await acknowledged;
  });

  test('are known once to who connects within it', () => {
    const [a, b, c] = [startNode('a@test'), startNode('b@test'), startNode('c@test')];
    connect(a.distribution, b.distribution);
    quiet([a, b]);
    a.distribution.gathering = [];
    const pid = a.processes.spawn();
    a.pg.join('g', pid);
    connect(a.distribution, c.distribution);
    a.pg.join('h', pid);
    quiet([a, b, c]);
    for (const { pg } of [b, c]) {
      expect(pg.membersOf(a.name)).toEqual(a.pg.localMemberships());
      expect(pg.counters.refused).toMatchObject({ gap: 0, 'awaiting snapshot': 0 });
    }
  });
});
