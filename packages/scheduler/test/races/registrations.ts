/** Races for a name, between processes of several threads, with their ends and with what they give up. */
import type { DownMessage, Pid, Self } from '@liminal-node/scheduler';
import { anyOf, anywhere, check, draw, type Place, pause, type Race } from './race.js';

const PLACES: readonly Place[] = ['home', 1, 2];

export const registrations: Readonly<Record<string, Race>> = {
  'F2 F6: a name has one holder at a time, and every thread agrees on the last': {
    run: async (simulation) => {
      const holders = new Set<Pid>();
      const contender = async (self: Self): Promise<void> => {
        for (let round = 0; round < 3; round++) {
          const isMine = await self.register('n').then(
            () => true,
            () => false,
          );
          if (isMine) {
            check(holders.size === 0, 'one holder, not also', self.pid, [...holders]);
            holders.add(self.pid);
            check(self.whereis('n') === self.pid, 'the holder finds itself, not', self.whereis('n'));
            if (draw(simulation, 2) === 0) await pause(self);
            holders.delete(self.pid);
            const what = draw(simulation, 4);
            if (what === 0) self.exit('shutdown');
            if (what === 1 && round === 2) holders.add(self.pid);
            else self.unregister();
          }
          if (draw(simulation, 2) === 0) await pause(self, 1);
        }
        await self.receive();
      };
      await Promise.all(PLACES.map((thread) => simulation.spawn(contender, [], { thread })));
      await simulation.advance(10);
      const [holder] = holders;
      const found: unknown[] = [];
      for (const thread of PLACES) {
        await simulation.spawn(async (self: Self) => void found.push(self.whereis('n')), [], { thread });
      }
      await simulation.idle();
      check(
        found.length === 3 && found.every((pid) => pid === holder),
        `every thread finds ${holder}, not`,
        found.map(String),
      );
    },
  },

  'F1 F6: a process that gives its name up and takes it again has it on every thread': {
    run: async (simulation) => {
      const place = anyOf<Place>(simulation, 1, 'home');
      const holder = await simulation.spawn(
        async (self: Self) => {
          await self.register('n');
          for (let round = draw(simulation, 2); round >= 0; round--) {
            self.unregister();
            if (draw(simulation, 2) === 0) await pause(self);
            await self.register('n');
          }
          await self.receive();
        },
        [],
        { thread: place },
      );
      await simulation.idle();
      const found: unknown[] = [];
      for (const thread of PLACES) {
        await simulation.spawn(async (self: Self) => void found.push(self.whereis('n')), [], { thread });
      }
      await simulation.idle();
      check(
        found.length === 3 && found.every((pid) => pid === holder),
        `every thread finds ${holder}, not`,
        found.map(String),
      );
    },
  },

  'F4: a process that ends while it asks for a name leaves it free': {
    run: async (simulation) => {
      const applicants = await Promise.all(
        [1, 2, 'home' as const].map((thread) =>
          simulation.spawn(
            async (self: Self) => {
              await self.register('n').catch(() => {});
              await self.receive();
            },
            [],
            { thread },
          ),
        ),
      );
      if (draw(simulation, 2) === 0) await pause(simulation.scheduler.attach(), draw(simulation, 2));
      for (const pid of applicants) simulation.scheduler.exitProcess(pid, 'kill');
      await simulation.idle();
      for (const thread of PLACES) {
        await simulation.spawn(
          async (self: Self) => check(self.whereis('n') === undefined, 'nobody has the name, not', self.whereis('n')),
          [],
          { thread },
        );
      }
      await simulation.spawn(async () => {}, [], { thread: anywhere(simulation), name: 'n' });
      await simulation.idle();
    },
  },

  'B17 F5: whoever hears of the end of a holder is granted the name, and its own end frees it again': {
    run: async (simulation) => {
      const faults: unknown[] = [];
      let heir: Pid | undefined;
      const holder = await simulation.spawn(async (self: Self) => void (await self.receive()), [], {
        thread: anywhere(simulation),
        name: 'n',
      });
      await simulation.spawn(
        async (self: Self) => {
          self.monitor(holder);
          await self.receive<DownMessage>();
          if (self.whereis('n') !== undefined) faults.push(['still held here', self.whereis('n')]);
          await self.register('n').then(
            () => {
              heir = self.pid;
            },
            (error: Error) => faults.push(error.message),
          );
          if (self.whereis('n') !== self.pid) faults.push(['not held by the heir', self.whereis('n')]);
          await self.receive();
        },
        [],
        { thread: anywhere(simulation) },
      );
      simulation.scheduler.exitProcess(holder, 'kill');
      await simulation.idle();
      check(faults.length === 0 && heir !== undefined, 'the name is granted, not', faults);
      simulation.scheduler.exitProcess(heir as Pid, 'kill');
      await simulation.idle();
      check(simulation.scheduler.whereis('n') === undefined, 'the name is free');
    },
  },

  'F5: a name of a thread that is lost is free, and can be taken on every other': {
    run: async (simulation) => {
      let granted = 0;
      await simulation.spawn(
        async (self: Self) => {
          await self.register('n');
          await self.receive();
        },
        [],
        { thread: 1 },
      );
      simulation.loseThread(1);
      await simulation.advance(1_000);
      for (const thread of ['home', 2, 3] as const) {
        const pid = await simulation.spawn(
          async (self: Self) => {
            await self.register('n');
            granted++;
            await self.receive();
          },
          [],
          { thread },
        );
        await simulation.idle();
        check(simulation.scheduler.whereis('n') === pid, 'the name is held by', pid, simulation.scheduler.whereis('n'));
        simulation.scheduler.exitProcess(pid, 'kill');
        await simulation.idle();
      }
      check(granted === 3, 'three holders, one after another, not', granted);
    },
  },
};
