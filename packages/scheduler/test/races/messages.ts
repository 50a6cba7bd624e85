/** Races of messages: receives against their time, wake-ups, full mailboxes. */
import type { Pid, ProcessBody, Self } from '@liminal-node/scheduler';
import { anyOf, anywhere, check, drain, draw, pause, type Race } from './race.js';

const isNever = (_message: unknown): _message is never => false;

export const messages: Readonly<Record<string, Race>> = {
  'A24 G3 G5: no message is lost or doubled where a receive times out as it comes': {
    options: { maxDelayMs: 2 },
    run: async (simulation) => {
      const COUNT = 6;
      const got: number[] = [];
      const receiver = await simulation.spawn(
        async (self: Self) => {
          while (got.length < COUNT) {
            await self.receive<number>({ timeoutMs: draw(simulation, 3) }).then(
              (number) => got.push(number),
              () => {},
            );
          }
        },
        [],
        { thread: anywhere(simulation) },
      );
      await simulation.spawn(
        async (self: Self) => {
          for (let sent = 0; sent < COUNT; sent++) {
            self.send(receiver, sent);
            if (draw(simulation, 3) > 0) await pause(self, draw(simulation, 3));
          }
        },
        [],
        { thread: anywhere(simulation) },
      );
      await simulation.ended(receiver);
      check(got.join() === '0,1,2,3,4,5', 'all in order, not', got);
    },
  },

  'A24 G1: a message is found by whoever waits for it, among others, through timeouts and aborts': {
    run: async (simulation) => {
      const got: string[] = [];
      const receiver = await simulation.spawn(
        async (self: Self) => {
          for (const wanted of ['c', 'a', 'b']) {
            const match = (message: unknown): message is string => message === wanted;
            for (let found = false; !found; ) {
              const controller = new AbortController();
              const how = draw(simulation, 3);
              const waiting = self.receive({
                match,
                ...(how === 0 && { timeoutMs: draw(simulation, 2) }),
                ...(how === 1 && { signal: controller.signal }),
              });
              if (how === 1) void pause(self.attach(), draw(simulation, 2)).then(() => controller.abort());
              found = await waiting.then(
                (message) => got.push(message) > 0,
                () => false,
              );
            }
          }
        },
        [],
        { thread: anywhere(simulation) },
      );
      for (const message of ['a', 'b', 'c']) {
        await simulation.spawn(
          async (self: Self) => {
            await pause(self, draw(simulation, 2));
            self.send(receiver, message);
          },
          [],
          { thread: anywhere(simulation) },
        );
      }
      await simulation.ended(receiver);
      check(got.join() === 'c,a,b', 'each as it was wanted, not', got);
    },
  },

  'A24: a token goes round three threads for as long as nobody drops it': {
    run: async (simulation) => {
      const ROUNDS = 4;
      let laps = 0;
      const next = new Map<Pid, Pid>();
      const station = async (self: Self): Promise<void> => {
        for (;;) {
          const token = await self.receive<number>();
          if (token === ROUNDS * 3) laps++;
          else self.send(next.get(self.pid) as Pid, token + 1);
        }
      };
      const handler = (self: Self) => (token: number) => {
        if (token === ROUNDS * 3) laps++;
        else self.send(next.get(self.pid) as Pid, token + 1);
      };
      const pids: Pid[] = [];
      for (const thread of ['home', 1, 2] as const) {
        pids.push(await simulation.spawn(anyOf<ProcessBody<[]>>(simulation, station, handler), [], { thread }));
      }
      for (const [at, pid] of pids.entries()) next.set(pid, pids[(at + 1) % 3] as Pid);
      for (const pid of pids) simulation.scheduler.send(pid, 0);
      await simulation.idle();
      check(laps === 3, 'three tokens at their end, not', laps);
    },
  },

  'a full mailbox drops what its policy says, counts it, and keeps the order of the others': {
    run: async (simulation) => {
      const SENT = 8;
      const overflow = anyOf(simulation, 'drop-newest' as const, 'drop-oldest' as const, 'exit' as const);
      const got: number[] = [];
      const watcher = simulation.scheduler.attach();
      const receiver = await simulation.spawn(
        async (self: Self) => {
          for (;;) {
            await pause(self, draw(simulation, 2));
            got.push(...((await drain(self)) as number[]));
          }
        },
        [],
        { thread: anywhere(simulation), mailbox: { maxItems: 3, overflow } },
      );
      watcher.monitor(receiver);
      await simulation.spawn(
        async (self: Self) => {
          for (let sent = 1; sent <= SENT; sent++) {
            self.send(receiver, sent);
            if (draw(simulation, 4) === 0) await pause(self, draw(simulation, 2));
          }
        },
        [],
        { thread: anywhere(simulation) },
      );
      await simulation.advance(20);
      const threads = await simulation.scheduler.inspect();
      const dropped = threads.reduce((sum, { counters }) => sum + (counters.dropped['mailbox full'] ?? 0), 0);
      const downs = await drain(watcher);
      check(
        got.every((number, at) => at === 0 || number > (got[at - 1] as number)),
        'in order, not',
        got,
      );
      if (overflow === 'exit')
        check(downs.length === 1 || got.length === SENT, 'an end or all of them, not', downs, got);
      else {
        check(downs.length === 0 && got.length + dropped === SENT, `${SENT} with the dropped, not`, got, dropped);
        if (overflow === 'drop-oldest') check(got.at(-1) === SENT, 'the newest, not', got);
        else check(got[0] === 1, 'the oldest, not', got);
      }
    },
  },

  'an offer is in the mailbox once, or its sender learns that it is not': {
    options: { maxDelayMs: 2 },
    run: async (simulation) => {
      const got: number[] = [];
      const accepted: number[] = [];
      const late: number[] = [];
      const lives = draw(simulation, 2) === 0;
      const receiver = await simulation.spawn(
        async (self: Self) => {
          for (;;) {
            await pause(self, draw(simulation, 3));
            got.push(await self.receive<number>());
          }
        },
        [],
        { thread: anywhere(simulation), mailbox: { maxItems: 2 } },
      );
      const sender = async (self: Self, from: number): Promise<void> => {
        for (let number = from; number < from + 4; number++) {
          const timeoutMs = draw(simulation, 2) === 0 ? 1_000 : draw(simulation, 3);
          await self.offer(receiver, number, { timeoutMs }).then(
            () => accepted.push(number),
            ({ code }: { code: string }) => code === 'ERR_LIMINAL_OFFER_TIMEOUT' && late.push(number),
          );
        }
      };
      const senders: Pid[] = [];
      for (const from of [0, 10]) {
        senders.push(await simulation.spawn(sender, [from], { thread: anywhere(simulation) }));
      }
      if (!lives) simulation.scheduler.exitProcess(receiver, 'kill');
      for (const pid of senders) await simulation.ended(pid);
      await simulation.advance(100);
      check(new Set(got).size === got.length, 'each once, not', got);
      // An offer that is given up as it is accepted may be in the mailbox all the same.
      check(
        got.every((number) => accepted.includes(number) || late.includes(number)),
        'nothing that was refused, not',
        got,
        accepted,
      );
      if (lives) {
        check(
          accepted.every((number) => got.includes(number)),
          'all that were accepted, not',
          got,
          accepted,
        );
      }
    },
  },

  'A22: one who waits for nothing that comes is not woken for ever': {
    run: async (simulation) => {
      const waiting = await simulation.spawn(async (self: Self) => self.receive({ match: isNever }), [], {
        thread: anywhere(simulation),
      });
      for (let sent = 0; sent < 5; sent++) simulation.scheduler.send(waiting, sent);
      await simulation.idle();
      const before = simulation.steps;
      await simulation.idle();
      check(simulation.steps === before, 'nothing happens any more, not', simulation.steps - before);
    },
  },
};
