/** How processes end, and what exit signals do to them, after Erlang/OTP, on one thread and across threads. */
import type { DownMessage, ErrorReason, ExitReason, Pid, Ref } from '@liminal-node/scheduler';
import { describe, expect } from 'vitest';
import { heir, type Step } from './fixtures/puppet.js';
import { Actor, type Case, exitFrom, freshName, inBothWorlds, type World } from './world.js';

const ends: Record<string, Case> = {
  'B1: a body that returns ends with normal': async (world) => {
    const a = await world.actor(0);
    a.tell('return');
    expect(await a.ended).toBe('normal');
  },

  'B2: exit ends with the reason, untouched': async (world) => {
    const a = await world.actor(0);
    a.tell('exit', { why: ['x', 1, { deep: true }] });
    expect(await a.ended).toEqual({ why: ['x', 1, { deep: true }] });
  },

  'B3: an uncaught error is the reason, with its stack': async (world) => {
    const a = await world.actor(0);
    a.tell('throw');
    expect(await a.ended).toEqual({
      error: { name: 'RangeError', message: 'told to fail', code: 'E_TOLD', stack: expect.stringContaining('puppet') },
    });
  },

  'B4: anything else that is thrown is the reason too': async (world) => {
    const a = await world.actor(0);
    a.tell('throwText');
    expect(await a.ended).toEqual({ error: { name: 'Thrown', message: 'plain text' } });
  },

  'B7: exitProcess on itself ends with normal, also without trap': async (world) => {
    const a = await world.actor(0);
    a.tell('exitProcess', a.pid, 'normal');
    expect(await a.ended).toBe('normal');
  },

  'B9, E6: kill along a link is a reason like others to a process that traps': async (world) => {
    const a = await world.actor(0, { trapExit: true });
    const b = await world.actor(1);
    await a.do('link', b.pid);
    await world.settle();
    b.tell('exit', 'kill');
    expect(await b.ended).toBe('kill');
    await world.settle();
    expect(await a.heard()).toEqual([exitFrom(b, 'kill')]);
  },

  'B10: kill along a link ends a process that does not trap with kill': async (world) => {
    const [a, b] = await world.actors();
    await a.do('link', b.pid);
    await world.settle();
    b.tell('exit', 'kill');
    expect(await a.ended).toBe('kill');
  },

  'B11: a crash runs along a chain of links': async (world) => {
    const [a, b, c] = await world.actors();
    await a.do('link', b.pid);
    await b.do('link', c.pid);
    await world.settle();
    a.tell('exit', { crash: 1 });
    expect(await Promise.all([a.ended, b.ended, c.ended])).toEqual([{ crash: 1 }, { crash: 1 }, { crash: 1 }]);
  },

  'B12: a normal end does not end a linked process': async (world) => {
    const [a, b] = await world.actors();
    await a.do('link', b.pid);
    await world.settle();
    a.tell('return');
    await a.ended;
    await world.settle();
    expect(await b.heard()).toEqual([]);
  },

  'B13: no two processes have one pid': async (world) => {
    const a = await world.actor(0);
    const pids = await Promise.all(Array.from({ length: 50 }, () => a.do<Pid>('spawnPuppet')));
    expect(new Set(pids).size).toBe(50);
    for (const pid of pids) world.scheduler.exitProcess(pid, 'kill');
  },

  'B14: a link by spawn holds although the child fails in its first instruction': async (world) => {
    const a = await world.actor(0, { trapExit: true });
    for (const thread of world.places) {
      const child = await a.do<Pid>('spawnFailing', { link: true, thread });
      await world.settle();
      expect(await a.heard()).toMatchObject([
        { signal: 'exit', from: child, reason: { error: { message: 'failed at once' } } },
      ]);
    }
  },

  'B15: a monitor by spawn tells the real reason': async (world) => {
    const a = await world.actor(0);
    for (const thread of world.places) {
      const ref = await a.do<Ref>('makeRef');
      const pid = await a.do<Pid>('spawnFailing', { monitor: ref, thread });
      await world.settle();
      expect(await a.heard()).toMatchObject([
        { signal: 'down', ref, pid, reason: { error: { message: 'failed at once' } } },
      ]);
    }
  },

  'D14: a monitor behind a spawn is told the real reason, or noproc where it came too late': async (world) => {
    const a = await world.actor(0);
    const told = new Set<unknown>();
    for (let round = 0; round < 30; round++) {
      const thread = world.places[round % world.places.length];
      const [, ref] = await a.do<[Pid, Ref]>('script', ['spawnFailing', { thread }], ['monitor', '$0']);
      await world.settle();
      const [down, ...more] = (await a.heard()) as DownMessage[];
      expect(more).toEqual([]);
      expect(down?.ref).toBe(ref);
      told.add(typeof down?.reason === 'object' ? (down.reason as ErrorReason).error.message : down?.reason);
    }
    told.delete('noproc');
    expect([...told].filter((reason) => reason !== 'failed at once')).toEqual([]);
  },

  'B17, F5: a name is free before the end is told, and can be taken at once': async (world) => {
    const teller = world.attach();
    for (let round = 0; round < 20; round++) {
      const name = freshName();
      const holder = await world.actor(round % 3, { name });
      const next = await world.scheduler.spawn(heir, [holder.pid, name, teller.pid], {
        thread: world.places[Math.floor(round / 3) % 3] ?? 'home',
      });
      expect(await teller.receive()).toBe('watching');
      await world.settle();
      holder.tell('exit', 'done');
      expect(await teller.receive()).toEqual({ holder: undefined, outcome: 'registered', registered: true });
      world.scheduler.exitProcess(next, 'kill');
    }
    teller.close();
  },

  'B20: an exit for a dead process does nothing': async (world) => {
    const a = await world.actor(0, { trapExit: true });
    await a.do('exitProcess', await world.dead(1), 'kill');
    await world.settle();
    expect(await a.heard()).toEqual([]);
  },
};

