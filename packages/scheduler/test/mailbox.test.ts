import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Mailbox, type MailboxBound, NOTHING, type Overflow } from '../src/mailbox.js';

const WIDE: MailboxBound = { maxItems: 1_000_000, maxBytes: 100_000_000, overflow: 'drop-newest' };

function drain(mailbox: Mailbox): unknown[] {
  const messages: unknown[] = [];
  for (let next = mailbox.take(); next !== NOTHING; next = mailbox.take()) messages.push(next);
  return messages;
}

function filled(bound: MailboxBound, ...messages: unknown[]): Mailbox {
  const mailbox = new Mailbox(bound);
  for (const message of messages) mailbox.push(message, 1);
  return mailbox;
}

const is = (wanted: unknown) => (message: unknown) => message === wanted;

describe('taking', () => {
  test('gives messages first in, first out, and NOTHING when there is none', () => {
    const mailbox = filled(WIDE, 'a', undefined, 'c');
    expect(drain(mailbox)).toEqual(['a', undefined, 'c']);
    expect(mailbox.take()).toBe(NOTHING);
  });

  test('G1: takes the first that matches and leaves the others in order', () => {
    const mailbox = filled(WIDE, 'a', 'b', 'c', 'b');
    expect(mailbox.take(is('b'))).toBe('b');
    expect(drain(mailbox)).toEqual(['a', 'c', 'b']);
  });

  test('shows a message once to a take that goes on', () => {
    const mailbox = filled(WIDE, 1, 2);
    const shown: unknown[] = [];
    const watch = (message: unknown): boolean => shown.push(message) > 4;
    mailbox.take(watch);
    mailbox.push(3, 1);
    expect(mailbox.unseen).toBe(1);
    expect(mailbox.takeNext(watch)).toBe(NOTHING);
    expect(shown).toEqual([1, 2, 3]);
    mailbox.rewind();
    mailbox.takeNext(watch);
    expect(shown).toEqual([1, 2, 3, 1, 2]);
  });

  test('passes over no message that it has not shown, whatever is removed meanwhile', () => {
    const mailbox = filled({ ...WIDE, maxItems: 3, overflow: 'drop-oldest' }, 1, 2, 3);
    expect(mailbox.take(is(5))).toBe(NOTHING);
    mailbox.push(4, 1);
    expect(mailbox.takeNext(is(5))).toBe(NOTHING);
    mailbox.removeAll(is(3));
    mailbox.push(5, 1);
    expect(mailbox.takeNext(is(5))).toBe(5);
    expect(drain(mailbox)).toEqual([2, 4]);
  });

  test('keeps what a failing match was shown', () => {
    const mailbox = filled(WIDE, 1, 2);
    const failing = (): boolean => {
      throw new Error('no');
    };
    expect(() => mailbox.take(failing)).toThrow('no');
    expect(drain(mailbox)).toEqual([1, 2]);
  });

  test('stays in order, and counts bytes, while the array is cut behind it', () => {
    const mailbox = new Mailbox(WIDE);
    for (let at = 0; at < 5000; at++) mailbox.push(at, at);
    for (let at = 0; at < 4000; at++) expect(mailbox.take()).toBe(at);
    expect(mailbox.length).toBe(1000);
    expect(mailbox.bytes).toBe((4000 + 4999) * 500);
    expect(drain(mailbox)).toEqual(Array.from({ length: 1000 }, (_, at) => 4000 + at));
    expect(mailbox.bytes).toBe(0);
  });
});

