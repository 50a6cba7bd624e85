import { describe, expect, test } from 'vitest';
import { child, childTemplate } from '../../src/behaviours/child-spec.js';
import { defineSupervisor } from '../../src/behaviours/supervisor.js';
import { resolveSupervisorInit } from '../../src/behaviours/supervisor-init.js';
import { defineProcess } from '../../src/definition.js';
import type { Self } from '../../src/self.js';

const worker = defineProcess(import.meta.url, 'worker', (_self: Self, _count: number, _text: string) => {});
const inner = defineSupervisor(import.meta.url, 'inner', () => ({}));

describe('defaults', () => {
  test('I10: intensity 1, period 5 s, permanent, 5000 ms for a worker and infinity for a supervisor', () => {
    const init = resolveSupervisorInit({});
    expect(init).toEqual({
      strategy: 'one_for_one',
      intensity: 1,
      periodMs: 5_000,
      autoShutdown: 'never',
      backOff: undefined,
      children: [],
    });
    expect(child(worker, [1, 'x'])).toMatchObject({
      id: 'worker',
      restart: 'permanent',
      shutdown: 5_000,
      significant: false,
      type: 'worker',
    });
    expect(child(inner, [])).toMatchObject({ id: 'inner', shutdown: 'infinity', type: 'supervisor' });
  });
});

describe('a child spec', () => {
  test('is data: it names its definition, and says how to spawn it', () => {
    const spec = child(worker, [1, 'x'], { id: 'w', name: 'registered', thread: 'home', shutdown: 0 });
    expect(structuredClone(spec)).toEqual(spec);
    expect(spec.start).toEqual({
      module: import.meta.url,
      name: 'worker',
      args: [1, 'x'],
      options: { name: 'registered', thread: 'home' },
    });
    expect(spec.shutdown).toBe(0);
  });

  test('is refused with arguments that cannot be sent', () => {
    expect(() => childTemplate(worker as never, [() => {}] as never)).toThrow('function');
  });

  test.each([
    ['id', { id: '' }],
    ['restart', { restart: 'always' }],
    ['shutdown', { shutdown: -1 }],
    ['shutdown', { shutdown: 'brutal' }],
    ['backOff: minMs', { backOff: { minMs: 0, maxMs: 1 } }],
    ['backOff: maxMs', { backOff: { minMs: 2, maxMs: 1 } }],
    ['backOff', { backOff: { minMs: 1, maxMs: 2, factor: 3 } }],
    ['backOff', { backOff: 100 }],
  ])('is refused with a wrong %s', (option, options) => {
    expect(() => child(worker, [1, 'x'], options as never)).toThrow(`option ${option}`);
  });

  test('I23: is refused where it is permanent and significant', () => {
    expect(() => child(worker, [1, 'x'], { significant: true })).toThrow('option significant');
  });
});

describe('a supervisor', () => {
  const significant = child(worker, [1, 'x'], { restart: 'transient', significant: true });

  test('I23: is refused a significant child unless it shuts down by itself', () => {
    expect(() => resolveSupervisorInit({ children: [significant] })).toThrow('option significant');
    expect(resolveSupervisorInit({ children: [significant], autoShutdown: 'any_significant' })).toBeDefined();
  });

  test('I25: is refused two children of one id', () => {
    const twice = [child(worker, [1, 'x']), child(worker, [2, 'y'])];
    expect(() => resolveSupervisorInit({ children: twice })).toThrow('duplicate_child_name');
  });

  test('is refused as simple_one_for_one unless it has one template and never shuts down by itself', () => {
    const template = childTemplate(worker, [1]);
    const strategy = 'simple_one_for_one';
    expect(resolveSupervisorInit({ strategy, children: [template] }).children).toEqual([template]);
    expect(() => resolveSupervisorInit({ strategy })).toThrow('option children');
    expect(() => resolveSupervisorInit({ strategy, children: [template], autoShutdown: 'any_significant' })).toThrow(
      'option autoShutdown',
    );
  });

  test.each([
    ['strategy', { strategy: 'one_for_two' }],
    ['intensity', { intensity: -1 }],
    ['periodMs', { periodMs: 0 }],
    ['children', { children: 'none' }],
    ['backOff', { backOff: null }],
    ['period', { period: 5 }],
  ])('is refused with a wrong %s', (option, init) => {
    expect(() => resolveSupervisorInit(init as never)).toThrow(`option ${option}`);
  });
});