const traps: Record<string, Case> = {
  'E3: without trap again, the next exit ends the process': async (world) => {
    const a = await world.actor(0, { trapExit: true });
    const b = await world.actor(1);
    await b.do('exitProcess', a.pid, 'one');
    await world.settle();
    expect(await a.heard()).toEqual([exitFrom(b, 'one')]);
    await a.do('setTrapExit', false);
    await b.do('exitProcess', a.pid, 'two');
    expect(await a.ended).toBe('two');
  },

  'E4: setTrapExit returns the former value': async (world) => {
    const a = await world.actor(0);
    expect(await a.do('script', ['setTrapExit', true], ['setTrapExit', true], ['setTrapExit', false])).toEqual([
      false,
      true,
      true,
    ]);
  },
};

/** What an exit signal does, sent by another process or along a link. */
const rules: readonly {
  id: string;
  trap: boolean;
  linked: boolean;
  sent: ExitReason;
  ends?: string;
  hears?: string;
}[] = [
  { id: 'B5', trap: false, linked: false, sent: 'boom', ends: 'boom' },
  { id: 'B6', trap: false, linked: false, sent: 'normal' },
  { id: 'B8', trap: false, linked: false, sent: 'kill', ends: 'killed' },
  { id: 'B11', trap: false, linked: true, sent: 'boom', ends: 'boom' },
  { id: 'B12', trap: false, linked: true, sent: 'normal' },
  { id: 'B10', trap: false, linked: true, sent: 'kill', ends: 'kill' },
  { id: 'E5', trap: true, linked: false, sent: 'boom', hears: 'boom' },
  { id: 'E2', trap: true, linked: false, sent: 'normal', hears: 'normal' },
  { id: 'B8, E6', trap: true, linked: false, sent: 'kill', ends: 'killed' },
  { id: 'E1', trap: true, linked: true, sent: 'boom', hears: 'boom' },
  { id: 'C7', trap: true, linked: true, sent: 'normal', hears: 'normal' },
  { id: 'B9', trap: true, linked: true, sent: 'kill', hears: 'kill' },
];
type Rule = (typeof rules)[number];

/** The step by which a process sends it. */
function signalOf(linked: boolean, sent: ExitReason, to: string): Step {
  return linked ? ['exit', sent] : ['exitProcess', to, sent];
}

/** Every state in which a signal can find its receiver, and how to bring it there. */
const states: Record<string, (world: World, rule: Rule, sender: Actor) => Promise<Actor>> = {
  async 'waiting in receive'(world, { trap, linked, sent }, sender) {
    const receiver = await world.actor(0, { trapExit: trap });
    if (linked) await sender.do('link', receiver.pid);
    await world.settle();
    sender.tell(...signalOf(linked, sent, receiver.pid));
    return receiver;
  },

  async running(world, { trap, linked, sent }, sender) {
    const receiver = await world.actor(0, { trapExit: trap });
    if (linked) await sender.do('link', receiver.pid);
    const gate = world.gate('running');
    receiver.tell('request', 'gate', 'running');
    await gate.reached;
    sender.tell(...signalOf(linked, sent, receiver.pid));
    await world.settle();
    gate.open();
    return receiver;
  },

  async 'about to wait'(world, { trap, linked, sent }, sender) {
    const receiver = await world.actor(0, { trapExit: trap });
    if (linked) await receiver.do('link', sender.pid);
    await world.settle();
    const signal = signalOf(linked, sent, receiver.pid);
    sender.tell('script', ['visit', receiver.pid], ['sendMany', receiver.pid, 'unread', 100], signal);
    return receiver;
  },

  async 'not started yet'(world, { trap, linked, sent }, sender) {
    const teller = world.attach();
    const signal = signalOf(linked, sent, '$0');
    sender.tell('script', ['spawnLocalPuppet', { trapExit: trap, link: linked }], ['send', teller.pid, '$0'], signal);
    const receiver = new Actor(world.scheduler, await teller.receive<Pid>());
    teller.close();
    return receiver;
  },
};

function ruleCases(bring: (typeof states)[string]): Record<string, Case> {
  return Object.fromEntries(
    rules.map((rule) => {
      const { id, trap, linked, sent, ends, hears } = rule;
      const outcome = ends ? `ends it with ${ends}` : hears ? 'becomes a message' : 'does nothing';
      const name = `${id}: ${sent} ${linked ? 'along a link' : 'by signal'} ${outcome} ${trap ? 'with' : 'without'} trap`;
      return [
        name,
        async (world) => {
          const sender = await world.actor(1);
          const receiver = await bring(world, rule, sender);
          if (linked) await sender.ended;
          await world.settle();
          if (ends !== undefined) {
            // D14: whoever asks too late is told noproc.
            expect([ends, ...(bring === states['not started yet'] ? ['noproc'] : [])]).toContain(await receiver.ended);
            return;
          }
          const isSignal = (message: unknown): boolean => (message as { signal?: string }).signal !== undefined;
          expect((await receiver.heard()).filter(isSignal)).toEqual(
            hears === undefined ? [] : [exitFrom(sender, hears)],
          );
        },
      ];
    }),
  );
}

describe('the end of a process', () => inBothWorlds(ends));
describe('trapping exits', () => inBothWorlds(traps));
for (const [state, bring] of Object.entries(states)) {
  describe(`a receiver that is ${state}`, () => inBothWorlds(ruleCases(bring)));
}
