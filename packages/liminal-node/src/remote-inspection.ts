/** Looking into a node that one visits: page after page of what it shows, see `visits.ts`. */
import type { Pid, ProcessOrder, ProcessRow, TraceEvent, TraceOptions } from '@liminal-node/scheduler';
import { answerTo } from './node-answers.js';
import type { NodeQuestion } from './node-requests.js';
import type { SupervisionLine } from './supervision-lines.js';
import type { SnapshotSummary } from './visits.js';

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
    return answerTo('snapshot', await this.#ask({ type: 'snapshot' }));
  }

  /** The first processes in an order; `maxOrdered` at most. */
  async top(order: ProcessOrder, count: number): Promise<readonly ProcessRow[]> {
    return answerTo('processes', await this.#ask({ type: 'processes', order, from: 0, count }));
  }

  /** Every process, by thread, and in the order in which it was spawned there. */
  async *processes(): AsyncGenerator<ProcessRow, undefined> {
    for (let from = 0; ; from += PAGE) {
      const question = { type: 'processes', order: null, from, count: PAGE } as const;
      const rows = answerTo('processes', await this.#ask(question));
      yield* rows;
      if (rows.length < PAGE) return;
    }
  }

  /** The supervision tree. @param maxChildren how many children of each supervisor are among the lines. */
  async *supervision(maxChildren: number): AsyncGenerator<SupervisionLine, undefined> {
    for (let from = 0; ; from += PAGE) {
      const question = { type: 'supervision', maxChildren, from, count: PAGE } as const;
      const lines = answerTo('supervision', await this.#ask(question));
      yield* lines;
      if (lines.length < PAGE) return;
    }
  }

  /**
   * Traces a process; resolves once it is being traced. One trace at a time: another takes the place of the last.
   * @param process a pid, its last two numbers, or a name.
   */
  async trace(process: string, options: TraceOptions): Promise<{ pid: Pid; events: AsyncIterable<TraceEvent> }> {
    const pid = answerTo('trace', await this.#ask({ type: 'trace', process, ...options }));
    return { pid, events: this.#events() };
  }

  async *#events(): AsyncGenerator<TraceEvent, undefined> {
    for (;;) {
      const { events, over } = answerTo('traced', await this.#ask({ type: 'traced' }));
      yield* events;
      if (over) return;
    }
  }
}
