/**
 * One process of a thread: its mailbox, what it waits for, its bonds to others, and how it takes its turns.
 *
 * A process is a handler (a function called with each message) or an async body (which waits in `receive`).
 * Either way it runs only from its thread's run queue, for a bounded number of messages at a time, so that a
 * busy process cannot keep others from running. What ends it is the runtime's business: `signals.ts`.
 */
import type { MessageHandler, ProcessDefinition } from './definition.js';
import type { Timer } from './environment.js';
import { ReceiveTimeoutError } from './errors.js';
import { reasonOfThrown } from './exit-reason.js';
import type { ProcessStatus } from './inspection/process-info.js';
import type { Tracer } from './inspection/tracer.js';
import { Mailbox, type MailboxBound, type Match, NOTHING } from './mailbox.js';
import type { Registration } from './name-table.js';
import { PendingOffers } from './pending-offers.js';
import type { Pid, Ref } from './pid.js';
import type { ProcessHost } from './process-host.js';
import type { Condition, ReceiveOptions } from './receive.js';
import { MESSAGES_PER_RUN, type Runnable } from './run-queue.js';
import type { Monitored } from './signal.js';
import type { Start } from './start.js';

/** Thrown to unwind a body that called `self.exit`; the process is finished before it is thrown. */
export const UNWIND = Symbol('process exit');

type Resolve = (message: unknown) => void;

/** Who waits for the promise that is being made. */
let waiter: Process;

const never = new Promise<never>(() => {});

/** The credits of a process whose turn has not come yet; they only ever fall from there. */
const NO_TURN_YET = -(2 ** 30);

export class Process implements Runnable {
  readonly pid: Pid;
  readonly parent: Pid | undefined;
  readonly label: string;
  queued = false;
  /** Which process of its thread it is: the last part of its pid. */
  serial = 0;
  alive = true;
  /** `alias`: an exit of whatever kind is neither a message nor an end. */
  trapExit: boolean | 'alias';
  /** Its name, from when it asks for it. Compared by identity: the same name asked for again is another. */
  registration: Registration | undefined;
  /** Processes that it is linked to. */
  links: Set<Pid> | undefined;
  /** Monitors that it holds on others. */
  monitors: Map<Ref, Monitored> | undefined;
  /** Monitors that others hold on it. */
  watchers: Map<Ref, Pid> | undefined;
  abort: AbortController | undefined;
  /** What it runs, where that has a name. */
  definition: Pick<ProcessDefinition, 'module' | 'name'> | undefined;
  /** When it was spawned, in whole ms of its thread's clock. */
  startedAt = 0;
  /** Messages that its code has taken. */
  handled = 0;
  /** Told of what happens to it, while it is traced. */
  tracer: Tracer | undefined;
  readonly #host: ProcessHost;
  readonly #bound: MailboxBound;
  /** The message of a process without a mailbox, or NOTHING: round trips without one are a quarter faster. */
  #only: unknown = NOTHING;
  /** Made for the first message that has to wait behind another: most of many processes have none. */
  #mailbox: Mailbox | undefined;
  /** Messages that wait for room in the mailbox; undefined while none does. */
  #offers: PendingOffers | undefined;
  #start: Start | undefined;
  #handler: ((message: unknown) => unknown) | undefined;
  /** Takes the message that the body waits for; undefined while it waits for none. */
  #resume: Resolve | undefined;
  #condition: Condition | undefined;
  /** How often `receive` may still answer at once before the process has to queue again. */
  #credits = NO_TURN_YET;

  constructor(
    host: ProcessHost,
    pid: Pid,
    parent: Pid | undefined,
    label: string,
    trapExit: boolean,
    bound: MailboxBound,
  ) {
    this.pid = pid;
    this.parent = parent;
    this.label = label;
    this.trapExit = trapExit;
    this.#host = host;
    this.#bound = bound;
  }

  get mailbox(): Mailbox {
    this.#mailbox ??= this.#makeMailbox();
    return this.#mailbox;
  }

  /** Messages in its mailbox. */
  get queuedMessages(): number {
    return this.#mailbox?.length ?? (this.#only === NOTHING ? 0 : 1);
  }

  /** Bytes in its mailbox, as far as they are known. */
  get queuedBytes(): number {
    return this.#mailbox === undefined ? 0 : this.#mailbox.bytes;
  }

