/** Messages, links and monitors after Erlang/OTP, on one thread and across threads. */
import { NO_NODE, type Pid, type Ref } from '@liminal-node/scheduler';
import { describe, expect } from 'vitest';
import { type Case, exitFrom, freshName, inBothWorlds } from './world.js';

const down = (ref: Ref, pid: Pid, reason: unknown): object => ({ signal: 'down', ref, pid, reason });

const messages: Record<string, Case> = {
  'A1: messages of one sender are received in the order sent': async (world) => {
    const [a, b] = await world.actors();
    await a.do('sendMany', b.pid, 'a', 2000);
    await world.settle();
    expect(await b.heard()).toEqual(Array.from({ length: 2000 }, (_, at) => ({ from: 'a', at })));
  },

  'A2: messages of two senders keep the order of each': async (world) => {
    const [a, b, c] = await world.actors();
    await Promise.all([a.do('sendMany', c.pid, 'a', 500), b.do('sendMany', c.pid, 'b', 500)]);
    await world.settle();
    const heard = (await c.heard()) as { from: string; at: number }[];
    for (const sender of ['a', 'b']) {
      expect(heard.filter(({ from }) => from === sender).map(({ at }) => at)).toEqual([...Array(500).keys()]);
    }
  },

  'A3: a send to a dead process raises nothing and arrives nowhere': async (world) => {
    const a = await world.actor(0);
    await a.do('send', await world.dead(1), 'anybody?');
    await a.do('send', await world.dead(0), 'anybody?');
    await world.settle();
    expect(await a.heard()).toEqual([]);
  },

  'A5: an exit does not overtake the message before it': async (world) => {
    const a = await world.actor(0);
    const b = await world.actor(1, { trapExit: true });
    await a.do('script', ['send', b.pid, 'first'], ['exitProcess', b.pid, 'second']);
    await world.settle();
    expect(await b.heard()).toEqual(['first', exitFrom(a, 'second')]);
  },

  'A6: a message of the watched comes before its down': async (world) => {
    const [a, b] = await world.actors();
    const ref = await a.do<Ref>('monitor', b.pid);
    await world.settle();
    b.tell('script', ['send', a.pid, 'last words'], ['exit', 'normal']);
    await b.ended;
    await world.settle();
    expect(await a.heard()).toEqual(['last words', down(ref, b.pid, 'normal')]);
  },

  'A7: what a process sent right before it ended is delivered': async (world) => {
    const [a, b] = await world.actors();
    a.tell('script', ['send', b.pid, 'testament'], ['exit', 'gone']);
    await a.ended;
    await world.settle();
    expect(await b.heard()).toEqual(['testament']);
  },

  'A9: a message and one that went over a third process both arrive, in whatever order': async (world) => {
    const [a, b, c] = await world.actors();
    await a.do(
      'script',
      ['send', b.pid, { command: c.pid, from: c.pid, step: ['send', c.pid, 'forwarded'] }],
      ['send', c.pid, 'direct'],
    );
    await world.settle();
    const heard = (await c.heard()) as unknown[];
    expect(heard.filter((message) => typeof message === 'string').sort()).toEqual(['direct', 'forwarded']);
  },

  'A10: a send to a name that nobody holds raises': async (world) => {
    const a = await world.actor(0);
    await expect(a.do('send', { name: freshName() }, 1)).rejects.toMatchObject({ code: 'ERR_LIMINAL_NAME' });
  },
};

