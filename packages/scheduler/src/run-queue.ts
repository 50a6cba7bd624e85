/**
 * Who runs next on a thread: processes that have something to do, first in, first out.
 *
 * A pass runs each process that was ready when it began, each for a bounded number of messages, and then
 * ends, so that promise continuations run. Passes follow one another as microtasks for a few milliseconds,
 * which keeps a chain of messages between processes fast; then the event loop gets its turn, so that sockets,
 * timers and ports are served however busy the processes are. Nothing is scheduled while nobody is ready.
 */
import type { Environment } from './environment.js';

/** How many messages a process may take before the next one runs. */
export const MESSAGES_PER_RUN = 64;

/** How long passes may follow one another before the event loop turns. */
const TURN_MS = 3;

/** Reading the clock costs as much as handling a message. */
const RUNS_PER_CLOCK_READ = 16;

export interface Runnable {
  /** True while it is in the queue; the queue's own mark. */
  queued: boolean;
  run(): void;
}

export class RunQueue {
  readonly #environment: Environment;
  readonly #endOfTurn: () => void;
  #ready: Runnable[] = [];
  #passScheduled = false;
  #turnEndScheduled = false;
  #turnStartedAt = 0;

  /** @param endOfTurn runs once in every turn of the event loop in which somebody ran or asked for it. */
  constructor(environment: Environment, endOfTurn: () => void) {
    this.#environment = environment;
    this.#endOfTurn = endOfTurn;
  }

  get length(): number {
    return this.#ready.length;
  }

  /** Puts a process at the end of the queue, unless it is in it. */
  add(runnable: Runnable): void {
    if (runnable.queued) return;
    runnable.queued = true;
    this.#ready.push(runnable);
    this.#schedulePass();
  }

  /** Asks for `endOfTurn` at the end of this turn of the event loop. */
  requestTurnEnd(): void {
    if (this.#turnEndScheduled) return;
    this.#turnEndScheduled = true;
    this.#turnStartedAt = this.#environment.now();
    this.#environment.setImmediate(this.#finishTurn);
  }

  #schedulePass(): void {
    if (this.#passScheduled) return;
    this.#passScheduled = true;
    this.requestTurnEnd();
    // Past the turn's time, its end starts the next pass.
    if (!this.#turnIsOver()) queueMicrotask(this.#pass);
  }

  #turnIsOver(): boolean {
    return this.#environment.now() - this.#turnStartedAt >= TURN_MS;
  }

  readonly #pass = (): void => {
    this.#passScheduled = false;
    const ready = this.#ready;
    this.#ready = [];
    for (const [at, runnable] of ready.entries()) {
      if (at % RUNS_PER_CLOCK_READ === RUNS_PER_CLOCK_READ - 1 && this.#turnIsOver()) {
        this.#ready = [...ready.slice(at), ...this.#ready];
        this.#schedulePass();
        return;
      }
      runnable.queued = false;
      runnable.run();
    }
  };

  readonly #finishTurn = (): void => {
    this.#turnEndScheduled = false;
    this.#endOfTurn();
    if (this.#passScheduled) {
      this.requestTurnEnd();
      this.#pass();
    }
  };
}
