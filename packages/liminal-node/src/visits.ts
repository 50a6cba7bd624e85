/**
 * What tools on other nodes look at while they visit this one: each visitor, by the pid at which it is answered, has at most
 * one snapshot, which it is given page by page, and one trace, whose events it fetches. Both end with the visitor.
 *
 * A page is small enough for a message, and the next is sent when it is asked for: a slow visitor holds up nobody, and
 * nothing is dropped on the way.
 */
import {
  type Pid,
  type ProcessOrder,
  type ProcessRow,
  parsePid,
  type Scheduler,
  type Snapshot,
  type Trace,
  type TraceEvent,
  type TraceOptions,
} from '@liminal-node/scheduler';
import { type SupervisionLine, supervisionLines } from './supervision-lines.js';

/** Rows, lines and events of a page. */
const MAX_PAGE = 1_000;

/** Visitors at a time. For one more, the one that came first is forgotten. */
const MAX_VISITORS = 16;

/** How long a visitor waits for events before it is given an empty page. */
const TRACE_PAGE_MS = 10_000;

/** How long a thread may take to begin a trace. */
const TRACE_BEGIN_MS = 5_000;

/** What a visitor is told of a snapshot as a whole. */
export interface SnapshotSummary
  extends Pick<Snapshot, 'node' | 'creation' | 'takenAt' | 'tookMs' | 'threads' | 'silent'> {
  readonly processes: number;
  readonly supervisors: number;
}

export interface TracePage {
  readonly events: readonly TraceEvent[];
  /** There will be no more. */
  readonly over: boolean;
}

interface Visit {
  snapshot?: Snapshot;
  lines?: { readonly maxChildren: number; readonly iterator: Iterator<SupervisionLine>; at: number };
  trace?: Trace;
  /** Events that were asked for and have not come yet. */
  coming?: Promise<readonly TraceEvent[]>;
  readonly forget: () => void;
}

export class Visits {
  readonly #scheduler: Scheduler;
  readonly #visits = new Map<Pid, Visit>();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Takes a snapshot, in the place of the visitor's last. */
  async snapshot(visitor: Pid): Promise<SnapshotSummary> {
    const snapshot = await this.#scheduler.snapshot();
    const visit = this.#visit(visitor);
    visit.snapshot = snapshot;
    delete visit.lines;
    const { node, creation, takenAt, tookMs, threads, silent, processes, supervisors } = snapshot;
    const counts = { processes: processes.length, supervisors: supervisors.size };
    return { node, creation, takenAt, tookMs, threads, silent, ...counts };
  }

  /**
   * @param page.order the first rows by it; null for those behind `from`, in the order of threads and spawns.
   * @returns at most {@link MAX_PAGE} rows.
   */
  processes(visitor: Pid, page: { order: ProcessOrder | null; from: number; count: number }): readonly ProcessRow[] {
    const { processes } = this.#snapshotOf(visitor);
    const count = Math.min(page.count, MAX_PAGE);
    return page.order === null ? processes.slice(page.from, count) : processes.top(count, page.order);
  }

  /** Lines of the supervision tree; pages follow one another, or begin again at 0. */
  supervision(
    visitor: Pid,
    { maxChildren, from, count }: { maxChildren: number; from: number; count: number },
  ): readonly SupervisionLine[] {
    const { supervisors } = this.#snapshotOf(visitor);
    const visit = this.#visit(visitor);
    if (from === 0) visit.lines = { maxChildren, iterator: supervisionLines(supervisors, maxChildren), at: 0 };
    const { lines } = visit;
    if (lines?.at !== from || lines.maxChildren !== maxChildren) throw new Error('ask for the pages one after another');
    const page: SupervisionLine[] = [];
    while (page.length < Math.min(count, MAX_PAGE)) {
      const { done, value } = lines.iterator.next();
      if (done) break;
      page.push(value);
    }
    lines.at += page.length;
    return page;
  }

  /**
   * Traces a process, in the place of what the visitor has traced before.
   * @param request.process a pid, its last two numbers, or a name.
   * @returns its pid.
   */
  async trace(visitor: Pid, { process, ...options }: TraceOptions & { process: string }): Promise<Pid> {
    const pid = this.#resolve(process);
    const { thread = 0 } = parsePid(pid) ?? {};
    const beginning = this.#scheduler.trace(pid, { forMs: options.forMs, maxEvents: options.maxEvents });
    const trace = await this.#within(TRACE_BEGIN_MS, beginning);
    if (trace === undefined) {
      beginning.then((late) => late.stop()).catch(() => {});
      throw new Error(`thread ${thread}, which runs ${pid}, does not answer: something blocks it`);
    }
    const visit = this.#visit(visitor);
    visit.trace?.stop();
    visit.trace = trace;
    delete visit.coming;
    return pid;
  }

  /** The next events of the visitor's trace, as soon as there is one. */
  async traced(visitor: Pid): Promise<TracePage> {
    const visit = this.#visits.get(visitor);
    if (visit?.trace === undefined) throw new Error('there is no trace: ask for one first');
    visit.coming ??= visit.trace.read(MAX_PAGE);
    const events = await this.#within(TRACE_PAGE_MS, visit.coming);
    if (events === undefined) return { events: [], over: false };
    delete visit.coming;
    return { events, over: events.length === 0 || events.at(-1)?.type === 'end' };
  }

  #visit(visitor: Pid): Visit {
    const known = this.#visits.get(visitor);
    if (known !== undefined) return known;
    const [oldest] = this.#visits;
    if (this.#visits.size >= MAX_VISITORS && oldest !== undefined) this.#forget(...oldest);
    const visit: Visit = { forget: this.#scheduler.onExit(visitor, () => this.#forget(visitor, visit)) };
    this.#visits.set(visitor, visit);
    return visit;
  }

  #forget(visitor: Pid, visit: Visit): void {
    this.#visits.delete(visitor);
    visit.trace?.stop();
    visit.forget();
  }

  #snapshotOf(visitor: Pid): Snapshot {
    const snapshot = this.#visits.get(visitor)?.snapshot;
    if (snapshot === undefined) throw new Error('there is no snapshot: ask for one first');
    return snapshot;
  }

  #resolve(process: string): Pid {
    const { node, creation, root } = this.#scheduler;
    const named = this.#scheduler.whereis(process);
    if (named !== undefined) return named;
    const pid = /^\d+\.\d+$/.test(process) ? root.replace(/\d+\.\d+$/, process) : process;
    const parts = parsePid(pid);
    if (parts === undefined)
      throw new Error(`"${process}" is neither a process of ${node} nor a name that one has there`);
    if (parts.node !== node) throw new Error(`${pid} is a process of ${parts.node}: connect to that node`);
    if (parts.creation !== creation)
      throw new Error(`there is no process ${pid}: its node has been started again since`);
    return pid as Pid;
  }

  /** What `work` resolves with, or undefined where it takes longer. */
  #within<T>(timeoutMs: number, work: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const timer = this.#scheduler.options.environment.setTimer(timeoutMs, () => resolve(undefined));
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}
