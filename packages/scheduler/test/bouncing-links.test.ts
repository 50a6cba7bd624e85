/** Links over a connection that is lost and comes back again and again (A23). */
import { type ExitMessage, isExit, type Pid } from '@liminal-node/scheduler';
import { expect, test } from 'vitest';
import { TwoNodes } from './two-nodes.js';

const LINKS = 2_000;
const BOUNCES = 20;

test('of 2,000 links that end by a mass exit while the connection bounces, each tells exactly once', async () => {
  await using nodes = await TwoNodes.start(0);
  const { near, far } = nodes;
  const exits = new Map<Pid, ExitMessage[]>();
  const watchers: Pid[] = [];
  const targets: Pid[] = [];
  for (let at = 0; at < LINKS; at++) {
    targets.push(far.spawnLocal(async (self) => void (await self.receive()), []));
    const pid = near.spawnLocal(
      async (self, target: Pid) => {
        self.link(target);
        for await (const message of self.messages()) if (isExit(message)) exits.get(self.pid)?.push(message);
      },
      [targets[at] as Pid],
      { trapExit: true },
    );
    exits.set(pid, []);
    watchers.push(pid);
  }
  const turns = (count: number): Promise<void> =>
    count === 0
      ? Promise.resolve()
      : new Promise<void>((resolve) => setImmediate(resolve)).then(() => turns(count - 1));
  // What links, and what ends, is on its way while the connection goes and comes.
  for (let bounce = 0; bounce < BOUNCES; bounce++) {
    const share = LINKS / BOUNCES;
    for (const target of targets.slice(bounce * share, (bounce + 1) * share)) far.exitProcess(target, 'mass exit');
    await turns(bounce % 4);
    nodes.lose();
    await turns(1);
    nodes.connect();
  }
  const settled = (): boolean => [...exits.values()].every((messages) => messages.length > 0);
  while (!settled()) await turns(1);
  // Whatever was on its way a second time has come by now.
  await Promise.all([near.inspect(), far.inspect()]);
  await turns(100);
  for (const [at, watcher] of watchers.entries()) {
    const messages = exits.get(watcher) ?? [];
    expect(messages).toHaveLength(1);
    expect(messages[0]?.from).toBe(targets[at]);
    expect(['mass exit', 'noconnection', 'noproc']).toContain(messages[0]?.reason);
  }
});
