import { describe, expect, test } from 'vitest';
import { type Runnable, RunQueue } from '../src/run-queue.js';
import { ManualEnvironment, microtasks } from './manual-environment.js';

/** Longer than passes may follow one another. */
const LONG_MS = 10;

function setUp(): { environment: ManualEnvironment; queue: RunQueue; ran: string[]; task: typeof task } {
  const environment = new ManualEnvironment();
  const ran: string[] = [];
  const queue = new RunQueue(environment, () => void ran.push('end of turn'));
  const task = (name: string, work?: (itself: Runnable) => void): Runnable => ({
    queued: false,
    serial: 0,
    run() {
      ran.push(name);
      work?.(this);
    },
  });
  return { environment, queue, ran, task };
}

describe('order', () => {
  test('whoever was ready first runs first', async () => {
    const { queue, ran, task } = setUp();
    for (const name of ['a', 'b', 'c']) queue.add(task(name));
    await microtasks();
    expect(ran).toEqual(['a', 'b', 'c']);
  });

  test('whoever is ready again goes behind all others', async () => {
    const { queue, ran, task } = setUp();
    let left = 3;
    queue.add(task('again', (itself) => left-- > 0 && queue.add(itself)));
    queue.add(task('b'));
    queue.add(task('c'));
    await microtasks();
    expect(ran).toEqual(['again', 'b', 'c', 'again', 'again', 'again']);
  });

  test('nobody is in the queue twice', async () => {
    const { queue, ran, task } = setUp();
    const once = task('once');
    queue.add(once);
    queue.add(once);
    expect(queue.length).toBe(1);
    await microtasks();
    expect(ran).toEqual(['once']);
  });

  test('nobody runs inside the call that makes it ready', () => {
    const { queue, ran, task } = setUp();
    queue.add(task('a'));
    expect(ran).toEqual([]);
  });
});

describe('the event loop', () => {
  test('gets its turn however busy the processes are, and they go on afterwards', async () => {
    const { environment, queue, ran, task } = setUp();
    const busy = (name: string): Runnable =>
      task(name, (itself) => {
        environment.spend(1);
        queue.add(itself);
      });
    queue.add(busy('a'));
    queue.add(busy('b'));
    await microtasks();
    const firstTurn = ran.length;
    expect(firstTurn).toBeGreaterThan(0);
    expect(firstTurn).toBeLessThan(10);
    await environment.turn();
    expect(ran[firstTurn]).toBe('end of turn');
    expect(ran.length).toBeGreaterThan(firstTurn + 1);
    for (let turn = 0; turn < 100; turn++) await environment.turn();
    const runs = (name: string): number => ran.filter((each) => each === name).length;
    expect(Math.abs(runs('a') - runs('b'))).toBeLessThanOrEqual(1);
    expect(runs('end of turn')).toBe(101);
  });

  test('gets its turn within a long pass, which then goes on where it stopped', async () => {
    const { environment, queue, ran, task } = setUp();
    const names = Array.from({ length: 100 }, (_, at) => `p${at}`);
    for (const name of names) queue.add(task(name, () => environment.spend(LONG_MS)));
    await microtasks();
    expect(ran.length).toBeLessThan(20);
    while (environment.immediates > 0) await environment.turn();
    expect(ran.filter((name) => name !== 'end of turn')).toEqual(names);
    expect(ran.filter((name) => name === 'end of turn').length).toBeGreaterThan(4);
  });

  test('comes to its end once for many that asked', async () => {
    const { environment, queue, ran } = setUp();
    queue.requestTurnEnd();
    queue.requestTurnEnd();
    expect(environment.immediates).toBe(1);
    await environment.turn();
    expect(ran).toEqual(['end of turn']);
  });

  test('is left alone while nobody is ready', async () => {
    const { environment, queue, task } = setUp();
    expect(environment.immediates).toBe(0);
    queue.add(task('a'));
    await microtasks();
    await environment.turn();
    expect([environment.immediates, environment.timers, queue.length]).toEqual([0, 0, 0]);
  });

  test('a process that becomes ready between two turns does not wait for a third', async () => {
    const { environment, queue, ran, task } = setUp();
    queue.add(task('a', () => environment.spend(LONG_MS)));
    await microtasks();
    queue.add(task('b'));
    expect(ran).toEqual(['a']);
    await environment.turn();
    expect(ran).toEqual(['a', 'end of turn', 'b']);
  });
});

describe('going on at once', () => {
  test('is for a process when nobody waits in the queue', async () => {
    const { environment, queue, task } = setUp();
    expect(queue.admits()).toBe(true);
    queue.add(task('a'));
    expect(queue.admits()).toBe(false);
    await microtasks();
    expect(queue.admits()).toBe(true);
    await environment.turn();
    expect(environment.immediates).toBe(0);
  });

  test('ends with the time of the turn, and begins again with the next', async () => {
    const { environment, queue } = setUp();
    let admitted = 0;
    while (admitted < 1000 && queue.admits()) {
      admitted++;
      environment.spend(1);
    }
    expect(admitted).toBeLessThan(10);
    await environment.turn();
    expect(queue.admits()).toBe(true);
  });
});

test('the ring of the queue keeps its order when it grows after it has wrapped', async () => {
  const { environment, queue, ran, task } = setUp();
  const names = (from: number, count: number): string[] => Array.from({ length: count }, (_, at) => `p${from + at}`);
  for (const name of names(0, 200)) queue.add(task(name));
  for (let pass = 0; pass < 10; pass++) await microtasks();
  for (const name of names(200, 2000)) queue.add(task(name));
  while (queue.length > 0) {
    await microtasks();
    await environment.turn();
  }
  expect(ran.filter((name) => name !== 'end of turn')).toEqual(names(0, 2200));
});
