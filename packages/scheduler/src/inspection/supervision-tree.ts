/**
 * The supervision tree of a node, put together from what the supervisors of each thread have shown.
 *
 * A supervisor is below the one that has it as a child. One that nobody has, because a program started it, because its
 * supervisor is on another node or because the threads were looked at in different moments, is a root.
 */
import type { Strategy } from '../behaviours/restart-strategy.js';
import type { Pid } from '../pid.js';
import { type ChildRow, ChildRows, type ThreadSupervisors } from './supervisor-rows.js';

export interface Supervisor {
  readonly pid: Pid;
  readonly label: string;
  readonly name: string | undefined;
  readonly strategy: Strategy;
  /** How often it has tried to start a child again, counted over all its children. */
  readonly restarts: number;
  readonly childCount: number;
  /** In the order of their start, each made when it is reached. */
  readonly children: Iterable<SupervisedChild>;
}

export interface SupervisedChild extends ChildRow {
  /** Where the child is a supervisor that runs. */
  readonly supervisor: Supervisor | undefined;
}

export class SupervisionTree {
  /** In the order of threads, and in that of their start on each. */
  readonly roots: readonly Supervisor[];
  readonly #byPid = new Map<Pid, Supervisor>();

  constructor(parts: readonly ThreadSupervisors[]) {
    const supervised = new Set<Pid>();
    for (const part of parts) {
      for (const row of part.supervisors) {
        const rows = new ChildRows(part, row);
        for (const { pid } of rows.supervisors()) if (pid !== undefined) supervised.add(pid);
        const { pid, label, name, strategy, restarts } = row;
        const children = { [Symbol.iterator]: () => this.#childrenOf(rows) };
        this.#byPid.set(pid, { pid, label, name, strategy, restarts, childCount: rows.length, children });
      }
    }
    this.roots = [...this.#byPid.values()].filter(({ pid }) => !supervised.has(pid));
  }

  /** How many supervisors there are. */
  get size(): number {
    return this.#byPid.size;
  }

  get(pid: Pid): Supervisor | undefined {
    return this.#byPid.get(pid);
  }

  *#childrenOf(rows: ChildRows): IterableIterator<SupervisedChild> {
    for (const child of rows) {
      const supervisor = child.pid === undefined ? undefined : this.#byPid.get(child.pid);
      yield { ...child, supervisor };
    }
  }
}
