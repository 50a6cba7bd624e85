/** What one process sends to another node arrives in the order sent, whether it travels in a block or by itself. */
import type { ExitMessage } from '@liminal-node/scheduler';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Step } from './fixtures/puppet.js';
import { TwoNodes } from './two-nodes.js';
import { freshName } from './world.js';

describe.each([
  ['from and to the home thread', 0],
  ['from and to scheduler threads', 2],
])('%s', (_, threads) => {
  let nodes: TwoNodes;
  beforeAll(async () => {
    nodes = await TwoNodes.start(threads);
  });
  afterAll(() => nodes[Symbol.asyncDispose]());

  test('messages by pid and by name, those that only the other codec takes, and offers', async () => {
    const { node } = nodes.far;
    const name = freshName();
    const [sender, receiver] = [await nodes.actor(nodes.near), await nodes.actor(nodes.far, { name })];
    const to = receiver.pid;
    const steps: Step[] = [
      ['send', to, { at: 0 }],
      ['send', to, { at: 1 }],
      ['send', { name, node }, { at: 2 }],
      ['send', to, { at: 3 }],
      ['send', to, { at: 4, pattern: /a/ }],
      ['send', to, { at: 5 }],
      ['offer', to, { at: 6 }],
      ['send', to, { at: 7 }],
    ];
    await sender.do('burst', ...steps);
    await sender.do('visit', to);
    const heard = (await receiver.heard()) as { at: number }[];
    expect(heard.map(({ at }) => at)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test('messages of more than a block, and the exit signal behind them', async () => {
    const sender = await nodes.actor(nodes.near);
    const receiver = await nodes.actor(nodes.far, { trapExit: true });
    await sender.do('burst', ['sendMany', receiver.pid, 'block', 3_000], ['exitProcess', receiver.pid, 'done']);
    await sender.do('visit', receiver.pid);
    const heard = (await receiver.heard()) as ({ at: number } | ExitMessage)[];
    const expected = Array.from({ length: 3_000 }, (__, at) => ({ from: 'block', at }));
    expect(heard.slice(0, -1)).toEqual(expected);
    expect(heard.at(-1)).toEqual({ signal: 'exit', from: sender.pid, reason: 'done' });
  });

  test('messages of two senders that take turns: those of each', async () => {
    const [one, two] = [await nodes.actor(nodes.near), await nodes.actor(nodes.near)];
    const receiver = await nodes.actor(nodes.far);
    await Promise.all([one, two].map((sender, at) => sender.do('sendMany', receiver.pid, `sender ${at}`, 200)));
    await Promise.all([one, two].map((sender) => sender.do('visit', receiver.pid)));
    const heard = (await receiver.heard()) as { from: string; at: number }[];
    for (const from of ['sender 0', 'sender 1']) {
      const its = heard.filter((message) => message.from === from).map(({ at }) => at);
      expect(its).toEqual(Array.from({ length: 200 }, (__, at) => at));
    }
  });
});
