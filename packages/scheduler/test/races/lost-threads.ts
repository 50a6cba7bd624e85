/** Races of threads that are lost, with one another, with their replacements and with threads of one process. */
import { type DownMessage, type ExitMessage, isDown, isExit, type Pid, type Self } from '@liminal-node/scheduler';
import { check, draw, pause, type Race } from './race.js';

export const lostThreads: Readonly<Record<string, Race>> = {
  'B14 B15: the end of a process with a thread of its own is told once by link and once by monitor': {
    run: async (simulation) => {
      const begun: Pid[] = [];
      const heard: (ExitMessage | DownMessage)[] = [];
      const child = simulation.define(async (self: Self) => {
        begun.push(self.pid);
        await self.receive();
      });
      await simulation.spawn(
        async (self: Self) => {
          void self.spawn(child, [], { link: true, monitor: true, thread: 'own' }).catch(() => {});
          for await (const message of self.messages<ExitMessage | DownMessage>()) heard.push(message);
        },
        [],
        { thread: 1, trapExit: true },
      );
      await simulation.idle();
      if (draw(simulation, 2) === 0) simulation.scheduler.exitProcess(begun[0] as Pid, 'kill');
      else simulation.loseThread(3);
      await simulation.advance(5_000);
      check(heard.filter(isExit).length === 1 && heard.filter(isDown).length === 1, 'one of each, not', heard);
    },
  },

  'B14: a process with a thread of its own never outlives its parent, and leaves no thread': {
    run: async (simulation) => {
      const begun: Pid[] = [];
      const child = simulation.define(async (self: Self) => {
        begun.push(self.pid);
        await self.receive();
      });
      const parent = await simulation.spawn(
        async (self: Self) => {
          void self.spawn(child, [], { link: true, thread: 'own' }).catch(() => {});
          await self.receive();
        },
        [],
        { thread: 1 },
      );
      if (draw(simulation, 2) === 0) await pause(simulation.scheduler.attach(), draw(simulation, 2));
      if (draw(simulation, 2) === 0) simulation.scheduler.exitProcess(parent, 'kill');
      else simulation.loseThread(1);
      await simulation.advance(20_000);
      for (const pid of begun) await simulation.ended(pid);
      const threads = await simulation.scheduler.inspect();
      check(threads.length === 3, 'home and two threads, not', threads);
    },
  },

  'every thread reaches every other after losses at any time, of replacements too': {
    run: async (simulation) => {
      const { scheduler } = simulation;
      simulation.loseThread(1);
      if (draw(simulation, 2) === 0) simulation.loseThread(2);
      for (let pauses = draw(simulation, 3); pauses > 0; pauses--) await pause(scheduler.attach(), 50);
      simulation.loseThread(3);
      simulation.loseThread(4);
      await simulation.advance(30_000);
      check(simulation.threads.length === 2, 'two threads, not', simulation.threads);
      for (const thread of simulation.threads) {
        const [other] = simulation.threads.filter((each) => each !== thread);
        const sink = await simulation.spawn(async (self: Self) => void (await self.receive()), [], {
          thread: other as number,
        });
        await simulation.spawn(async (self: Self) => self.send(sink, 'here'), [], { thread });
        await simulation.ended(sink);
      }
    },
  },

  'F5: threads agree on a name whose holders come and go with their threads': {
    run: async (simulation) => {
      const holder = async (self: Self): Promise<void> => {
        await self.register('n').catch(() => {});
        await self.receive();
      };
      for (const thread of [1, 2, 'own'] as const) void simulation.spawn(holder, [], { thread }).catch(() => {});
      if (draw(simulation, 2) === 0) await pause(simulation.scheduler.attach(), draw(simulation, 2));
      simulation.loseThread(1);
      await simulation.advance(5_000);
      const expected = simulation.scheduler.whereis('n');
      const found: unknown[] = [];
      for (const thread of simulation.threads) {
        await simulation.spawn(async (self: Self) => void found.push(self.whereis('n')), [], { thread });
      }
      await simulation.idle();
      check(found.length >= 2 && found.every((pid) => pid === expected), `${expected}, not`, found.map(String));
    },
  },
};