  get status(): ProcessStatus {
    const isSpawned = this.definition !== undefined || this.#start !== undefined;
    if (isSpawned && this.#credits <= NO_TURN_YET) return 'starting';
    if (this.queued) return 'ready';
    return this.#handler === undefined && this.#resume === undefined ? 'running' : 'waiting';
  }

  /** Messages that its mailbox has dropped. */
  get dropped(): number {
    return this.#mailbox === undefined ? 0 : this.#mailbox.dropped;
  }

  /** Runs `start` when the process's turn comes. */
  begin(start: Start): void {
    this.#start = start;
    this.#host.ready(this);
  }

  /** @returns false where the message was dropped, or ended the process, because the mailbox is full. */
  deliver(message: unknown, bytes: number): boolean {
    if (this.tracer !== undefined) this.tracer.receive(message);
    const resume = this.#resume;
    if (resume !== undefined && this.#condition === undefined && this.queuedMessages === 0 && this.#host.admits()) {
      this.#resume = undefined;
      this.#credits = MESSAGES_PER_RUN;
      this.handled++;
      resume(message);
      return true;
    }
    if (this.#mailbox === undefined && this.#only === NOTHING && bytes === 0) {
      this.#only = message;
      this.#wake();
      return true;
    }
    const outcome = this.mailbox.push(message, bytes);
    if (outcome === 'exit') {
      this.#host.finish(this, { mailboxFull: { messages: this.mailbox.length, bytes: this.mailbox.bytes } });
      return false;
    }
    if (outcome > 0) {
      this.#host.countDropped('mailbox full', outcome);
      this.tracer?.drop(message);
    }
    this.#wake();
    return outcome === 0;
  }

  /** Takes a message when there is room for it. @returns false where there is none now. */
  accept(message: unknown, bytes: number): boolean {
    if (this.#offers !== undefined || !this.mailbox.hasRoom(bytes)) return false;
    this.deliver(message, bytes);
    return true;
  }

  /** Takes a message as soon as there is room for it, and lets its sender know. */
  offer(from: Pid, message: unknown, bytes: number): void {
    if (this.accept(message, bytes)) return this.#host.answerOffer(this.pid, from);
    this.#offers ??= new PendingOffers();
    if (this.#offers.add({ from, message, bytes }, this.#bound.maxBytes)) return;
    this.#host.answerOffer(this.pid, from, { tooManyOffers: this.#offers.length });
  }

  /** Whoever offered it has given up. */
  withdrawOffer(from: Pid): void {
    this.#offers?.withdraw(from);
    if (this.#offers?.length === 0) this.#offers = undefined;
  }

  /** Puts an exit or down message into the mailbox, whatever its bound. */
  deliverSignal(message: unknown): void {
    if (this.tracer !== undefined) this.tracer.receive(message);
    this.mailbox.pushSignal(message);
    this.#wake();
  }

  receive(options?: ReceiveOptions): Promise<unknown> {
    if (!this.alive) return never;
    if (this.#resume !== undefined) {
      return Promise.reject(new TypeError('a process can wait in one receive at a time: await the one before'));
    }
    if (this.#handler !== undefined) {
      return Promise.reject(new TypeError('a handler process is called with its messages: it cannot receive'));
    }
    if (options !== undefined) return this.#receiveWith(options);
    const waiting = this.queuedMessages;
    if (waiting > 0 && this.#mayTake()) return Promise.resolve(this.#taken(this.mailbox.take()));
    waiter = this;
    const message = new Promise(Process.#wait);
    if (waiting > 0) this.#host.ready(this);
    return message;
  }

  /** Keeps of a promise the one end that is needed: the engine does not make the other. Round trips are a sixth faster. */
  static #wait(resolve: Resolve): void {
    waiter.#resume = resolve;
  }

  run(): void {
    if (!this.alive) return;
    this.#credits = MESSAGES_PER_RUN;
    if (this.#handler !== undefined) {
      if (this.#mailbox === undefined) this.#handleOnly(this.#handler);
      else this.#runHandler(this.#handler, this.#mailbox);
    } else if (this.#start !== undefined) this.#runStart(this.#start);
    else if (this.#condition !== undefined) this.#check(this.#condition);
    else if (this.#resume !== undefined) this.#runBody(this.#resume);
  }

  /** Lets go of everything that would keep the process in memory or in the event loop. */
  release(): void {
    this.alive = false;
    this.#condition?.cancel();
    this.#condition = undefined;
    this.#resume = undefined;
    this.#start = undefined;
    this.#handler = undefined;
    this.#offers = undefined;
    this.#only = NOTHING;
    this.#mailbox?.clear();
  }

  #makeMailbox(): Mailbox {
    const mailbox = new Mailbox(this.#bound);
    if (this.#only !== NOTHING) mailbox.push(this.#only, 0);
    this.#only = NOTHING;
    return mailbox;
  }

  /** The message that was taken out of the mailbox, whose room goes to what was offered. */
  #taken(message: unknown): unknown {
    this.handled++;
    if (this.#offers !== undefined) this.#admit(this.#offers);
    return message;
  }

  #admit(offers: PendingOffers): void {
    offers.admit(this.mailbox, (from, message) => {
      this.tracer?.receive(message);
      this.#host.answerOffer(this.pid, from);
    });
    if (offers.length === 0) this.#offers = undefined;
  }

  #mayTake(): boolean {
    return this.#credits-- > 0 && !this.#host.runIsOver();
  }

  #wake(): void {
    if (this.#resume !== undefined || this.#handler !== undefined) this.#host.ready(this);
  }

  #receiveWith({ timeoutMs = Number.POSITIVE_INFINITY, match, signal }: ReceiveOptions): Promise<unknown> {
    if (!(timeoutMs >= 0)) return Promise.reject(new RangeError(`timeoutMs must be 0 or more, not ${timeoutMs}`));
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { mailbox } = this;
    mailbox.rewind();
    if (this.#mayTake()) {
      try {
        const message = mailbox.takeNext(match);
        if (message !== NOTHING) return Promise.resolve(this.#taken(message));
      } catch (error) {
        return Promise.reject(error);
      }
      if (timeoutMs === 0) return Promise.reject(new ReceiveTimeoutError(0));
    }
    return this.#waitFor(mailbox, match, timeoutMs, signal);
  }

  #waitFor(mailbox: Mailbox, match: Match | undefined, timeoutMs: number, signal?: AbortSignal): Promise<unknown> {
    let reject: (error: unknown) => void = () => {};
    const message = new Promise((resolve, rejectMessage) => {
      this.#resume = resolve;
      reject = rejectMessage;
    });
    let timer: Timer | undefined;
    const onAbort = (): void => {
      this.#endWait();
      reject(signal?.reason);
    };
    const cancel = (): void => {
      timer?.cancel();
      signal?.removeEventListener('abort', onAbort);
    };
    const condition: Condition = { match, timeoutMs, reject, expired: timeoutMs === 0, cancel };
    this.#condition = condition;
    if (timeoutMs > 0 && timeoutMs !== Number.POSITIVE_INFINITY) {
      timer = this.#host.environment.setTimer(timeoutMs, () => {
        condition.expired = true;
        // A message that came in time counts, even if the process has not had its turn since.
        this.#check(condition);
      });
    }
    signal?.addEventListener('abort', onAbort);
    if (condition.expired || mailbox.unseen > 0) this.#host.ready(this);
    return message;
  }

  #endWait(): void {
    this.#condition?.cancel();
    this.#condition = undefined;
    this.#resume = undefined;
  }

  #runStart(start: Start): void {
    this.#start = undefined;
    try {
      const started = start.run(this);
      if (started instanceof Promise) {
        started.then(
          (handler) => this.#started(handler),
          (thrown) => this.#failed(thrown),
        );
      } else this.#started(started);
    } catch (thrown) {
      this.#failed(thrown);
    }
  }

  #started(handler: void | MessageHandler): void {
    if (!this.alive) return;
    if (typeof handler !== 'function') return this.#host.finish(this, 'normal');
    this.#handler = handler as (message: unknown) => unknown;
    if (this.queuedMessages > 0) this.#host.ready(this);
  }

  #runBody(resume: Resolve): void {
    const message = this.mailbox.take();
    if (message === NOTHING) return;
    this.#credits--;
    this.#resume = undefined;
    resume(this.#taken(message));
  }

  /** Ends the wait if there is a message for it, or its time is up. */
  #check({ match, timeoutMs, reject, expired }: Condition): void {
    const resume = this.#resume as Resolve;
    let message: unknown;
    try {
      message = this.mailbox.takeNext(match);
    } catch (error) {
      this.#endWait();
      reject(error);
      return;
    }
    if (message === NOTHING && !expired) return;
    this.#credits--;
    this.#endWait();
    if (message === NOTHING) reject(new ReceiveTimeoutError(timeoutMs));
    else resume(this.#taken(message));
  }

  #handleOnly(handler: (message: unknown) => unknown): void {
    const message = this.#only;
    if (message === NOTHING) return;
    this.#only = NOTHING;
    try {
      this.#handle(handler, message);
    } catch (thrown) {
      this.#failed(thrown);
    }
  }

  #handle(handler: (message: unknown) => unknown, message: unknown): void {
    this.handled++;
    const result = handler(message);
    if (result instanceof Promise) result.catch((thrown) => this.#failed(thrown));
  }

  #runHandler(handler: (message: unknown) => unknown, mailbox: Mailbox): void {
    try {
      for (let handled = 0; handled < MESSAGES_PER_RUN && mailbox.length > 0; handled++) {
        // The run itself has been counted.
        if (handled > 0 && this.#host.runIsOver()) break;
        this.#handle(handler, mailbox.take());
        if (!this.alive) return;
      }
    } catch (thrown) {
      this.#failed(thrown);
      return;
    }
    if (this.#offers !== undefined) this.#admit(this.#offers);
    if (mailbox.length > 0) this.#host.ready(this);
  }

  #failed(thrown: unknown): void {
    if (thrown !== UNWIND) this.#host.finish(this, reasonOfThrown(thrown));
  }
}