describe('the bound', () => {
  test('drop-newest refuses what does not fit and counts it', () => {
    const mailbox = filled({ ...WIDE, maxItems: 2 }, 1, 2);
    expect(mailbox.push(3, 1)).toBe(1);
    expect(mailbox.dropped).toBe(1);
    expect(drain(mailbox)).toEqual([1, 2]);
  });

  test('drop-oldest makes room in bytes as well as in number', () => {
    const mailbox = filled({ maxItems: 10, maxBytes: 4, overflow: 'drop-oldest' }, 1, 2, 3, 4);
    expect(mailbox.push('large', 3)).toBe(3);
    expect(mailbox.bytes).toBe(4);
    expect(mailbox.dropped).toBe(3);
    expect(drain(mailbox)).toEqual([4, 'large']);
  });

  test('exit leaves the mailbox as it was and says so', () => {
    const mailbox = filled({ ...WIDE, maxItems: 1, overflow: 'exit' }, 1);
    expect(mailbox.push(2, 1)).toBe('exit');
    expect(drain(mailbox)).toEqual([1]);
  });

  test('one message always fits an empty mailbox', () => {
    const mailbox = new Mailbox({ maxItems: 1, maxBytes: 10, overflow: 'drop-newest' });
    expect(mailbox.push('huge', 1000)).toBe(0);
    expect(mailbox.take()).toBe('huge');
    expect(mailbox.bytes).toBe(0);
  });

  test('neither refuses, counts nor drops signals', () => {
    const mailbox = new Mailbox({ maxItems: 2, maxBytes: 10, overflow: 'drop-oldest' });
    for (const signal of ['down 1', 'down 2', 'down 3']) mailbox.pushSignal(signal);
    expect([1, 2, 3].map((message) => mailbox.push(message, 1))).toEqual([0, 0, 1]);
    expect(drain(mailbox)).toEqual(['down 1', 'down 2', 'down 3', 2, 3]);
  });

  test('is free again after clear', () => {
    const mailbox = filled({ ...WIDE, maxItems: 2 }, 1, 2);
    mailbox.clear();
    expect([mailbox.length, mailbox.bytes, mailbox.take()]).toEqual([0, 0, NOTHING]);
    expect(mailbox.push(3, 1)).toBe(0);
  });
});

interface Item {
  readonly message: number;
  readonly bytes: number | 'signal';
}

/** The same rules over a plain array, without any care for speed. */
class Model {
  items: Item[] = [];
  dropped = 0;
  readonly #bound: MailboxBound;

  constructor(bound: MailboxBound) {
    this.#bound = bound;
  }

  get #bounded(): Item[] {
    return this.items.filter(({ bytes }) => bytes !== 'signal');
  }

  get bytes(): number {
    return this.#bounded.reduce((sum, { bytes }) => sum + Number(bytes), 0);
  }

  #fits(bytes: number): boolean {
    const { maxItems, maxBytes } = this.#bound;
    return this.#bounded.length === 0 || (this.#bounded.length < maxItems && this.bytes + bytes <= maxBytes);
  }

  push(message: number, bytes: number): number | 'exit' {
    let dropped = 0;
    if (!this.#fits(bytes)) {
      if (this.#bound.overflow === 'exit') return 'exit';
      if (this.#bound.overflow === 'drop-newest') {
        this.dropped++;
        return 1;
      }
      for (; !this.#fits(bytes); dropped++) this.items.splice(this.items.indexOf(this.#bounded[0] as Item), 1);
    }
    this.items.push({ message, bytes });
    this.dropped += dropped;
    return dropped;
  }

  take(wanted: number | undefined): unknown {
    const at = wanted === undefined ? 0 : this.items.findIndex(({ message }) => message % 5 === wanted);
    const [taken] = at < 0 ? [] : this.items.splice(at, 1);
    return taken === undefined ? NOTHING : taken.message;
  }
}

test('behaves like a plain array, whatever is pushed, taken and flushed', () => {
  const operation = fc.oneof(
    { weight: 6, arbitrary: fc.record({ op: fc.constant('push' as const), bytes: fc.nat(8) }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('signal' as const) }) },
    {
      weight: 4,
      arbitrary: fc.record({ op: fc.constant('take' as const), wanted: fc.option(fc.nat(4), { nil: undefined }) }),
    },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('wait' as const), wanted: fc.nat(4) }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('flush' as const), unwanted: fc.nat(4) }) },
  );
  const bound = fc.record({
    maxItems: fc.integer({ min: 1, max: 12 }),
    maxBytes: fc.integer({ min: 1, max: 40 }),
    overflow: fc.constantFrom<Overflow>('drop-newest', 'drop-oldest', 'exit'),
  });
  fc.assert(
    fc.property(bound, fc.array(operation, { maxLength: 200 }), (limits, operations) => {
      const mailbox = new Mailbox(limits);
      const model = new Model(limits);
      let waitingFor: number | undefined;
      let next = 0;
      for (const operation of operations) {
        switch (operation.op) {
          case 'push':
            expect(mailbox.push(next, operation.bytes)).toBe(model.push(next, operation.bytes));
            break;
          case 'signal':
            mailbox.pushSignal(next);
            model.items.push({ message: next, bytes: 'signal' });
            break;
          case 'take': {
            const { wanted } = operation;
            const match = wanted === undefined ? undefined : (message: unknown) => Number(message) % 5 === wanted;
            expect(mailbox.take(match)).toBe(model.take(wanted));
            waitingFor = undefined;
            break;
          }
          case 'wait': {
            if (waitingFor !== operation.wanted) mailbox.rewind();
            waitingFor = operation.wanted;
            const taken = mailbox.takeNext((message) => Number(message) % 5 === operation.wanted);
            expect(taken).toBe(model.take(operation.wanted));
            break;
          }
          case 'flush':
            mailbox.removeAll((message) => Number(message) % 5 === operation.unwanted);
            model.items = model.items.filter(({ message }) => message % 5 !== operation.unwanted);
            break;
          default:
            operation satisfies never;
        }
        next++;
        expect([mailbox.length, mailbox.bytes, mailbox.dropped]).toEqual([
          model.items.length,
          model.bytes,
          model.dropped,
        ]);
      }
      expect(drain(mailbox)).toEqual(model.items.map(({ message }) => message));
    }),
  );
});

