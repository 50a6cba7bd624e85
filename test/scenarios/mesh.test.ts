/** Nodes that find each other, where they are now. */
import { type LiminalNode, startNode } from 'liminal-node';
import { expect, it } from 'vitest';
import { ClusterNode, COOKIE, until } from '../support/cluster.js';
import { listen, meshed, QUICK, viewsEqual } from '../support/proxied-cluster.js';

it('eight nodes that all dial all at once end with one connection a pair, and nobody hangs (A10, F26)', async () => {
  const count = 8;
  for (let round = 0; round < 3; round++) {
    const nodes = await Promise.all(
      Array.from({ length: count }, (_, at) =>
        startNode({ name: `n${at}@127.0.0.1`, cookie: COOKIE, threads: 0, distribution: { redialMinMs: 20 } }),
      ),
    );
    // In one turn, so that every pair of dials crosses.
    const dials = nodes.flatMap((node) =>
      nodes.filter((other) => other !== node).map(({ listen }) => node.connect(listen ?? '')),
    );
    await Promise.all(dials);
    for (const node of nodes) listen(node, 'hello');
    await meshed(nodes);
    await viewsEqual(nodes);
    // Each connection has an end at two nodes of this process; what lost a crossing is closed.
    const sockets = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
    await until('there is one connection a pair', () => sockets() === count * (count - 1), sockets);
    for (const node of nodes) {
      expect(await node.channel('hello').publish(node.name)).toEqual({ local: 1, nodes: count - 1, dropped: 0 });
      await until('it is ready', () => node.health().ready);
    }
    const counters = nodes.map((node) => node.distribution.counters);
    // A crossing brings up one session at either end: the other connection is refused, and never replaces it.
    expect(counters.map(({ sessionsUp }) => sessionsUp)).toEqual(Array(count).fill(count - 1));
    expect(counters.map(({ sessionsDown }) => sessionsDown)).toEqual(Array(count).fill({}));
    expect(counters.some(({ handshakesRefused }) => (handshakesRefused['duplicate'] ?? 0) > 0)).toBe(true);
    await Promise.all(nodes.map((node) => node.drain()));
  }
});

it('a node that comes back at another address is known by that one, and not by the old (F35)', async () => {
  await using a = await startNode({ name: 'a@127.0.0.1', cookie: COOKIE, threads: 0, distribution: QUICK });
  const seeds = [a.listen ?? ''];
  const next = new ClusterNode();
  const first = await new ClusterNode().start({ name: 'b@127.0.0.1', seeds });
  await until('b is there', () => addressOf(a, first.name) === first.listen);
  await first.kill();
  await using again = await next.start({ name: 'b@127.0.0.1', seeds });
  expect(again.listen).not.toBe(first.listen);
  await until('b is there again', () => addressOf(a, again.name) === again.listen);
  expect(a.distribution.peers()).toContainEqual(
    expect.objectContaining({ address: again.listen, node: again.name, state: 'connected' }),
  );
});

function addressOf(node: LiminalNode, peer: string): string | null | undefined {
  return node.distribution.sessions().find((session) => session.node === peer)?.address;
}
