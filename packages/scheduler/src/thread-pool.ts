/**
 * The scheduler threads of a node, as home keeps them: started, attached to one another, lost, replaced, ended.
 *
 * Starting: each thread gets a port to every thread before it; processes are placed on it only once every
 * thread can reach it. A thread that ends takes exactly its own processes along: every other thread first
 * takes in what it had posted, then ends the links and monitors that led to it, and a new thread, with a new
 * number, takes its place.
 */
import type { Remote } from 'comlink';
import type { Timer } from './environment.js';
import { ThreadDownError } from './errors.js';
import type { ThreadDownCause } from './exit-reason.js';
import type { ThreadDesk } from './home-control.js';
import type { Pid } from './pid.js';
import { MAX_THREADS, type Placement } from './placement.js';
import { HOME, type Runtime } from './runtime.js';
import type { SchedulerOptions } from './scheduler-options.js';
import type { ThreadControl } from './thread-control.js';
import type { ThreadHandle, ThreadHost } from './thread-host.js';

/** A thread that fails to start is tried again after this time, doubled each time. */
const RESTART_DELAY_MS = 100;
const MAX_RESTART_DELAY_MS = 10_000;

/** How long `shutDown` waits for threads to end their processes. */
const SHUT_DOWN_TIMEOUT_MS = 2_000;

export class ThreadPool<Port> {
  readonly #host: ThreadHost<Port>;
  readonly #options: Readonly<SchedulerOptions>;
  readonly #runtime: Runtime;
  readonly #placement: Placement;
  readonly #loads: Int32Array;
  readonly #openDesk: () => ThreadDesk;
  readonly #threads = new Map<number, ThreadHandle<Port>>();
  readonly #desks = new Map<number, ThreadDesk>();
  readonly #retries = new Set<Timer>();
  #next = HOME + 1;
  #stopping = false;
  #lost = 0;

  /**
   * @param host where threads come from.
   * @param runtime the home thread's.
   * @param loads what `placement` reads; each thread is given it to write its own.
   * @param openDesk makes what a new thread may ask of home.
   */
  constructor(
    host: ThreadHost<Port>,
    options: Readonly<SchedulerOptions>,
    runtime: Runtime,
    placement: Placement,
    loads: Int32Array,
    openDesk: () => ThreadDesk,
  ) {
    this.#host = host;
    this.#options = options;
    this.#runtime = runtime;
    this.#placement = placement;
    this.#loads = loads;
    this.#openDesk = openDesk;
  }

  /** Threads lost, and replaced, since the start. */
  get lost(): number {
    return this.#lost;
  }