describe('gaps', () => {
  const gap = (count: number | undefined): unknown => ({ signal: 'gap', count, reason: 'mailbox full' });

  test('stand where messages were dropped, one for all that were dropped in one place', () => {
    const mailbox = filled({ ...WIDE, maxItems: 2, gaps: true }, 1, 2, 3, 4);
    expect([mailbox.take(), mailbox.dropped]).toEqual([1, 2]);
    mailbox.push(5, 1);
    mailbox.push(6, 1);
    expect(drain(mailbox)).toEqual([2, gap(2), 5, gap(1)]);
  });

  test('stand ahead of what is left where the oldest are dropped', () => {
    const mailbox = filled({ ...WIDE, maxItems: 2, overflow: 'drop-oldest', gaps: true }, 1, 2, 3, 4);
    expect([mailbox.bytes, mailbox.length]).toEqual([2, 3]);
    expect(drain(mailbox)).toEqual([gap(2), 3, 4]);
    expect([mailbox.bytes, mailbox.length, mailbox.dropped]).toEqual([0, 0, 2]);
  });

  test('count what a dropped gap of others stands for, which may be unknown', () => {
    const lost = (count: number | undefined): unknown => ({ signal: 'gap', count, reason: 'queue full' });
    expect(drain(filled({ ...WIDE, maxItems: 1, gaps: true }, 1, lost(7), 2))).toEqual([1, gap(8)]);
    expect(drain(filled({ ...WIDE, maxItems: 1, gaps: true }, 1, 2, lost(undefined), 3))).toEqual([1, gap(undefined)]);
  });

  test.each<Overflow>(['drop-newest', 'drop-oldest'])(
    'account for every message that was pushed, in order, whatever is taken when (%s)',
    (overflow) => {
      const action = fc.oneof(
        fc.constant('take' as const),
        fc.constant('signal' as const),
        fc.integer({ min: 0, max: 9 }),
      );
      fc.assert(
        fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
          const mailbox = new Mailbox({ maxItems: 4, maxBytes: 20, overflow, gaps: true });
          let pushed = 0;
          let seen = 0;
          let gaps = 0;
          const look = (message: unknown): void => {
            if (message === NOTHING || message === 'signal') return;
            if (typeof message !== 'number') {
              gaps++;
              seen += (message as { count: number }).count;
            } else expect(message).toBe(seen++);
          };
          for (const next of actions) {
            if (next === 'take') look(mailbox.take());
            else if (next === 'signal') mailbox.pushSignal('signal');
            else mailbox.push(pushed++, next);
          }
          expect(mailbox.length).toBeLessThanOrEqual(2 * actions.filter((each) => each === 'signal').length + 9);
          for (const message of drain(mailbox)) look(message);
          expect(seen).toBe(pushed);
          expect(gaps).toBeLessThanOrEqual(mailbox.dropped);
        }),
      );
    },
  );
});
