/**
 * The scheduler threads of a node, as home keeps them: started, attached to one another, lost, replaced, ended.
 *
 * Starting: every thread is given its end of a way to the new one as news (`news.ts`), so that it can reach it
 * before it can hear of anything there, and nobody waits for a thread that is blocked. Processes are placed on
 * the new thread once it runs. A thread that ends takes exactly its own processes along: every other thread first
 * takes in what it had posted, then ends the links and monitors that led to it, and a new thread, with a new
 * number, takes its place; each time later, where threads are lost as soon as they have come.
 *
 * A thread of its own for one process is started like the others, but no process is placed on it and nothing
 * takes its place. Once its process has ended and all that this caused is posted, it says so and is ended; links
 * and monitors that reach it too late are answered as for any dead process.
 */

import type { Remote } from 'comlink';
import { DIAGNOSTICS, publishEvent } from '../diagnostics.js';
import { encodeThreadDown } from '../encoding/signal-codec.js';
import type { Timer } from '../environment.js';
import { SpawnError, ThreadDownError } from '../errors.js';
import type { ExitReason, ThreadDownCause } from '../exit-reason.js';
import type { Grant } from '../name-table.js';
import { formatPid, parsePid } from '../pid.js';
import { HOME, type Runtime } from '../runtime.js';
import type { SchedulerOptions } from '../scheduler-options.js';
import type { ThreadDesk } from './home-control.js';
import type { News } from './news.js';
import { MAX_THREADS, type Placement } from './placement.js';
import type { ThreadResourceLimits } from './resource-limits.js';
import { ThreadActivity } from './thread-activity.js';
import type { ThreadControl } from './thread-control.js';
import type { ThreadHandle, ThreadHost } from './thread-host.js';
import { Watchdog, type WatchdogHost, type WatchedThread } from './watchdog.js';

/** One that replaces a thread that was lost soon, or that did not start, waits this long, doubled each time. */
const RESTART_DELAY_MS = 100;
const MAX_RESTART_DELAY_MS = 10_000;

/** A thread that has lived so long was not lost soon. */
const SETTLED_MS = 10_000;

/** How long `shutDown` waits for threads to end their processes. */
const SHUT_DOWN_TIMEOUT_MS = 2_000;

/** So many threads lost soon are replaced at once: a fault may take several along. */
const FREE_LOSSES = 8;

/** Memory that the threads share, a word for each slot. */
export interface SharedWords {
  /** What `Placement` reads: processes. */
  readonly loads: Int32Array;
  /** What `Cores` reads: 1 where a thread is awake. */
  readonly awake: Int32Array;
}

interface Birth {
  readonly at: number;
  /** The thread that asked for it, where it is for one process alone. */
  readonly ownedBy: number | undefined;
  /** Its process has ended. */
  released?: boolean;
}

interface UnopenedWays {
  readonly names: ReadonlyMap<string, Grant>;
  /** Threads that may have freed names without telling the new one. */
  readonly from: Set<number>;
}

export class ThreadPool<Port> {
  readonly #host: ThreadHost<Port>;
  readonly #options: Readonly<SchedulerOptions>;
  readonly #runtime: Runtime;
  readonly #placement: Placement;
  readonly #shared: SharedWords;
  readonly #openDesk: (thread: number) => ThreadDesk;
  readonly #activity = ThreadActivity.makeCells();
  readonly #watchdog: Watchdog;
  readonly #threads = new Map<number, ThreadHandle<Port>>();
  readonly #desks = new Map<number, ThreadDesk>();
  /** When each was started, and for whom where it is for one process. */
  readonly #births = new Map<number, Birth>();
  /** What a new thread was told of names, until every other thread reaches it. */
  readonly #unopened = new Map<number, UnopenedWays>();
  readonly #retries = new Set<Timer>();
  #next = HOME + 1;
  #stopping = false;
  #lost = 0;
  #lostSoon = 0;

