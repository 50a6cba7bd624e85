/**
 * The members of one group on one node. Most groups have one there: it is kept in two fields, which take 56 bytes
 * where a Map of one entry takes 192.
 */
import type { Pid } from '@liminal-node/scheduler';

/** Each member of a group, and how often it has joined; never 0. */
export interface Members {
  readonly size: number;
  /** How often the process has joined; 0 where it is no member. */
  joinsOf(pid: Pid): number;
  /** Calls back for each member. */
  forEach(visit: (pid: Pid, joins: number) => void): void;
  /** Every pid as often as it has joined. */
  list(): Pid[];
}

export class MemberCounts implements Members {
  /** The one member, while there are no `#all`. */
  #only: Pid | undefined;
  #onlyJoins = 0;
  #all: Map<Pid, number> | undefined;

  get size(): number {
    return this.#all?.size ?? (this.#only === undefined ? 0 : 1);
  }

  joinsOf(pid: Pid): number {
    if (this.#all !== undefined) return this.#all.get(pid) ?? 0;
    return this.#only === pid ? this.#onlyJoins : 0;
  }

  /** @param joins 0 takes the process out. */
  set(pid: Pid, joins: number): void {
    if (this.#all === undefined && (this.#only === undefined || this.#only === pid)) {
      this.#only = joins === 0 ? undefined : pid;
      this.#onlyJoins = joins;
      return;
    }
    this.#all ??= new Map([[this.#only as Pid, this.#onlyJoins]]);
    this.#only = undefined;
    if (joins === 0) this.#all.delete(pid);
    else this.#all.set(pid, joins);
  }

  forEach(visit: (pid: Pid, joins: number) => void): void {
    if (this.#all !== undefined) for (const [pid, joins] of this.#all) visit(pid, joins);
    else if (this.#only !== undefined) visit(this.#only, this.#onlyJoins);
  }

  list(): Pid[] {
    // As a literal it takes 40 bytes, and 170 where it grows by its first pid.
    if (this.#all === undefined && this.#only !== undefined && this.#onlyJoins === 1) return [this.#only];
    const pids: Pid[] = [];
    this.forEach((pid, joins) => {
      for (let n = 0; n < joins; n++) pids.push(pid);
    });
    return pids;
  }
}

/** Every pid as often as it has joined; none where nobody is. */
export function listed(members: Members | undefined): Pid[] {
  return members?.list() ?? [];
}
