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
  const { effects } = decide(state, { type: 'ended', id: 'b', reason: 'crash', at: 0, ...event } as SupervisionEvent);
  return effects.map((effect) => (effect.type === 'shutDown' ? effect.because : `${effect.type} ${effect.id}`));
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
    const family = { ...three(), b: kid('permanent', 'restarting') };
    expect(effectsOf('one_for_one', family, { type: 'retry' })).toEqual(['start b']);
    expect(effectsOf('one_for_one', family, { type: 'retry', at: 1 }, { history: [0] })).toEqual(['intensity']);
  });

  test('is not tried again where the child was stopped or has started meanwhile, or is not there', () => {
    expect(effectsOf('one_for_one', three(), { type: 'retry' })).toEqual([]);
    expect(effectsOf('one_for_one', { b: kid('permanent', 'stopped') }, { type: 'retry' })).toEqual([]);
    expect(effectsOf('one_for_one', three(), { id: 'nobody' })).toEqual([]);
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
  readonly retries: string[] = [];
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
        expect(child.status).toBe('running');
        child.status = 'stopped';
      } else {
        expect(child.status).not.toBe('running');
        expect(child.spec.restart).not.toBe('temporary');
        child.status = startFails(effect.id) ? 'restarting' : 'running';
        child.pid = this.#pids++;
        if (child.status === 'running') continue;
        this.retries.push(effect.id);
        break;
      }
    }
    return done;
  }

  end(id: string, reason: ExitReason, startFails: (id: string) => boolean): string[] {
    const child = this.children.get(id);
    if (child?.status !== 'running') return [];
    child.status = 'stopped';
    return this.follow({ type: 'ended', id, reason, at: this.now }, startFails);
  }

  retry(startFails: (id: string) => boolean): string[] {
    const id = this.retries.shift();
    return id === undefined ? [] : this.follow({ type: 'retry', id, at: this.now }, startFails);
  }
}

interface Step {
  readonly child: number;
  readonly reason: ExitReason;
  readonly passes: number;
  readonly retryFirst: boolean;
  readonly failing: readonly number[];
}

const steps = fc.array(
  fc.record<Step>({
    child: fc.nat(4),
    reason: fc.constantFrom<ExitReason>('normal', 'shutdown', 'crash', 'killed'),
    passes: fc.nat(50),
    retryFirst: fc.boolean(),
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
  test('has every permanent child running, or tries it again, or has given up', () => {
    run((model) => {
      if (model.gaveUp || model.retries.length > 0) return;
      for (const { spec, status } of model.children.values()) {
        if (spec.restart === 'permanent') expect(status).toBe('running');
        expect(status).not.toBe('restarting');
      }
    });
  });

  test('has children that a restart ties together in the order of their starts', () => {
    run((model) => {
      if (model.strategy === 'one_for_one' || model.retries.length > 0) return;
      const running = [...model.children.values()].filter(({ status }) => status === 'running').map(({ pid }) => pid);
      expect(running).toEqual(running.toSorted((one, other) => one - other));
    });
  });

  test('stops in reverse order, then starts in order, and nobody whom the strategy leaves alone', () => {
    run((model, event, done) => {
      const of = (type: string) =>
        done.filter((step) => step.startsWith(type)).map((step) => Number(step.slice(type.length + 1)));
      const stopped = of('stop');
      const started = of('start');
      expect(stopped).toEqual(stopped.toSorted((one, other) => other - one));
      expect(started).toEqual(started.toSorted((one, other) => one - other));
      expect(done.findLastIndex((step) => step.startsWith('stop'))).toBeLessThan(
        done.findIndex((step) => step.startsWith('start')) >>> 0,
      );
      if (event === undefined) return;
      if (model.strategy === 'one_for_one') expect([...stopped, ...started].filter((id) => id !== event)).toEqual([]);
      if (model.strategy === 'rest_for_one') expect([...stopped, ...started].filter((id) => id < event)).toEqual([]);
    });
  });

  test('gives up exactly when a restart is one too many within the period', () => {
    run((model, event, done) => {
      if (done.some((step) => step.startsWith('start'))) model.asked.push(model.now);
      if (event === undefined) return;
      const { intensity, periodMs } = model.limit;
      const recent = model.asked.filter((at) => at >= model.now - periodMs).length;
      if (model.gaveUp) expect(recent).toBe(intensity);
      else expect(recent).toBeLessThanOrEqual(intensity);
    });
  });

  /** @param check sees the model after each step, with the child that the step was about. */
  function run(check: (model: Model, child: number | undefined, done: readonly string[]) => void): void {
    fc.assert(
      fc.property(strategies, restarts, limits, steps, (strategy, kinds, limit, script) => {
        const model = new Model(strategy, kinds, limit);
        for (const { child, reason, passes, retryFirst, failing } of script) {
          if (model.gaveUp) return;
          model.now += passes;
          const startFails = (id: string): boolean => failing.includes(Number(id));
          const about = retryFirst && model.retries.length > 0 ? Number(model.retries[0]) : child;
          const isRetry = retryFirst && model.retries.length > 0;
          check(model, about, isRetry ? model.retry(startFails) : model.end(`${child}`, reason, startFails));
        }
      }),
      { numRuns: 500 },
    );
  }
});
