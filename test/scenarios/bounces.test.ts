/** Connections that come and go, and what is left of one that is gone. */
import type { Envelope, LiminalNode, MembershipEvent, Session } from 'liminal-node';
import { expect, it } from 'vitest';
import { until } from '../support/cluster.js';
import { type ProxiedCluster, startProxiedCluster, viewsEqual } from '../support/proxied-cluster.js';

const BOUNCES = 200;

/** What a node was told of its peers, checked as it comes. */
function watchMembership(node: LiminalNode): { readonly sessions: Session[]; readonly faults: string[] } {
  const sessions: Session[] = [];
  const faults: string[] = [];
  let up: Session | undefined;
  const listen = (event: MembershipEvent): void => {
    const { session } = event;
    if (event.type === 'up') {
      if (up !== undefined) faults.push(`${session.id} up while ${up.id} was`);
      if (session.id <= (sessions.at(-1)?.id ?? 0)) faults.push(`${session.id} behind ${sessions.at(-1)?.id}`);
      up = session;
      sessions.push(session);
    } else {
      if (up !== session) faults.push(`${session.id} down, and ${up?.id} was up`);
      up = undefined;
    }
  };
  for (const session of node.distribution.sessions()) listen({ type: 'up', session });
  node.distribution.onMembership('everyone', listen);
  return { sessions, faults };
}

/** Publishes and changes groups as long as the test lasts. */
function underLoad(node: LiminalNode): { stop(): void } {
  let stopped = false;
  let round = 0;
  const member = node.attach();
  const turn = (): void => {
    if (stopped) return;
    round++;
    void node.channel<number>('load').publish(round);
    node.pg.join(`group ${round % 50}`, member.pid);
    if (round > 25) node.pg.leave(`group ${(round + 25) % 50}`, member.pid);
    setTimeout(turn, 1);
  };
  turn();
  return {
    stop: () => {
      stopped = true;
    },
  };
}

function collect(node: LiminalNode, channel: string): Envelope<number>[] {
  const received: Envelope<number>[] = [];
  void (async () => {
    for await (const envelope of node.channel<number>(channel).subscribe()) received.push(envelope);
  })();
  return received;
}

async function connectedAgain({ nodes }: ProxiedCluster, sessions: readonly Session[]): Promise<void> {
  const before = sessions.length;
  await until('they are connected again', () => {
    return sessions.length > before && nodes.every((node) => node.distribution.sessions().length === 1);
  });
}

it('a connection that bounces 200 times under load: sessions rise, up and down alternate, and then both views are equal (A9, F25)', async () => {
  const fast = { redialMinMs: 1, redialMaxMs: 10, stableAfterMs: 0 };
  await using cluster = await startProxiedCluster(2, { distribution: fast });
  const [a, b] = [cluster.node(0), cluster.node(1)];
  const watched = [watchMembership(a), watchMembership(b)];
  const received = collect(a, 'load');
  const loads = [underLoad(a), underLoad(b)];
  const { sessions } = watched[0] as (typeof watched)[number];
  for (let bounce = 0; bounce < BOUNCES; bounce++) {
    const again = connectedAgain(cluster, sessions);
    cluster.network.cut(bounce % 2 === 0 ? 'reset' : 'fin', 0, 1);
    await again;
  }
  for (const load of loads) load.stop();
  await viewsEqual(cluster.nodes);
  for (const { faults, sessions: seen } of watched) {
    expect(faults).toEqual([]);
    expect(seen.length).toBeGreaterThanOrEqual(BOUNCES + 1);
  }
  // Of each publisher in order, none twice.
  for (const { name } of cluster.nodes) {
    const own = received.filter(({ publisher }) => publisher.startsWith(`${name}#`)).map(({ payload }) => payload);
    expect(own.length).toBeGreaterThan(0);
    expect(own).toEqual([...new Set(own)].sort((one, other) => one - other));
  }
  // One connection between them, and nothing of the others.
  await until('the proxies have one connection', () => {
    return cluster.network.proxy(0).connections + cluster.network.proxy(1).connections === 1;
  });
});

it('frames of a session that is over, held back on the way, arrive late and change nothing (A19)', async () => {
  await using cluster = await startProxiedCluster(2, { distribution: { closeTimeoutMs: 30_000 } });
  const [a, b] = [cluster.node(0), cluster.node(1)];
  const { network } = cluster;
  const received = collect(a, 'orders');
  const member = b.attach();
  await viewsEqual(cluster.nodes);
  const ended = new Promise<void>((resolve) => {
    b.distribution.onMembership('everyone', ({ type }) => type === 'down' && resolve());
  });
  const wires = [network.wire(1, 0), network.wire(0, 1)];
  for (const wire of wires) wire.mode = 'hold';
  b.pg.join('late', member.pid);
  await b.channel<number>('orders').publish(1, { flush: true });
  await until('the proxy keeps it', () => (wires[0]?.keptBytes ?? 0) > 100);
  await ended;
  b.pg.leave('late', member.pid);
  // A new connection takes another way; the old one is still held.
  const held = wires[0]?.keptBytes ?? 0;
  const bytesBefore = (): number => a.distribution.counters.bytesIn;
  const old = network.detour(0, 1);
  await until('they are connected again', () =>
    cluster.nodes.every((node) => node.distribution.sessions().length === 1),
  );
  await viewsEqual(cluster.nodes);
  const [session] = a.distribution.sessions();
  const [frames, bytes] = [a.distribution.counters.framesIn, bytesBefore()];
  old.release();
  await until('the late bytes are there', () => bytesBefore() >= bytes + held);
  expect(a.distribution.sessions()).toEqual([session]);
  expect(a.pg.members('late')).toEqual([]);
  expect(received).toEqual([]);
  // Frames of the new session only, which are its heartbeats.
  expect(a.distribution.counters.framesIn - frames).toBeLessThan(100);
  expect(await b.channel<number>('orders').publish(2)).toEqual({ local: 0, nodes: 1, dropped: 0 });
  await until('what is new arrives', () => received.length > 0);
  expect(received.map(({ payload }) => payload)).toEqual([2]);
});

it('a connection whose end only one side has heard of is replaced by its redial, down before up (F27)', async () => {
  // b would hear nothing for an hour.
  const patient = { heartbeatIntervalMs: 60_000, heartbeatTimeoutMs: 3_600_000 };
  await using cluster = await startProxiedCluster(2, { distribution: patient });
  const [a, b] = [cluster.node(0), cluster.node(1)];
  for (const node of cluster.nodes) node.pg.join('group', node.attach().pid);
  await viewsEqual(cluster.nodes);
  const seen: string[] = [];
  b.distribution.onMembership('everyone', ({ type, session }) => {
    seen.push(`${type}, ${b.pg.membersOf(session.node).size} groups`);
  });
  const [old] = b.distribution.sessions();
  // The end of the connection reaches a and never b.
  cluster.network.sever(0, 1);
  await until('b has another session', () => b.distribution.sessions().some((session) => session !== old));
  expect(seen).toEqual(['down, 0 groups', 'up, 0 groups']);
  await viewsEqual(cluster.nodes);
  expect(a.distribution.sessions()).toHaveLength(1);
});
