/**
 * A thread's copy of the registered names of its node.
 *
 * Each grant of a name has a number, counted by the home thread. What is granted comes from home, and what is
 * freed from the thread of its process, so the two can overtake each other on their way to a third thread: the
 * number says which grant has ended, and a later one is left alone.
 */
import type { Pid } from './pid.js';

export interface Grant {
  readonly pid: Pid;
  readonly grant: number;
}

/** A name that a process has, or has asked for. */
export interface Registration {
  readonly name: string;
  /** Which grant of the name, once it is granted. */
  grant?: number;
}

/** Enters what home lists, or takes it off the list. */
export function list(listed: Map<string, Pid>, key: string, pid: Pid | undefined): void {
  if (pid === undefined) listed.delete(key);
  else listed.set(key, pid);
}

export class NameTable {
  readonly #grants: Map<string, Grant>;

  constructor(grants?: ReadonlyMap<string, Grant>) {
    this.#grants = new Map(grants);
  }

  get(name: string): Pid | undefined {
    return this.#grants.get(name)?.pid;
  }

  /** The grant that holds the name. */
  grantOf(name: string): Grant | undefined {
    return this.#grants.get(name);
  }

  enter(name: string, pid: Pid, grant: number): void {
    this.#grants.set(name, { pid, grant });
  }

  /** Forgets that grant of the name to `pid`, and those before it. */
  forget(name: string, pid: Pid, grant: number): void {
    const held = this.#grants.get(name);
    if (held !== undefined && held.pid === pid && held.grant <= grant) this.#grants.delete(name);
  }

  /** Forgets the names of all processes whose pids begin so. */
  forgetPrefix(prefix: string): void {
    for (const [name, { pid }] of this.#grants) if (pid.startsWith(prefix)) this.#grants.delete(name);
  }

  /** Who holds which name. */
  pids(): Map<string, Pid> {
    return new Map([...this.#grants].map(([name, { pid }]) => [name, pid]));
  }

  /** What there is now. */
  snapshot(): ReadonlyMap<string, Grant> {
    return new Map(this.#grants);
  }
}
