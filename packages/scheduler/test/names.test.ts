/** Registered names after Erlang/OTP, on one thread and across threads. */
import { expect } from 'vitest';
import { type Case, freshName, inBothWorlds } from './world.js';

const registered: Record<string, Case> = {
  'F1: every thread finds a name, and a send to it reaches its process': async (world) => {
    const name = freshName();
    const [a, b, c] = await world.actors();
    await b.do('register', name);
    for (const each of [a, b, c]) {
      expect(await each.do('whereis', name)).toBe(b.pid);
      await each.do('send', { name }, 'hello');
      await each.do('send', { name, node: world.scheduler.node }, 'hello');
    }
    await world.settle();
    expect(await b.heard()).toEqual(Array(6).fill('hello'));
  },

  'F2: a name in use is refused, and the first holder stays': async (world) => {
    const name = freshName();
    const [a, b, c] = await world.actors();
    await a.do('register', name);
    for (const each of [b, c]) {
      await expect(each.do('register', name)).rejects.toMatchObject({ code: 'ERR_LIMINAL_NAME' });
      expect(await each.do('whereis', name)).toBe(a.pid);
    }
    await b.do('register', freshName());
  },

  'F2: of two that ask for a name at once, one gets it': async (world) => {
    for (let round = 0; round < 5; round++) {
      const name = freshName();
      const actors = await world.actors();
      const outcomes = await Promise.allSettled(actors.map((each) => each.do('register', name)));
      const winners = actors.filter((_, at) => outcomes[at]?.status === 'fulfilled');
      expect(winners.length).toBe(1);
      for (const each of actors) expect(await each.do('whereis', name)).toBe(winners[0]?.pid);
    }
  },

  'F3: a process has one name': async (world) => {
    const [name, other] = [freshName(), freshName()];
    const a = await world.actor(0, { name });
    await expect(a.do('register', other)).rejects.toMatchObject({ code: 'ERR_LIMINAL_NAME' });
    expect([await a.do('whereis', name), await a.do('whereis', other)]).toEqual([a.pid, undefined]);
    await a.do('unregister');
    await a.do('register', other);
  },

  'F4: a process that ends while it asks for a name leaves the name free': async (world) => {
    for (let round = 0; round < 10; round++) {
      const name = freshName();
      const [a, b, c] = await world.actors();
      a.tell('register', name);
      await b.do('exitProcess', a.pid, 'kill');
      await a.ended;
      await world.settle();
      expect(await c.do('whereis', name)).toBeUndefined();
      await b.do('register', name);
      expect(await c.do('whereis', name)).toBe(b.pid);
    }
  },

  'F6: a name that was given up is free; what was sent to it before arrives': async (world) => {
    const name = freshName();
    const a = await world.actor(0, { name });
    const b = await world.actor(1);
    await b.do('send', { name }, 'before');
    await world.settle();
    await a.do('unregister');
    await world.settle();
    await expect(b.do('send', { name }, 'after')).rejects.toMatchObject({ code: 'ERR_LIMINAL_NAME' });
    expect(await a.heard()).toEqual(['before']);
    await b.do('register', name);
  },

  'F7: a name has at least one byte and at most 255': async (world) => {
    const a = await world.actor(0);
    for (const name of ['', 'n'.repeat(256), 'é'.repeat(128)]) {
      await expect(a.do('register', name)).rejects.toMatchObject({ code: 'ERR_LIMINAL_NAME' });
    }
    await a.do('register', 'n'.repeat(255));
    await a.do('unregister');
  },

  'a process that gives up a name before it was granted does not have it afterwards': async (world) => {
    const name = freshName();
    const [a, b, c] = await world.actors();
    await a.do('registerThenGiveUp', name);
    await world.settle();
    for (const each of [a, b, c]) expect(await each.do('whereis', name)).toBeUndefined();
    await b.do('register', name);
    await a.do('register', freshName());
  },
};

inBothWorlds(registered);
