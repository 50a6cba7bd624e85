/** Looking into a node that one visits: page after page of what it shows, see `visits.ts`. */
import type { Pid, ProcessOrder, ProcessRow, TraceEvent, TraceOptions } from '@liminal-node/scheduler';
import type { NodeQuestion } from './node-requests.js';
import type { SupervisionLine } from './supervision-lines.js';
import type { SnapshotSummary, TracePage } from './visits.js';

/** Rows that are asked for at a time. */
const PAGE = 500;

export class RemoteInspection {
  /** More cannot be asked for in an order. */
  readonly maxOrdered = 1_000;
  readonly #ask: (question: NodeQuestion) => Promise<unknown>;

  constructor(ask: (question: NodeQuestion) => Promise<unknown>) {
    this.#ask = ask;
  }

  /** Has the node take a snapshot. What is asked for afterwards is of it. */
  async snapshot(): Promise<SnapshotSummary> {
    return (await this.#ask({ type: 'snapshot' })) as SnapshotSummary;
  }

  /** The first processes in an order; `maxOrdered` at most. */
  async top(order: ProcessOrder, count: number): Promise<readonly ProcessRow[]> {
    return (await this.#ask({ type: 'processes', order, from: 0, count })) as readonly ProcessRow[];
  }

  /** Every process, by thread, and in the order in which it was spawned there. */
  async *processes(): AsyncGenerator<ProcessRow, undefined> {
    for (let from = 0; ; from += PAGE) {
      const rows = (await this.#ask({ type: 'processes', order: null, from, count: PAGE })) as readonly ProcessRow[];
      yield* rows;
      if (rows.length < PAGE) return;
    }
  }

  /** The supervision tree. @param maxChildren how many children of each supervisor are among the lines. */
  async *supervision(maxChildren: number): AsyncGenerator<SupervisionLine, undefined> {
    for (let from = 0; ; from += PAGE) {
      const question = { type: 'supervision', maxChildren, from, count: PAGE } as const;
      const lines = (await this.#ask(question)) as readonly SupervisionLine[];
      yield* lines;
      if (lines.length < PAGE) return;
    }
  }

  /**
   * Traces a process; resolves once it is being traced. One trace at a time: another takes the place of the last.
   * @param process a pid, its last two numbers, or a name.
   */
  async trace(process: string, options: TraceOptions): Promise<{ pid: Pid; events: AsyncIterable<TraceEvent> }> {
    const pid = (await this.#ask({ type: 'trace', process, ...options })) as Pid;
    return { pid, events: this.#events() };
  }

  async *#events(): AsyncGenerator<TraceEvent, undefined> {
    for (;;) {
      const { events, over } = (await this.#ask({ type: 'traced' })) as TracePage;
      yield* events;
      if (over) return;
    }
  }
}
