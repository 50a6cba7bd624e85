/**
 * The scheduler of a node: the home thread's runtime, the scheduler threads, and what they share.
 *
 * Starting: each thread gets a port to every thread before it; processes are placed on it only once every
 * thread can reach it. A thread that ends takes exactly its own processes along: every other thread first
 * takes in what it had posted, then ends the links and monitors that led to it, and a new thread, with a new
 * number, takes its place.
 */
import { availableParallelism } from 'node:os';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Remote } from 'comlink';
import type { Audience } from './audience.js';
import { BlockingWork, type BlockingWorkOptions, DEFAULT_BLOCKING_WORK } from './blocking-work.js';
import type { ProcessBody, ProcessDefinition } from './definition.js';
import { type Environment, systemEnvironment, type Timer } from './environment.js';
import { BlockingWorkError, ThreadDownError } from './errors.js';
import type { ExitReason } from './exit-reason.js';
import { ExitWatch } from './exit-watch.js';
import { type Logger, silentLogger } from './logger.js';
import { DEFAULT_MAILBOX_BOUND, type MailboxBound } from './mailbox.js';
import { NameAuthority, registerProcess } from './names.js';
import { anything, type OptionChecks, resolveOptions, wholeNumber } from './options.js';
import { type AnyPid, NO_NODE, type NodeName, type Pid, parsePid } from './pid.js';
import { MAX_THREADS, Placement } from './placement.js';
import type { RemotePort, SignalEndpoint } from './remote.js';
import { HOME, Runtime } from './runtime.js';
import type { AttachedProcess, Destination, LocalSpawnOptions, SpawnOptions } from './self.js';
import type { Service } from './services.js';
import type { SharedMessage } from './shared-message.js';
import { type AttachOptions, Spawner } from './spawner.js';
import type { HomeControl, ThreadControl, ThreadInfo } from './thread-control.js';
import { ThreadHandle } from './thread-handle.js';

export interface SchedulerOptions {
  /** Names the node in its pids. @default 'nonode@nohost' */
  readonly node: NodeName;
  /** Which life of the node, a number from 1 to 2^32-1. @default random */
  readonly creation: number;
  /** Scheduler threads, besides the home thread; with 0 everything runs on the home thread. @default one less than the processors, at least 1 */
  readonly threads: number;
  /** The bound of mailboxes that ask for no other. @default 1,000,000 messages, 64 MiB, drop-newest */
  readonly mailbox: MailboxBound;
  /** The blocking-work pool. @default as many threads as processors, at least 2; 1024 jobs waiting */
  readonly blockingWork: BlockingWorkOptions;
  /** Check and freeze messages sent by reference. @default true unless NODE_ENV is production */
  readonly checkMessages: boolean;
  /** @default silent */
  readonly logger: Logger;
  /** @default the real one */
  readonly environment: Environment;
}

const CHECKS: OptionChecks<SchedulerOptions> = {
  node: anything,
  creation: wholeNumber(1, 0xffffffff),
  threads: wholeNumber(0, MAX_THREADS - 1),
  mailbox: anything,
  blockingWork: anything,
  checkMessages: anything,
  logger: anything,
  environment: anything,
};

function defaults(): SchedulerOptions {
  return {
    node: NO_NODE,
    creation: randomCreation(systemEnvironment),
    threads: Math.max(1, availableParallelism() - 1),
    mailbox: DEFAULT_MAILBOX_BOUND,
    blockingWork: DEFAULT_BLOCKING_WORK,
    checkMessages: process.env['NODE_ENV'] !== 'production',
    logger: silentLogger,
    environment: systemEnvironment,
  };
}

/** A number for this life of a node that no other life of it will have had. */
export function randomCreation(environment: Environment): number {
  const bytes = environment.randomBytes(4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) || 1;
}

/** A thread that fails to start is tried again after this time, doubled each time. */
const RESTART_DELAY_MS = 100;
const MAX_RESTART_DELAY_MS = 10_000;

