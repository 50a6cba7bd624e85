import type { NodeName } from '@liminal-node/scheduler';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AddressBook } from '../src/known-peers.js';

const limits = { backOff: { minMs: 100, maxMs: 10_000 }, stableAfterMs: 1_000, forgetAfterMs: 60_000, maxLearned: 3 };
const book = (): AddressBook => new AddressBook(limits, () => 0.99999);
const [a, b] = ['a@h', 'b@h'] as NodeName[] as [NodeName, NodeName];
const stateOf = (it: AddressBook, address: string): string | undefined =>
  it.list().find((peer) => peer.address === address)?.state;

describe('the address book', () => {
  test('has a seed due at once, and again after each failure, for ever, ever less often', () => {
    const it = book();
    it.addSeed('x:1', 0);
    const waits: number[] = [];
    for (let now = 0, dials = 0; dials < 40; dials++) {
      expect(it.due(now)).toEqual(['x:1']);
      it.dialing('x:1');
      expect([it.due(now), it.nextDueAt()]).toEqual([[], undefined]);
      it.failed('x:1', 'ECONNREFUSED', now);
      const next = it.nextDueAt() ?? Number.NaN;
      waits.push(Math.round(next - now));
      now = next;
    }
    expect(waits.slice(0, 8)).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000]);
    expect(new Set(waits.slice(8))).toEqual(new Set([10_000]));
    expect(it.list()[0]).toMatchObject({ lastFailure: 'ECONNREFUSED', attempts: 40, state: 'waiting' });
  });

  test('knows one address once, however often and by whomever it is told', () => {
    const it = book();
    it.addSeed('x:1', 0);
    it.addSeed('x:1', 0);
    it.learn('x:1', a, 0);
    expect(it.list()).toHaveLength(1);
    expect(it.list()[0]).toMatchObject({ seed: true, node: a });
  });

  test('is satisfied with an address while its node is up, over whichever address', () => {
    const it = book();
    it.addSeed('x:1', 0);
    it.learn('y:1', a, 0);
    it.dialing('x:1');
    it.reached('x:1', a, 0);
    it.failed('y:1', 'ECONNREFUSED', 0);
    it.up(a, 'y:1', 0);
    expect(it.list().map((peer) => [peer.state, peer.lastFailure])).toEqual([
      ['connected', undefined],
      ['connected', undefined],
    ]);
    expect([it.due(10), it.nextDueAt()]).toEqual([[], undefined]);
    it.down(a, false, 5_000);
    expect(it.due(5_000)).toEqual([]);
    expect(it.due(5_100)).toEqual(['x:1', 'y:1']);
  });

  test('starts the back-off afresh only after a session that lived', () => {
    const it = book();
    it.addSeed('x:1', 0);
    it.reached('x:1', a, 0);
    for (const wait of [100, 200, 400]) {
      it.up(a, null, 0);
      it.down(a, false, 500);
      expect(Math.round((it.nextDueAt() ?? 0) - 500)).toBe(wait);
    }
    it.up(a, null, 1_000);
    it.down(a, false, 2_000);
    expect(Math.round((it.nextDueAt() ?? 0) - 2_000)).toBe(100);
  });

  test('tries again promptly after the first lost tie-break, and backs off if that repeats', () => {
    const it = book();
    it.addSeed('x:1', 0);
    for (let i = 0; i < 9; i++) it.failed('x:1', 'ECONNREFUSED', 0);
    const waits = [1, 2, 3].map(() => {
      it.failed('x:1', 'duplicate', 0);
      return Math.round(it.nextDueAt() ?? 0);
    });
    expect(waits).toEqual([100, 200, 400]);
  });

  test('never dials itself again', () => {
    const it = book();
    it.addSeed('x:1', 0);
    it.dialing('x:1');
    it.isSelf('x:1');
    expect([it.due(1e9), it.nextDueAt(), stateOf(it, 'x:1')]).toEqual([[], undefined, 'self']);
  });

  test('forgets a learned address when its node left, and a seed never', () => {
    const it = book();
    it.addSeed('x:1', 0);
    it.reached('x:1', a, 0);
    it.learn('y:1', a, 0);
    it.up(a, 'y:1', 0);
    it.down(a, true, 10);
    expect(it.list().map((peer) => peer.address)).toEqual(['x:1']);
  });

  test('forgets a learned address that cannot be reached for long', () => {
    const it = book();
    it.learn('y:1', a, 0);
    expect(it.due(60_000)).toEqual(['y:1']);
    expect(it.due(60_001)).toEqual([]);
    expect(it.list()).toEqual([]);
  });

  test('keeps a bounded number of learned addresses, and room comes back', () => {
    const it = book();
    it.addSeed('s:1', 0);
    expect(['y:1', 'y:2', 'y:3', 'y:4'].map((address) => it.learn(address, b, 0))).toEqual([true, true, true, false]);
    it.addSeed('y:1', 0);
    expect([it.learn('y:4', b, 0), it.learn('y:5', b, 0)]).toEqual([true, false]);
  });

  test('believes a new word on who listens somewhere, except against a node that is connected and says so itself', () => {
    const it = book();
    it.learn('y:1', a, 0);
    it.up(a, 'y:1', 0);
    it.learn('y:1', b, 0);
    expect(stateOf(it, 'y:1')).toBe('connected');
    it.up(a, 'z:9', 0);
    it.learn('y:1', b, 0);
    expect(it.due(0)).toEqual(['y:1']);
  });

  test('never offers an address that is connected, under way or itself, whatever happens', () => {
    const address = fc.constantFrom('x:1', 'x:2', 'x:3');
    const node = fc.constantFrom(a, b);
    const event = fc.oneof(
      fc.tuple(fc.constantFrom('addSeed', 'learn', 'dialing', 'reached', 'failed', 'isSelf'), address, node),
      fc.tuple(fc.constantFrom('up', 'down', 'left'), address, node),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const it = book();
        for (const [now, [type, at, who]] of events.entries()) {
          if (type === 'addSeed') it.addSeed(at, now);
          else if (type === 'learn') it.learn(at, who, now);
          else if (type === 'dialing') it.dialing(at);
          else if (type === 'reached') it.reached(at, who, now);
          else if (type === 'failed') it.failed(at, 'ECONNREFUSED', now);
          else if (type === 'isSelf') it.isSelf(at);
          else if (type === 'up') it.up(who, at, now);
          else it.down(who, type === 'left', now);
          const waiting = it.list().filter((peer) => peer.state === 'waiting');
          expect(it.due(50_000).every((due) => waiting.some((peer) => peer.address === due))).toBe(true);
          expect(it.nextDueAt() === undefined).toBe(waiting.length === 0);
        }
      }),
    );
  });
});
