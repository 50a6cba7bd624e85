/** What is left of processes that end in the middle of their work, and of messages that nobody takes. */
import { type DownMessage, isDown, type Pid, type Ref } from '@liminal-node/scheduler';
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Step } from './fixtures/puppet.js';
import { freshName, inBothWorlds, type World } from './world.js';

const RECEIVERS = 8;

/** Kills the sender after some turns of a fan-out that yields between its sends, and returns who heard what. */
async function fanOut(world: World, killAfter: number): Promise<{ heard: unknown[][]; refs: Ref[]; sender: Pid }> {
  const sender = await world.actor(0);
  const guide = await world.actor(1);
  const receivers = await Promise.all(Array.from({ length: RECEIVERS }, (_, at) => world.actor(at % 3)));
  const refs = await Promise.all(receivers.map((receiver) => receiver.do<Ref>('monitor', sender.pid)));
  await world.settle();
  const steps = receivers.flatMap(({ pid }, at): Step[] => [
    ['send', pid, { part: at, of: ['a', 'whole', 'message'] }],
    ['visit', guide.pid],
  ]);
  sender.tell('script', ...steps, ['exit', 'done']);
  const killer = await world.actor(2);
  for (let turn = 0; turn < killAfter; turn++) await killer.do('visit', guide.pid);
  await killer.do('exitProcess', sender.pid, 'kill');
  await sender.ended;
  await world.settle();
  const heard = await Promise.all(receivers.map((receiver) => receiver.heard()));
  for (const { pid } of [guide, killer, ...receivers]) world.scheduler.exitProcess(pid, 'kill');
  return { heard, refs, sender: sender.pid };
}

inBothWorlds({
  'a sender that ends in a fan-out has reached the first of its receivers, once each, and all hear of its end behind that (failures F1)':
    async (world) => {
      const counts = new Set<number>();
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: 12 }), async (killAfter) => {
          const { heard, refs, sender } = await fanOut(world, killAfter);
          const reached = heard.filter((messages) => messages.length === 2).length;
          counts.add(reached);
          const last = heard[0]?.at(-1) as DownMessage | undefined;
          const reason = last?.reason;
          expect(['killed', 'done', ...(reached === 0 ? ['noproc'] : [])]).toContain(reason);
          if (reason === 'done') expect(reached).toBe(RECEIVERS);
          heard.forEach((messages, at) => {
            const down = { signal: 'down', ref: refs[at], pid: sender, reason };
            const message = { part: at, of: ['a', 'whole', 'message'] };
            expect(messages).toEqual(at < reached ? [message, down] : [down]);
          });
        }),
        { numRuns: 15, seed: 1 },
      );
      expect([...counts].some((reached) => reached > 0 && reached < RECEIVERS)).toBe(true);
    },

  'what a killed process waited for settles without effect: nothing is sent, and its thread lives (failures F15)':
    async (world) => {
      const observer = world.attach();
      for (const last of [
        ['return'],
        ['throwText'],
        ['exit', 'late'],
        ['send', observer.pid, 'late'],
      ] satisfies Step[]) {
        for (const place of [0, 1, 2]) {
          const actor = await world.actor(place);
          const gate = world.gate(`late ${place}`);
          actor.tell('script', ['request', 'gate', `late ${place}`], ['send', observer.pid, 'late'], last as Step);
          await gate.reached;
          world.scheduler.exitProcess(actor.pid, 'kill');
          expect(await actor.ended).toBe('killed');
          gate.open();
          await world.settle();
        }
      }
      await expect(observer.receive({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'ERR_LIMINAL_RECEIVE_TIMEOUT' });
      expect(await Promise.all([0, 1, 2].map(async (place) => (await world.actor(place)).heard()))).toEqual([
        [],
        [],
        [],
      ]);
    },

  'messages that no receive takes are bounded and counted, each is looked at once a wait, and no answer waits for that (failures F10)':
    async (world) => {
      const self = world.scheduler.attach({ mailbox: { maxItems: 10_000 } });
      const actor = await world.actor(0);
      await actor.do('sendMany', self.pid, 'flood', 20_000);
      await world.settle();
      expect(self.dropped).toBe(10_000);
      const looked = { times: 0 };
      const name = freshName();
      const waiting = self.receive({
        match: (message): message is DownMessage => {
          looked.times++;
          return isDown(message);
        },
      });
      await world.settle();
      expect(looked.times).toBe(10_000);
      self.monitor({ name });
      expect(await waiting).toMatchObject({ name, reason: 'noproc' });
      expect(looked.times).toBe(10_001);
      await using answers = self.attach();
      await actor.do('send', answers.pid, 'answer');
      expect(await answers.receive()).toBe('answer');
      self.close();
    },
});
