/**
 * Nodes in this OS process, on real sockets, each behind a proxy: for scenarios in which the network fails and the
 * nodes do not.
 */
import { type LiminalNode, type NodeOptions, type Pid, startNode } from 'liminal-node';
import { COOKIE, until } from './cluster.js';
import { freePort } from './free-port.js';
import { ProxiedNetwork } from './proxied-network.js';

/** A silence is noticed, and a connection dialled again, soon enough for a test. */
export const QUICK = {
  heartbeatIntervalMs: 100,
  heartbeatTimeoutMs: 600,
  handshakeTimeoutMs: 2_000,
  redialMinMs: 20,
  redialMaxMs: 200,
} as const;

export interface ProxiedCluster extends AsyncDisposable {
  readonly nodes: readonly LiminalNode[];
  readonly network: ProxiedNetwork;
  node(index: number): LiminalNode;
  /** Ends a node and starts another of its name and address. */
  restart(index: number, options?: Partial<NodeOptions>): Promise<LiminalNode>;
}

/** So many nodes, `n0@127.0.0.1` and so on, all connected. The first is everybody's seed. */
export async function startProxiedCluster(
  count: number,
  { distribution, ...options }: Partial<NodeOptions> = {},
  seed = 1,
): Promise<ProxiedCluster> {
  const addresses: string[] = [];
  for (let index = 0; index < count; index++) addresses.push(`127.0.0.1:${await freePort()}`);
  const network = await ProxiedNetwork.start({ nodes: count, seed, to: (index) => addresses[index] ?? '' });
  const start = (index: number, more: Partial<NodeOptions> = {}): Promise<LiminalNode> =>
    startNode({
      name: `n${index}@127.0.0.1`,
      cookie: COOKIE,
      threads: 0,
      listen: addresses[index] ?? '',
      seeds: [0, 1].filter((other) => other !== index && other < count).map((other) => network.address(other)),
      joinTimeoutMs: 0,
      distribution: { ...QUICK, ...distribution, advertise: network.address(index) },
      ...options,
      ...more,
    });
  const nodes = await Promise.all(addresses.map((_, index) => start(index)));
  const cluster: ProxiedCluster = {
    nodes,
    network,
    node: (index) => {
      const node = nodes[index];
      if (node === undefined) throw new RangeError(`there is no node ${index}`);
      return node;
    },
    restart: async (index, more) => {
      await cluster.node(index).drain();
      nodes[index] = await start(index, more);
      return cluster.node(index);
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(nodes.map((node) => node.drain()));
      await network[Symbol.asyncDispose]();
    },
  };
  await meshed(nodes);
  return cluster;
}

/** Subscribes and reads, since a node that drains waits until what it took has been read. */
export function listen(node: LiminalNode, channel: string): void {
  void (async () => {
    for await (const _envelope of node.channel(channel).subscribe());
  })();
}

/** Waits until each of them is connected to all the others, and to nobody else. */
export async function meshed(nodes: readonly LiminalNode[]): Promise<void> {
  for (const node of nodes)
    await connectedTo(
      node,
      nodes.filter((other) => other !== node),
    );
}

export async function connectedTo(node: LiminalNode, others: readonly LiminalNode[]): Promise<void> {
  const wanted = sorted(others.map(({ name, creation }) => `${name} ${creation}`));
  const now = (): string =>
    sorted(node.distribution.sessions().map((session) => `${session.node} ${session.creation}`));
  await until(
    `${node.name} is connected to [${wanted}]`,
    () => now() === wanted,
    () => `[${now()}]`,
  );
}

/** Waits until each of them sees exactly the members that are on those that it is connected to, and its own. */
export async function viewsEqual(nodes: readonly LiminalNode[]): Promise<void> {
  const all = (): string =>
    sorted(nodes.flatMap((node) => listed(node.pg.localMemberships(), node.clusterSync.memberships())));
  const seenBy = (node: LiminalNode): string => {
    const channels = new Set(nodes.flatMap((other) => [...other.clusterSync.memberships().keys()]));
    const here = listed(node.pg.localMemberships(), node.clusterSync.memberships());
    const groups = node.pg
      .whichGroups()
      .map((group) => [group, node.pg.remoteMembers(group).map(({ pid }) => pid)] as const);
    const elsewhere = [...channels].map(
      (channel) => [channel, node.clusterSync.remoteTargets(channel).map(({ pid }) => pid)] as const,
    );
    return sorted([...here, ...listed(groups, elsewhere)]);
  };
  for (const node of nodes) {
    await until(
      `${node.name} sees what there is`,
      () => seenBy(node) === all(),
      () => `${seenBy(node)} of ${all()}`,
    );
  }
}

function listed(...kinds: readonly Iterable<readonly [string, readonly Pid[]]>[]): string[] {
  return kinds.flatMap((groups, kind) =>
    [...groups].flatMap(([name, pids]) => pids.map((pid) => `${kind} ${name} ${pid}`)),
  );
}

function sorted(texts: readonly string[]): string {
  return [...texts].sort().join('\n');
}
