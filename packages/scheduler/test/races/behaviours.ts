/** Races of calls with deadlines and ends, and of supervisors with restarts and shutdowns. */
import type { Pid, Self, Strategy } from '@liminal-node/scheduler';
import { type Api, anyOf, anywhere, check, drain, draw, type Place, pause, type Race } from './race.js';

/** Definitions belong to one scheduler under test: each is made once for it. */
const defined = new WeakMap<Api, ReturnType<typeof define>>();

function definitionsOf(api: Api): ReturnType<typeof define> {
  const found = defined.get(api) ?? define(api);
  defined.set(api, found);
  return found;
}

function define({ defineProcess, defineServer, defineSupervisor, child }: Api) {
  const echo = defineServer(import.meta.url, 'echo', {
    init: () => undefined,
    calls: { echo: (_server, value: number) => value },
  });
  const member = defineProcess(import.meta.url, 'member', async (self: Self) => {
    await self.request('begun', undefined);
    await self.receive();
  });
  const supervisor = defineSupervisor(
    import.meta.url,
    'supervisor',
    (strategy: Strategy, places: readonly Place[]) => ({
      strategy,
      intensity: 100,
      children: places.map((thread, at) => child(member, [], { id: `child ${at}`, thread })),
    }),
  );
  return { echo, supervisor };
}

export const behaviours: Readonly<Record<string, Race>> = {
  'J3 J4 J5: a call ends with its own reply, the deadline or the end of the server, and leaves nothing behind': {
    options: { maxDelayMs: 3 },
    run: async (simulation, api) => {
      const CALLS = 4;
      const { echo } = definitionsOf(api);
      const outcomes: string[] = [];
      const owner = simulation.scheduler.attach();
      const server = await api.startServer(owner, echo, [], { thread: anywhere(simulation) });
      const caller = await simulation.spawn(
        async (self: Self) => {
          const calls = Array.from({ length: CALLS }, (_, number) =>
            api.call(self, server, 'echo', [number], { timeoutMs: draw(simulation, 3) }).then(
              (value) => outcomes.push(value === number ? 'reply' : `the reply of another: ${value}`),
              (error: { code: string; reason?: unknown }) => outcomes.push(`${error.code} ${error.reason}`),
            ),
          );
          await Promise.all(calls);
          await pause(self, 5);
          outcomes.push(...(await drain(self)).map((message) => `left behind: ${JSON.stringify(message)}`));
        },
        [],
        { thread: anywhere(simulation) },
      );
      if (draw(simulation, 2) === 0) await pause(owner, draw(simulation, 3));
      if (draw(simulation, 2) === 0) simulation.scheduler.exitProcess(server, 'kill');
      await simulation.ended(caller);
      const expected = [
        'reply',
        'ERR_LIMINAL_CALL_TIMEOUT timeout',
        'ERR_LIMINAL_CALL killed',
        'ERR_LIMINAL_CALL noproc',
      ];
      const isRight = outcomes.length === CALLS && outcomes.every((each) => expected.includes(each));
      check(isRight, 'one outcome a call, and nothing else, not', outcomes);
    },
  },

  'I26: children never outlive their supervisor, whatever is restarting when it ends': {
    run: async (simulation, api) => {
      const { supervisor } = definitionsOf(api);
      const begun: Pid[] = [];
      simulation.scheduler.provide('begun', (from) => void begun.push(from));
      const owner = simulation.scheduler.attach({ trapExit: true });
      const strategy = anyOf<Strategy>(simulation, 'one_for_one', 'one_for_all', 'rest_for_one');
      const places = [anywhere(simulation), anywhere(simulation)];
      const top = await api.startSupervisor(owner, supervisor, [strategy, places], { thread: anywhere(simulation) });
      await simulation.idle();
      for (let crashes = draw(simulation, 3); crashes > 0; crashes--) {
        simulation.scheduler.exitProcess(anyOf(simulation, ...begun), 'kill');
        if (draw(simulation, 2) === 0) await pause(owner, draw(simulation, 2));
      }
      if (draw(simulation, 4) === 0) simulation.loseThread(1);
      simulation.scheduler.exitProcess(top, anyOf(simulation, 'shutdown', 'kill'));
      await simulation.ended(top);
      await simulation.advance(10_000);
      for (const pid of begun) await simulation.ended(pid);
    },
  },
};