const links: Record<string, Case> = {
  'C1: a second link is none: one exit comes': async (world) => {
    const a = await world.actor(0, { trapExit: true });
    const b = await world.actor(1);
    await a.do('script', ['link', b.pid], ['link', b.pid]);
    await b.do('link', a.pid);
    await world.settle();
    b.tell('exit', 'end');
    await b.ended;
    await world.settle();
    expect(await a.heard()).toEqual([exitFrom(b, 'end')]);
  },

  'C1: one unlink ends a link that was made twice': async (world) => {
    const a = await world.actor(0, { trapExit: true });
    const b = await world.actor(1);
    await a.do('script', ['link', b.pid], ['link', b.pid], ['unlink', b.pid]);
    await world.settle();
    b.tell('exit', 'end');
    await b.ended;
    await world.settle();
    expect(await a.heard()).toEqual([]);
  },

  'C2: either side can end a link for both': async (world) => {
    for (const unlinker of [0, 1]) {
      const pair = [await world.actor(0, { trapExit: true }), await world.actor(1, { trapExit: true })] as const;
      const [a, b] = pair;
      await a.do('link', b.pid);
      await world.settle();
      const [one, other] = unlinker === 0 ? [a, b] : [b, a];
      await one.do('unlink', other.pid);
      await world.settle();
      a.tell('exit', 'end');
      await a.ended;
      await world.settle();
      expect(await b.heard()).toEqual([]);
    }
  },

  'C3: a link to a dead process is answered with noproc': async (world) => {
    const a = await world.actor(0, { trapExit: true });
    for (const place of [0, 1]) {
      const dead = await world.dead(place);
      await a.do('link', dead);
      await world.settle();
      expect(await a.heard()).toEqual([{ signal: 'exit', from: dead, reason: 'noproc' }]);
    }
  },

  'C4: a link to a dead process ends one that does not trap with noproc': async (world) => {
    for (const place of [0, 1]) {
      const a = await world.actor(0);
      a.tell('link', await world.dead(place));
      expect(await a.ended).toBe('noproc');
    }
  },

  'C5: nothing comes along a link behind its unlink': async (world) => {
    for (let round = 0; round < 20; round++) {
      const a = await world.actor(0, { trapExit: true });
      const b = await world.actor(1);
      await a.do('link', b.pid);
      await world.settle();
      b.tell('exit', 'end');
      a.tell('script', ['unlink', b.pid], ['send', a.pid, 'unlinked']);
      await b.ended;
      await world.settle();
      expect((await a.heard()).at(-1)).toBe('unlinked');
    }
  },

  'C5: an exit that is in the mailbox stays there when the link is ended': async (world) => {
    const a = await world.actor(0, { trapExit: true });
    const b = await world.actor(1);
    await a.do('link', b.pid);
    await world.settle();
    b.tell('exit', 'end');
    await b.ended;
    await world.settle();
    await a.do('unlink', b.pid);
    expect(await a.heard()).toEqual([exitFrom(b, 'end')]);
  },

  'C6: a link to itself has no effect': async (world) => {
    const a = await world.actor(0, { trapExit: true });
    await a.do('link', a.pid);
    expect(await a.heard()).toEqual([]);
    a.tell('exit', 'end');
    expect(await a.ended).toBe('end');
  },

  'C7: an exit along a link is a message to a process that traps, also normal': async (world) => {
    const a = await world.actor(0, { trapExit: true });
    for (const reason of ['normal', { crash: true }, 'shutdown']) {
      const b = await world.actor(1);
      await b.do('link', a.pid);
      await world.settle();
      b.tell('exit', reason);
      await b.ended;
      await world.settle();
      expect(await a.heard()).toEqual([exitFrom(b, reason)]);
    }
  },

  'a link that was ended and made again holds': async (world) => {
    const a = await world.actor(0, { trapExit: true });
    const b = await world.actor(1);
    await a.do('script', ['link', b.pid], ['unlink', b.pid], ['link', b.pid]);
    await world.settle();
    b.tell('exit', 'end');
    await b.ended;
    await world.settle();
    expect(await a.heard()).toEqual([exitFrom(b, 'end')]);
  },

  'a link that the other side ended can be made again': async (world) => {
    const a = await world.actor(0, { trapExit: true });
    const b = await world.actor(1);
    await a.do('link', b.pid);
    await world.settle();
    await b.do('unlink', a.pid);
    await world.settle();
    await a.do('link', b.pid);
    await world.settle();
    b.tell('exit', 'end');
    await b.ended;
    await world.settle();
    expect(await a.heard()).toEqual([exitFrom(b, 'end')]);
  },

  'links made from both ends at once are one': async (world) => {
    const [a, b] = await world.actors(true);
    await Promise.all([a.do('link', b.pid), b.do('link', a.pid)]);
    await world.settle();
    a.tell('exit', 'end');
    await a.ended;
    await world.settle();
    expect(await b.heard()).toEqual([exitFrom(a, 'end')]);
  },

  'what is no pid is refused, and the process is none the worse for it': async (world) => {
    const a = await world.actor(0);
    const b = await world.actor(1, { trapExit: true });
    for (const method of ['link', 'monitor', 'exitProcess', 'send']) {
      await expect(a.do(method, 'nobody', 'x')).rejects.toMatchObject({ name: 'TypeError' });
    }
    await a.do('link', b.pid);
    await world.settle();
    a.tell('exit', 'end');
    await a.ended;
    await world.settle();
    expect(await b.heard()).toEqual([exitFrom(a, 'end')]);
  },
};

