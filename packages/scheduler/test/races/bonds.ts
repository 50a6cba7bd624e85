/** Races of links and monitors with what breaks them. */
import type { Pid, Ref, Self } from '@liminal-node/scheduler';
import type { Simulation } from '@liminal-node/scheduler/testing';
import { anywhere, check, drain, draw, isThreadDown, type Place, pause, type Race, type Signalled } from './race.js';

/** Two processes that trap exits, and a way to have each do something. */
async function pair(simulation: Simulation) {
  const start = (place: Place) =>
    simulation.spawn(
      async (self: Self) => {
        for (;;) {
          const job = await self.receive({ match: (message): message is string => typeof message === 'string' });
          await jobs.get(job)?.(self);
        }
      },
      [],
      { thread: place, trapExit: true },
    );
  const jobs = new Map<string, (self: Self) => Promise<void>>();
  let count = 0;
  const [a, b] = [await start(1), await start(anywhere(simulation))];
  const act = async <T>(pid: Pid, job: (self: Self) => Promise<T>): Promise<T> =>
    new Promise((resolve) => {
      const name = `job ${count++}`;
      jobs.set(name, async (self) => resolve(await job(self)));
      simulation.scheduler.send(pid, name);
    });
  return { a, b, act };
}

/** Links and unlinks, with pauses. */
async function flicker(simulation: Simulation, self: Self, to: Pid, length: number): Promise<void> {
  for (let step = 0; step < length; step++) {
    const what = draw(simulation, 5);
    if (what < 2) self.link(to);
    else if (what < 4) self.unlink(to);
    else await pause(self);
  }
}

/** What both sides tell once they are told to stop; exits only. */
const exits = (messages: readonly unknown[]): Signalled[] => messages as Signalled[];

