/**
 * The scheduler of a node: the home thread's runtime, the scheduler threads (`thread-pool.ts`), and what they
 * share: placement, registered names, blocking work.
 */
import type { Audience } from './audience.js';
import { SUPERVISION, SupervisionLog, type SupervisionReport } from './behaviours/supervision-report.js';
import type { ProcessBody, ProcessDefinition } from './definition.js';
import type { ExitReason } from './exit-reason.js';
import { type ExitCallback, ExitWatch } from './exit-watch.js';
import type { Multicast } from './fan-out.js';
import type { ProcessInfo } from './inspection/process-info.js';
import { assemble, SNAPSHOT_TIMEOUT_MS, type Snapshot, snapshotOfThread } from './inspection/snapshot.js';
import { Snapshots } from './inspection/snapshots.js';
import { beginTrace, resolveTraceOptions, type Trace, type TraceOptions } from './inspection/trace.js';
import { limitLog } from './log-limit.js';
import { list } from './name-table.js';
import { NameAuthority, registerProcess } from './names.js';
import { type AnyPid, type NodeName, type Pid, parsePid } from './pid.js';
import type { Via } from './registry.js';
import type { RemotePort, SignalEndpoint } from './remote.js';
import type { SpecName } from './remote-spawn.js';
import { HOME, Runtime } from './runtime.js';
import { resolveSchedulerOptions, type SchedulerOptions } from './scheduler-options.js';
import type { AttachedProcess, Destination, LocalSpawnOptions, SpawnOptions } from './self.js';
import type { Service } from './services.js';
import { SpawnDesk, type SpawnDeskCounters, type SpawnPolicy } from './spawn-desk.js';
import { type AttachOptions, SPECS, Spawner } from './spawner.js';
import { BlockingWork, type BlockingWorkState } from './threads/blocking-work.js';
import { Cores } from './threads/cores.js';
import { openDesk } from './threads/home-control.js';
import { wakefulness } from './threads/mesh.js';
import { Placement } from './threads/placement.js';
import type { ThreadInfo } from './threads/thread-control.js';
import type { ThreadHost } from './threads/thread-host.js';
import { ThreadPool } from './threads/thread-pool.js';
import { DEFAULT_WATCHDOG, tellIfHomeIsHeld } from './threads/watchdog.js';
import { workerThreads } from './threads/worker-threads.js';

export class Scheduler implements SignalEndpoint, AsyncDisposable {
  readonly options: Readonly<SchedulerOptions>;
  readonly #runtime: Runtime;
  readonly #spawner: Spawner;
  readonly #blockingWork: BlockingWork;
  readonly #threads: ThreadPool<unknown>;
  readonly #exitWatch: ExitWatch;
  readonly #spawnDesk: SpawnDesk;
  readonly #supervision: SupervisionLog;
  readonly #snapshots = new Snapshots(() => this.#takeSnapshot());
  #stopping: Promise<void> | undefined;

