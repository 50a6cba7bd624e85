/**
 * Watches the scheduler threads of a node from its home thread, for a process that does not yield.
 *
 *   1. Every 2.5 s it looks at what each thread shows of itself (`thread-activity.ts`); that wakes nobody, and a
 *      thread that is idle is left alone.
 *   2. One that seems not to yield (`stall-rule.ts`) is looked at more closely, at the times that matter.
 *   3. After `warnAfterMs` its stack is read, and who blocks it is told: in the log, and on the diagnostics channel
 *      `liminal:thread:stall`.
 *   4. After `endAfterMs` the thread is ended, with the cause `blocked`, and replaced; not while the OS process is
 *      open to a debugger, in whose hands the thread may be.
 *
 * The home thread cannot watch itself: its run queue says afterwards who has held it (`RunQueue.onHeld`).
 */
import { DIAGNOSTICS, publishEvent, type StallEvent } from '../diagnostics.js';
import type { Environment, Timer } from '../environment.js';
import type { Blocker, ThreadDownCause } from '../exit-reason.js';
import type { Logger } from '../logger.js';
import { milliseconds, type OptionChecks, partly } from '../options.js';
import { formatPid, type Pid } from '../pid.js';
import { HOME, type Runtime } from '../runtime.js';
import { StallRule } from './stall-rule.js';
import { type ActivitySample, ThreadActivity } from './thread-activity.js';
import type { ThreadWatch } from './thread-host.js';

export interface WatchdogOptions {
  /** Ms without a turn of its event loop after which a thread's blocker is named. `Infinity` for never. @default 1000 */
  readonly warnAfterMs: number;
  /** Ms after which such a thread is ended, with all its processes. `Infinity` for never. @default 30,000 */
  readonly endAfterMs: number;
}

export const DEFAULT_WATCHDOG: WatchdogOptions = { warnAfterMs: 1_000, endAfterMs: 30_000 };

const CHECKS: OptionChecks<WatchdogOptions> = { warnAfterMs: milliseconds(1), endAfterMs: milliseconds(1) };

/** What is wrong with `options`, as the end of a sentence, or undefined. */
export const watchdogOptions = partly(CHECKS);

/** Not more often than the heartbeat between nodes, while all is well. */
const LOOK_MS = 2_500;

/** Looks at one that is suspected are so far apart, at least. */
const CLOSE_LOOK_MS = 50;

/** How soon one that was asked to turn is looked at again. */
const PING_MS = 250;

/** One thread, as the watchdog needs it. */
export interface WatchedThread {
  readonly thread: number;
  readonly slot: number;
  readonly watch: ThreadWatch;
}

export interface WatchdogHost {
  threads(): readonly WatchedThread[];
  /** Asks the thread to turn its event loop once. */
  ping(thread: number): void;
  /** Ends the thread. */
  end(thread: number, cause: ThreadDownCause): void;
  pidOf(thread: number, serial: number): Pid;
}

interface Suspect {
  readonly rule: StallRule;
  /** The stall that was told: since when. */
  told?: number;
  blocker?: Blocker;
}

