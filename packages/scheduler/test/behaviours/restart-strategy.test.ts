/** The rules alone, and a model supervisor that carries them out over children that fail as fast-check likes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Restart } from '../../src/behaviours/child-spec.js';
import {
  type AutoShutdown,
  type ChildStatus,
  decide,
  type Strategy,
  type Supervision,
  type SupervisionEvent,
} from '../../src/behaviours/restart-strategy.js';
import type { ExitReason } from '../../src/exit-reason.js';

interface ModelChild {
  readonly spec: { readonly restart: Restart; readonly significant: boolean };
  status: ChildStatus;
}

type Family = Record<string, ModelChild>;

const kid = (restart: Restart, status: ChildStatus = 'running', significant = false): ModelChild => ({
  spec: { restart, significant },
  status,
});

function effectsOf(
  strategy: Strategy,
  family: Family,
  event: Partial<SupervisionEvent>,
  more: Partial<Supervision> = {},
) {
  const children = new Map(Object.entries(family));
  const state = { strategy, autoShutdown: 'never', intensity: 1, periodMs: 1, children, history: [], ...more } as const;
  const ended = { type: 'ended', id: 'b', reason: 'crash', at: 0, waitMs: 0 };
  const { effects } = decide(state, { ...ended, ...event } as SupervisionEvent);
  return effects.map((effect) => {
    if (effect.type === 'shutDown') return effect.because;
    return effect.type === 'wait' ? `wait ${effect.id} ${effect.waitMs}` : `${effect.type} ${effect.id}`;
  });
}

const three = (): Family => ({ a: kid('permanent'), b: kid('permanent'), c: kid('permanent') });

describe('the restart of a child', () => {
  test('I3: one_for_one takes nobody along', () => {
    expect(effectsOf('one_for_one', three(), {})).toEqual(['start b']);
  });

  test('I4: one_for_all stops the others in reverse order and starts all in order', () => {
    expect(effectsOf('one_for_all', three(), {})).toEqual(['stop c', 'stop a', 'start a', 'start b', 'start c']);
  });

  test('I5: rest_for_one takes along those that started later', () => {
    expect(effectsOf('rest_for_one', three(), {})).toEqual(['stop c', 'start b', 'start c']);
  });

  test('simple_one_for_one takes nobody along', () => {
    expect(effectsOf('simple_one_for_one', three(), {})).toEqual(['start b']);
  });

  test('takes those along that were stopped, and forgets those that are temporary', () => {
    const family = { a: kid('permanent', 'stopped'), b: kid('transient'), c: kid('temporary'), d: kid('permanent') };
    expect(effectsOf('one_for_all', family, {})).toEqual([
      'stop d',
      'stop c',
      'forget c',
      'start a',
      'start b',
      'start d',
    ]);
  });

  test('I27: that has failed is tried again, and counts', () => {
    const family = { ...three(), b: kid('permanent', 'stopped') };
    expect(effectsOf('one_for_one', family, { type: 'retry' })).toEqual(['start b']);
    expect(effectsOf('one_for_one', family, { type: 'retry', at: 1 }, { history: [0] })).toEqual(['intensity']);
  });

  test('is not made where the child is not there', () => {
    for (const type of ['ended', 'retry', 'due'] as const) {
      expect(effectsOf('one_for_one', three(), { type, id: 'nobody' })).toEqual([]);
    }
  });
});

describe('a restart that has to wait', () => {
  test('stops those whom it takes along first, and starts nobody until it is due', () => {
    const waits = { waitMs: 7 };
    expect(effectsOf('one_for_one', three(), waits)).toEqual(['wait b 7']);
    expect(effectsOf('one_for_all', three(), waits)).toEqual(['stop c', 'stop a', 'wait b 7']);
    expect(effectsOf('rest_for_one', { ...three(), c: kid('temporary') }, waits)).toEqual([
      'stop c',
      'forget c',
      'wait b 7',
    ]);
    const waiting = { a: kid('permanent'), b: kid('permanent', 'stopped'), c: kid('permanent', 'stopped') };
    expect(effectsOf('one_for_one', waiting, { type: 'due' })).toEqual(['start b']);
    expect(effectsOf('rest_for_one', waiting, { type: 'due' })).toEqual(['start b', 'start c']);
    expect(effectsOf('one_for_all', waiting, { type: 'due' })).toEqual(['stop a', 'start a', 'start b', 'start c']);
  });

  test('counts once: when the child has failed, and not when it is due', () => {
    const waiting = { b: kid('permanent', 'stopped') };
    expect(effectsOf('one_for_one', three(), { waitMs: 7, at: 1 }, { history: [0] })).toEqual(['intensity']);
    expect(effectsOf('one_for_one', waiting, { type: 'retry', waitMs: 7 })).toEqual(['wait b 7']);
    expect(effectsOf('one_for_one', waiting, { type: 'due' }, { history: [0], intensity: 0 })).toEqual(['start b']);
  });

  test('ends its wait where the restart of another takes the child along', () => {
    const family = { a: kid('permanent', 'restarting'), b: kid('permanent'), c: kid('permanent', 'restarting') };
    expect(effectsOf('one_for_all', family, {})).toEqual(['stop c', 'stop a', 'start a', 'start b', 'start c']);
    expect(effectsOf('rest_for_one', family, {})).toEqual(['stop c', 'start b', 'start c']);
  });
});

describe('the end of a child', () => {
  const orderly: ExitReason[] = ['normal', 'shutdown', { shutdown: 'for tea' }];
  const faults: ExitReason[] = ['killed', 'kill', 'noproc', { error: { name: 'E', message: '' } }, { threadDown: {} }];

  test('I11: a transient one is restarted unless it ended normal, shutdown or { shutdown }', () => {
    for (const reason of orderly) expect(effectsOf('one_for_one', { b: kid('transient') }, { reason })).toEqual([]);
    for (const reason of faults) {
      expect(effectsOf('one_for_one', { b: kid('transient') }, { reason })).toEqual(['start b']);
    }
  });

  test('I12: a temporary one is forgotten, whatever its reason', () => {
    for (const reason of [...orderly, ...faults]) {
      expect(effectsOf('one_for_all', { b: kid('temporary') }, { reason })).toEqual(['forget b']);
    }
  });

  test('I13: a permanent one is restarted, and counts, whatever its reason', () => {
    for (const reason of [...orderly, ...faults]) {
      expect(effectsOf('one_for_one', three(), { reason })).toEqual(['start b']);
      expect(effectsOf('one_for_one', three(), { reason }, { intensity: 0 })).toEqual(['intensity']);
    }
  });

  test('a dynamic one that is not restarted is forgotten', () => {
    expect(effectsOf('simple_one_for_one', { b: kid('transient') }, { reason: 'normal' })).toEqual(['forget b']);
  });
});

describe('automatic shutdown', () => {
  const significant = (restart: Restart = 'transient') => kid(restart, 'running', true);
  const autoShutdown = (value: AutoShutdown) => ({ autoShutdown: value });

  test('I21: any_significant follows the first significant child that ends for good', () => {
    const family = { a: significant(), b: significant() };
    expect(effectsOf('one_for_one', family, { reason: 'normal' }, autoShutdown('any_significant'))).toEqual([
      'significant',
    ]);
    const temporary = { a: significant(), b: significant('temporary') };
    expect(effectsOf('one_for_one', temporary, {}, autoShutdown('any_significant'))).toEqual([
      'forget b',
      'significant',
    ]);
  });

  test('I22: all_significant follows the last one', () => {
    const family = { a: significant(), b: significant(), c: kid('permanent') };
    const normal = { reason: 'normal' };
    expect(effectsOf('one_for_one', family, normal, autoShutdown('all_significant'))).toEqual([]);
    family.a.status = 'restarting';
    expect(effectsOf('one_for_one', family, normal, autoShutdown('all_significant'))).toEqual([]);
    family.a.status = 'stopped';
    expect(effectsOf('one_for_one', family, normal, autoShutdown('all_significant'))).toEqual(['significant']);
  });

  test('does not follow a child that is restarted, or is not significant', () => {
    const all = autoShutdown('any_significant');
    expect(effectsOf('one_for_one', { b: significant() }, {}, all)).toEqual(['start b']);
    expect(effectsOf('one_for_one', { b: kid('transient') }, { reason: 'normal' }, all)).toEqual([]);
  });
});

/** Carries decisions out as a supervisor does, over children whose starts fail when they are told to. */
class Model {
  readonly children = new Map<string, ModelChild & { pid: number }>();
  readonly limit: { intensity: number; periodMs: number };
  readonly strategy: Strategy;
  /** What is to follow: in order, as the messages of a supervisor to itself. */
  pending: { readonly type: 'retry' | 'due'; readonly id: string }[] = [];
  /** Times at which the rules had to allow or refuse a restart. */
  readonly asked: number[] = [];
  gaveUp = false;
  now = 0;
  #pids = 0;
  #history: readonly number[] = [];

