/** Callbacks for the end of processes. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type AnyPid, type ExitReason, Scheduler } from '../src/index.js';

let scheduler: Scheduler;

beforeEach(async () => {
  scheduler = await Scheduler.start({ threads: 0 });
});

afterEach(() => scheduler.stop());

function spawn(): AnyPid {
  return scheduler.spawnLocal((self) => self.receive(), []);
}

/** Resolves when whoever was watched before this call and has ended has been told of. */
function told(): Promise<unknown> {
  const pid = spawn();
  const done = new Promise((resolve) => scheduler.onExit(pid, resolve));
  scheduler.exitProcess(pid, 'kill');
  return done;
}

test('of a thousand that end at once each is told once, in the order of their ends, with its reason', async () => {
  const pids = Array.from({ length: 1_000 }, spawn);
  const called: [AnyPid, ExitReason][] = [];
  for (const pid of pids) scheduler.onExit(pid, (reason, ended) => called.push([ended, reason]));
  const order = pids.toReversed();
  for (const pid of order) scheduler.exitProcess(pid, { custom: pid });
  expect(called).toEqual([]);
  await told();
  expect(called).toEqual(order.map((pid) => [pid, { custom: pid }]));
});

test.for([0, 1, 2])('of three who watch one, number %d may cancel before the end and after it', async (which) => {
  for (const cancelFirst of [true, false]) {
    const pid = spawn();
    const called: number[] = [];
    const cancels = [0, 1, 2].map((watcher) => scheduler.onExit(pid, () => called.push(watcher)));
    if (cancelFirst) cancels[which]?.();
    scheduler.exitProcess(pid, 'kill');
    cancels[which]?.();
    await told();
    expect(called.toSorted()).toEqual([0, 1, 2].filter((watcher) => watcher !== which));
  }
});

test('whoever is told of an end may watch another that has ended, and one that lives', async () => {
  const [dead, first, second] = [spawn(), spawn(), spawn()];
  const called: unknown[] = [];
  scheduler.exitProcess(dead, 'kill');
  scheduler.onExit(first, () => {
    scheduler.onExit(dead, (reason) => called.push(['dead', reason]));
    scheduler.onExit(second, (reason) => called.push(['second', reason]));
    scheduler.exitProcess(second, 'kill');
  });
  scheduler.exitProcess(first, 'kill');
  await told();
  await told();
  expect(called.toSorted()).toEqual([
    ['dead', 'noproc'],
    ['second', 'killed'],
  ]);
});
