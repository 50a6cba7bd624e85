/** Nodes in one thread, on a virtual clock and a network in memory. */
import type { NodeName } from '@liminal-node/scheduler';
import { type Distribution, startDistribution } from '../src/distribution.js';
import type { DistributionOptions } from '../src/options.js';
import {
  createMemoryNetwork,
  createVirtualEnvironment,
  type MemoryNetwork,
  type VirtualEnvironment,
} from '../src/testing.js';

export interface Cluster {
  readonly environment: VirtualEnvironment;
  readonly network: MemoryNetwork;
  /** Every line that a node logged at `warn` or above. */
  readonly warnings: string[];
  /** Starts a node that tells all its membership events to `events`. */
  start(name: string, options?: Partial<DistributionOptions>): Promise<TestNode>;
}

export interface TestNode extends Distribution {
  /** `up b@h`, `down b@h closed`, … */
  readonly events: string[];
  /** `a:1` for each session: node and frame type received. */
  readonly frames: string[];
  readonly address: string;
}

export const TEST_FRAME = 72;

export function nodeName(name: string): NodeName {
  return `${name}@h` as NodeName;
}

export function createCluster(seed = 1): Cluster {
  const environment = createVirtualEnvironment(seed);
  const network = createMemoryNetwork(environment);
  const warnings: string[] = [];
  const warn = (_fields: object, message: string): void => void warnings.push(message);
  const logger = { debug: () => {}, info: () => {}, warn, error: warn };
  let creation = 0;
  return {
    environment,
    network,
    warnings,
    start: async (name, options = {}) => {
      const node = await startDistribution({
        name: nodeName(name),
        creation: ++creation,
        cookie: 'secret',
        listen: { host: '127.0.0.1', port: 0 },
        environment,
        transport: network.transport,
        logger,
        ...options,
      });
      return observe(node);
    },
  };
}

export function observe(node: Distribution): TestNode {
  const events: string[] = [];
  const frames: string[] = [];
  node.onMembership('everyone', (event) => {
    const { node: peer } = event.session;
    events.push(event.type === 'up' ? `up ${peer}` : `down ${peer} ${event.reason}`);
  });
  node.onFrame(TEST_FRAME, (session, body) => frames.push(`${session.node}:${Buffer.from(body)}`));
  return Object.assign(node, { events, frames }) as TestNode;
}

/** The one session of `node` with `peer`. */
export function sessionWith(node: Distribution, peer: string): NonNullable<ReturnType<Distribution['session']>> {
  const session = node.session(nodeName(peer));
  if (session === undefined) throw new Error(`${node.name} has no session with ${peer}`);
  return session;
}

export function names(node: Distribution): string[] {
  return node
    .sessions()
    .map((session) => session.node)
    .sort();
}