  private constructor(options: Readonly<SchedulerOptions>, host: ThreadHost<unknown>) {
    this.options = options;
    const loads = Placement.makeLoads();
    const awake = Cores.makeAwake();
    this.#runtime = new Runtime({
      ...options,
      thread: HOME,
      wakefulness: wakefulness(options.stayAwakeUs, awake, HOME),
      onLoad: (processes) => {
        loads[HOME] = processes;
      },
    });
    const placement = new Placement(loads, options.threads === 0 ? HOME : undefined);
    this.#blockingWork = new BlockingWork(options.blockingWork);
    const authority = new NameAuthority(this.#runtime, (name, pid, grant) =>
      this.#threads.tellAll({ type: 'named', name, pid, grant }),
    );
    this.#threads = new ThreadPool(host, options, this.#runtime, placement, { loads, awake }, (thread) =>
      openDesk(authority, this.#blockingWork, (limits) => this.#threads.startOwn(thread, limits), options.logger),
    );
    this.#spawner = new Spawner(this.#runtime, placement, {
      register: (process, name) =>
        registerProcess(this.#runtime, process, name, async (...args) => authority.register(...args)),
      startOwnThread: (limits) => this.#threads.startOwn(HOME, limits),
      block: ({ module, name }, args, signal) => this.#blockingWork.run({ module, name, args }, signal),
    });
    this.#spawnDesk = new SpawnDesk(
      this.#runtime,
      (...request) => this.#spawner.spawnFor(...request),
      options.maxRemoteSpawns,
    );
    this.provide(SPECS, (_from, name) => this.#spawnDesk.find(String(name)));
    const { warnAfterMs } = { ...DEFAULT_WATCHDOG, ...options.watchdog };
    tellIfHomeIsHeld(this.#runtime, warnAfterMs, options.logger);
    this.#runtime.onSpawnControl = (from, control) => this.#spawner.control(from, control);
    this.#runtime.onThreadDown = (thread) => this.#spawner.threadDown(thread);
    this.#exitWatch = new ExitWatch(this.#runtime, this.#spawner.attach({ label: 'exit watch' }));
    this.#supervision = new SupervisionLog(options.logger);
    this.provide(SUPERVISION, (_from, report) => this.#supervision.take(report as SupervisionReport));
  }

  /** @throws OptionError, ThreadDownError where a thread does not start. */
  static start(given?: Partial<SchedulerOptions>): Promise<Scheduler> {
    return Scheduler.startOn(workerThreads, given);
  }

  /** Like `start`, with threads from elsewhere: for the test kit. */
  static async startOn<Port>(host: ThreadHost<Port>, given?: Partial<SchedulerOptions>): Promise<Scheduler> {
    // Ends of ways come from the host and go to the host: nobody else looks at one.
    const options = resolveSchedulerOptions(given);
    const logger = limitLog(options.logger, options.environment);
    const scheduler = new Scheduler({ ...options, logger }, host as unknown as ThreadHost<unknown>);
    try {
      // One after another: each gets a port to those before it.
      for (let started = 0; started < scheduler.options.threads; started++) await scheduler.#threads.start();
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
    definition: ProcessDefinition<Args> | SpecName,
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

  whereis(name: string | Via): Pid | undefined {
    return this.#runtime.router.whereis(name);
  }

  /**
   * Shows every thread a pid by that key, or none any more, for registries (`LocalNames.listed`). A thread knows it
   * before anything else that is sent to it after this call.
   */
  list(key: string, pid: Pid | undefined): void {
    list(this.#runtime.listed, key, pid);
    this.#threads.tellAll({ type: 'listed', key, ...(pid !== undefined && { pid }) });
  }

  /** Whether `pid` is of this life of this node; it may be dead. */
  isLocal(pid: AnyPid): boolean {
    const parts = parsePid(pid);
    return parts !== undefined && parts.node === this.node && parts.creation === this.creation;
  }

  /** Calls back once, when the process has ended, or soon where it is dead already. @returns cancels it. */
  onExit(pid: AnyPid, callback: ExitCallback): () => void {
    return this.#exitWatch.add(pid, callback);
  }

  /**
   * Gives one message to every member, decoded once per thread.
   * @param full told of each thread that has fallen behind by more than `threadQueueBytes`: its members do not get it.
   * @returns how many members are known not to get it; what other threads drop, they count themselves.
   */
  sendToAll(audience: Audience, message: Multicast, full?: (thread: number) => void): number {
    return this.#runtime.fanOut.send(audience, message, full);
  }

  /** Gives one message to the members on one thread. @returns false where that has fallen behind; see `sendToAll`. */
  sendToThread(audience: Audience, thread: number, message: Multicast): boolean {
    let hasRoom = true;
    this.#runtime.fanOut.send(audience, message, () => (hasRoom = false), thread);
    return hasRoom;
  }

  /** For messages to many processes of this node. */
  createAudience(): Audience {
    return this.#runtime.fanOut.createAudience();
  }

  /** Calls back for each report of a supervisor of this node from now on, after it was logged. @returns ends that. */
  watchSupervision(callback: (report: SupervisionReport) => void): () => void {
    return this.#supervision.watch(callback);
  }

  /** Answers what processes of this node `request` by that name. */
  provide(service: string, answer: Service): void {
    this.#runtime.services.provide(service, answer);
  }

  /** Says what other nodes may have started here, in the place of what was said before. @default nothing */
  setSpawnPolicy(policy: SpawnPolicy): void {
    this.#spawnDesk.policy = policy;
  }

  /** What became of other nodes' requests for processes. */
  get remoteSpawns(): Readonly<SpawnDeskCounters> {
    return this.#spawnDesk.counters;
  }

  setRemote(port: RemotePort): void {
    this.#runtime.remote = port;
  }

  receiveRemote(node: NodeName, creation: number, signal: Uint8Array): void {
    this.#runtime.receiver.fromPeer({ node, creation }, signal);
  }

  nodeDown(node: NodeName, creation: number): void {
    this.#runtime.broadcast({ type: 'nodeDown', node, creation });
    this.#runtime.losses.node(node, creation);
  }

  /** How every thread stands, home first. A thread that ends meanwhile is left out. */
  async inspect(): Promise<readonly ThreadInfo[]> {
    const others = await this.#threads.askAll((control) => control.inspect());
    return [this.#runtime.inspect(), ...others];
  }

  /** How the pool for blocking work stands. */
  get blockingWork(): BlockingWorkState {
    return this.#blockingWork.state;
  }

  /**
   * What can be seen of a process of this node; undefined where it is dead. In order with what the program has sent it before.
   * Rejects with `TypeError` for a process of another node.
   */
  processInfo(pid: AnyPid): Promise<ProcessInfo | undefined> {
    return this.#runtime.inspection.processInfo(pid);
  }

  /** See `Self.isAlive`; in order with what the program has sent it before. */
  isAlive(pid: AnyPid): Promise<boolean> {
    return this.#runtime.inspection.isAlive(this.root, pid);
  }

  /**
   * The node at a glance: every process, the threads, the names, the supervision tree; see {@link Snapshot} for what it is
   * a picture of. Cheap enough to take every second with 100,000 processes, and no thread is held for more than a few ms.
   */
  snapshot(): Promise<Snapshot> {
    return this.#snapshots.take();
  }

  /**
   * Shows what happens to a process of this node, on whatever thread, until one of the bounds is reached: messages in and out,
   * other signals, its end. Resolves once it is being traced. A message that it is sent after that is seen.
   * What its calls (`call`) are answered is not: their answers come to mailboxes of their own.
   * Rejects with `TraceError` where the process is dead, with `OptionError`, and with `TypeError` for one of another node.
   */
  async trace(pid: Pid, options?: Partial<TraceOptions>): Promise<Trace> {
    const { forMs, maxEvents } = resolveTraceOptions(options);
    return beginTrace(this.#runtime, pid, { forMs, maxEvents }, (bound) =>
      this.attach({ label: 'trace', mailbox: bound }),
    );
  }

  /** Threads lost, and replaced, since the start. */
  get threadsLost(): number {
    return this.#threads.lost;
  }

  /** Numbers of the scheduler threads that processes can be placed on. */
  get threads(): readonly number[] {
    return this.#threads.placeable;
  }

  /** Numbers of the threads that are for one process each (`thread: 'own'`). */
  get ownThreads(): readonly number[] {
    return this.#threads.own;
  }

  /** Ends a scheduler thread at once, with all its processes; another takes its place. */
  async endThread(thread: number): Promise<void> {
    await this.#threads.end(thread);
  }

  /** Ends every process with `shutdown`, then the threads, also those that do not yield. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #takeSnapshot(): Promise<Snapshot> {
    const { environment, node, creation } = this.options;
    const takenAt = environment.wallNow();
    const startedAt = environment.now();
    const [home, { answers, silent }] = await Promise.all([
      snapshotOfThread(this.#runtime),
      this.#threads.askWithin(SNAPSHOT_TIMEOUT_MS, (control) => control.snapshot()),
    ]);
    return assemble([home, ...answers], {
      silent,
      node,
      creation,
      takenAt,
      tookMs: environment.now() - startedAt,
      names: this.#runtime.names.pids(),
      blockingWork: this.#blockingWork.state,
    });
  }

  async #stop(): Promise<void> {
    await this.#threads.shutDown();
    this.#runtime.shutDown();
    await this.#threads.terminate();
    await this.#blockingWork.stop();
    this.#runtime.mesh.close();
  }
}
