/** Whole nodes, but for their sockets: schedulers and distribution over a network in memory whose every step the test takes. */
import { type Environment, type NodeName, Scheduler, systemEnvironment } from '@liminal-node/scheduler';
import { type Distribution, startDistribution } from '../src/distribution.js';
import { connectSignals } from '../src/remote-signals.js';
import { createMemoryNetwork, type MemoryNetwork } from '../src/testing.js';

export interface Node {
  readonly scheduler: Scheduler;
  readonly distribution: Distribution;
}

let creations = 100;

export class TwoNodes implements AsyncDisposable {
  readonly near: Node;
  readonly far: Node;
  readonly network: MemoryNetwork;
  readonly #steps: (() => void)[];

  private constructor(near: Node, far: Node, network: MemoryNetwork, steps: (() => void)[]) {
    this.near = near;
    this.far = far;
    this.network = network;
    this.#steps = steps;
  }

  /** Two nodes that are connected. */
  static async start(threads = 0): Promise<TwoNodes> {
    const steps: (() => void)[] = [];
    const network = createMemoryNetwork({ setImmediate: (step) => void steps.push(step) });
    const far = await start('far@h', threads, network, []);
    const near = await start('near@h', threads, network, [far.distribution.address ?? '']);
    const nodes = new TwoNodes(near, far, network, steps);
    await nodes.connected();
    return nodes;
  }

  /** Lets so many things happen on the wire, and what they cause in each node. */
  async take(steps: number): Promise<void> {
    for (let taken = 0; taken < steps; taken++) {
      this.#steps.shift()?.();
      await turn();
    }
  }

  /** Lets everything happen that is on its way, for as long as `isDone` says no. */
  async until(isDone: () => boolean | Promise<boolean>): Promise<void> {
    for (;;) {
      await this.take(Math.max(1, this.#steps.length));
      if (this.#steps.length === 0 && (await isDone())) return;
    }
  }

  async connected(): Promise<void> {
    await this.until(() => [this.near, this.far].every(({ distribution }) => distribution.sessions().length === 1));
  }

  cut(): void {
    this.network.cut(this.far.distribution.address ?? '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    let stopped = false;
    const stopping = Promise.all(
      [this.near, this.far].flatMap(({ scheduler, distribution }) => [scheduler.stop(), distribution.stop()]),
    ).then(() => {
      stopped = true;
    });
    await this.until(() => stopped);
    await stopping;
  }
}

async function start(name: string, threads: number, network: MemoryNetwork, seeds: readonly string[]): Promise<Node> {
  const node = name as NodeName;
  const creation = ++creations;
  const environment: Environment = systemEnvironment;
  const scheduler = await Scheduler.start({ node, creation, threads });
  const distribution = await startDistribution({
    name: node,
    creation,
    cookie: 'secret',
    listen: { host: '127.0.0.1', port: 0 },
    seeds,
    dialLearned: false,
    redialMinMs: 5,
    redialMaxMs: 5,
    stableAfterMs: 0,
    environment,
    transport: network.transport,
  });
  connectSignals(distribution, scheduler);
  return { scheduler, distribution };
}

/** Runs what is ready in this thread. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