  /** Numbers of the threads that processes can be placed on. */
  get placeable(): readonly number[] {
    return [...this.#threads.keys()].filter((thread) => this.#placement.has(thread));
  }

  /** What every thread answers; one that ends meanwhile is left out. */
  async askAll<T>(ask: (control: Remote<ThreadControl<Port>>) => Promise<T>): Promise<T[]> {
    const answers = await Promise.allSettled([...this.#threads.values()].map((handle) => handle.call(ask)));
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }

  /** What threads answer within so many ms, and which did not. One that ends meanwhile is in neither. */
  async askWithin<T>(
    timeoutMs: number,
    ask: (control: Remote<ThreadControl<Port>>) => Promise<T>,
  ): Promise<{ readonly answers: readonly T[]; readonly silent: readonly number[] }> {
    const answers: T[] = [];
    const silent = new Set<number>();
    const asked = [...this.#threads].map(async ([thread, handle]) => {
      silent.add(thread);
      try {
        answers.push(await handle.call(ask));
      } catch (error) {
        if (!(error instanceof ThreadDownError)) return;
      }
      silent.delete(thread);
    });
    await this.#within(timeoutMs, Promise.all(asked));
    return { answers: [...answers], silent: [...silent] };
  }

  /** Ends a thread at once, whatever it is doing. */
  async end(thread: number): Promise<void> {
    await this.#threads.get(thread)?.terminate({ cause: 'terminated' });
  }

  /** Has every thread end its processes, for as long as that is worth waiting for. No thread is replaced from now on. */
  async shutDown(): Promise<void> {
    this.#stopping = true;
    for (const retry of this.#retries) retry.cancel();
    await this.#within(
      SHUT_DOWN_TIMEOUT_MS,
      this.askAll((control) => control.shutDown()),
    );
  }

  /** Ends every thread, also those that do not yield. */
  async terminate(): Promise<void> {
    await Promise.all([...this.#threads.values()].map((handle) => handle.terminate({ cause: 'terminated' })));
  }

  /** Starts one more thread. @throws ThreadDownError where it ends as it starts. */
  async start(): Promise<void> {
    const thread = this.#next++;
    const slot = this.#freeSlot();
    const ports: { thread: number; slot: number; port: Port }[] = [];
    const theirs: { other: number; port: Port }[] = [];
    for (const other of [HOME, ...this.#threads.keys()]) {
      const [port1, port2] = this.#host.makeWay();
      ports.push({ thread: other, slot: this.#threads.get(other)?.slot ?? HOME, port: port1 });
      theirs.push({ other, port: port2 });
    }
    const { node, creation, mailbox, checkMessages } = this.#options;
    const names = new Map(this.#runtime.names);
    const settings = { node, creation, thread, slot, loads: this.#loads, mailbox, checkMessages, names, ports };
    const desk = this.#openDesk();
    this.#desks.set(thread, desk);
    const { resourceLimits } = this.#options;
    const handle = this.#host.start(settings, resourceLimits, desk.control, this.#onThreadDown);
    this.#threads.set(thread, handle);
    const steps = await Promise.allSettled([
      handle.call((control) => control.ready()),
      ...theirs.map(({ other, port }) => this.#attach(other, thread, slot, port)),
    ]);
    const failed = steps.find((step) => step.status === 'rejected');
    if (failed !== undefined || !this.#threads.has(thread)) {
      const error = failed?.reason ?? new ThreadDownError(`thread ${thread} ended as it started`);
      // Told again: a thread that was given its port only now has not taken the end of this one to heart.
      const reason = { threadDown: { thread, cause: 'terminated' } };
      this.#runtime.broadcast({ type: 'threadDown', thread, reason });
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

  async #attach(other: number, thread: number, slot: number, port: Port): Promise<void> {
    if (other === HOME) return this.#runtime.mesh.attach(thread, this.#host.meshPort(port));
    const handle = this.#threads.get(other);
    // A thread that ends meanwhile needs no port.
    await handle?.attach(thread, slot, port).catch(ignoreThreadDown);
  }

  readonly #onThreadDown = (handle: ThreadHandle<Port>, cause: ThreadDownCause): void => {
    const { thread } = handle;
    const reason = { threadDown: { thread, ...cause } };
    this.#threads.delete(thread);
    const wasPlaceable = this.#placement.has(thread);
    this.#placement.delete(thread);
    this.#loads[handle.slot] = 0;
    this.#desks.get(thread)?.close();
    this.#desks.delete(thread);
    this.#runtime.broadcast({ type: 'threadDown', thread, reason });
    this.#runtime.partFromThread(thread, reason);
    if (this.#stopping) return;
    this.#lost++;
    this.#options.logger.error({ thread, reason }, 'scheduler thread ended');
    // A thread that never came up is the business of whoever started it.
    if (wasPlaceable) void this.#replace(RESTART_DELAY_MS);
  };

  async #replace(retryDelayMs: number): Promise<void> {
    try {
      await this.start();
    } catch (error) {
      if (this.#stopping) return;
      this.#options.logger.error({ error, retryDelayMs }, 'a scheduler thread did not start; trying again');
      const next = Math.min(retryDelayMs * 2, MAX_RESTART_DELAY_MS);
      const retry = this.#options.environment.setTimer(retryDelayMs, () => {
        this.#retries.delete(retry);
        void this.#replace(next);
      });
      this.#retries.add(retry);
    }
  }

  /** Resolves when `work` is done, or the time is up. */
  #within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.environment.setTimer(timeoutMs, resolve);
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