/** How long `stop` waits for threads to end their processes before it ends them as they are. */
const SHUT_DOWN_TIMEOUT_MS = 2_000;

export class Scheduler implements SignalEndpoint, AsyncDisposable {
  readonly options: Readonly<SchedulerOptions>;
  readonly #runtime: Runtime;
  readonly #placement: Placement;
  readonly #loads = Placement.makeLoads();
  readonly #spawner: Spawner;
  readonly #authority: NameAuthority;
  readonly #blockingWork: BlockingWork;
  readonly #threads = new Map<number, ThreadHandle>();
  readonly #exitWatch: ExitWatch;
  readonly #retries = new Set<Timer>();
  #nextThread = HOME + 1;
  #stopping: Promise<void> | undefined;
  #threadsLost = 0;

  private constructor(options: Readonly<SchedulerOptions>) {
    this.options = options;
    this.#runtime = new Runtime({
      ...options,
      thread: HOME,
      onLoad: (processes) => {
        this.#loads[HOME] = processes;
      },
    });
    this.#placement = new Placement(this.#loads);
    this.#blockingWork = new BlockingWork(options.blockingWork);
    this.#authority = new NameAuthority(this.#runtime, async (name, pid) => {
      await this.#askAll((control) => control.setName(name, pid));
    });
    this.#spawner = new Spawner(this.#runtime, this.#placement, {
      register: (process, name) =>
        registerProcess(this.#runtime, process, name, (...args) => this.#authority.register(...args)),
      block: ({ module, name }, args, signal) => this.#blockingWork.run({ module, name, args }, signal),
    });
    this.#runtime.onSpawnControl = (from, control) => this.#spawner.control(from, control);
    this.#runtime.onThreadDown = (thread) => this.#spawner.threadDown(thread);
    this.#exitWatch = new ExitWatch(this.#spawner.attach({ label: 'exit watch' }));
  }

  /** @throws OptionError, ThreadDownError where a thread does not start. */
  static async start(given?: Partial<SchedulerOptions>): Promise<Scheduler> {
    const scheduler = new Scheduler(resolveOptions(given, defaults(), CHECKS));
    try {
      // One after another: each gets a port to those before it.
      for (let started = 0; started < scheduler.options.threads; started++) await scheduler.#startThread();
    } catch (error) {
      await scheduler.stop();
      throw error;
    }
    return scheduler;
  }

  get node(): NodeName {
    return this.options.node;
  }

  get creation(): number {
    return this.options.creation;
  }

  /** The pid that stands for the program as a sender. Nothing can be sent to it. */
  get root(): Pid {
    return this.#runtime.root;
  }

  /** See `Self.spawn`. */
  spawn<Args extends readonly unknown[]>(
    definition: ProcessDefinition<Args>,
    args: Args,
    options?: Omit<SpawnOptions, 'link' | 'monitor'>,
  ): Promise<Pid> {
    return this.#spawner.spawn(undefined, definition as unknown as ProcessDefinition<never>, args, options);
  }

  /** Starts a process on the home thread, at once. The body may be a closure. */
  spawnLocal<Args extends readonly unknown[]>(
    body: ProcessBody<Args> | ProcessDefinition<Args>,
    args: Args,
    options?: Omit<LocalSpawnOptions, 'link' | 'monitor'>,
  ): Pid {
    return this.#spawner.spawnLocal(undefined, body as ProcessBody<never>, args, options);
  }

  /** Makes the caller a process of the home thread: a pid, a mailbox, links and monitors, until `close`. */
  attach(options: AttachOptions = {}): AttachedProcess {
    return this.#spawner.attach(options);
  }

  /** Sends in the name of the program. Throws as `Self.send` does. */
  send<M>(to: Destination<M>, message: M): void {
    this.#runtime.router.send(this.#runtime.root, to, message);
  }

  exitProcess(pid: AnyPid, reason: ExitReason): void {
    this.#runtime.exitProcess(this.#runtime.root, pid, reason);
  }

  whereis(name: string): Pid | undefined {
    return this.#runtime.names.get(name);
  }

  /** Whether `pid` is of this life of this node; it may be dead. */
  isLocal(pid: AnyPid): boolean {
    const parts = parsePid(pid);
    return parts !== undefined && parts.node === this.node && parts.creation === this.creation;
  }

  /** Calls back once, when the process has ended, or soon where it is dead already. @returns cancels it. */
  onExit(pid: AnyPid, callback: (reason: ExitReason) => void): () => void {
    return this.#exitWatch.add(pid, callback);
  }

  /**
   * Gives one message to every member, decoded once per thread.
   * @returns how many members on the home thread dropped it; other threads count their own.
   */
  sendToAll(audience: Audience, message: SharedMessage): number {
    return this.#runtime.router.sendToMany(audience.threads, message);
  }

  /** Answers what processes of this node `request` by that name. */
  provide(service: string, answer: Service): void {
    this.#runtime.services.provide(service, answer);
  }

  setRemote(port: RemotePort): void {
    this.#runtime.remote = port;
  }

  receiveRemote(node: NodeName, creation: number, signal: Uint8Array): void {
    this.#runtime.receiveRemote({ node, creation }, signal);
  }

  nodeDown(node: NodeName, creation: number): void {
    this.#runtime.broadcast({ type: 'nodeDown', node, creation });
    this.#runtime.partFromNode(node, creation);
  }

  /** How every thread stands, home first. A thread that ends meanwhile is left out. */
  async inspect(): Promise<readonly ThreadInfo[]> {
    const others = await this.#askAll((control) => control.inspect());
    return [this.#runtime.inspect(), ...others];
  }

  /** Threads lost, and replaced, since the start. */
  get threadsLost(): number {
    return this.#threadsLost;
  }

  /** Numbers of the scheduler threads that processes can be placed on. */
  get threads(): readonly number[] {
    return [...this.#threads.keys()].filter((thread) => this.#placement.has(thread));
  }

  /** Ends a scheduler thread at once, with all its processes; another takes its place. */
  async endThread(thread: number): Promise<void> {
    await this.#threads.get(thread)?.terminate();
  }

  /** Ends every process with `shutdown`, then the threads, also those that do not yield. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    for (const retry of this.#retries) retry.cancel();
    await this.#within(
      SHUT_DOWN_TIMEOUT_MS,
      this.#askAll((control) => control.shutDown()),
    );
    this.#runtime.shutDown();
    await Promise.all([...this.#threads.values()].map((handle) => handle.terminate()));
    await this.#blockingWork.stop();
    this.#runtime.mesh.close();
  }

  async #startThread(): Promise<void> {
    const thread = this.#nextThread++;
    const slot = this.#freeSlot();
    const ports: { thread: number; slot: number; port: MessagePort }[] = [];
    const theirs: { other: number; port: MessagePort }[] = [];
    for (const other of [HOME, ...this.#threads.keys()]) {
      const { port1, port2 } = new MessageChannel();
      ports.push({ thread: other, slot: this.#threads.get(other)?.slot ?? HOME, port: port1 });
      theirs.push({ other, port: port2 });
    }
    const { node, creation, mailbox, checkMessages } = this.options;
    const names = new Map(this.#runtime.names);
    const settings = { node, creation, thread, slot, loads: this.#loads, mailbox, checkMessages, names, ports };
    const handle = new ThreadHandle(settings, this.#homeControl(), this.#onThreadDown);
    this.#threads.set(thread, handle);
    const steps = await Promise.allSettled([
      handle.call((control) => control.ready()),
      ...theirs.map(({ other, port }) => this.#attach(other, thread, slot, port)),
    ]);
    const failed = steps.find((step) => step.status === 'rejected');
    if (failed !== undefined || !this.#threads.has(thread)) {
      const error = failed?.reason ?? new ThreadDownError(`thread ${thread} ended as it started`);
      // Told again: a thread that was given its port only now has not taken the end of this one to heart.
      this.#runtime.broadcast({ type: 'threadDown', thread, reason: { threadDown: { thread, cause: error.message } } });
      throw error;
    }
    this.#forgetFreedNames(thread, names);
    this.#placement.add(thread, slot);
  }

  /** Names that were freed by threads that the new one was not attached to yet. */
  #forgetFreedNames(thread: number, names: ReadonlyMap<string, Pid>): void {
    for (const other of this.#threads.keys()) this.#runtime.mesh.receivePending(other);
    for (const [name, pid] of names) {
      if (this.#runtime.names.get(name) !== pid) this.#runtime.sendControl(thread, { type: 'nameFreed', name, pid });
    }
  }

  async #attach(other: number, thread: number, slot: number, port: MessagePort): Promise<void> {
    if (other === HOME) return this.#runtime.mesh.attach(thread, port, false);
    const handle = this.#threads.get(other);
    // A thread that ends meanwhile needs no port.
    await handle?.attach(thread, slot, port).catch(ignoreThreadDown);
  }

  readonly #onThreadDown = (handle: ThreadHandle, reason: ExitReason): void => {
    const { thread } = handle;
    this.#threads.delete(thread);
    const wasPlaceable = this.#placement.has(thread);
    this.#placement.delete(thread);
    this.#loads[handle.slot] = 0;
    this.#runtime.broadcast({ type: 'threadDown', thread, reason });
    this.#runtime.partFromThread(thread, reason);
    if (this.#stopping !== undefined) return;
    this.#threadsLost++;
    this.options.logger.error({ thread, reason }, 'scheduler thread ended');
    // A thread that never came up is the business of whoever started it.
    if (wasPlaceable) void this.#replace(RESTART_DELAY_MS);
  };

  async #replace(retryDelayMs: number): Promise<void> {
    try {
      await this.#startThread();
    } catch (error) {
      if (this.#stopping !== undefined) return;
      this.options.logger.error({ error, retryDelayMs }, 'a scheduler thread did not start; trying again');
      const next = Math.min(retryDelayMs * 2, MAX_RESTART_DELAY_MS);
      const retry = this.options.environment.setTimer(retryDelayMs, () => {
        this.#retries.delete(retry);
        void this.#replace(next);
      });
      this.#retries.add(retry);
    }
  }

  #homeControl(): HomeControl {
    const jobs = new Map<number, AbortController>();
    return {
      register: (name, pid) => this.#authority.register(name, pid),
      block: async (job, work) => {
        const controller = new AbortController();
        jobs.set(job, controller);
        try {
          return { ok: true, value: await this.#blockingWork.run(work, controller.signal) };
        } catch (error) {
          const refused = error instanceof BlockingWorkError;
          return { ok: false, refused, error: refused ? error.message : error };
        } finally {
          jobs.delete(job);
        }
      },
      cancelBlock: (job) => jobs.get(job)?.abort(),
      log: (level, fields, message) => this.options.logger[level](fields, message),
    };
  }

  async #askAll<T>(ask: (control: Remote<ThreadControl>) => Promise<T>): Promise<T[]> {
    const answers = await Promise.allSettled([...this.#threads.values()].map((handle) => handle.call(ask)));
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }

  /** Resolves when `work` is done, or the time is up. */
  #within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.options.environment.setTimer(timeoutMs, resolve);
      void work.finally(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #freeSlot(): number {
    const taken = new Set([...this.#threads.values()].map(({ slot }) => slot));
    for (let slot = HOME + 1; slot < MAX_THREADS; slot++) if (!taken.has(slot)) return slot;
    throw new RangeError(`more than ${MAX_THREADS} threads`);
  }
}

function ignoreThreadDown(error: unknown): void {
  if (!(error instanceof ThreadDownError)) throw error;
}