  constructor(strategy: Strategy, restarts: readonly Restart[], limit: { intensity: number; periodMs: number }) {
    this.strategy = strategy;
    this.limit = limit;
    for (const [at, restart] of restarts.entries()) {
      this.children.set(`${at}`, { ...kid(restart), pid: this.#pids++ });
    }
  }

  follow(event: SupervisionEvent, startFails: (id: string) => boolean): string[] {
    const { strategy, limit, children } = this;
    const state = { strategy, autoShutdown: 'never', ...limit, children, history: this.#history } as const;
    const { history, effects } = decide(state, event);
    this.#history = history;
    const done: string[] = [];
    for (const effect of effects) {
      if (effect.type === 'shutDown') {
        this.gaveUp = true;
        break;
      }
      const child = children.get(effect.id);
      expect(child, `${effect.type} of a child that is not there`).toBeDefined();
      if (child === undefined) break;
      done.push(`${effect.type} ${effect.id}`);
      if (effect.type === 'forget') children.delete(effect.id);
      else if (effect.type === 'stop') {
        expect(child.status).not.toBe('stopped');
        this.#set(effect.id, child, 'stopped');
      } else if (effect.type === 'wait') {
        expect(child.status).not.toBe('running');
        this.#set(effect.id, child, 'restarting', 'due');
      } else {
        expect(child.status).not.toBe('running');
        expect(child.spec.restart).not.toBe('temporary');
        child.pid = this.#pids++;
        const fails = startFails(effect.id);
        if (fails) this.#set(effect.id, child, 'restarting', 'retry');
        else this.#set(effect.id, child, 'running');
        if (fails) break;
      }
    }
    return done;
  }

  #set(id: string, child: ModelChild, status: ChildStatus, pending?: 'retry' | 'due'): void {
    child.status = status;
    this.pending = this.pending.filter((one) => one.id !== id);
    if (pending !== undefined) this.pending.push({ type: pending, id });
  }

  end(id: string, reason: ExitReason, waitMs: number, startFails: (id: string) => boolean): string[] {
    const child = this.children.get(id);
    if (child?.status !== 'running') return [];
    child.status = 'stopped';
    return this.follow({ type: 'ended', id, reason, at: this.now, waitMs }, startFails);
  }

  next(waitMs: number, startFails: (id: string) => boolean): string[] {
    const [next] = this.pending;
    const child = this.children.get(next?.id ?? '');
    if (next === undefined || child === undefined) return [];
    this.#set(next.id, child, 'stopped');
    return this.follow({ ...next, at: this.now, waitMs } as SupervisionEvent, startFails);
  }
}

interface Step {
  readonly child: number;
  readonly reason: ExitReason;
  readonly passes: number;
  readonly pendingFirst: boolean;
  readonly waitMs: number;
  readonly failing: readonly number[];
}

const steps = fc.array(
  fc.record<Step>({
    child: fc.nat(4),
    reason: fc.constantFrom<ExitReason>('normal', 'shutdown', 'crash', 'killed'),
    passes: fc.nat(50),
    pendingFirst: fc.boolean(),
    waitMs: fc.constantFrom(0, 0, 7),
    failing: fc.array(fc.nat(4), { maxLength: 2 }),
  }),
  { maxLength: 40 },
);
const restarts = fc.array(fc.constantFrom<Restart>('permanent', 'permanent', 'transient', 'temporary'), {
  minLength: 1,
  maxLength: 5,
});
const strategies = fc.constantFrom<Strategy>('one_for_one', 'one_for_all', 'rest_for_one');
const limits = fc.record({ intensity: fc.nat(6), periodMs: fc.integer({ min: 1, max: 200 }) });

describe('a supervisor that follows the rules', () => {
  test('has every permanent child running, or is about to start it, or has given up', () => {
    run((model) => {
      if (model.gaveUp) return;
      for (const [id, { status }] of model.children) {
        expect(model.pending.filter((one) => one.id === id)).toHaveLength(status === 'restarting' ? 1 : 0);
      }
      if (model.pending.length > 0) return;
      for (const { spec, status } of model.children.values()) {
        if (spec.restart === 'permanent') expect(status).toBe('running');
        expect(status).not.toBe('restarting');
      }
    });
  });

  test('has children that a restart ties together in the order of their starts', () => {
    run((model) => {
      if (model.strategy === 'one_for_one') return;
      const running = [...model.children.values()].filter(({ status }) => status === 'running').map(({ pid }) => pid);
      expect(running).toEqual(running.toSorted((one, other) => one - other));
    });
  });

  test('stops in reverse order, then starts in order, and nobody whom the strategy leaves alone', () => {
    run((model, about, done) => {
      const of = (type: string) =>
        done.filter((step) => step.startsWith(type)).map((step) => Number(step.slice(type.length + 1)));
      const stopped = of('stop');
      const started = of('start');
      expect(stopped).toEqual(stopped.toSorted((one, other) => other - one));
      expect(started).toEqual(started.toSorted((one, other) => one - other));
      expect(done.findLastIndex((step) => step.startsWith('stop'))).toBeLessThan(
        done.findIndex((step) => step.startsWith('start')) >>> 0,
      );
      if (model.strategy === 'one_for_one') expect([...stopped, ...started].filter((id) => id !== about)).toEqual([]);
      if (model.strategy === 'rest_for_one') expect([...stopped, ...started].filter((id) => id < about)).toEqual([]);
    });
  });

  test('gives up exactly when a restart is one too many within the period', () => {
    run((model, _about, done, step) => {
      const restarts = done.some((text) => text.startsWith('start') || text.startsWith('wait'));
      if (restarts && step !== 'due') model.asked.push(model.now);
      const { intensity, periodMs } = model.limit;
      const recent = model.asked.filter((at) => at >= model.now - periodMs).length;
      if (model.gaveUp) expect(recent).toBe(intensity);
      else expect(recent).toBeLessThanOrEqual(intensity);
    });
  });

  type Check = (model: Model, about: number, done: readonly string[], step: SupervisionEvent['type']) => void;

  /** @param check sees the model after each step, with the child that the step was about. */
  function run(check: Check): void {
    fc.assert(
      fc.property(strategies, restarts, limits, steps, (strategy, kinds, limit, script) => {
        const model = new Model(strategy, kinds, limit);
        for (const { child, reason, passes, pendingFirst, waitMs, failing } of script) {
          if (model.gaveUp) return;
          model.now += passes;
          const startFails = (id: string): boolean => failing.includes(Number(id));
          const next = pendingFirst ? model.pending[0] : undefined;
          if (next !== undefined) check(model, Number(next.id), model.next(waitMs, startFails), next.type);
          else check(model, child, model.end(`${child}`, reason, waitMs, startFails), 'ended');
        }
      }),
      { numRuns: 500 },
    );
  }
});