const monitors: Record<string, Case> = {
  'D1: one down with ref, pid and reason': async (world) => {
    const [a, b] = await world.actors();
    const ref = await a.do<Ref>('monitor', b.pid);
    await world.settle();
    b.tell('exit', { crash: 1 });
    await b.ended;
    await world.settle();
    expect(await a.heard()).toEqual([down(ref, b.pid, { crash: 1 })]);
  },

  'D2: a monitor of a dead process is answered with noproc': async (world) => {
    const a = await world.actor(0);
    for (const place of [0, 1]) {
      const dead = await world.dead(place);
      const ref = await a.do<Ref>('monitor', dead);
      await world.settle();
      expect(await a.heard()).toEqual([down(ref, dead, 'noproc')]);
    }
  },

  'D3: two monitors of one process are two downs': async (world) => {
    const [a, b] = await world.actors();
    const refs = await a.do<Ref[]>('script', ['monitor', b.pid], ['monitor', b.pid]);
    await world.settle();
    expect(refs[0]).not.toBe(refs[1]);
    b.tell('return');
    await b.ended;
    await world.settle();
    expect(await a.heard()).toEqual(refs.map((ref) => down(ref, b.pid, 'normal')));
  },

  'D4: the end of the watcher does not affect the watched': async (world) => {
    const a = await world.actor(0);
    const b = await world.actor(1, { trapExit: true });
    await a.do('monitor', b.pid);
    await world.settle();
    a.tell('exit', 'crash');
    await a.ended;
    await world.settle();
    expect(await b.heard()).toEqual([]);
  },

  'D5, D7: a demonitor before the end removes the monitor, and says so': async (world) => {
    const [a, b] = await world.actors();
    const ref = await a.do<Ref>('monitor', b.pid);
    expect(await a.do('demonitor', ref)).toBe(true);
    expect(await a.do('demonitor', ref)).toBe(false);
    await world.settle();
    b.tell('return');
    await b.ended;
    await world.settle();
    expect(await a.heard()).toEqual([]);
  },

  'D6: a down in the mailbox stays there, unless it is flushed': async (world) => {
    for (const flush of [false, true]) {
      const [a, b] = await world.actors();
      const gate = world.gate('D6');
      const script = a.do<unknown[]>(
        'script',
        ['monitor', b.pid],
        ['monitor', b.pid],
        ['request', 'gate', 'D6'],
        ['demonitor', '$0', { flush }],
      );
      await gate.reached;
      await world.settle();
      b.tell('return');
      await b.ended;
      await world.settle();
      gate.open();
      const [first, second, , removed] = (await script) as [Ref, Ref, undefined, boolean];
      expect(removed).toBe(false);
      const kept = flush ? [second] : [first, second];
      expect(await a.heard()).toEqual(kept.map((ref) => down(ref, b.pid, 'normal')));
    }
  },

  'D8: a demonitor of what another process made leaves its monitor': async (world) => {
    const [a, b, c] = await world.actors();
    const ref = await a.do<Ref>('monitor', b.pid);
    expect(await c.do('demonitor', ref)).toBe(false);
    await world.settle();
    b.tell('return');
    await b.ended;
    await world.settle();
    expect(await a.heard()).toEqual([down(ref, b.pid, 'normal')]);
  },

  'D9, D11: a monitor by name names it in its down, and stays on the process that had it': async (world) => {
    const name = freshName();
    const a = await world.actor(0);
    const b = await world.actor(1, { name });
    const ref = await a.do<Ref>('monitor', { name });
    await b.do('unregister');
    await world.settle();
    const c = await world.actor(2);
    await c.do('register', name);
    c.tell('return');
    await c.ended;
    await world.settle();
    expect(await a.heard()).toEqual([]);
    b.tell('exit', 'end');
    await b.ended;
    await world.settle();
    expect(await a.heard()).toEqual([{ signal: 'down', ref, pid: b.pid, name, node: NO_NODE, reason: 'end' }]);
  },

  'D10: a monitor of a name that nobody holds is answered with noproc': async (world) => {
    const name = freshName();
    const a = await world.actor(0);
    const ref = await a.do<Ref>('monitor', { name });
    expect(await a.heard()).toEqual([{ signal: 'down', ref, name, node: NO_NODE, reason: 'noproc' }]);
  },

  'D13, D7: a process never hears of its own end: a monitor of itself is none': async (world) => {
    const a = await world.actor(0);
    const ref = await a.do<Ref>('monitor', a.pid);
    expect(await a.heard()).toEqual([]);
    expect(await a.do('demonitor', ref)).toBe(false);
    a.tell('exit', 'end');
    expect(await a.ended).toBe('end');
  },
};

describe('messages', () => inBothWorlds(messages));
describe('links', () => inBothWorlds(links));
describe('monitors', () => inBothWorlds(monitors));