export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #cells: Float64Array;
  readonly #host: WatchdogHost;
  readonly #environment: Environment;
  readonly #logger: Logger;
  readonly #suspects = new Map<number, Suspect>();
  #timer: Timer | undefined;
  #stopped = false;

  constructor(
    options: Partial<WatchdogOptions>,
    cells: Float64Array,
    host: WatchdogHost,
    environment: Environment,
    logger: Logger,
  ) {
    this.#options = { ...DEFAULT_WATCHDOG, ...options };
    this.#cells = cells;
    this.#host = host;
    this.#environment = environment;
    this.#logger = logger;
  }

  /** Idempotent. */
  start(): void {
    if (this.#timer !== undefined) return;
    const { warnAfterMs, endAfterMs } = this.#options;
    if (Math.min(warnAfterMs, endAfterMs) !== Number.POSITIVE_INFINITY) this.#lookIn(LOOK_MS);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #lookIn(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer = this.#environment.setTimer(delayMs, () => void this.#lookAtAll(), true);
  }

  async #lookAtAll(): Promise<void> {
    const threads = this.#host.threads();
    for (const thread of this.#suspects.keys()) {
      if (!threads.some((each) => each.thread === thread)) this.#suspects.delete(thread);
    }
    const delays = await Promise.all(threads.map((each) => this.#lookAt(each)));
    this.#lookIn(Math.max(CLOSE_LOOK_MS, Math.min(LOOK_MS, ...delays)));
  }

  /** @returns in how many ms to look again. */
  async #lookAt({ thread, slot, watch }: WatchedThread): Promise<number> {
    const suspect = this.#suspects.get(thread) ?? { rule: new StallRule() };
    this.#suspects.set(thread, suspect);
    const sample = ThreadActivity.read(this.#cells, slot);
    const at = watch.now();
    const finding = suspect.rule.look({ ...sample, at, idleMs: watch.idleMs() });
    if (finding.type === 'fine') return LOOK_MS;
    if (finding.type === 'suspect') {
      this.#host.ping(thread);
      return PING_MS;
    }
    const { warnAfterMs, endAfterMs } = this.#options;
    const forMs = Math.round(at - finding.since);
    const next = Math.min(forMs < warnAfterMs ? warnAfterMs - forMs : LOOK_MS, Math.max(0, endAfterMs - forMs));
    if (forMs >= Math.min(warnAfterMs, endAfterMs) && suspect.told !== finding.since) {
      suspect.told = finding.since;
      suspect.blocker = await this.#blockerOf(thread, sample, watch, forMs);
      // Reading the stack takes time: it may have yielded meanwhile, and be another's turn.
      if (forMs >= warnAfterMs) this.#tell(thread, suspect.blocker);
    }
    if (forMs < endAfterMs || watch.isOpenToDebugger()) return next;
    if (!this.#stands(slot, sample)) return CLOSE_LOOK_MS;
    this.#host.end(thread, { cause: 'blocked', blocker: { stack: '', ...suspect.blocker, forMs } });
    return LOOK_MS;
  }

  /** Whether the thread is still in that turn. */
  #stands(slot: number, { turns, turnStartedAt }: ActivitySample): boolean {
    const now = ThreadActivity.read(this.#cells, slot);
    return now.turns === turns && now.turnStartedAt === turnStartedAt;
  }

  async #blockerOf(thread: number, sample: ActivitySample, watch: ThreadWatch, forMs: number): Promise<Blocker> {
    const { stack, pid, label } = await watch.stack();
    const had = sample.turnStartedAt > 0 && sample.serial > 0 ? this.#host.pidOf(thread, sample.serial) : undefined;
    const who = pid ?? had;
    return { ...(who !== undefined && { pid: who }), ...(label !== undefined && { label }), forMs, stack };
  }

  #tell(thread: number, blocker: Blocker): void {
    const event: StallEvent = { thread, ...blocker };
    this.#logger.warn(event, 'a process does not yield its thread to the others');
    if (DIAGNOSTICS.stall.hasSubscribers) publishEvent('stall', event);
  }
}

/** Says, once it is over, who has held the home thread so long. Where it was is not known any more. */
export function tellIfHomeIsHeld(runtime: Runtime, warnAfterMs: number, logger: Logger): void {
  const { node, creation } = runtime.options;
  runtime.runQueue.onHeld(warnAfterMs, (heldMs, serial) => {
    const pid = serial === undefined ? undefined : formatPid({ node, creation, thread: HOME, serial });
    const label = pid === undefined ? undefined : runtime.find(pid)?.label;
    const who = { ...(pid !== undefined && { pid }), ...(label !== undefined && { label }) };
    const event: StallEvent = { thread: HOME, ...who, forMs: Math.round(heldMs), stack: 'not known: it is over' };
    // Loggers are user code: they must not run between two processes.
    queueMicrotask(() => logger.warn(event, 'a process did not yield the home thread to the others'));
    if (DIAGNOSTICS.stall.hasSubscribers) publishEvent('stall', event);
  });
}
