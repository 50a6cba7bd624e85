/** Busy processes keep neither others nor the event loop from their turn (A25, invariant 47). */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MESSAGES_PER_RUN } from '../src/run-queue.js';
import { Scheduler } from '../src/scheduler.js';
import type { Self } from '../src/self.js';
import { ManualEnvironment, microtasks } from './manual-environment.js';

let scheduler: Scheduler;

beforeEach(async () => {
  scheduler = await Scheduler.start({ threads: 0 });
});
afterEach(() => scheduler.stop());

/** Always has a message to handle: it sends itself the next one. */
function busy(self: Self): () => void {
  self.send(self.pid, 'go on');
  return () => self.send(self.pid, 'go on');
}

/** Always receives, and always has something to receive. */
async function busyBody(self: Self): Promise<void> {
  self.send(self.pid, 'go on');
  for await (const _ of self.messages()) self.send(self.pid, 'go on');
}

/** Asks again and again whether there is a message, instead of waiting for one. */
async function polling(self: Self): Promise<void> {
  for (;;) await self.receive({ timeoutMs: 0 }).catch(() => {});
}

test.each([
  ['handlers', busy],
  ['bodies', busyBody],
  ['bodies that poll', polling],
])('two busy %s starve neither a third process nor a timer nor the event loop', async (_, body) => {
  for (let at = 0; at < 2; at++) scheduler.spawnLocal(body as (self: Self) => void, []);
  const third = scheduler.attach();
  const echo = scheduler.spawnLocal((self) => (message: unknown) => self.send(third.pid, message), []);
  const rounds: unknown[] = [];
  for (let round = 0; round < 20; round++) {
    scheduler.send(echo, round);
    rounds.push(await third.receive());
    await microtasks();
  }
  await expect(third.receive({ timeoutMs: 5 })).rejects.toMatchObject({ code: 'ERR_LIMINAL_RECEIVE_TIMEOUT' });
  expect(rounds).toEqual([...Array(20).keys()]);
});

test('more busy processes than anybody has threads all get on alike', async () => {
  const counts = Array<number>(50).fill(0);
  for (let at = 0; at < counts.length; at++) {
    scheduler.spawnLocal((self) => {
      self.send(self.pid, 'go on');
      return () => {
        counts[at] = (counts[at] ?? 0) + 1;
        self.send(self.pid, 'go on');
      };
    }, []);
  }
  while (Math.max(...counts) < 5000) await microtasks();
  // On a busy machine a run may be cut short, because its thread was not running for as long as a turn may last.
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(10 * MESSAGES_PER_RUN);
});

test('a handler whose messages take long leaves the rest of them for its next turn', async () => {
  const environment = new ManualEnvironment();
  await using slow = await Scheduler.start({ threads: 0, environment });
  let handled = 0;
  const pid = slow.spawnLocal(
    () => () => {
      handled++;
      environment.spend(1);
    },
    [],
  );
  await microtasks();
  for (let message = 0; message < 50; message++) slow.send(pid, message);
  await microtasks();
  expect(handled).toBeGreaterThan(0);
  expect(handled).toBeLessThan(10);
  while (environment.immediates > 0) await environment.turn();
  expect(handled).toBe(50);
});
