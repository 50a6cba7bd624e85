/** How a process handles messages, how it ends, and how a spawn fails. */
import { describe, expect, test } from 'vitest';
import { defineProcess, defineTask } from '../src/definition.js';
import type { ExitReason } from '../src/exit-reason.js';
import type { Pid } from '../src/pid.js';
import type { Self } from '../src/self.js';
import { type DownMessage, isDown } from '../src/signal.js';
import { environment, scheduler, send, start, wait, wanted } from './lone-thread.js';
import { microtasks } from './manual-environment.js';

describe('a handler process', () => {
  test('is called with each message in order, also with those that came before it was ready', async () => {
    const received: unknown[] = [];
    const pid = scheduler.spawnLocal(() => (message: unknown) => void received.push(message), []);
    await send(pid, ...Array.from({ length: 200 }, (_, at) => at));
    expect(received).toEqual(Array.from({ length: 200 }, (_, at) => at));
  });

  test('can prepare itself asynchronously', async () => {
    const received: unknown[] = [];
    const { pid } = await start(async (self) => {
      received.push(await self.receive());
      return (message: unknown) => void received.push(['handled', message]);
    });
    await send(pid, 'a', 'b');
    expect(received).toEqual(['a', ['handled', 'b']]);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('bad message');
      },
    ],
    ['returns a promise that rejects', () => Promise.reject(new Error('bad message')) as unknown as void],
  ])('that %s ends with the error', async (_, handler) => {
    const { pid, reason } = await start(() => handler);
    await send(pid, 1);
    expect(reason()).toMatchObject({ error: { message: 'bad message' } });
  });

  test('that exits handles nothing more', async () => {
    const received: unknown[] = [];
    const { pid, reason } = await start((self) => (message: unknown) => {
      received.push(message);
      if (message === 2) self.exit('enough');
    });
    await send(pid, 1, 2, 3);
    expect([received, reason()]).toEqual([[1, 2], 'enough']);
  });

  test('that exits behind an await ends with that reason', async () => {
    const { pid, reason } = await start(
      (self) =>
        (async () => {
          await microtasks();
          self.exit('later');
        }) as unknown as () => void,
    );
    await send(pid, 1);
    await microtasks();
    expect(reason()).toBe('later');
  });

  test('that is ended by what it does itself handles nothing more', async () => {
    const received: unknown[] = [];
    const { pid, reason } = await start((self) => (message: unknown) => {
      received.push(message);
      self.exitProcess(self.pid, 'kill');
    });
    await send(pid, 1, 2);
    expect([received, reason()]).toEqual([[1], 'killed']);
  });

  test('cannot receive', async () => {
    let refused: unknown;
    const { pid } = await start((self) => () => {
      self.receive().catch((error: unknown) => {
        refused = error;
      });
    });
    await send(pid, 1);
    expect(refused).toBeInstanceOf(TypeError);
  });
});

describe('the end', () => {
  test('by exit behind an await runs no code behind it', async () => {
    const reached: string[] = [];
    const { reason } = await start(async (self) => {
      await microtasks();
      reached.push('before');
      self.exit({ shutdown: 'on my own' });
      reached.push('behind');
    });
    await microtasks();
    expect([reached, reason()]).toEqual([['before'], { shutdown: 'on my own' }]);
  });

  test.each([
    ['an object that has no text', Object.create(null)],
    ['a symbol', Symbol('thrown')],
    ['nothing', undefined],
  ])('by throwing %s takes nobody else along', async (_, thrown) => {
    const other = await wait((self) => self.receive());
    const { reason } = await start(() => {
      throw thrown;
    });
    await send(other.pid, 'alive');
    expect(reason()).toMatchObject({ error: { name: 'Thrown' } });
    expect(other.outcome).toEqual({ value: 'alive' });
  });

  test('counts what comes too late, and receives it never', async () => {
    const { pid } = await start((self) => self.exit('gone'));
    await send(pid, 'late', 'later');
    const [home] = await scheduler.inspect();
    expect(home?.counters.dropped).toEqual({ 'no such process': 2 });
  });

  test('aborts its signal, also for whoever asks afterwards', async () => {
    const signals: AbortSignal[] = [];
    let late: Self | undefined;
    await start(async (self) => {
      signals.push(self.signal);
      late = self;
      expect(self.signal.aborted).toBe(false);
    });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(late?.signal.aborted).toBe(true);
  });

  test('makes every later call do nothing', async () => {
    let dead: Self | undefined;
    await start((self) => {
      dead = self;
    });
    if (dead === undefined) throw new Error('not started');
    const other = await start(async (self) => void (await self.receive()), { trapExit: true });
    const settled: string[] = [];
    const spawned = dead.spawnLocal(async (self) => void (await self.receive()), []);
    const calls = {
      receive: dead.receive(),
      register: dead.register('ghost'),
      spawn: dead.spawn(idle, []),
      request: dead.request('nothing', 1),
      block: dead.block(work, [], { signal: AbortSignal.abort() }),
    };
    for (const [name, call] of Object.entries(calls)) {
      call.then(
        () => settled.push(name),
        () => settled.push(name),
      );
    }
    dead.link(other.pid);
    dead.monitor(other.pid);
    dead.exitProcess(other.pid, 'kill');
    dead.send(other.pid, 'from the dead');
    dead.unregister();
    for (let round = 0; round < 5; round++) await microtasks();
    expect([settled, scheduler.whereis('ghost'), other.reason()]).toEqual([[], undefined, undefined]);
    let reason: ExitReason | undefined;
    scheduler.onExit(spawned, (given) => {
      reason = given;
    });
    await microtasks();
    expect(reason).toBe('noproc');
  });

  test.each([null, undefined, 5])('with %s as the reason is told like any other', async (given) => {
    const { reason } = await start((self) => self.exit(given as never));
    expect(reason()).toBe(given);
  });

  test('with a mailbox that is full, where its policy says so', async () => {
    const { pid, reason } = await start(async (self) => void (await self.receive({ match: wanted })), {
      mailbox: { maxItems: 2, overflow: 'exit' },
    });
    await send(pid, 1, 2, 3);
    expect(reason()).toEqual({ mailboxFull: { messages: 2, bytes: 0 } });
  });

  test('frees the timer of a wait', async () => {
    const { pid } = await wait((self) => self.receive({ timeoutMs: 100 }));
    expect(environment.timers).toBe(1);
    scheduler.exitProcess(pid, 'kill');
    expect(environment.timers).toBe(0);
  });

  test('of the first in a chain of 100,000 linked processes ends them all (failure F13)', async () => {
    const length = 100_000;
    const extend = async (self: Self, left: number): Promise<void> => {
      if (left > 0) self.spawnLocal(extend, [left - 1], { link: true });
      await self.receive();
    };
    const { pid, reason } = await start(extend, { args: [length - 1] });
    const count = async (): Promise<number> => (await scheduler.inspect())[0]?.processes ?? 0;
    const others = 1; // The exit watch.
    expect(await count()).toBe(length + others);
    scheduler.exitProcess(pid, 'boom');
    await microtasks();
    expect([reason(), await count()]).toEqual(['boom', others]);
  });
});

