/** Timeouts of state machines, in a process whose clock only the test moves. */
import { readFileSync } from 'node:fs';
import { call, cast, Scheduler, startServer, type TransitionOptions } from '@liminal-node/scheduler';
import { describe, expect, test } from 'vitest';
import { door } from './fixtures/door.js';
import { type Plan, puppetMachine } from './fixtures/state-machines.js';
import { settled, VirtualClock } from './fixtures/virtual-clock.js';

const NEVER = { timeoutMs: Number.POSITIVE_INFINITY };

type Go = TransitionOptions<never> & { readonly to?: 'a' | 'b' | 'c' };

async function machine(plan: Plan = {}) {
  const clock = new VirtualClock();
  const gates = new Map<string, { reach: () => void; opened: Promise<void> }>();
  const scheduler = await Scheduler.start({ threads: 0, environment: clock.environment });
  scheduler.provide('gate', (_from, name) => {
    gates.get(String(name))?.reach();
    return gates.get(String(name))?.opened;
  });
  const self = scheduler.attach();
  const pid = await startServer(self, puppetMachine, [plan]);
  return {
    clock,
    go: (step: Go, value?: unknown) => cast(self, pid, 'go', [step, value]),
    note: (value: unknown) => cast(self, pid, 'note', [value]),
    /** Lets it handle what it was sent, then moves the clock. */
    async advance(ms: number): Promise<void> {
      await settled();
      await clock.advance(ms);
    },
    /** What it has handled, without calls and entries. */
    async heard(): Promise<unknown[]> {
      const log = await call(self, pid, 'log', [], NEVER);
      return log.filter((entry) => (entry as unknown[])[1] !== 'enter');
    },
    /** Has it wait while `work` is done. */
    async busyDuring(work: () => Promise<void>): Promise<void> {
      let reach = (): void => {};
      let open = (): void => {};
      const reached = new Promise<void>((resolve) => {
        reach = resolve;
      });
      const opened = new Promise<void>((resolve) => {
        open = resolve;
      });
      gates.set('busy', { reach, opened });
      cast(self, pid, 'wait', ['busy']);
      await reached;
      await work();
      open();
    },
    [Symbol.asyncDispose]: () => scheduler.stop(),
  };
}

describe('a state timeout', () => {
  test('conformance K3: comes where the state has not changed for its time, whatever else is handled', async () => {
    await using puppet = await machine();
    puppet.go({ to: 'b', stateTimeout: { ms: 100, content: 'late' } });
    await puppet.advance(99);
    puppet.note(1);
    puppet.go({ to: 'b' });
    await puppet.advance(0);
    expect(await puppet.heard()).toEqual([['b', 'note', 1]]);
    await puppet.advance(1);
    expect(await puppet.heard()).toEqual([
      ['b', 'note', 1],
      ['b', 'stateTimeout', 'late'],
    ]);
    await puppet.advance(1_000);
    expect(await puppet.heard()).toHaveLength(2);
  });

  test('conformance K3: is ended by a change of state, also by one that its own time has already run out for', async () => {
    await using puppet = await machine();
    puppet.go({ to: 'b', stateTimeout: 100 });
    await puppet.advance(99);
    puppet.go({ to: 'c' });
    await puppet.advance(1_000);
    expect(await puppet.heard()).toEqual([]);

    puppet.go({ stateTimeout: 100 });
    await puppet.busyDuring(async () => {
      puppet.go({ to: 'b' });
      await puppet.advance(1_000);
    });
    await puppet.advance(1_000);
    expect(await puppet.heard()).toEqual([]);
  });

  test('belongs to the new state where the transition that sets it changes the state', async () => {
    await using puppet = await machine();
    puppet.go({ stateTimeout: { ms: 100, content: 'of the old' } });
    puppet.go({ to: 'c', stateTimeout: { ms: 100, content: 'of the new' } });
    await puppet.advance(100);
    expect(await puppet.heard()).toEqual([['c', 'stateTimeout', 'of the new']]);
  });

  test('that enter sets replaces that of the transition', async () => {
    await using puppet = await machine({ enterB: 'stateTimeout' });
    puppet.go({ to: 'b', stateTimeout: { ms: 10, content: 'of the transition' } });
    await puppet.advance(1_000);
    expect(await puppet.heard()).toEqual([['b', 'stateTimeout', 'of enter']]);
  });
});

