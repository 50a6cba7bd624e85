/**
 * The members that live on this node: the one source of truth about them, from which snapshots and queries
 * are made. Joins are counted. The last leave of a group deletes it, and the last leave of a process too.
 */
import { type AnyPid, type Pid, parsePid } from '@liminal-node/scheduler';
import { MemberCounts, type Members } from './members.js';
import type { WireChange, WireGroup, WireMember } from './wire.js';

interface LocalProcess {
  readonly thread: number;
  readonly serial: number;
  /** The one group that it is in, or all of them. */
  groups: string | Set<string>;
}

export class LocalGroups {
  readonly #groups = new Map<string, MemberCounts>();
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

  /** Whether the process is in any group. */
  holds(pid: AnyPid): boolean {
    return this.#processes.has(pid);
  }

  /**
   * One more join.
   * @throws TypeError where `pid` is not a pid; nothing has changed then.
   */
  join(group: string, pid: AnyPid): WireChange {
    const process = this.#processes.get(pid) ?? this.#admit(pid, group);
    let members = this.#groups.get(group);
    if (members === undefined) {
      members = new MemberCounts();
      this.#groups.set(group, members);
    }
    const joins = members.joinsOf(pid as Pid) + 1;
    members.set(pid as Pid, joins);
    const { groups } = process;
    if (typeof groups !== 'string') groups.add(group);
    else if (groups !== group) process.groups = new Set([groups, group]);
    this.#joins++;
    return { group, thread: process.thread, serial: process.serial, joins };
  }

  /** One join fewer, or undefined where the process is not in the group. */
  leave(group: string, pid: AnyPid): WireChange | undefined {
    const joins = this.#groups.get(group)?.joinsOf(pid as Pid) ?? 0;
    return joins === 0 ? undefined : this.#set(group, pid, joins, joins - 1);
  }

  /** Takes the process out of all its groups, as often as it had joined. */
  exit(pid: AnyPid): { change: WireChange; joins: number }[] {
    const groups = this.#processes.get(pid)?.groups ?? [];
    const left: { change: WireChange; joins: number }[] = [];
    for (const group of typeof groups === 'string' ? [groups] : [...groups]) {
      const joins = this.#groups.get(group)?.joinsOf(pid as Pid) ?? 0;
      const change = this.#set(group, pid, joins, 0);
      if (change !== undefined) left.push({ change, joins });
    }
    return left;
  }

  clear(): void {
    this.#groups.clear();
    this.#processes.clear();
    this.#joins = 0;
  }

  /** Everything, as peers are told it. */
  *wireGroups(): Generator<WireGroup> {
    for (const [group, all] of this.#groups) {
      const members: WireMember[] = [];
      all.forEach((pid, joins) => {
        const process = this.#processes.get(pid);
        if (process !== undefined) members.push({ thread: process.thread, serial: process.serial, joins });
      });
      yield { group, members };
    }
  }

  #admit(pid: AnyPid, group: string): LocalProcess {
    const parts = parsePid(pid);
    if (parts === undefined) throw new TypeError(`"${pid}" is not a pid`);
    const process = { thread: parts.thread, serial: parts.serial, groups: group };
    this.#processes.set(pid, process);
    return process;
  }

  #set(group: string, pid: AnyPid, before: number, joins: number): WireChange | undefined {
    const members = this.#groups.get(group);
    const process = this.#processes.get(pid);
    if (members === undefined || process === undefined) return undefined;
    this.#joins += joins - before;
    members.set(pid as Pid, joins);
    if (joins === 0) {
      if (members.size === 0) this.#groups.delete(group);
      if (typeof process.groups === 'string') this.#processes.delete(pid);
      else if (process.groups.delete(group) && process.groups.size === 0) this.#processes.delete(pid);
    }
    return { group, thread: process.thread, serial: process.serial, joins };
  }
}
