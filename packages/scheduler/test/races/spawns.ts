/** Races of a spawn, with its link and its monitor, against the end of the child, of the parent and of a thread. */
import type { DownMessage, ExitMessage, Pid, Self } from '@liminal-node/scheduler';
import { anyOf, anywhere, check, draw, isThreadDown, pause, type Race } from './race.js';

type Heard = ExitMessage | DownMessage | { readonly pid: Pid };

export const spawns: Readonly<Record<string, Race>> = {
  'B14 B15: a child that fails at once is told with its own reason, once by its link and once by its monitor': {
    run: async (simulation) => {
      const heard: Heard[] = [];
      const place = anywhere(simulation);
      const child = simulation.define(async (self: Self) => {
        if (draw(simulation, 2) === 0) await pause(self);
        self.exit('failed at once');
      });
      await simulation.spawn(
        async (self: Self) => {
          void self.spawn(child, [], { link: true, monitor: true, thread: place }).then((pid) => heard.push({ pid }));
          for await (const message of self.messages<Heard>()) heard.push(message);
        },
        [],
        { thread: anywhere(simulation), trapExit: true },
      );
      await simulation.idle();
      const exits = heard.filter((each) => 'signal' in each && each.signal === 'exit') as ExitMessage[];
      const downs = heard.filter((each) => 'signal' in each && each.signal === 'down') as DownMessage[];
      check(exits.length === 1 && downs.length === 1 && heard.length === 3, 'one exit, one down, one pid, not', heard);
      for (const { reason } of [...exits, ...downs]) check(reason === 'failed at once', 'its reason, not', reason);
    },
  },

  'B14 I26: a child that is linked never outlives its parent, whenever that ends': {
    run: async (simulation) => {
      const begun: Pid[] = [];
      const place = anywhere(simulation);
      const child = simulation.define(async (self: Self) => {
        begun.push(self.pid);
        await self.receive();
      });
      const parent = await simulation.spawn(
        async (self: Self) => {
          for (let count = 0; count < 2; count++) {
            void self.spawn(child, [], { link: true, thread: place });
            if (draw(simulation, 2) === 0) await pause(self);
          }
          await self.receive();
        },
        [],
        { thread: anyOf(simulation, 1, 2) },
      );
      if (draw(simulation, 2) === 0) await pause(simulation.scheduler.attach(), draw(simulation, 2));
      simulation.scheduler.exitProcess(parent, 'kill');
      await simulation.idle();
      const info = await simulation.scheduler.inspect();
      const living = info.reduce((sum, { processes }) => sum + processes, 0);
      // What runs besides: whoever waits for exits at home, and the mailbox of the pause.
      for (const pid of begun) await simulation.ended(pid);
      check(living <= 2, 'no child of a dead parent, not', living);
    },
  },

  'B14 B15 I30: a spawn whose thread is lost fails, or its child is told with the end of the thread': {
    run: async (simulation) => {
      const heard: Heard[] = [];
      let outcome: unknown;
      const child = simulation.define(async (self: Self) => {
        await self.receive();
      });
      await simulation.spawn(
        async (self: Self) => {
          self.spawn(child, [], { link: true, monitor: true, thread: 1 }).then(
            (pid) => {
              outcome = pid;
            },
            (error: { code: string }) => {
              outcome = error.code;
            },
          );
          for await (const message of self.messages<Heard>()) heard.push(message);
        },
        [],
        { thread: anyOf<2 | 'home'>(simulation, 2, 'home'), trapExit: true },
      );
      simulation.loseThread(1);
      await simulation.advance(1_000);
      if (outcome === 'ERR_LIMINAL_THREAD_DOWN' || outcome === 'ERR_LIMINAL_SPAWN') {
        check(heard.length === 0, 'nothing of a child that was never there, not', heard);
        return;
      }
      check(heard.length === 2, 'an outcome, one exit and one down, not', outcome, heard);
      for (const message of heard) {
        const reason = 'reason' in message ? message.reason : undefined;
        check(isThreadDown(reason), 'the end of the thread, not', reason);
      }
    },
  },

  'B14: a linked child ends when the thread of its parent is lost, whenever that is': {
    run: async (simulation) => {
      const begun: Pid[] = [];
      const child = simulation.define(async (self: Self) => {
        begun.push(self.pid);
        await self.receive();
      });
      await simulation.spawn(
        async (self: Self) => {
          void self.spawn(child, [], { link: true, thread: 2 });
          void self.spawn(child, [], { link: true, thread: 'home' });
          await self.receive();
        },
        [],
        { thread: 1 },
      );
      simulation.loseThread(1);
      await simulation.advance(1_000);
      for (const pid of begun) await simulation.ended(pid);
    },
  },
};
