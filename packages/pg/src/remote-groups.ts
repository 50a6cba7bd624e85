/**
 * The members that live on other nodes, by the session that told of them. What a session told is gone with
 * it: nothing is kept by node name. A second index leads from a group to the sessions that have members in it,
 * so that a publish costs no more than the nodes that it goes to.
 */
import { type NodeName, type Pid, pidPrefix } from '@liminal-node/scheduler';
import { listed, type Members } from './local-groups.js';
import type { PgSession } from './port.js';
import type { WireMember } from './wire.js';

/** Processes joined or left a group: every pid as often as it joined or left. */
export interface MemberChange {
  readonly type: 'join' | 'leave';
  readonly group: string;
  readonly node: NodeName;
  readonly pids: readonly Pid[];
}

/** Parts of a snapshot whose last part has not come yet. */
export interface StagedSnapshot {
  readonly version: number;
  nextPart: number;
  joins: number;
  readonly groups: Map<string, Map<Pid, number>>;
}

/** What one session has told. */
export class PeerView {
  readonly session: PgSession;
  /** The peer's version that the members stand at; undefined before the first snapshot. */
  version: number | undefined;
  /** A snapshot was asked for and has not come yet: updates are ignored. */
  awaiting = false;
  /** The question for that snapshot may have been lost: it goes out once more with the next announcement. */
  asksAgain = false;
  staged: StagedSnapshot | undefined;
  joins = 0;
  readonly groups = new Map<string, Map<Pid, number>>();
  /** What the pids of one thread begin with: most members in a row are of the same. */
  #prefix = '';
  #prefixThread = -1;

  constructor(session: PgSession) {
    this.session = session;
  }

  /** The pid of a process of this peer, and never of anybody else. */
  pidOf({ thread, serial }: WireMember): Pid {
    if (thread !== this.#prefixThread) {
      this.#prefix = pidPrefix(this.session.node, this.session.creation, thread);
      this.#prefixThread = thread;
    }
    return `${this.#prefix}${serial}` as Pid;
  }
}

export class RemoteGroups {
  readonly #bySession = new Map<PgSession, PeerView>();
  readonly #byNode = new Map<NodeName, PeerView>();
  readonly #byGroup = new Map<string, Map<PeerView, Members>>();

  get sessions(): PgSession[] {
    return [...this.#bySession.keys()];
  }

  get groups(): Iterable<string> {
    return this.#byGroup.keys();
  }

  view(session: PgSession): PeerView | undefined {
    return this.#bySession.get(session);
  }

  viewOf(node: NodeName): PeerView | undefined {
    return this.#byNode.get(node);
  }

  open(session: PgSession): PeerView {
    const view = new PeerView(session);
    this.#bySession.set(session, view);
    this.#byNode.set(session.node, view);
    return view;
  }

  /** Forgets a session and returns what thereby left. */
  close(view: PeerView): MemberChange[] {
    const changes = this.replace(view, new Map(), 0);
    this.#bySession.delete(view.session);
    this.#byNode.delete(view.session.node);
    return changes;
  }

  /** The members of a group by session. */
  inGroup(group: string): ReadonlyMap<PeerView, Members> | undefined {
    return this.#byGroup.get(group);
  }

  /** Sets how often one process has joined, and returns what that changed, if anything. */
  set(view: PeerView, group: string, pid: Pid, joins: number): MemberChange | undefined {
    let members = view.groups.get(group);
    const before = members?.get(pid) ?? 0;
    if (joins === before) return undefined;
    view.joins += joins - before;
    if (members === undefined) {
      members = new Map();
      this.#place(view, group, members);
    }
    if (joins > 0) members.set(pid, joins);
    else members.delete(pid);
    if (members.size === 0) this.#remove(view, group);
    const type = joins > before ? 'join' : 'leave';
    const times = Math.abs(joins - before);
    return { type, group, node: view.session.node, pids: times === 1 ? [pid] : Array<Pid>(times).fill(pid) };
  }

  /** Puts `groups` in the place of all that the session had told, and returns the difference. */
  replace(view: PeerView, groups: Map<string, Map<Pid, number>>, joins: number): MemberChange[] {
    const { node } = view.session;
    const changes: MemberChange[] = [];
    for (const [group, before] of [...view.groups]) {
      const left = surplus(before, groups.get(group));
      if (left.length > 0) changes.push({ type: 'leave', group, node, pids: left });
      if (!groups.has(group)) this.#remove(view, group);
    }
    for (const [group, after] of groups) {
      const joined = surplus(after, view.groups.get(group));
      if (joined.length > 0) changes.push({ type: 'join', group, node, pids: joined });
      this.#place(view, group, after);
    }
    view.joins = joins;
    return changes;
  }

  #place(view: PeerView, group: string, members: Map<Pid, number>): void {
    view.groups.set(group, members);
    let views = this.#byGroup.get(group);
    if (views === undefined) {
      views = new Map();
      this.#byGroup.set(group, views);
    }
    views.set(view, members);
  }

  #remove(view: PeerView, group: string): void {
    view.groups.delete(group);
    const views = this.#byGroup.get(group);
    views?.delete(view);
    if (views?.size === 0) this.#byGroup.delete(group);
  }
}

/** The pids that `one` lists more often than `other`, as often as it does. */
function surplus(one: Members, other: Members | undefined): Pid[] {
  if (other === undefined) return listed(one);
  const pids: Pid[] = [];
  for (const [pid, joins] of one) for (let n = other.get(pid) ?? 0; n < joins; n++) pids.push(pid);
  return pids;
}
