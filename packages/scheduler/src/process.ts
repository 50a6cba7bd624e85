/**
 * One process of a thread: its mailbox, what it waits for, its bonds to others, and how it takes its turns.
 *
 * A process is a handler (a function called with each message) or an async body (which waits in `receive`).
 * Either way it runs only from its thread's run queue, for a bounded number of messages at a time, so that a
 * busy process cannot keep others from running. What ends it is the runtime's business: `signals.ts`.
 */
import type { MessageHandler } from './definition.js';
import type { Environment, Timer } from './environment.js';
import { ReceiveTimeoutError } from './errors.js';
import { type ExitReason, reasonOfThrown } from './exit-reason.js';
import { Mailbox, type MailboxBound, type Match, NOTHING } from './mailbox.js';
import type { Pid, Ref } from './pid.js';
import { MESSAGES_PER_RUN, type Runnable } from './run-queue.js';

/** What a process needs of the thread that runs it. */
export interface ProcessHost {
  readonly environment: Environment;
  /** Puts the process at the end of the run queue. */
  ready(process: Process): void;
  /** The process ends; only the first reason counts. */
  finish(process: Process, reason: ExitReason): void;
  /** Messages were dropped because a mailbox was full. */
  countDropped(reason: string, count: number): void;
}

export interface ReceiveOptions<T = unknown> {
  /** Reject with `ReceiveTimeoutError` when no matching message came within so many ms. @default no limit */
  readonly timeoutMs?: number;
  /** Take the first message for which this is true and leave the others in order. @default any message */
  readonly match?: (message: unknown) => message is T;
  /** Reject with the signal's reason when it is aborted. */
  readonly signal?: AbortSignal;
}

/** Thrown to unwind a body that called `self.exit`; the process is finished before it is thrown. */
export const UNWIND = Symbol('process exit');

/** A name that a process has, or has asked for. */
export interface Registration {
  readonly name: string;
}

interface Waiter {
  readonly resolve: (message: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly match: Match | undefined;
  readonly timeoutMs: number;
  /** Its time is up: it gets what is there now, or is rejected. */
  expired: boolean;
  readonly cancel: () => void;
}

const never = new Promise<never>(() => {});

export class Process implements Runnable {
  readonly pid: Pid;
  readonly parent: Pid | undefined;
  readonly label: string;
  readonly mailbox: Mailbox;
  readonly #host: ProcessHost;
  queued = false;
  alive = true;
  trapExit: boolean;
  /** Its name, from when it asks for it. Compared by identity: the same name asked for again is another. */
  registration: Registration | undefined;
  /** Processes that it is linked to. */
  links: Set<Pid> | undefined;
  /** Monitors that it holds on others. */
  monitors: Map<Ref, { readonly pid: Pid; readonly name?: string }> | undefined;
  /** Monitors that others hold on it. */
  watchers: Map<Ref, Pid> | undefined;
  abort: AbortController | undefined;
  #start: (() => void | MessageHandler | Promise<void | MessageHandler>) | undefined;
  #handler: ((message: unknown) => unknown) | undefined;
  #waiter: Waiter | undefined;
  /** How often `receive` may still answer at once before the process has to queue again. */
  #credits = 0;

  constructor(
    host: ProcessHost,
    pid: Pid,
    parent: Pid | undefined,
    label: string,
    trapExit: boolean,
    bound: MailboxBound,
  ) {
    this.#host = host;
    this.pid = pid;
    this.parent = parent;
    this.label = label;
    this.trapExit = trapExit;
    this.mailbox = new Mailbox(bound);
  }

  /** Runs `start` when the process's turn comes: the first instruction of its body. */
  begin(start: () => void | MessageHandler | Promise<void | MessageHandler>): void {
    this.#start = start;
    this.#host.ready(this);
  }

  /** @returns false where the message was dropped, or ended the process, because the mailbox is full. */
  deliver(message: unknown, bytes: number): boolean {
    const outcome = this.mailbox.push(message, bytes);
    if (outcome === 'exit') {
      this.#host.finish(this, { mailboxFull: { messages: this.mailbox.length, bytes: this.mailbox.bytes } });
      return false;
    }
    if (outcome > 0) this.#host.countDropped('mailbox full', outcome);
    this.#wake();
    return outcome === 0;
  }

  /** Puts an exit or down message into the mailbox, whatever its bound. */
  deliverSignal(message: unknown): void {
    this.mailbox.pushSignal(message);
    this.#wake();
  }

