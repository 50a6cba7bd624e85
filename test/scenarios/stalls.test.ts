/** Nodes that stand still for a while: the machine is suspended, or one of them is stopped. */
import { describe, expect, it } from 'vitest';
import { ClusterNode, until } from '../support/cluster.js';

type Heartbeat = { readonly intervalMs: number; readonly timeoutMs: number };

/** Two nodes that are connected, each with a subscriber that the other knows. */
async function startPaced(heartbeat: Heartbeat): Promise<readonly [ClusterNode, ClusterNode]> {
  const [forA, forB] = [new ClusterNode(), new ClusterNode()];
  const a = await forA.start({ name: 'a@127.0.0.1', heartbeat });
  const b = await forB.start({ name: 'b@127.0.0.1', seeds: [a.listen], heartbeat });
  await Promise.all([a.call('subscribe', 'orders'), b.call('subscribe', 'orders')]);
  await Promise.all([a.targets('orders', [b.name]), b.targets('orders', [a.name])]);
  return [a, b];
}

async function framesOut(node: ClusterNode): Promise<number> {
  return (await node.call('distributionCounters')).framesOut;
}

describe('a node that is frozen for less than the limit', () => {
  it('stays a member, and goes on where it was (failure F21; conformance N13)', async () => {
    const [a, b] = await startPaced({ intervalMs: 50, timeoutMs: 120_000 });
    await using _a = a;
    await using _b = b;
    const [before] = await b.call('sessions');
    a.signal('SIGSTOP');
    const asked = await framesOut(b);
    await until('ten heartbeats went unanswered', async () => (await framesOut(b)) >= asked + 10);
    expect(await b.call('publish', 'orders', 'meanwhile')).toMatchObject({ nodes: 1, dropped: 0 });
    a.signal('SIGCONT');
    expect(await a.call('publish', 'orders', 'again')).toMatchObject({ nodes: 1 });
    expect(await b.call('sessions')).toEqual([before]);
    expect((await b.call('distributionCounters')).sessionsDown).toEqual({});
  });
});

describe('a machine that is suspended for longer than the limit', () => {
  it('comes back with every member known on both nodes, and nothing purged for good (failure F69)', async () => {
    const heartbeat = { intervalMs: 100, timeoutMs: 600 };
    const [a, b] = await startPaced(heartbeat);
    await using _a = a;
    await using _b = b;
    for (let round = 0; round < 3; round++) {
      for (const node of [a, b]) node.signal('SIGSTOP');
      // Time that passes while nobody runs is what this is about.
      await new Promise((resolve) => setTimeout(resolve, 2 * heartbeat.timeoutMs));
      for (const node of [a, b]) node.signal('SIGCONT');
      await Promise.all([a.targets('orders', [b.name]), b.targets('orders', [a.name])]);
      const reaches = async (): Promise<boolean> => (await a.call('publish', 'orders', round)).nodes === 1;
      await until('a publish of a reaches b', reaches);
    }
    for (const node of [a, b]) {
      await until(`${node.name} has one session for all that came and went`, async () => {
        const { sessionsUp, sessionsDown } = await node.call('distributionCounters');
        return sessionsUp - Object.values(sessionsDown).reduce((sum, count) => sum + count, 0) === 1;
      });
    }
  });
});
