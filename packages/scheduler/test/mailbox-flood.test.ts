/** A process that cannot keep up costs its bound and no more, and what that costs it is counted (failure F8). */
import { type ExitReason, type Overflow, type Pid, Scheduler } from '@liminal-node/scheduler';
import { afterEach, beforeEach, expect, test } from 'vitest';

const BOUND = 1_000;
const SENT = 200_000;

let scheduler: Scheduler;

beforeEach(async () => {
  scheduler = await Scheduler.start({ threads: 0 });
});
afterEach(() => scheduler.stop());

/** Floods a process that reads nothing before it is told to, and then reads until it has read `until`. */
function flooded(overflow: Overflow, until: number): { pid: Pid; read: () => Promise<number[]> } {
  let begin = (): void => {};
  const told = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const got: number[] = [];
  let finish = (): void => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const pid = scheduler.spawnLocal(
    async (self) => {
      await told;
      while (got.at(-1) !== until) got.push(await self.receive<number>());
      finish();
      await self.receive();
    },
    [],
    { mailbox: { maxItems: BOUND, overflow } },
  );
  for (let n = 0; n < SENT; n++) scheduler.send(pid, n);
  return {
    pid,
    read: async () => {
      begin();
      await finished;
      return got;
    },
  };
}

test.each<[Overflow, first: number]>([
  ['drop-newest', 0],
  ['drop-oldest', SENT - BOUND],
])('failure F8: with %s every drop of a flood is counted, and what is left comes in order', async (overflow, first) => {
  const { pid, read } = flooded(overflow, first + BOUND - 1);
  expect((await scheduler.processInfo(pid))?.mailbox).toMatchObject({ messages: BOUND, dropped: SENT - BOUND });
  const [home] = await scheduler.inspect();
  expect(home?.counters.dropped['mailbox full']).toBe(SENT - BOUND);
  expect(await read()).toEqual(Array.from({ length: BOUND }, (_, at) => first + at));
});

test('failure F8: with exit a flood ends the process that it is for, with a reason that says so, and nobody else', async () => {
  await using watcher = scheduler.attach();
  const { pid } = flooded('exit', 0);
  watcher.monitor(pid);
  const reason = await new Promise<ExitReason>((resolve) => {
    const other = scheduler.spawnLocal((self) => () => self.exit('still here'), []);
    scheduler.onExit(other, resolve);
    scheduler.send(other, 'go');
  });
  expect(reason).toBe('still here');
  expect(await scheduler.isAlive(pid)).toBe(false);
});
