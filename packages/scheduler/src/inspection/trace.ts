/**
 * A trace as whoever asked for it sees it: events as they come, and then an `end` that says why there are no more.
 *
 * An attached process collects what the thread of the traced process sends (`tracer.ts`) and is closed at the end of the
 * trace, read or not. What is not read waits here: `maxEvents` at most, and the end.
 */
import { TraceError } from '../errors.js';
import type { MailboxBound } from '../mailbox.js';
import { type OptionChecks, resolveOptions, wholeNumber } from '../options.js';
import type { Pid } from '../pid.js';
import type { Runtime } from '../runtime.js';
import type { AttachedProcess } from '../self.js';
import type { TraceEvent } from './trace-event.js';
import {
  MAX_TRACES,
  TRACE,
  type TraceAnswer,
  type TraceBatch,
  type TraceOver,
  type TraceRequest,
  UNTRACE,
} from './tracer.js';

export interface TraceOptions {
  /** The trace ends after so many ms; up to an hour. @default 10000 */
  readonly forMs: number;
  /** The trace ends after so many events; up to 100,000. @default 1000 */
  readonly maxEvents: number;
}

const DEFAULTS: TraceOptions = { forMs: 10_000, maxEvents: 1_000 };

const CHECKS: OptionChecks<TraceOptions> = {
  forMs: wholeNumber(1, 3_600_000),
  maxEvents: wholeNumber(1, 100_000),
};

/** @throws OptionError. */
export function resolveTraceOptions(given: Partial<TraceOptions> | undefined): Readonly<TraceOptions> {
  return resolveOptions(given, DEFAULTS, CHECKS);
}

interface EndMessage {
  readonly trace: 'answered';
  readonly answer: TraceAnswer;
}

export class Trace implements AsyncIterableIterator<TraceEvent>, AsyncDisposable {
  readonly #collector: AttachedProcess;
  readonly #stop: () => void;
  readonly #events: TraceEvent[] = [];
  #read = 0;
  #over = false;
  #lastAtMs = 0;
  readonly #waiting: (() => void)[] = [];

  private constructor(collector: AttachedProcess, stop: () => void) {
    this.#collector = collector;
    this.#stop = stop;
  }

  /**
   * Resolves when the trace has begun.
   * @param collector is closed when the trace is over.
   * @param ask what the traced thread answers when the trace is over.
   * @param stop asks it to come to its end.
   * Rejects with `TraceError`.
   */
  static async begin(
    pid: Pid,
    collector: AttachedProcess,
    ask: Promise<TraceAnswer>,
    stop: () => void,
  ): Promise<Trace> {
    // Into the collector's own mailbox, behind the events that have come before it.
    const answered = (answer: TraceAnswer): void =>
      collector.send<EndMessage>(collector.pid, { trace: 'answered', answer });
    // Nobody else refuses: the thread has ended.
    ask.then(answered, () => answered({ ended: 'threadDown', atMs: 0 }));
    const first = await collector.receive<TraceBatch | EndMessage>();
    const trace = new Trace(collector, stop);
    if (first.trace === 'events') void trace.#collect();
    else {
      collector.close();
      // Where the thread has ended the process is dead.
      throw refusal(pid, 'refused' in first.answer ? first.answer.refused : 'noproc');
    }
    return trace;
  }

  /** The next event; done behind the `end`. */
  async next(): Promise<IteratorResult<TraceEvent, undefined>> {
    const [value] = await this.read(1);
    return value === undefined ? { done: true, value: undefined } : { done: false, value };
  }

  /** The next events, as soon as there is one, and at most so many; none behind the `end`. */
  async read(maxEvents: number): Promise<readonly TraceEvent[]> {
    while (this.#events.length === this.#read) {
      if (this.#over) return [];
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
    const events = this.#events.slice(this.#read, this.#read + maxEvents);
    this.#read += events.length;
    if (this.#read === this.#events.length) {
      this.#events.length = 0;
      this.#read = 0;
    }
    return events;
  }

  /** Ends the trace; what it has recorded can still be read. */
  stop(): void {
    this.#stop();
  }

  async return(): Promise<IteratorResult<TraceEvent, undefined>> {
    this.#stop();
    this.#events.length = 0;
    this.#read = 0;
    this.#over = true;
    this.#wake();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #collect(): Promise<void> {
    for await (const message of this.#collector.messages<TraceBatch | EndMessage>()) {
      if (message.trace === 'events') this.#take(message.events);
      else {
        this.#collector.close();
        if ('ended' in message.answer) this.#finish(message.answer);
        return;
      }
    }
  }

  #take(events: readonly TraceEvent[]): void {
    if (this.#over) return;
    for (const event of events) this.#events.push(event);
    this.#lastAtMs = events.at(-1)?.atMs ?? this.#lastAtMs;
    this.#wake();
  }

  #finish({ ended, atMs }: TraceOver): void {
    this.#take([{ type: 'end', because: ended, atMs: Math.max(atMs, this.#lastAtMs) }]);
    this.#over = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/**
 * Traces `pid`.
 * @param attach makes the collector, with a mailbox for all that a trace can bring.
 */
export async function beginTrace(
  runtime: Runtime,
  pid: Pid,
  { forMs, maxEvents }: TraceOptions,
  attach: (bound: Partial<MailboxBound>) => AttachedProcess,
): Promise<Trace> {
  const { services, router, root, options } = runtime;
  const { node, creation, thread } = router.address(pid);
  if (node !== options.node) throw new TypeError(`${pid} is of another node: trace it there`);
  if (creation !== options.creation) throw refusal(pid, 'noproc');
  // Its events, the word that the trace has begun, and its end.
  const collector = attach({ maxItems: maxEvents + 2, maxBytes: Number.MAX_SAFE_INTEGER });
  const request: TraceRequest = { pid, collector: collector.pid, forMs, maxEvents };
  const asked = services.ask(thread, root, TRACE, request) as Promise<TraceAnswer>;
  const stop = (): void => {
    // A thread that has ended has stopped as well.
    services.ask(thread, root, UNTRACE, collector.pid).catch(() => {});
  };
  return Trace.begin(pid, collector, asked, stop);
}

function refusal(pid: Pid, reason: 'noproc' | 'limit'): TraceError {
  return reason === 'noproc'
    ? new TraceError(reason, `there is no process ${pid}: it has ended`)
    : new TraceError(reason, `the thread of ${pid} has ${MAX_TRACES} traces already: wait until one has ended`);
}