export const bonds: Readonly<Record<string, Race>> = {
  'C1 C11: whoever links last hears of the end exactly once, whatever crossed before': {
    run: async (simulation) => {
      const { a, b, act } = await pair(simulation);
      await Promise.all([
        act(a, (self) => flicker(simulation, self, b, 4)),
        act(b, (self) => flicker(simulation, self, a, 4)),
      ]);
      await simulation.idle();
      await act(b, async (self) => self.link(a));
      await simulation.idle();
      simulation.scheduler.exitProcess(a, 'kill');
      await simulation.idle();
      const heard = exits(await act(b, drain));
      check(heard.length === 1 && heard[0]?.reason === 'killed', 'one exit with killed, not', heard);
    },
  },

  'C1 C3 C11: a link that crosses the end is told exactly once, with the reason or noproc': {
    run: async (simulation) => {
      const { a, b, act } = await pair(simulation);
      const linked = act(b, async (self) => {
        await flicker(simulation, self, a, 6);
        self.unlink(a);
        const before = (await drain(self)).length;
        self.link(a);
        return before;
      });
      if (draw(simulation, 2) === 0) await pause(simulation.scheduler.attach(), draw(simulation, 2));
      simulation.scheduler.exitProcess(a, 'kill');
      await linked;
      await simulation.idle();
      const heard = exits(await act(b, drain));
      check(
        heard.length === 1 && (heard[0]?.reason === 'killed' || heard[0]?.reason === 'noproc'),
        'one exit, not',
        heard,
      );
    },
  },

  'C5: nothing comes along a link after unlink has returned': {
    run: async (simulation) => {
      const { a, b, act } = await pair(simulation);
      const unlinked = act(b, async (self) => {
        await flicker(simulation, self, a, 6);
        self.unlink(a);
        return drain(self);
      });
      if (draw(simulation, 2) === 0) simulation.scheduler.exitProcess(a, 'kill');
      await unlinked;
      simulation.scheduler.exitProcess(a, 'kill');
      await simulation.idle();
      const heard = await act(b, drain);
      check(heard.length === 0, 'no exit after unlink, not', heard);
    },
  },

  'D1 D5 D6 D7: each monitor ends with one down, or with a demonitor that says so': {
    run: async (simulation) => {
      const { a, b, act } = await pair(simulation);
      const watched = act(b, async (self) => {
        const open = new Set<Ref>();
        const closed = new Set<Ref>();
        const heard: unknown[] = [];
        for (let step = 0; step < 8; step++) {
          const what = draw(simulation, 4);
          const [ref] = open;
          if (what < 2) open.add(self.monitor(a));
          else if (what === 2 && ref !== undefined) {
            const flush = draw(simulation, 2) === 0;
            const wasLive = self.demonitor(ref, { flush });
            // Its down is in the mailbox, and stays there where nobody flushes it.
            if (wasLive || flush) open.delete(ref);
            if (wasLive) closed.add(ref);
          } else {
            await pause(self);
            heard.push(...(await drain(self)));
          }
        }
        return { open, closed, heard };
      });
      if (draw(simulation, 2) === 0) await pause(simulation.scheduler.attach(), draw(simulation, 2));
      simulation.scheduler.exitProcess(a, 'kill');
      const { open, closed, heard } = await watched;
      await simulation.idle();
      const downs = exits([...heard, ...(await act(b, drain))]);
      const refs = downs.map((down) => ('ref' in down ? down.ref : undefined));
      check(!refs.some((ref) => ref !== undefined && closed.has(ref)), 'no down of one that was ended, not', refs);
      check(new Set(refs).size === refs.length, 'no second down', refs);
      for (const ref of open) check(refs.includes(ref), 'a down for', ref);
      for (const { reason } of downs) check(reason === 'killed' || reason === 'noproc', 'the reason, not', reason);
    },
  },

  'D5 D6: a flushed demonitor leaves no down behind it': {
    run: async (simulation) => {
      const { a, b, act } = await pair(simulation);
      const left = act(b, async (self) => {
        const ref = self.monitor(a);
        for (let pauses = draw(simulation, 4); pauses > 0; pauses--) await pause(self);
        self.demonitor(ref, { flush: true });
        await pause(self, 5);
        return drain(self);
      });
      simulation.scheduler.exitProcess(a, 'kill');
      const heard = await left;
      check(heard.length === 0, 'no down after a flush, not', heard);
    },
  },

  'A6 B11 C8: a lost thread ends each link and each monitor exactly once, behind what its processes sent': {
    run: async (simulation) => {
      const heard: unknown[][] = [];
      const doomed = await simulation.spawn(
        async (self: Self) => {
          for (let sent = 0; ; sent++) {
            const to = await self.receive<Pid>();
            for (let copy = 0; copy < 2; copy++) self.send(to, sent * 2 + copy);
          }
        },
        [],
        { thread: 1 },
      );
      const watchers = await Promise.all(
        [anywhere(simulation), 2, 'home' as const].map((place, at) =>
          simulation.spawn(
            async (self: Self) => {
              const mine: unknown[] = [];
              heard[at] = mine;
              self.link(doomed);
              self.monitor(doomed);
              self.send(doomed, self.pid);
              for await (const message of self.messages()) mine.push(message);
            },
            [],
            { thread: place === 1 ? 2 : place, trapExit: true },
          ),
        ),
      );
      simulation.loseThread(1);
      await simulation.advance(1_000);
      check(heard.length === watchers.length, 'all began');
      for (const mine of heard) {
        const [exit, ...others] = exits(mine.filter((each) => typeof each === 'object')).filter(
          ({ signal }) => signal === 'exit',
        );
        const downs = exits(mine.filter((each) => typeof each === 'object')).filter(({ signal }) => signal === 'down');
        check(exit !== undefined && others.length === 0 && downs.length === 1, 'one exit and one down, not', mine);
        for (const reason of [exit?.reason, downs[0]?.reason]) {
          check(isThreadDown(reason) || reason === 'noproc', 'the end of the thread, not', reason);
        }
        const numbers = mine.filter((each) => typeof each === 'number');
        check(
          mine.slice(0, numbers.length).every((each) => typeof each === 'number'),
          'messages come before the end, not',
          mine,
        );
      }
    },
  },
};
