/**
 * Nodes as OS processes of their own, for scenarios: forked, told over IPC what to do, and ended for sure, by
 * `await using` and for whatever is left when the test file ends.
 *
 *     await using a = await startClusterNode({ name: 'a@127.0.0.1' });
 *     await using b = await startClusterNode({ name: 'b@127.0.0.1', seeds: [a.listen] });
 *     const reader = await a.call('subscribe', 'orders');
 *     await until('b knows of the subscriber', async () => (await b.call('remoteTargets', 'orders')).length === 1);
 */
import { fileURLToPath } from 'node:url';
import type { NodeOptions, Pid } from 'liminal-node';
import type { Commands } from './cluster-node.js';
import { sharedHome } from './home.js';
import { DEADLINE_MS } from './line-log.js';
import { NodeProcess } from './node-process.js';

export { DEADLINE_MS } from './line-log.js';
export { LOADER } from './node-process.js';

/** What every node of the scenarios proves to the others. */
export const COOKIE = 'a cookie for the scenarios';

const MODULE = fileURLToPath(new URL('./cluster-node.ts', import.meta.url));

export class ClusterNode extends NodeProcess<Commands> {
  /** Set by {@link start}. */
  listen = '';
  creation = 0;

  constructor() {
    const env = { PATH: process.env['PATH'], HOME: sharedHome(), LIMINAL_COOKIE: COOKIE };
    super({ module: MODULE, env });
  }

  async start(options: Partial<NodeOptions>): Promise<this> {
    await this.loaded();
    const { name, listen, creation } = await this.call('start', { threads: 0, ...options });
    Object.assign(this, { name, listen, creation });
    return this;
  }

  /** Waits until the subscription has received so many envelopes. @returns all payloads that it has. */
  async received(subscription: Pid, count: number): Promise<readonly unknown[]> {
    await until(
      `${this.name} received ${count}`,
      async () => (await this.call('receivedCount', subscription)) >= count,
      async () => `${await this.call('receivedCount', subscription)} received`,
    );
    return this.call('payloads', subscription);
  }

  /** Waits until this node would send publishes of the channel to exactly these nodes, a mention for each subscriber. */
  async targets(channel: string, nodes: readonly string[]): Promise<readonly Pid[]> {
    const wanted = [...nodes].sort().join();
    const now = async (): Promise<string> =>
      (await this.call('remoteTargets', channel))
        .map(({ node }) => node)
        .sort()
        .join();
    await until(
      `${this.name} sends ${channel} to [${wanted}]`,
      async () => (await now()) === wanted,
      async () => `[${await now()}]`,
    );
    return (await this.call('remoteTargets', channel)).map(({ pid }) => pid);
  }

  /** Waits until this node has a session with exactly these nodes, hidden ones included. */
  async connectedTo(...nodes: readonly string[]): Promise<void> {
    const wanted = [...nodes].sort().join();
    const now = async (): Promise<string> =>
      (await this.call('sessions'))
        .map(({ node }) => node)
        .sort()
        .join();
    await until(
      `${this.name} is connected to [${wanted}]`,
      async () => (await now()) === wanted,
      async () => `[${await now()}]`,
    );
  }
}

/** A node on a free port, without scheduler threads unless asked for. */
export function startClusterNode(options: Partial<NodeOptions>): Promise<ClusterNode> {
  return new ClusterNode().start(options);
}

/** Nodes by these names, forked at once; each has the one before it as its only seed. */
export async function startChain(...names: readonly string[]): Promise<ClusterNode[]> {
  const nodes = names.map(() => new ClusterNode());
  let seeds: readonly string[] = [];
  for (const [index, node] of nodes.entries()) {
    await node.start({ name: `${names[index]}@127.0.0.1`, seeds });
    seeds = [node.listen];
  }
  await Promise.all(
    nodes.map((node) => node.connectedTo(...nodes.filter((other) => other !== node).map(({ name }) => name))),
  );
  return nodes;
}

/** Two nodes that are connected. */
export async function startPair(): Promise<[ClusterNode, ClusterNode]> {
  return (await startChain('a', 'b')) as [ClusterNode, ClusterNode];
}

/** Milliseconds between two looks at a condition that tells nobody when it comes true. */
const LOOK_MS = 5;

/**
 * Waits for a condition that has no event of its own.
 * @param instead what to say of how it stands when the time is up.
 */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  instead: () => unknown = () => 'not so',
): Promise<void> {
  const end = performance.now() + DEADLINE_MS;
  while (!(await isSo())) {
    if (performance.now() > end) {
      throw new Error(`not within ${DEADLINE_MS} ms: ${what}; instead: ${await instead()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** The numbers from 0 below `count`. */
export function numbersBelow(count: number): number[] {
  return Array.from({ length: count }, (_, number) => number);
}
