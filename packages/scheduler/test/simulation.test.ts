/** The test kit itself: what it permutes, what it keeps, and what it says where a run fails. */
import { type AttachedProcess, isDown, type Pid, type Self } from '@liminal-node/scheduler';
import { explore, SeedError, type Simulation } from '@liminal-node/scheduler/testing';
import { describe, expect, test } from 'vitest';
import { puppet } from './fixtures/puppet.js';

/** The error that an exploration ends with. */
async function failureOf(exploring: Promise<unknown>): Promise<SeedError> {
  const error = await exploring.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SeedError);
  return error as SeedError;
}

/** B forwards to C what A sent it, A sends to C as well. @returns what C received, in its order. */
async function race(simulation: Simulation): Promise<unknown[]> {
  const heard: unknown[] = [];
  const c = await simulation.spawn(
    async (self: Self) => {
      for await (const message of self.messages()) heard.push(message);
    },
    [],
    { thread: 'home' },
  );
  const b = await simulation.spawn(async (self: Self) => self.send(c, await self.receive()), [], { thread: 1 });
  await simulation.spawn(
    async (self: Self) => {
      self.send(b, 'by way of b');
      self.send(c, 'straight');
    },
    [],
    { thread: 2 },
  );
  await simulation.idle();
  return heard;
}

describe('a seed', () => {
  test('gives the same run each time, and others give other runs', async () => {
    const runs = async (): Promise<string[]> => {
      const heard: string[] = [];
      await explore({ seeds: 40, run: async (simulation) => void heard.push(String(await race(simulation))) });
      return heard;
    };
    const first = await runs();
    expect(await runs()).toEqual(first);
    expect(new Set(first)).toEqual(new Set(['straight,by way of b', 'by way of b,straight']));
  });

  test('A9: that fails is told with the few steps that matter, and repeats', async () => {
    const inOrder = async (simulation: Simulation): Promise<void> => {
      expect(await race(simulation)).toEqual(['straight', 'by way of b']);
    };
    const failure = await failureOf(explore({ seeds: 200, run: inOrder }));
    expect(failure.cause).toMatchObject({ name: 'AssertionError' });
    expect(failure.order.length).toBeLessThan(10);
    for (const step of failure.order) expect(failure.message).toContain(step);
    const again = await failureOf(explore({ seeds: [failure.seed], run: inOrder }));
    expect(again.order).toEqual(failure.order);
  });

  test('whose run is not made of its choices alone is told as such', async () => {
    let runs = 0;
    const failure = await failureOf(
      explore({
        seeds: 1,
        run: async () => {
          if (runs++ === 0) throw new Error('by chance');
        },
      }),
    );
    expect(failure.message).toContain('do not repeat it');
  });
});

