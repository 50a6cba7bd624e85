/** Networks that part, in every way in which they do, and come together again. */
import type { LiminalNode, MembershipEvent } from 'liminal-node';
import { describe, expect, it } from 'vitest';
import { ClusterNode, until } from '../support/cluster.js';
import { connectedTo, listen, meshed, QUICK, startProxiedCluster, viewsEqual } from '../support/proxied-cluster.js';

/** A member of a group, and a subscription, on each node. */
function populate(nodes: readonly LiminalNode[], name: string): void {
  for (const node of nodes) {
    node.pg.join(name, node.attach().pid);
    listen(node, name);
  }
}

function downs(node: LiminalNode): string[] {
  const reasons: string[] = [];
  node.distribution.onMembership('everyone', (event: MembershipEvent) => {
    if (event.type === 'down') reasons.push(`${event.session.node} ${event.reason}`);
  });
  return reasons;
}

describe('a network that parts', () => {
  it('into two halves leaves each with its own members, and with exactly the living ones of both when it heals (A39, F22)', async () => {
    await using cluster = await startProxiedCluster(4);
    const { nodes, network } = cluster;
    const halves = [
      [cluster.node(0), cluster.node(1)],
      [cluster.node(2), cluster.node(3)],
    ] as const;
    populate(nodes, 'before');
    const mortal = nodes.map((node) => {
      const process = node.attach();
      node.pg.join('mortal', process.pid);
      return process;
    });
    await viewsEqual(nodes);
    const heal = network.part([0, 1], [2, 3]);
    for (const half of halves) {
      for (const node of half)
        await connectedTo(
          node,
          half.filter((other) => other !== node),
        );
      await viewsEqual(half);
    }
    populate(nodes, 'meanwhile');
    // Ends that the other half does not hear of.
    for (const process of mortal) process.close();
    for (const half of halves) await viewsEqual(half);
    heal();
    await meshed(nodes);
    await viewsEqual(nodes);
    for (const node of nodes) {
      expect(node.pg.members('before')).toHaveLength(4);
      expect(node.pg.members('meanwhile')).toHaveLength(4);
      expect(node.pg.members('mortal')).toEqual([]);
    }
  });

  it('in one direction only is down at both ends, whichever can still be heard (F23)', async () => {
    await using cluster = await startProxiedCluster(2);
    const { nodes, network } = cluster;
    populate(nodes, 'group');
    await viewsEqual(nodes);
    for (const [from, to] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const [muteSees, deafSees] = [downs(cluster.node(from)), downs(cluster.node(to))];
      const heal = network.partOneWay(from, to);
      await until('both are down', () => muteSees.length > 0 && deafSees.length > 0);
      for (const node of nodes) expect(node.pg.members('group')).toHaveLength(1);
      heal();
      await meshed(nodes);
      await viewsEqual(nodes);
    }
  });

  it('between two of three leaves the third in the middle; all are whole when it heals (F24)', async () => {
    await using cluster = await startProxiedCluster(3);
    const { nodes, network } = cluster;
    populate(nodes, 'group');
    await viewsEqual(nodes);
    const [a, , c] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    const heal = network.part([0], [2]);
    await until('a has lost c', () => a.distribution.session(c.name) === undefined);
    await until('c has lost a', () => c.distribution.session(a.name) === undefined);
    expect(a.pg.membersOf(c.name).size).toBe(0);
    heal();
    await meshed(nodes);
    await viewsEqual(nodes);
  });

  it('without a word is found by silence alone, and a lone node goes on by itself and says so (F20, F41)', async () => {
    await using cluster = await startProxiedCluster(3);
    const { nodes, network } = cluster;
    const lone = cluster.node(0);
    populate(nodes, 'group');
    await viewsEqual(nodes);
    const seen = nodes.map(downs);
    const heal = network.part([0], [1, 2], 'stall');
    await connectedTo(lone, []);
    expect(seen[0]?.sort()).toEqual(['n1@127.0.0.1 silent', 'n2@127.0.0.1 silent']);
    expect(await lone.channel('group').publish('by myself')).toEqual({ local: 1, nodes: 0, dropped: 0 });
    expect(lone.pg.members('group')).toHaveLength(1);
    await until('it says so', () => !lone.health().ready);
    expect(lone.health().unmet.join()).toMatch(/connected to 0 of 1 seeds/);
    heal();
    await meshed(nodes);
    await viewsEqual(nodes);
    await until('it is ready again', () => lone.health().ready);
  });
});

describe('a node that is frozen', () => {
  it('for less than the limit is no news to anybody (F21)', async () => {
    const distribution = { ...QUICK, heartbeatIntervalMs: 500, heartbeatTimeoutMs: 30_000 };
    const [forA, forB] = [new ClusterNode(), new ClusterNode()];
    await using a = await forA.start({ name: 'a@127.0.0.1', distribution });
    await using b = await forB.start({ name: 'b@127.0.0.1', seeds: [a.listen], distribution });
    const onA = await a.call('subscribe', 'orders');
    await b.targets('orders', [a.name]);
    a.signal('SIGSTOP');
    const before = (await b.call('distributionCounters')).framesOut;
    await b.call('publish', 'orders', 'while it is frozen', { flush: true });
    // Heartbeats that it does not answer.
    await until('b has beaten twice', async () => (await b.call('distributionCounters')).framesOut >= before + 3);
    a.signal('SIGCONT');
    expect(await a.received(onA, 1)).toEqual(['while it is frozen']);
    expect((await b.call('distributionCounters')).sessionsDown).toEqual({});
    expect((await a.call('distributionCounters')).sessionsDown).toEqual({});
  });
});
