/**
 * The rules alone: fast-check makes up what arrives, when, and what each event leads to. The queue is compared with
 * a model that says the rules in plain lists, and what must always hold is read off the trace.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventQueue, type TimeoutChange, type TimeoutEvent, type TimeoutId } from '../../src/behaviours/event-queue.js';

interface Outside {
  readonly type: 'outside' | 'inserted';
  readonly number: number;
}

type AnyEvent = Outside | TimeoutEvent;

/** What handling one event leads to. */
interface Outcome {
  readonly changed: boolean;
  readonly postpone: boolean;
  readonly insert: number;
  readonly timeouts: readonly TimeoutChange[];
}

type Step = { readonly arrives: number } | { readonly passes: number } | { readonly handled: Outcome };

/** One line of a trace. */
interface Handled {
  readonly event: AnyEvent;
  readonly outcome: Outcome;
  readonly at: number;
}

interface Rules {
  next(now: number): AnyEvent | undefined;
  handled(event: AnyEvent, outcome: Outcome, inserted: readonly Outside[], now: number): void;
}

class Real implements Rules {
  readonly #queue = new EventQueue<AnyEvent>(1_000);

  next(now: number): AnyEvent | undefined {
    const isDue = this.#queue.deadline <= now;
    const event = this.#queue.take();
    if (event !== undefined) return event;
    const due = this.#queue.takeDue(now);
    expect(due !== undefined).toBe(isDue);
    return due;
  }

  handled(event: AnyEvent, { changed, postpone, timeouts }: Outcome, inserted: readonly Outside[], now: number): void {
    this.#queue.transition({ changed, inserted, timeouts, ...(postpone && { postponed: event }) }, now);
  }

  begin(): void {
    this.#queue.begin();
  }
}

/** Lists, and a search through all of them each time. */
class Model implements Rules {
  queue: AnyEvent[] = [];
  postponed: AnyEvent[] = [];
  timers: { event: TimeoutEvent; at: number; immediate: boolean; order: number }[] = [];
  #order = 0;

  next(now: number): AnyEvent | undefined {
    const event = this.queue.shift();
    if (event !== undefined) return event;
    const candidates = this.timers.filter(({ immediate, at }) => immediate || at <= now);
    candidates.sort((a, b) => Number(b.immediate) - Number(a.immediate) || a.at - b.at || a.order - b.order);
    const [first] = candidates;
    this.timers = this.timers.filter((timer) => timer !== first);
    return first?.event;
  }

  handled(event: AnyEvent, { changed, postpone, timeouts }: Outcome, inserted: readonly Outside[], now: number): void {
    if (postpone) this.postponed.push(event);
    if (changed) {
      this.end({ type: 'stateTimeout' });
      this.queue.unshift(...this.postponed.splice(0));
    }
    this.queue.unshift(...inserted);
    for (const change of timeouts) {
      if (change.change === 'update') {
        const timer = this.timers.find(({ event }) => isSame(event, change.event));
        if (timer !== undefined) timer.event = change.event;
        else this.start(change.event, now, true);
        continue;
      }
      this.end(change.change === 'cancel' ? change.id : change.event);
      if (change.change === 'start' && change.ms < Number.POSITIVE_INFINITY) {
        this.start(change.event, now + change.ms, change.ms === 0);
      }
    }
  }

  begin(): void {
    this.end({ type: 'eventTimeout' });
  }

