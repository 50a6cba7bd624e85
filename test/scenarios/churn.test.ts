/** Members that come and go, and nodes: who knows of whom in the end, and that nothing of the others is kept. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { LiminalNode, Pid } from 'liminal-node';
import { describe, expect, it } from 'vitest';
import { ClusterNode, until } from '../support/cluster.js';
import { startProxiedCluster, viewsEqual } from '../support/proxied-cluster.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('members that come and go', () => {
  it('a thousand times while a node connects are seen by it as they are in the end (A4)', async () => {
    await using cluster = await startProxiedCluster(2);
    const [a, b] = [cluster.node(0), cluster.node(1)];
    const kept: { close(): void }[] = [];
    for (let round = 0; round < 10; round++) {
      const before = b.distribution.counters.sessionsUp;
      cluster.network.cut('reset', 0, 1);
      // Subscribes and unsubscribes go on before, while and after b connects.
      let changes = 0;
      const isBack = (): boolean => b.distribution.counters.sessionsUp > before;
      while (changes < 100 || !isBack()) {
        kept.push(a.channel(`channel ${changes % 10}`).subscribe());
        if (kept.length > 15) kept.splice((changes * 7) % kept.length, 1)[0]?.close();
        changes++;
        if (changes % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
        if (changes > 1_000_000) throw new Error('b did not connect');
      }
    }
    await viewsEqual(cluster.nodes);
    expect(kept.length).toBeGreaterThan(0);
    expect([...a.clusterSync.memberships().values()].flat()).toHaveLength(kept.length);
  });

  it('by unsubscribing, crashing and being killed, on connections that break, leave no table larger and no heap fuller (A35, F83)', async () => {
    await using cluster = await startProxiedCluster(2, {
      distribution: { stableAfterMs: 0, redialMinMs: 1, redialMaxMs: 10 },
    });
    const { nodes, network } = cluster;
    const round = async (): Promise<void> => {
      for (const node of nodes) churn(node, 50);
      const ups = nodes.map((node) => node.distribution.counters.sessionsUp);
      network.cut('reset', 0, 1);
      await until('they are connected again', () =>
        nodes.every((node, at) => node.distribution.counters.sessionsUp > (ups[at] ?? 0)),
      );
      await viewsEqual(nodes);
    };
    const measure = async () => {
      collectGarbage();
      const tables = await Promise.all(
        nodes.map(async (node) => {
          const [home] = await node.scheduler.inspect();
          return {
            processes: home?.processes,
            queued: home?.queued,
            groups: node.pg.whichGroups(),
            members: [...node.clusterSync.memberships()],
            peers: node.distribution.peers().length,
          };
        }),
      );
      return { tables, heap: process.memoryUsage().heapUsed };
    };
    for (let warm = 0; warm < 20; warm++) await round();
    const before = await measure();
    for (let more = 0; more < 150; more++) await round();
    // What has ended is forgotten in a later turn.
    await until('the tables are as they were', async () => {
      return JSON.stringify((await measure()).tables) === JSON.stringify(before.tables);
    });
    const after = await measure();
    // 15,000 processes and 150 sessions at both ends; a kilobyte kept of each would be 30 MB.
    expect(after.heap - before.heap).toBeLessThan(10 * 2 ** 20);
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length).toBeLessThan(50);
  });
});

/** So many processes that join and subscribe, and end in one of the ways in which they can. */
function churn(node: LiminalNode, count: number): void {
  for (let at = 0; at < count; at++) {
    if (at % 5 === 0) {
      node.channel(`churned ${at}`).subscribe().close();
      continue;
    }
    const pid = node.spawnLocal(async (self) => {
      if ((await self.receive()) === 'crash') throw new Error('on purpose');
    }, []);
    node.pg.join(`churned ${at}`, pid);
    node.channel(`churned ${at}`).subscribe(pid);
    if (at % 5 === 1) node.send(pid, 'crash');
    else if (at % 5 === 2) node.send(pid, 'end');
    else node.scheduler.exitProcess(pid, at % 5 === 3 ? 'kill' : 'shutdown');
  }
}

describe('a node that is killed and started again under its name', () => {
  it('at once, five times: the old life is purged before the new is seen, and no message to an old pid reaches a new one (F28, F29, F76)', async () => {
    await using b = await new ClusterNode().start({ name: 'b@127.0.0.1' });
    const rounds = 5;
    let next = new ClusterNode();
    let stale: Pid | undefined;
    let address = '127.0.0.1:0';
    const serials = new Set<string>();
    for (let round = 0; round < rounds; round++) {
      const a = await next.start({ name: 'a@127.0.0.1', listen: address, seeds: [b.listen] });
      address = a.listen;
      next = await new ClusterNode().loaded();
      const subscriber = await a.call('subscribe', 'orders');
      serials.add(subscriber.replace(/#[^.]*\./, '#'));
      expect(await b.targets('orders', [a.name])).toEqual([subscriber]);
      // The same number in another life: sent again and again, to the one that is gone.
      if (stale !== undefined) for (let copy = 0; copy < 100; copy++) await b.call('send', stale, 'for the dead');
      await b.call('publish', 'orders', round);
      expect(await a.received(subscriber, 1)).toEqual([round]);
      stale = subscriber;
      await a.kill();
      await b.targets('orders', []);
    }
    expect(serials.size).toBe(1);
    expect((await b.call('droppedSignals'))['no connection']).toBe(100 * (rounds - 1));
    await next.kill();
  });
});
