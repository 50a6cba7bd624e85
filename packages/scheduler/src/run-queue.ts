/**
 * Who runs next on a thread: processes that have something to do, first in, first out.
 *
 * A pass runs processes, each for a bounded number of messages, until nobody is ready or a bounded number has
 * run, and then ends, so that promise continuations run. Passes follow one another as microtasks for a few
 * milliseconds, which keeps a chain of messages between processes fast; then the event loop gets its turn, so
 * that sockets, timers and ports are served however busy the processes are. Nothing is scheduled while nobody
 * is ready.
 */
import type { Environment, RunOrder } from './environment.js';
import { ThreadActivity } from './threads/thread-activity.js';

/** How many messages a process may take before the next one runs. */
export const MESSAGES_PER_RUN = 64;

/** How many processes may run before promise continuations do. */
const RUNS_PER_PASS = 128;

/** How long passes may follow one another before the event loop turns. */
const TURN_MS = 3;

/** Reading the clock costs as much as handling a message, so it is read about this often, */
const CLOCK_READ_MS = 0.25;

/** and at least once in so many messages. */
const MAX_MESSAGES_PER_CLOCK_READ = 32;

export interface Runnable {
  /** True while it is in the queue; the queue's own mark. */
  queued: boolean;
  /** Which process of its thread it is. */
  readonly serial: number;
  run(): void;
}

/** Room for so many at first; doubled when it is full. */
const FIRST_CAPACITY = 256;

/** A microtask by a promise costs a fraction of `queueMicrotask`, which makes an async resource for each. */
const resolved = Promise.resolve();

export class RunQueue {
  readonly #environment: Environment;
  readonly #endOfTurn: () => void;
  readonly #order: RunOrder | undefined;
  /** A ring: `#length` processes from `#head` on. Its capacity is a power of two. */
  #ring: (Runnable | undefined)[] = new Array(FIRST_CAPACITY).fill(undefined);
  #head = 0;
  #length = 0;
  #passScheduled = false;
  #turnEndScheduled = false;
  #turnStartedAt = 0;
  #clockReadAt = 0;
  /** Messages from one reading of the clock to the next: few while they take long. */
  #messagesPerClockRead = 1;
  #messagesUntilClockRead = 1;
  #turnOver = false;
  readonly #activity: ThreadActivity;
  /** Somebody who holds the thread longer than this is told of. */
  #heldMs = Number.POSITIVE_INFINITY;
  #onHeld: (forMs: number, serial: number | undefined) => void = () => {};

  /**
   * @param endOfTurn runs once in every turn of the event loop in which somebody ran or asked for it.
   * @param activity where it shows what runs.
   */
  constructor(environment: Environment, endOfTurn: () => void, activity = new ThreadActivity()) {
    this.#environment = environment;
    this.#endOfTurn = endOfTurn;
    this.#order = environment.runOrder;
    this.#activity = activity;
  }

  get length(): number {
    return this.#length;
  }

