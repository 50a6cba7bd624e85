/**
 * Nodes as OS processes of their own, for scenarios: forked, told over IPC what to do, and ended for sure, by
 * `await using` and for whatever is left when the test file ends.
 *
 *     await using a = await startClusterNode({ name: 'a@127.0.0.1' });
 *     await using b = await startClusterNode({ name: 'b@127.0.0.1', seeds: [a.listen] });
 *     const reader = await a.call('subscribe', 'orders');
 *     await until('b knows of the subscriber', async () => (await b.call('remoteTargets', 'orders')).length === 1);
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { NodeOptions, Pid } from 'liminal-node';
import type { Answer, Commands } from './cluster-node.js';
import { sharedHome } from './home.js';
import { DEADLINE_MS, LineLog } from './line-log.js';

export { DEADLINE_MS } from './line-log.js';

/** What every node of the scenarios proves to the others. */
export const COOKIE = 'a cookie for the scenarios';

/** For `node --import`, so that a module in TypeScript loads on every thread. */
export const LOADER = new URL('./load-typescript.mjs', import.meta.url).href;

const MODULE = fileURLToPath(new URL('./cluster-node.ts', import.meta.url));

const running = new Set<ClusterNode>();
process.on('exit', () => {
  for (const node of running) node.signal('SIGKILL');
});

type Result<Name extends keyof Commands> = Awaited<ReturnType<Commands[Name]>>;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class ClusterNode implements AsyncDisposable {
  /** Set by {@link start}. */
  name = '';
  listen = '';
  creation = 0;
  readonly stderr = new LineLog('stderr');
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  readonly #child: ChildProcess;
  readonly #loaded: Promise<void>;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  #ended = false;

  constructor() {
    this.#child = fork(MODULE, {
      execArgv: ['--import', LOADER],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { PATH: process.env['PATH'], HOME: sharedHome(), LIMINAL_COOKIE: COOKIE },
    });
    running.add(this);
    this.#child.stderr?.setEncoding('utf8').on('data', (chunk: string) => this.stderr.append(chunk));
    this.#loaded = new Promise((resolve, reject) => {
      this.#child.on('message', (message: Answer | { readonly loaded: true }) => {
        if ('loaded' in message) resolve();
        else this.#take(message);
      });
      this.#child.once('close', () => reject(new Error(`the node's OS process ended\n${this.stderr.text}`)));
    });
    this.#loaded.catch(() => {});
    // A call on its way when the process ends fails by the exit, below.
    this.#child.on('error', () => {});
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        this.#ended = true;
        running.delete(this);
        for (const { reject } of this.#waiting.values()) {
          reject(new Error(`${this.name} ended (${signal ?? code})\n${this.stderr.text}`));
        }
        this.#waiting.clear();
        resolve({ code, signal });
      });
    });
  }

  /** The id of the OS process. */
  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the process did not start');
    return this.#child.pid;
  }

  /** Resolves when its OS process has loaded all of its code and only waits to be started. */
  async loaded(): Promise<this> {
    await this.#loaded;
    return this;
  }

  async start(options: Partial<NodeOptions>): Promise<this> {
    await this.loaded();
    const { name, listen, creation } = await this.call('start', { threads: 0, ...options });
    Object.assign(this, { name, listen, creation });
    return this;
  }

  call<Name extends keyof Commands>(command: Name, ...args: Parameters<Commands[Name]>): Promise<Result<Name>> {
    return new Promise<unknown>((resolve, reject) => {
      if (this.#ended) throw new Error(`${this.name} has ended`);
      const call = this.#calls++;
      const late = setTimeout(() => {
        this.#waiting.delete(call);
        reject(new Error(`${this.name} did not answer ${command} within ${DEADLINE_MS} ms\n${this.stderr.text}`));
      }, DEADLINE_MS);
      const settled =
        <T>(settle: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(late);
          settle(value);
        };
      this.#waiting.set(call, { resolve: settled(resolve), reject: settled(reject) });
      this.#child.send({ call, command, args });
    }) as Promise<Result<Name>>;
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

  signal(signal: NodeJS.Signals): void {
    if (!this.#ended) this.#child.kill(signal);
  }

  /** SIGKILL: there is no goodbye. A stopped process dies of it as well. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #take(answer: Answer): void {
    const waiting = this.#waiting.get(answer.call);
    this.#waiting.delete(answer.call);
    if (answer.ok) waiting?.resolve(answer.value);
    else waiting?.reject(new Error(`${this.name}: ${answer.error}`));
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
