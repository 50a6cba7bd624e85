import { Audience, formatPid, NO_NODE, type Pid } from '@liminal-node/scheduler';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Subscriptions } from '../src/subscriptions.js';

const pid = (serial: number): Pid => formatPid({ node: NO_NODE, creation: 1, thread: serial % 2, serial });

const createAudience = (): Audience => new Audience(0, { tellMember: () => {} });

describe('subscriptions', () => {
  it('are counted: who subscribed twice is a subscriber until it has unsubscribed twice', () => {
    const subscriptions = new Subscriptions(createAudience);
    expect(subscriptions.add('orders', pid(1))).toBe(true);
    expect(subscriptions.add('orders', pid(1))).toBe(false);
    expect(subscriptions.audience('orders')?.size).toBe(1);
    expect(subscriptions.remove('orders', pid(1))).toBe(false);
    expect(subscriptions.audience('orders')?.size).toBe(1);
    expect(subscriptions.remove('orders', pid(1))).toBe(true);
    expect(subscriptions.audience('orders')).toBeUndefined();
    expect(subscriptions.remove('orders', pid(1))).toBe(false);
  });

  it('equal a model after any steps, and leave nothing of what is gone', () => {
    const channel = fc.constantFrom('a', 'b', 'c');
    const serial = fc.integer({ min: 1, max: 4 });
    const step = fc.oneof(
      fc.record({ type: fc.constant('add' as const), channel, serial }),
      fc.record({ type: fc.constant('remove' as const), channel, serial }),
      fc.record({ type: fc.constant('exit' as const), channel, serial }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const subscriptions = new Subscriptions(createAudience);
        let model: { channel: string; pid: Pid }[] = [];
        for (const { type, channel, serial } of steps) {
          const is = (entry: { channel: string; pid: Pid }): boolean =>
            entry.channel === channel && entry.pid === pid(serial);
          const before = model.filter(is).length;
          if (type === 'add') {
            expect(subscriptions.add(channel, pid(serial))).toBe(before === 0);
            model.push({ channel, pid: pid(serial) });
          } else if (type === 'remove') {
            expect(subscriptions.remove(channel, pid(serial))).toBe(before === 1);
            const at = model.findIndex(is);
            if (at >= 0) model.splice(at, 1);
          } else {
            const own = model.filter((entry) => entry.pid === pid(serial)).map((entry) => entry.channel);
            expect([...subscriptions.removeProcess(pid(serial))].sort()).toEqual([...new Set(own)].sort());
            model = model.filter((entry) => entry.pid !== pid(serial));
          }
          const pairs = new Set(model.map((entry) => `${entry.channel} ${entry.pid}`));
          expect(subscriptions.size).toBe(pairs.size);
          expect([...subscriptions.channels].sort()).toEqual([...new Set(model.map((entry) => entry.channel))].sort());
          for (const name of subscriptions.channels) {
            const members = [...(subscriptions.audience(name)?.threads.values() ?? [])].flatMap((map) => [
              ...map.values(),
            ]);
            expect(new Set(members.map((member) => `${name} ${member}`))).toEqual(
              new Set([...pairs].filter((pair) => pair.startsWith(`${name} `))),
            );
          }
          for (const at of [1, 2, 3, 4]) {
            expect(subscriptions.has(pid(at))).toBe(model.some((entry) => entry.pid === pid(at)));
          }
        }
      }),
    );
  });
});