  /** Puts a process at the end of the queue, unless it is in it. */
  add(runnable: Runnable): void {
    if (runnable.queued) return;
    runnable.queued = true;
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#length++) & (this.#ring.length - 1)] = runnable;
    if (!this.#passScheduled) this.#schedulePass();
  }

  /**
   * Whether a process may go on at once, because nobody waits in the queue and the turn has time left. A
   * process that only has a promise to resolve needs no pass then.
   */
  admits(): boolean {
    if (this.#length > 0 || this.#passScheduled) return false;
    this.requestTurnEnd();
    return !this.turnIsOver();
  }

  /** Asks for `endOfTurn` at the end of this turn of the event loop. */
  requestTurnEnd(): void {
    if (this.#turnEndScheduled) return;
    this.#turnEndScheduled = true;
    this.#turnOver = false;
    this.#turnStartedAt = this.#environment.now();
    this.#clockReadAt = this.#turnStartedAt;
    this.#messagesPerClockRead = 1;
    this.#messagesUntilClockRead = 1;
    this.#activity.beginTurn(this.#turnStartedAt);
    this.#environment.setImmediate(this.#finishTurn);
  }

  /**
   * Calls back afterwards, when somebody has held the thread for `forMs` or longer, with the process that was run
   * last, or with none where it may have been another.
   */
  onHeld(forMs: number, callback: (forMs: number, serial: number | undefined) => void): void {
    this.#heldMs = forMs;
    this.#onHeld = callback;
  }

  /** The clock, read at most once in this turn for whoever asks: it may be late by the length of a turn. */
  coarseNow(): number {
    return this.#turnEndScheduled ? this.#clockReadAt : this.#environment.now();
  }

  /** Counts one message. @returns whether the event loop is due. */
  turnIsOver(): boolean {
    if (--this.#messagesUntilClockRead > 0) return this.#turnOver;
    if (this.#order !== undefined) return !this.#order.goesOn();
    const now = this.#environment.now();
    if (now - this.#clockReadAt >= this.#heldMs) this.#tellHeld(now, this.#messagesPerClockRead);
    const perMessageMs = (now - this.#clockReadAt) / this.#messagesPerClockRead;
    this.#clockReadAt = now;
    const most = Math.min(MAX_MESSAGES_PER_CLOCK_READ, this.#messagesPerClockRead * 2);
    this.#messagesPerClockRead = Math.max(1, Math.min(most, CLOCK_READ_MS / perMessageMs)) | 0;
    this.#messagesUntilClockRead = this.#messagesPerClockRead;
    if (now - this.#turnStartedAt >= TURN_MS) this.#turnOver = true;
    return this.#turnOver;
  }

  /**
   * Like `turnIsOver`, for a process with more messages: one whose messages take no time keeps its turn, or
   * which process is cut short would be chance.
   */
  runIsOver(): boolean {
    return this.turnIsOver() && this.#messagesPerClockRead < MAX_MESSAGES_PER_CLOCK_READ;
  }

  #schedulePass(): void {
    this.#passScheduled = true;
    this.requestTurnEnd();
    // Past the turn's time, its end starts the next pass.
    if (this.#order !== undefined) this.#order.schedule(this.#pass);
    else if (!this.#turnOver) void resolved.then(this.#pass);
  }

  readonly #pass = (): void => {
    let runs = 0;
    while (this.#length > 0) {
      if (runs++ === RUNS_PER_PASS || this.turnIsOver()) return this.#schedulePass();
      if (this.#order !== undefined) this.#bringForward(this.#order.pick(this.#length));
      const runnable = this.#ring[this.#head] as Runnable;
      this.#ring[this.#head] = undefined;
      this.#head = (this.#head + 1) & (this.#ring.length - 1);
      this.#length--;
      runnable.queued = false;
      this.#activity.run(runnable.serial);
      runnable.run();
    }
    this.#passScheduled = false;
  };

  readonly #finishTurn = (): void => {
    this.#turnEndScheduled = false;
    if (this.#heldMs !== Number.POSITIVE_INFINITY) {
      const now = this.#environment.now();
      // The message behind the last reading of the clock is not counted yet.
      const messages = this.#messagesPerClockRead - this.#messagesUntilClockRead + 1;
      if (now - this.#clockReadAt >= this.#heldMs) this.#tellHeld(now, messages);
    }
    // First: whoever is told of the end of a turn may ask for another.
    this.#activity.endTurn();
    this.#endOfTurn();
    if (this.#passScheduled) {
      this.requestTurnEnd();
      this.#pass();
    }
  };

  /** @param messages since the clock was read. */
  #tellHeld(now: number, messages: number): void {
    this.#onHeld(now - this.#clockReadAt, messages <= 1 ? this.#activity.serial : undefined);
  }

  /** Makes the process at that place the first. */
  #bringForward(at: number): void {
    const last = this.#ring.length - 1;
    const runnable = this.#ring[(this.#head + at) & last];
    for (; at > 0; at--) this.#ring[(this.#head + at) & last] = this.#ring[(this.#head + at - 1) & last];
    this.#ring[this.#head] = runnable;
  }

  #grow(): void {
    const ring = [...this.#ring.slice(this.#head), ...this.#ring.slice(0, this.#head)];
    this.#ring = ring.concat(new Array(ring.length).fill(undefined));
    this.#head = 0;
  }
}