  start(event: TimeoutEvent, at: number, immediate: boolean): void {
    this.timers.push({ event, at: immediate ? 0 : at, immediate, order: this.#order++ });
  }

  end(id: TimeoutId): void {
    this.timers = this.timers.filter(({ event }) => !isSame(event, id));
  }
}

function isSame(one: TimeoutId, other: TimeoutId): boolean {
  return one.type === other.type && (one.type !== 'timeout' || one.name === (other as { name?: string }).name);
}

/** Runs the steps; a mailbox is read where the rules have nothing that comes before it. */
function trace(rules: Rules & { begin(): void }, steps: readonly Step[]): Handled[] {
  const mailbox: Outside[] = [];
  const handled: Handled[] = [];
  let now = 0;
  let numbers = 0;
  for (const step of steps) {
    if ('passes' in step) now += step.passes;
    else if ('arrives' in step) mailbox.push({ type: 'outside', number: numbers++ });
    else {
      const event = rules.next(now) ?? mailbox.shift();
      if (event === undefined) continue;
      rules.begin();
      const inserted = Array.from({ length: step.handled.insert }, () => ({
        type: 'inserted' as const,
        number: numbers++,
      }));
      rules.handled(event, step.handled, inserted, now);
      handled.push({ event, outcome: step.handled, at: now });
    }
  }
  return handled;
}

const id: fc.Arbitrary<TimeoutId> = fc.constantFrom<TimeoutId>(
  { type: 'stateTimeout' },
  { type: 'eventTimeout' },
  { type: 'timeout', name: 'one' },
  { type: 'timeout', name: 'two' },
);
const timeoutEvent = fc.tuple(id, fc.nat(9)).map(([found, content]) => ({ ...found, content }) as TimeoutEvent);
const change: fc.Arbitrary<TimeoutChange> = fc.oneof(
  fc.record({
    change: fc.constant('start' as const),
    event: timeoutEvent,
    ms: fc.constantFrom(0, 1, 2, 5, Number.POSITIVE_INFINITY),
  }),
  fc.record({ change: fc.constant('update' as const), event: timeoutEvent }),
  fc.record({ change: fc.constant('cancel' as const), id }),
);
const outcome: fc.Arbitrary<Outcome> = fc.record({
  changed: fc.boolean(),
  postpone: fc.boolean(),
  insert: fc.nat(2),
  timeouts: fc.array(change, { maxLength: 3 }),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ arrives: fc.constant(1) }) },
  { weight: 1, arbitrary: fc.record({ passes: fc.constantFrom(1, 2, 5) }) },
  { weight: 4, arbitrary: fc.record({ handled: outcome }) },
);
const steps = fc.array(step, { maxLength: 60 });
const RUNS = { numRuns: 2_000 };

describe('the order of events', () => {
  test('is that of the model', () => {
    fc.assert(
      fc.property(steps, (given) => {
        expect(trace(new Real(), given)).toEqual(trace(new Model(), given));
      }),
      RUNS,
    );
  });

  test('K2: a postponed event is not handled again before the state has changed', () => {
    fc.assert(
      fc.property(steps, (given) => {
        const waiting = new Set<AnyEvent>();
        for (const { event, outcome } of trace(new Real(), given)) {
          expect(waiting).not.toContain(event);
          if (outcome.postpone) waiting.add(event);
          if (outcome.changed) waiting.clear();
        }
      }),
      RUNS,
    );
  });

  test('K2: an event that is not postponed is handled once, and those from outside in their order', () => {
    fc.assert(
      fc.property(steps, (given) => {
        const done = new Set<AnyEvent>();
        const first: number[] = [];
        for (const { event, outcome } of trace(new Real(), given)) {
          expect(done).not.toContain(event);
          if (!outcome.postpone) done.add(event);
          if (event.type === 'outside' && !first.includes(event.number)) first.push(event.number);
        }
        expect(first).toEqual(first.toSorted((a, b) => a - b));
      }),
      RUNS,
    );
  });

  test('K5: inserted events come next, in the order given', () => {
    fc.assert(
      fc.property(steps, (given) => {
        const handled = trace(new Real(), given);
        handled.forEach(({ outcome }, at) => {
          const next = handled[at + 1]?.event;
          if (outcome.insert > 0 && next !== undefined) expect(next.type).toBe('inserted');
        });
      }),
      RUNS,
    );
  });

  test('K3, K6: a state timeout is of the present state, and an event timeout follows what set it', () => {
    fc.assert(
      // Without postponing: a timeout that was postponed is an event like any other.
      fc.property(steps.map(withoutPostponing), (given) => {
        let changed = 0;
        let stateTimeoutOf = -1;
        let eventTimeoutSetAt = -1;
        trace(new Real(), given).forEach(({ event, outcome }, at) => {
          if (event.type === 'stateTimeout') expect(stateTimeoutOf).toBe(changed);
          if (event.type === 'eventTimeout') expect(eventTimeoutSetAt).toBe(at - 1);
          if (outcome.changed) changed++;
          for (const made of outcome.timeouts) {
            const { type } = made.change === 'cancel' ? made.id : made.event;
            if (type === 'stateTimeout' && made.change !== 'cancel') stateTimeoutOf = changed;
            if (type === 'eventTimeout' && made.change !== 'cancel') eventTimeoutSetAt = at;
          }
        });
      }),
      RUNS,
    );
  });
});

function withoutPostponing(given: readonly Step[]): Step[] {
  return given.map((found) => ('handled' in found ? { handled: { ...found.handled, postpone: false } } : found));
}

test('a queue says when it holds more than it may', () => {
  const queue = new EventQueue<Outside>(2);
  const at = (number: number): Outside => ({ type: 'inserted', number });
  const none = { changed: false, timeouts: [] };
  expect(queue.transition({ ...none, inserted: [at(1)], postponed: at(0) }, 0)).toBe(true);
  expect(queue.transition({ ...none, inserted: [at(2)] }, 0)).toBe(false);
  expect(queue.length).toBe(3);
});