describe('a simulation', () => {
  test('A1 A5 A6: never permutes what one process sends another', async () => {
    await explore({
      seeds: 150,
      run: async (simulation) => {
        const heard: unknown[] = [];
        const sender = await simulation.spawn(
          async (self: Self) => {
            const to = await self.receive<Pid>();
            for (let sent = 0; sent < 5; sent++) self.send(to, sent);
          },
          [],
          { thread: 1 },
        );
        await simulation.spawn(
          async (self: Self) => {
            self.monitor(sender);
            self.send(sender, self.pid);
            for await (const message of self.messages()) heard.push(isDown(message) ? message.reason : message);
          },
          [],
          { thread: 2 },
        );
        await simulation.idle();
        expect(heard).toEqual([0, 1, 2, 3, 4, 'normal']);
      },
    });
  });

  test('H1 H8: moves the clock when nothing is left to do, and no timer notices a jump of the wall clock', async () => {
    await explore({
      seeds: 20,
      run: async (simulation) => {
        const { environment } = simulation.scheduler.options;
        const [from, wallFrom] = [environment.now(), environment.wallNow()];
        const waiting = simulation.scheduler.attach().receive({ timeoutMs: 5_000 });
        await simulation.advance(4_999);
        simulation.jumpWallClock(-3_600_000);
        await expect(Promise.race([waiting, simulation.idle()])).resolves.toBeUndefined();
        await expect(waiting).rejects.toMatchObject({ code: 'ERR_LIMINAL_RECEIVE_TIMEOUT' });
        expect([environment.now() - from, environment.wallNow() - wallFrom]).toEqual([5_000, 5_000 - 3_600_000]);
      },
    });
  });

  test('fails a run that waits for what cannot come, and one without an end', async () => {
    const stuck = explore({ seeds: 1, run: async ({ scheduler }) => void (await scheduler.attach().receive()) });
    expect((await failureOf(stuck)).cause).toMatchObject({ code: 'ERR_LIMINAL_SIMULATION_STUCK' });
    const chatter = async (simulation: Simulation): Promise<void> => {
      const { pid } = await attachEcho(simulation);
      await simulation.spawn(async (self: Self) => {
        for (;;) {
          self.send(pid, self.pid);
          await self.receive();
        }
      }, []);
      await simulation.idle();
    };
    const endless = await failureOf(explore({ seeds: 1, maxSteps: 500, shrinkRuns: 1, run: chatter }));
    expect(endless.cause).toMatchObject({ code: 'ERR_LIMINAL_SIMULATION_TOO_LONG' });
  });

  test('loses a thread between any two steps, with what it had not posted, and replaces it', async () => {
    const heard = new Set<number>();
    await explore({
      seeds: 150,
      run: async (simulation) => {
        const watcher = simulation.scheduler.attach();
        const doomed = await simulation.spawn(
          async (self: Self) => {
            for (let sent = 0; sent < 3; sent++) {
              self.send(watcher.pid, sent);
              await self.receive({ timeoutMs: 1 }).catch(() => {});
            }
            await self.receive();
          },
          [],
          { thread: 1 },
        );
        watcher.monitor(doomed);
        simulation.scheduler.options.environment.setTimer(1, () =>
          simulation.loseThread(1, { cause: 'exit', code: 7 }),
        );
        const got: unknown[] = [];
        for (let down = false; !down; ) {
          const message = await watcher.receive();
          down = isDown(message);
          got.push(down ? undefined : message);
          if (isDown(message)) expect(message.reason).toEqual({ threadDown: { thread: 1, cause: 'exit', code: 7 } });
        }
        expect(got).toEqual([...[0, 1, 2].slice(0, got.length - 1), undefined]);
        heard.add(got.length - 1);
        await simulation.advance(1_000);
        expect(simulation.threads).toEqual([2, 3]);
      },
    });
    expect(heard.size).toBeGreaterThan(1);
  });

  test('holds a thread as if it were blocked: time passes, and nothing happens there', async () => {
    await explore({
      seeds: 20,
      run: async (simulation) => {
        const caller = simulation.scheduler.attach();
        const echo = await simulation.spawn(
          async (self: Self) => {
            for await (const from of self.messages<Pid>()) self.send(from, 'here');
          },
          [],
          { thread: 1 },
        );
        const release = simulation.hold(1);
        simulation.scheduler.send(echo, caller.pid);
        await expect(caller.receive({ timeoutMs: 1_000 })).rejects.toMatchObject({
          code: 'ERR_LIMINAL_RECEIVE_TIMEOUT',
        });
        release();
        expect(await caller.receive()).toBe('here');
      },
    });
  });

  test('waits for modules that a thread loads, and takes none of their time for its own', async () => {
    await explore({
      seeds: 2,
      run: async (simulation) => {
        const pid = await simulation.spawn(puppet, [], { thread: 1 });
        simulation.scheduler.exitProcess(pid, 'shutdown');
        await simulation.ended(pid);
      },
    });
  });

  test('has the same random numbers whatever the order of things', async () => {
    const numbers = new Set<number>();
    for (const seed of [7, 7, 8]) {
      await explore({ seeds: [seed], run: async ({ random }) => void numbers.add(random()) });
    }
    expect(numbers.size).toBe(2);
  });
});

async function attachEcho({ scheduler }: Simulation): Promise<AttachedProcess> {
  const echo = scheduler.attach();
  void (async () => {
    for await (const from of echo.messages<Pid>()) echo.send(from, 'echo');
  })();
  return echo;
}