  receive(options: ReceiveOptions = {}): Promise<unknown> {
    if (!this.alive) return never;
    if (this.#waiter !== undefined) {
      return Promise.reject(new TypeError('a process can wait in one receive at a time: await the one before'));
    }
    if (this.#handler !== undefined) {
      return Promise.reject(new TypeError('a handler process is called with its messages: it cannot receive'));
    }
    const { timeoutMs = Number.POSITIVE_INFINITY, match, signal } = options;
    if (!(timeoutMs >= 0)) {
      return Promise.reject(new RangeError(`timeoutMs must be 0 or more, not ${timeoutMs}`));
    }
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.mailbox.rewind();
    if (this.#credits > 0) {
      this.#credits--;
      try {
        const message = this.mailbox.takeNext(match);
        if (message !== NOTHING) return Promise.resolve(message);
      } catch (error) {
        return Promise.reject(error);
      }
      if (timeoutMs === 0) return Promise.reject(new ReceiveTimeoutError(0));
    }
    return this.#wait(match, timeoutMs, signal);
  }

  run(): void {
    if (!this.alive) return;
    this.#credits = MESSAGES_PER_RUN;
    if (this.#start !== undefined) this.#runStart();
    else if (this.#handler !== undefined) this.#runHandler(this.#handler);
    else if (this.#waiter !== undefined) this.#runWaiter(this.#waiter);
  }

  /** Lets go of everything that would keep the process in memory or in the event loop. */
  release(): void {
    this.alive = false;
    this.#waiter?.cancel();
    this.#waiter = undefined;
    this.#start = undefined;
    this.#handler = undefined;
    this.mailbox.clear();
  }

  #wake(): void {
    if (this.#waiter !== undefined || this.#handler !== undefined) this.#host.ready(this);
  }

  #wait(match: Match | undefined, timeoutMs: number, signal?: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined;
      const onAbort = (): void => {
        this.#endWait();
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        resolve,
        reject,
        match,
        timeoutMs,
        expired: timeoutMs === 0,
        cancel: () => {
          timer?.cancel();
          signal?.removeEventListener('abort', onAbort);
        },
      };
      this.#waiter = waiter;
      if (timeoutMs > 0 && timeoutMs !== Number.POSITIVE_INFINITY) {
        timer = this.#host.environment.setTimer(timeoutMs, () => {
          waiter.expired = true;
          // A message that came in time counts, even if the process has not had its turn since.
          this.#runWaiter(waiter);
        });
      }
      signal?.addEventListener('abort', onAbort);
      if (waiter.expired || this.mailbox.unseen > 0) this.#host.ready(this);
    });
  }

  #endWait(): void {
    this.#waiter?.cancel();
    this.#waiter = undefined;
  }

  #runStart(): void {
    const start = this.#start;
    this.#start = undefined;
    try {
      const started = start?.();
      if (started instanceof Promise) started.then(this.#started, this.#failed);
      else this.#started(started);
    } catch (thrown) {
      this.#failed(thrown);
    }
  }

  #runWaiter(waiter: Waiter): void {
    let message: unknown;
    try {
      message = this.mailbox.takeNext(waiter.match);
    } catch (error) {
      this.#endWait();
      waiter.reject(error);
      return;
    }
    if (message === NOTHING && !waiter.expired) return;
    this.#credits--;
    this.#endWait();
    if (message === NOTHING) waiter.reject(new ReceiveTimeoutError(waiter.timeoutMs));
    else waiter.resolve(message);
  }

  #runHandler(handler: (message: unknown) => unknown): void {
    try {
      for (let handled = 0; handled < MESSAGES_PER_RUN; handled++) {
        const message = this.mailbox.take();
        if (message === NOTHING) return;
        const result = handler(message);
        if (result instanceof Promise) result.catch(this.#failed);
        if (!this.alive) return;
      }
    } catch (thrown) {
      this.#failed(thrown);
      return;
    }
    if (this.mailbox.length > 0) this.#host.ready(this);
  }

  readonly #started = (handler: void | MessageHandler): void => {
    if (!this.alive) return;
    if (typeof handler !== 'function') return this.#host.finish(this, 'normal');
    this.#handler = handler as (message: unknown) => unknown;
    if (this.mailbox.length > 0) this.#host.ready(this);
  };

  readonly #failed = (thrown: unknown): void => {
    if (thrown !== UNWIND) this.#host.finish(this, reasonOfThrown(thrown));
  };
}