const work = defineTask(import.meta.url, 'work', () => {});

const idle = defineProcess(import.meta.url, 'idle', async (self: Self) => void (await self.receive()));

describe('a spawn that fails', () => {
  test('because of its arguments leaves no process', async () => {
    const before = (await scheduler.inspect())[0]?.processes;
    expect(() => scheduler.spawnLocal((_self: Self, _argument: unknown) => {}, [() => {}])).toThrow(
      expect.objectContaining({ code: 'ERR_LIMINAL_NOT_PORTABLE' }),
    );
    expect((await scheduler.inspect())[0]?.processes).toBe(before);
  });

  test('because its name is taken leaves no link and no monitor', async () => {
    await scheduler.spawn(idle, [], { name: 'taken' });
    const heard: unknown[] = [];
    const outcome: unknown[] = [];
    await start(
      async (self) => {
        const ref = self.makeRef();
        const spawning = self.spawn(idle, [], { name: 'taken', link: true, monitor: ref });
        outcome.push(await spawning.catch((error: { code: string }) => error.code), self.demonitor(ref));
        for await (const message of self.messages()) heard.push(message);
      },
      { trapExit: true },
    );
    await microtasks();
    expect([outcome, heard]).toEqual([['ERR_LIMINAL_NAME', false], []]);
  });

  test('because somebody ended it by its name before it had started leaves no link and no monitor', async () => {
    const heard: unknown[] = [];
    const outcome: unknown[] = [];
    await start(
      async (self) => {
        await self.receive();
        const ref = self.makeRef();
        const spawning = self.spawn(idle, [], { name: 'victim', link: true, monitor: ref });
        outcome.push(await spawning.catch((error: { code: string }) => error.code), self.demonitor(ref));
        for await (const message of self.messages()) heard.push(message);
      },
      { trapExit: true },
    ).then(({ pid }) => scheduler.send(pid, 'go'));
    while (scheduler.whereis('victim') === undefined) await undefined;
    scheduler.exitProcess(scheduler.whereis('victim') as Pid, 'kill');
    await microtasks();
    expect([outcome, heard]).toEqual([['ERR_LIMINAL_SPAWN', false], []]);
    expect(scheduler.whereis('victim')).toBeUndefined();
  });
});

test('nothing is scheduled while everybody waits', async () => {
  const { pid } = await wait((self) => self.receive({ match: wanted }));
  await send(pid, 'other');
  await environment.turn();
  expect([environment.immediates, environment.timers]).toEqual([0, 0]);
});

test('a callback for an end is called once, and not after it was cancelled', async () => {
  const { pid } = await wait((self) => self.receive());
  const called: unknown[] = [];
  scheduler.onExit(pid, (reason) => called.push(['kept', reason]));
  scheduler.onExit(pid, (reason) => called.push(['cancelled', reason]))();
  scheduler.exitProcess(pid, 'kill');
  await microtasks();
  scheduler.onExit(pid, (reason) => called.push(['too late', reason]));
  await microtasks();
  expect(called).toEqual([
    ['kept', 'killed'],
    ['too late', 'noproc'],
  ]);
});

test('exits of a process that traps are messages whatever the bound of its mailbox', async () => {
  const heard: DownMessage[] = [];
  const release = new AbortController();
  const { pid } = await start(
    async (self) => {
      for (let at = 0; at < 5; at++) self.monitor(scheduler.root);
      await new Promise((resolve) => release.signal.addEventListener('abort', resolve));
      for await (const message of self.messages()) if (isDown(message)) heard.push(message);
    },
    { mailbox: { maxItems: 1, overflow: 'drop-oldest' } },
  );
  await send(pid, 1, 2, 3);
  release.abort();
  await microtasks();
  expect(heard.length).toBe(5);
});
