/**
 * Tracing a process, on its own thread. A process that is traced has a `Tracer`; everything that happens to it tests for
 * one, and costs no more than that where there is none.
 *
 *   1. whoever traces asks for the service {@link TRACE} on the thread of the process, with a bound in time and in events
 *      and the pid of a collector. The collector is told that it has begun;
 *   2. what happens is written down in short, and sent to the collector at the end of the turn;
 *   3. the trace ends at one of its bounds, with the process, or when {@link UNTRACE} asks for it. The answer to the question
 *      of step 1 comes behind the last events on the same way, and says why it ended.
 */
import type { Environment, Timer } from '../environment.js';
import type { ExitReason } from '../exit-reason.js';
import type { Pid } from '../pid.js';
import type { Process } from '../process.js';
import type { Runtime } from '../runtime.js';
import type { Destination } from '../self.js';
import type { Signal } from '../signal.js';
import { preview, previewReason } from './preview.js';
import type { TracedEvent, TraceEnd, TraceEvent } from './trace-event.js';

/** Services of every thread. */
export const TRACE = 'liminal.trace';
export const UNTRACE = 'liminal.untrace';

/** More traces of one thread at a time are refused. */
export const MAX_TRACES = 64;

export interface TraceRequest {
  readonly pid: Pid;
  readonly collector: Pid;
  readonly forMs: number;
  readonly maxEvents: number;
}

/** Why a trace was refused, or why it ended. */
export type TraceAnswer = { readonly refused: 'noproc' | 'limit' } | TraceOver;

export interface TraceOver {
  readonly ended: TraceEnd;
  readonly atMs: number;
}

/** What the collector is sent. */
export interface TraceBatch {
  readonly trace: 'events';
  readonly events: readonly TraceEvent[];
}

/** What the process of a traced pid tells. */
export class Tracer {
  readonly traces = new Set<ActiveTrace>();

  receive(message: unknown): void {
    this.#record({ type: 'receive', message: preview(message) });
  }

  drop(message: unknown): void {
    this.#record({ type: 'drop', message: preview(message) });
  }

  send(to: Destination<never>, message: unknown): void {
    this.#record({ type: 'send', to: shown(to), message: preview(message) });
  }

  signal(direction: 'in' | 'out', signal: Signal): void {
    const peer = direction === 'in' ? signal.from : signal.to;
    const reason = 'reason' in signal ? { reason: previewReason(signal.reason) } : {};
    this.#record({ type: 'signal', direction, signal: signal.type, peer, ...reason });
  }

  exit(reason: ExitReason): void {
    this.#record({ type: 'exit', reason: previewReason(reason) });
    for (const trace of [...this.traces]) trace.end('exit');
  }

  #record(event: TracedEvent): void {
    for (const trace of [...this.traces]) trace.record(event);
  }
}

/** One trace of one process. */
class ActiveTrace {
  readonly #environment: Environment;
  readonly #maxEvents: number;
  readonly #send: (events: readonly TraceEvent[]) => void;
  readonly #over: (over: TraceOver) => void;
  readonly #startedAt: number;
  readonly #timer: Timer;
  #events: TraceEvent[] = [];
  #recorded = 0;
  #end: TraceOver | undefined;
  #flushing = false;

  /** @param over called once, when everything has been sent. */
  constructor(
    environment: Environment,
    { forMs, maxEvents }: TraceRequest,
    send: (events: readonly TraceEvent[]) => void,
    over: (over: TraceOver) => void,
  ) {
    this.#environment = environment;
    this.#maxEvents = maxEvents;
    this.#send = send;
    this.#over = over;
    this.#startedAt = environment.now();
    this.#timer = environment.setTimer(forMs, () => this.end('time'));
    this.#send([]);
  }

  record(event: TracedEvent): void {
    if (this.#end !== undefined) return;
    this.#events.push({ atMs: this.#atMs(), ...event } as TraceEvent);
    if (++this.#recorded >= this.#maxEvents) this.end('events');
    else this.#flushLater();
  }

  end(ended: TraceEnd): void {
    if (this.#end !== undefined) return;
    this.#end = { ended, atMs: this.#atMs() };
    this.#timer.cancel();
    this.#flushLater();
  }

  #atMs(): number {
    return this.#environment.now() - this.#startedAt;
  }

  #flushLater(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    // An event may be recorded between two signals, where nothing else may be sent.
    this.#environment.setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    const events = this.#events;
    this.#events = [];
    if (events.length > 0) this.#send(events);
    if (this.#end !== undefined) this.#over(this.#end);
  }
}

/** The traces of one thread. */
export class Tracing {
  readonly #runtime: Runtime;
  readonly #byCollector = new Map<Pid, ActiveTrace>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    runtime.services.provide(TRACE, (_from, request) => this.#start(request as TraceRequest));
    runtime.services.provide(UNTRACE, (_from, collector) => this.#byCollector.get(collector as Pid)?.end('stopped'));
  }

  #start(request: TraceRequest): TraceAnswer | Promise<TraceAnswer> {
    const process = this.#runtime.find(request.pid);
    if (process === undefined) return { refused: 'noproc' };
    if (this.#byCollector.size >= MAX_TRACES) return { refused: 'limit' };
    return new Promise((resolve) => this.#trace(process, request, resolve));
  }

  #trace(process: Process, request: TraceRequest, over: (over: TraceOver) => void): void {
    const { router, root, environment } = this.#runtime;
    const { collector } = request;
    const send = (events: readonly TraceEvent[]): void => {
      router.send(root, collector, { trace: 'events', events } satisfies TraceBatch);
    };
    process.tracer ??= new Tracer();
    const { tracer } = process;
    const trace = new ActiveTrace(environment, request, send, (end) => {
      this.#byCollector.delete(collector);
      tracer.traces.delete(trace);
      if (tracer.traces.size === 0) process.tracer = undefined;
      over(end);
    });
    tracer.traces.add(trace);
    this.#byCollector.set(collector, trace);
  }
}

function shown(to: Destination<never>): string {
  if (typeof to === 'string') return to;
  if ('via' in to) return `${to.name} of ${to.via.name}`;
  return to.node === undefined ? to.name : `${to.name}@${to.node}`;
}