describe('a named timeout', () => {
  test('conformance K4: is replaced where it is set again, and does not disturb others', async () => {
    await using puppet = await machine();
    puppet.go({ timeouts: { one: { ms: 100, content: 'first' }, two: { ms: 120, content: 'other' } } });
    await puppet.advance(99);
    puppet.go({ timeouts: { one: { ms: 100, content: 'second' } } });
    await puppet.advance(1_000);
    expect(await puppet.heard()).toEqual([
      ['a', 'timeout two', 'other'],
      ['a', 'timeout one', 'second'],
    ]);
  });

  test('lives on over changes of state and other events', async () => {
    await using puppet = await machine();
    puppet.go({ timeouts: { one: 100 } });
    puppet.go({ to: 'b' });
    puppet.go({ to: 'c' });
    await puppet.advance(100);
    expect(await puppet.heard()).toEqual([['c', 'timeout one', undefined]]);
  });

  test('is ended by cancel and by Infinity', async () => {
    await using puppet = await machine();
    puppet.go({ timeouts: { one: 100, two: 100 } });
    puppet.go({ timeouts: { one: 'cancel', two: Number.POSITIVE_INFINITY } });
    await puppet.advance(1_000);
    expect(await puppet.heard()).toEqual([]);
  });

  test('keeps its time where its content is replaced, and comes at once where it does not run', async () => {
    await using puppet = await machine();
    puppet.go({ timeouts: { one: { ms: 100, content: 'old' }, two: { update: 'not running' } } });
    await puppet.advance(60);
    puppet.go({ timeouts: { one: { update: 'new' } } });
    await puppet.advance(39);
    expect(await puppet.heard()).toEqual([['a', 'timeout two', 'not running']]);
    await puppet.advance(1);
    expect(await puppet.heard()).toEqual([
      ['a', 'timeout two', 'not running'],
      ['a', 'timeout one', 'new'],
    ]);
  });

  test('of 0 ms comes before messages that wait, and behind inserted events', async () => {
    await using puppet = await machine();
    await puppet.busyDuring(async () => {
      puppet.go({
        to: 'c',
        timeouts: { one: 0, two: 0 },
        insert: [{ type: 'internal', content: 'inserted' }],
      });
      puppet.note('waits');
    });
    expect(await puppet.heard()).toEqual([
      ['c', 'internal', 'inserted'],
      ['c', 'timeout one', undefined],
      ['c', 'timeout two', undefined],
      ['c', 'note', 'waits'],
    ]);
  });

  test('that becomes due while the machine is at work comes behind the messages that are there by then', async () => {
    await using puppet = await machine();
    puppet.go({ to: 'b', timeouts: { one: 100 } });
    await puppet.busyDuring(async () => {
      puppet.note('in time');
      await puppet.advance(1_000);
    });
    expect(await puppet.heard()).toEqual([['b', 'note', 'in time']]);
    expect(await puppet.heard()).toEqual([
      ['b', 'note', 'in time'],
      ['b', 'timeout one', undefined],
    ]);
  });

  test('comes under a flood of messages that never ends', async () => {
    await using puppet = await machine();
    puppet.go({ to: 'b', timeouts: { one: 100 } });
    let flooding = true;
    const flood = async () => {
      while (flooding) {
        for (let at = 0; at < 50; at++) puppet.go({});
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    };
    await settled();
    const flooded = flood();
    puppet.clock.skip(1_000);
    await expect.poll(() => puppet.heard(), { timeout: 10_000 }).toEqual([['b', 'timeout one', undefined]]);
    flooding = false;
    await flooded;
  });
});

describe('an event timeout', () => {
  test('conformance K6: comes where no event has for its time, and any event ends it', async () => {
    await using puppet = await machine();
    puppet.go({ eventTimeout: { ms: 100, content: 'quiet' } });
    await puppet.advance(100);
    expect(await puppet.heard()).toEqual([['a', 'eventTimeout', 'quiet']]);

    puppet.go({ eventTimeout: 100, timeouts: { one: 50 } });
    await puppet.advance(1_000);
    puppet.go({ eventTimeout: 100, insert: [{ type: 'internal', content: 'ends it' }] });
    await puppet.advance(1_000);
    puppet.go({ eventTimeout: 100 });
    puppet.go({});
    await puppet.advance(1_000);
    expect(await puppet.heard()).toEqual([
      ['a', 'eventTimeout', 'quiet'],
      ['a', 'timeout one', undefined],
      ['a', 'internal', 'ends it'],
    ]);
  });

  test('of 0 ms comes only where no event is queued', async () => {
    await using puppet = await machine();
    puppet.go({ eventTimeout: 0 });
    puppet.go({ eventTimeout: 0, insert: [{ type: 'internal', content: 'queued' }] });
    await puppet.advance(0);
    expect(await puppet.heard()).toEqual([
      ['a', 'eventTimeout', undefined],
      ['a', 'internal', 'queued'],
    ]);
  });
});

test('a machine that has ended leaves no timer behind', async () => {
  await using puppet = await machine();
  puppet.go({ stateTimeout: 1e9, eventTimeout: 1e9, timeouts: { one: 1e9 } });
  await puppet.heard();
  expect(puppet.clock.timers).toBeGreaterThan(0);
  await puppet[Symbol.asyncDispose]();
  expect(puppet.clock.timers).toBe(0);
});

test('conformance K1: the door of the documentation does what is said of it', async () => {
  const document = readFileSync(new URL('../../../../docs/state-machines.md', import.meta.url), 'utf8');
  const fixture = readFileSync(new URL('fixtures/door.ts', import.meta.url), 'utf8');
  expect(document).toContain(fixture.replace("'@liminal-node/scheduler'", "'liminal-node'"));

  const clock = new VirtualClock();
  await using scheduler = await Scheduler.start({ threads: 0, environment: clock.environment });
  const self = scheduler.attach();
  const pid = await startServer(self, door, ['12'], { name: 'front door' });
  const press = (digit: string) => call(self, pid, 'press', [digit], NEVER);
  const passed = call(self, pid, 'pass', [], NEVER);
  expect(await press('1')).toBe('locked');
  await clock.advance(5_000);
  expect(await press('2')).toBe('locked');
  expect([await press('1'), await press('2')]).toEqual(['locked', 'open']);
  expect(await passed).toBe(1);
  await clock.advance(9_999);
  expect(await call(self, { name: 'front door' }, 'state', [], NEVER)).toBe('open');
  await clock.advance(1);
  expect(await call(self, { name: 'front door' }, 'state', [], NEVER)).toBe('locked');
});