  /**
   * @param host where threads come from.
   * @param runtime the home thread's.
   * @param shared what every thread is given.
   * @param openDesk makes what a new thread may ask of home.
   */
  constructor(
    host: ThreadHost<Port>,
    options: Readonly<SchedulerOptions>,
    runtime: Runtime,
    placement: Placement,
    shared: SharedWords,
    openDesk: (thread: number) => ThreadDesk,
  ) {
    this.#host = host;
    this.#options = options;
    this.#runtime = runtime;
    this.#placement = placement;
    this.#shared = shared;
    this.#openDesk = openDesk;
    this.#watchdog = this.#makeWatchdog();
    runtime.onWayOpen = (thread, to) => this.#onWayOpen(thread, to);
    runtime.onReleased = (thread) => void this.#release(thread);
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

  /** Numbers of the threads that are for one process each. */
  get own(): readonly number[] {
    return [...this.#threads.keys()].filter((thread) => this.#births.get(thread)?.ownedBy !== undefined);
  }

  tellAll(news: Exclude<News<Port>, { type: 'way' }>): void {
    for (const handle of this.#threads.values()) handle.tell(news);
  }

  /** Ends a thread at once, whatever it is doing. */
  async end(thread: number): Promise<void> {
    await this.#threads.get(thread)?.terminate({ cause: 'terminated' });
  }

  /** Has every thread end its processes, for as long as that is worth waiting for. No thread is replaced from now on. */
  async shutDown(): Promise<void> {
    this.#stopping = true;
    this.#watchdog.stop();
    this.#placement.close(new ThreadDownError('the scheduler has stopped'));
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

  /** Starts one more thread to place processes on. @throws ThreadDownError where it ends as it starts. */
  async start(): Promise<void> {
    const { thread, slot } = await this.#launch(undefined, this.#options.resourceLimits);
    for (const handle of this.#threads.values()) {
      if (handle.thread !== thread) handle.tell({ type: 'placeable', thread, slot });
    }
    this.#placement.add(thread, slot);
  }

  /**
   * Starts a thread for one process, which `ownedBy` asks it for next.
   * @throws SpawnError where there are too many, ThreadDownError where it ends as it starts.
   */
  async startOwn(ownedBy: number, limits = this.#options.resourceLimits): Promise<number> {
    const { maxOwnThreads, threads } = this.#options;
    // Lost threads must find a slot for those that replace them.
    const most = Math.min(maxOwnThreads, MAX_THREADS - 1 - threads);
    if (this.own.length >= most) {
      throw new SpawnError(`the node has ${most} threads for one process each, and takes no more (maxOwnThreads)`);
    }
    return (await this.#launch(ownedBy, limits)).thread;
  }

  #makeWatchdog(): Watchdog {
    const { node, creation, watchdog, environment, logger } = this.#options;
    const threads = (): readonly WatchedThread[] =>
      [...this.#threads.values()].flatMap(({ thread, slot, watch }) => (watch ? [{ thread, slot, watch }] : []));
    const host: WatchdogHost = {
      threads,
      ping: (thread) => void this.#runtime.sendControl(thread, { type: 'ping' }),
      end: (thread, cause) => void this.#threads.get(thread)?.terminate(cause),
      pidOf: (thread, serial) => formatPid({ node, creation, thread, serial }),
    };
    return new Watchdog(watchdog, this.#activity, host, environment, logger);
  }

  async #launch(ownedBy: number | undefined, limits: ThreadResourceLimits): Promise<ThreadHandle<Port>> {
    if (this.#stopping) throw new ThreadDownError('the scheduler has stopped');
    const thread = this.#next++;
    const slot = this.#freeSlot();
    const others = [...this.#threads.values()];
    const ways = [undefined, ...others].map((other) => ({ other, ends: this.#host.makeWay(other === undefined) }));
    const ports = ways.map(({ other, ends }) => ({
      thread: other?.thread ?? HOME,
      slot: other !== undefined && this.#placement.has(other.thread) ? other.slot : undefined,
      port: ends[0],
    }));
    const { node, creation, mailbox, checkMessages, threadQueueBytes, stayAwakeUs, threads } = this.#options;
    const { applicationRoot, maxRemoteMessageBytes } = this.#options;
    const otherwise = threads === 0 ? HOME : undefined;
    const names = this.#runtime.names.snapshot();
    const bounds = { mailbox, checkMessages, threadQueueBytes, stayAwakeUs, applicationRoot, maxRemoteMessageBytes };
    const known = { names, listed: new Map(this.#runtime.listed) };
    const shared = { node, creation, ...bounds, ...this.#shared, activity: this.#activity, ...known, otherwise };
    ThreadActivity.clear(this.#activity, slot);
    const desk = this.#openDesk(thread);
    const settings = { ...shared, thread, slot, ports, ownedBy };
    const handle = this.#host.start(settings, limits, desk.control, this.#onThreadDown);
    this.#desks.set(thread, desk);
    this.#threads.set(thread, handle);
    if (handle.watch !== undefined) this.#watchdog.start();
    this.#births.set(thread, { at: this.#options.environment.now(), ownedBy });
    this.#unopened.set(thread, { names, from: new Set(others.map((other) => other.thread)) });
    for (const { other, ends } of ways) {
      if (other === undefined) this.#runtime.mesh.attach(thread, this.#host.meshPort(ends[1]));
      else other.tell({ type: 'way', thread, port: ends[1] });
    }
    await handle.call((control) => control.ready());
    return handle;
  }

  /** Tells a new thread of the names that `thread` freed before it could reach the new one. */
  #onWayOpen(thread: number, to: number): void {
    const unopened = this.#unopened.get(to);
    if (unopened === undefined) return;
    for (const [name, { pid, grant }] of unopened.names) {
      if (parsePid(pid)?.thread !== thread || this.#runtime.names.grantOf(name)?.grant === grant) continue;
      this.#runtime.sendControl(to, { type: 'nameFreed', name, pid, grant });
    }
    unopened.from.delete(thread);
    if (unopened.from.size === 0) this.#unopened.delete(to);
  }

  async #release(thread: number): Promise<void> {
    const birth = this.#births.get(thread);
    if (birth?.ownedBy === undefined) return;
    birth.released = true;
    await this.end(thread);
  }

  readonly #onThreadDown = (handle: ThreadHandle<Port>, cause: ThreadDownCause): void => {
    const { thread } = handle;
    const birth = this.#births.get(thread);
    // All its processes had ended before it: whoever asks for one is late.
    const reason: ExitReason = birth?.released === true ? 'noproc' : { threadDown: { thread, ...cause } };
    this.#forget(thread);
    const wasPlaceable = this.#placement.has(thread);
    this.#placement.delete(thread);
    this.#shared.loads[handle.slot] = 0;
    this.#shared.awake[handle.slot] = 0;
    this.#runtime.broadcast({ type: 'threadDown', thread, reason });
    this.#runtime.losses.thread(thread, reason);
    // Behind what it had posted for peers, which was taken in just now.
    this.#runtime.remote?.broadcast(encodeThreadDown(thread, reason));
    if (this.#stopping || reason === 'noproc') return;
    this.#lost++;
    this.#options.logger.error({ thread, reason }, 'scheduler thread ended');
    if (DIAGNOSTICS.threadDown.hasSubscribers) publishEvent('threadDown', { thread, reason });
    // A thread that never came up is the business of whoever started it.
    if (wasPlaceable) this.#replaceLater(birth?.at ?? 0);
  };

  #forget(thread: number): void {
    this.#threads.delete(thread);
    this.#births.delete(thread);
    this.#unopened.delete(thread);
    for (const { from } of this.#unopened.values()) from.delete(thread);
    this.#desks.get(thread)?.close();
    this.#desks.delete(thread);
  }

  /** @param startedAt when the thread that is to be replaced was started. */
  #replaceLater(startedAt: number): void {
    const { environment } = this.#options;
    this.#lostSoon = environment.now() - startedAt < SETTLED_MS ? this.#lostSoon + 1 : 0;
    if (this.#lostSoon <= FREE_LOSSES) void this.#replace();
    else this.#retry();
  }

  #retry(): void {
    const doublings = Math.max(0, this.#lostSoon - FREE_LOSSES - 1);
    const delayMs = Math.min(RESTART_DELAY_MS * 2 ** doublings, MAX_RESTART_DELAY_MS);
    const retry = this.#options.environment.setTimer(delayMs, () => {
      this.#retries.delete(retry);
      void this.#replace();
    });
    this.#retries.add(retry);
  }

  async #replace(): Promise<void> {
    try {
      await this.start();
    } catch (error) {
      if (this.#stopping) return;
      this.#options.logger.error({ error }, 'a scheduler thread did not start; trying again');
      this.#lostSoon = Math.max(FREE_LOSSES, this.#lostSoon) + 1;
      this.#retry();
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
