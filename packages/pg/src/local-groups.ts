/**
 * The members that live on this node: the one source of truth about them, from which snapshots and queries
 * are made. Joins are counted. The last leave of a group deletes it, and the last leave of a process too.
 */
import { type AnyPid, type Pid, parsePid } from '@liminal-node/scheduler';
import type { WireChange, WireGroup } from './wire.js';

/** Each member of a group, and how often it has joined; never 0. */
export type Members = ReadonlyMap<Pid, number>;

/** Every pid as often as it has joined. */
export function listed(members: Members | undefined): Pid[] {
  const pids: Pid[] = [];
  for (const [pid, joins] of members ?? []) for (let n = 0; n < joins; n++) pids.push(pid);
  return pids;
}

interface LocalProcess {
  readonly thread: number;
  readonly serial: number;
  readonly groups: Set<string>;
}

export class LocalGroups {
  readonly #groups = new Map<string, Map<Pid, number>>();
  readonly #processes = new Map<AnyPid, LocalProcess>();
  #joins = 0;

  /** Joins of all processes in all groups. */
  get joins(): number {
    return this.#joins;
  }

  get groups(): ReadonlyMap<string, Members> {
    return this.#groups;
  }

  get pids(): Iterable<AnyPid> {
    return this.#processes.keys();
  }

  /** How often the process has joined the group. */
  joinsOf(group: string, pid: AnyPid): number {
    return this.#groups.get(group)?.get(pid as Pid) ?? 0;
  }

  /** Whether the process is in any group. */
  holds(pid: AnyPid): boolean {
    return this.#processes.has(pid);
  }

  /**
   * One more join.
   * @throws TypeError where `pid` is not a pid; nothing has changed then.
   */
  join(group: string, pid: AnyPid): WireChange {
    const process = this.#processes.get(pid) ?? this.#admit(pid);
    let members = this.#groups.get(group);
    if (members === undefined) {
      members = new Map();
      this.#groups.set(group, members);
    }
    const joins = (members.get(pid as Pid) ?? 0) + 1;
    members.set(pid as Pid, joins);
    process.groups.add(group);
    this.#joins++;
    return { group, thread: process.thread, serial: process.serial, joins };
  }

  /** One join fewer, or undefined where the process is not in the group. */
  leave(group: string, pid: AnyPid): WireChange | undefined {
    const joins = this.joinsOf(group, pid);
    return joins === 0 ? undefined : this.#set(group, pid, joins, joins - 1);
  }

  /** Takes the process out of all its groups, as often as it had joined. */
  exit(pid: AnyPid): { change: WireChange; joins: number }[] {
    return [...(this.#processes.get(pid)?.groups ?? [])].flatMap((group) => {
      const joins = this.joinsOf(group, pid);
      const change = this.#set(group, pid, joins, 0);
      return change === undefined ? [] : [{ change, joins }];
    });
  }

  clear(): void {
    this.#groups.clear();
    this.#processes.clear();
    this.#joins = 0;
  }

  /** Everything, as peers are told it. */
  *wireGroups(): Generator<WireGroup> {
    for (const [group, members] of this.#groups) {
      yield {
        group,
        members: [...members].flatMap(([pid, joins]) => {
          const process = this.#processes.get(pid);
          return process === undefined ? [] : [{ thread: process.thread, serial: process.serial, joins }];
        }),
      };
    }
  }

  #admit(pid: AnyPid): LocalProcess {
    const parts = parsePid(pid);
    if (parts === undefined) throw new TypeError(`"${pid}" is not a pid`);
    const process = { thread: parts.thread, serial: parts.serial, groups: new Set<string>() };
    this.#processes.set(pid, process);
    return process;
  }

  #set(group: string, pid: AnyPid, before: number, joins: number): WireChange | undefined {
    const members = this.#groups.get(group);
    const process = this.#processes.get(pid);
    if (members === undefined || process === undefined) return undefined;
    this.#joins += joins - before;
    if (joins > 0) {
      members.set(pid as Pid, joins);
    } else {
      members.delete(pid as Pid);
      if (members.size === 0) this.#groups.delete(group);
      process.groups.delete(group);
      if (process.groups.size === 0) this.#processes.delete(pid);
    }
    return { group, thread: process.thread, serial: process.serial, joins };
  }
}
