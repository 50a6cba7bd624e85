/**
 * The application of a node: the supervision tree that it runs.
 *
 * As OTP's permanent applications do, it takes the node along: where its top supervisor ends by itself, whatever
 * the reason, the node says so in its log and drains. A drain stops the tree, in the reverse order of its start.
 */
import {
  type Application,
  ApplicationError,
  applicationSpec,
  type ExitReason,
  type KillReport,
  type Logger,
  OptionError,
  type RunningApplication,
  reasonOfThrown,
  type Scheduler,
  type SupervisorPid,
  startApplication,
} from '@liminal-node/scheduler';
import type { LiminalNode } from './node.js';

/**
 * What a node runs: a supervision tree, or a function that is called with the node, may do what it likes, and
 * returns a tree, nothing, or a promise of either.
 */
export type App = Application | ((node: LiminalNode) => AppTree | Promise<AppTree>);

export type AppTree = Application | undefined | void;

export class NodeApplication {
  readonly #scheduler: Scheduler;
  readonly #logger: Logger;
  /** Called once, where the tree has ended by itself. */
  readonly #onEnd: (reason: ExitReason) => void;
  readonly #stopping = new AbortController();
  #state: 'none' | 'starting' | 'running' = 'none';
  #startsTree = false;
  #running: RunningApplication | undefined;

  constructor(scheduler: Scheduler, logger: Logger, onEnd: (reason: ExitReason) => void) {
    this.#scheduler = scheduler;
    this.#logger = logger;
    this.#onEnd = onEnd;
  }

  get isStarting(): boolean {
    return this.#state === 'starting';
  }

  /** Whether there is, or is about to be, a tree to stop. */
  get hasTree(): boolean {
    return this.#startsTree;
  }

  /** The top supervisor; undefined where none runs. */
  get supervisor(): SupervisorPid | undefined {
    return this.#running?.supervisor;
  }

  /** See `LiminalNode.startApp`. */
  async start(app: App, node: LiminalNode): Promise<void> {
    if (this.#state !== 'none') throw new TypeError('the node has an application already');
    this.#stopping.signal.throwIfAborted();
    this.#state = 'starting';
    try {
      const spec = await specOf(app, node);
      if (spec !== undefined) await this.#startTree(spec);
      this.#state = 'running';
    } catch (error) {
      this.#state = 'none';
      throw error;
    }
  }

  async #startTree(spec: ReturnType<typeof applicationSpec>): Promise<void> {
    const { signal } = this.#stopping;
    signal.throwIfAborted();
    this.#startsTree = true;
    const owner = this.#scheduler.attach({ label: 'application', trapExit: true });
    const running = await startApplication(owner, spec, signal);
    this.#running = running;
    void running.ended.then((reason) => {
      this.#running = undefined;
      if (signal.aborted) return;
      this.#logger.error(
        { supervisor: running.supervisor, reason },
        'the application has ended by itself, and the node ends with it',
      );
      this.#onEnd(reason);
    });
  }

  /**
   * Stops the tree, once, within `timeoutMs`; a start that is underway is given up.
   * @returns what was cut short, as sentences.
   */
  async stop(timeoutMs: number): Promise<readonly string[]> {
    this.#stopping.abort(new DOMException('the node is draining', 'AbortError'));
    const running = this.#running;
    if (running === undefined) {
      return this.isStarting && this.#startsTree
        ? ['the application was still starting, and its processes were ended as they were']
        : [];
    }
    const kills: KillReport[] = [];
    const unwatch = this.#scheduler.watchSupervision((report) => {
      if (report.type === 'kill') kills.push(report);
    });
    const stopped = await running.stop(timeoutMs);
    unwatch();
    const cut = killSentences(kills);
    return stopped ? cut : [...cut, 'the application did not stop in time, and its processes were ended as they were'];
  }
}

async function specOf(app: App, node: LiminalNode): Promise<ReturnType<typeof applicationSpec> | undefined> {
  const tree = typeof app === 'function' ? await treeOf(app, node) : app;
  return tree === undefined || tree === null ? undefined : applicationSpec(tree);
}

async function treeOf(app: Extract<App, (...args: never) => unknown>, node: LiminalNode): Promise<AppTree> {
  try {
    return await app(node);
  } catch (cause) {
    throw new ApplicationError(reasonOfThrown(cause), { cause });
  }
}

/** One sentence for each spec whose children were killed. */
function killSentences(kills: readonly KillReport[]): string[] {
  const bySpec = new Map<string, { readonly report: KillReport; count: number }>();
  for (const report of kills) {
    const spec = `${report.supervisor} ${report.child}`;
    const entry = bySpec.get(spec) ?? { report, count: 0 };
    entry.count++;
    bySpec.set(spec, entry);
  }
  return [...bySpec.values()].map(({ report: { name, child, shutdownMs }, count }) => {
    const who = count === 1 ? `the child "${child}"` : `${count} children "${child}"`;
    return `${who} of the supervisor "${name}" did not end within ${shutdownMs} ms, and had to be killed`;
  });
}

/** What is wrong with an application, as the end of a sentence whose subject is what was given. */
export function faultOf({ option, message }: OptionError): string {
  return option === 'app' ? message.slice('option app: '.length) : `has a child spec that is refused: ${message}`;
}

/** For the option `app`: what is wrong with it. */
export function appFault(app: unknown): string | undefined {
  if (app === undefined || typeof app === 'function') return undefined;
  try {
    applicationSpec(app);
    return undefined;
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    return faultOf(error);
  }
}
