/**
 * The members that live on other nodes, by the session that told of them. What a session told is gone with
 * it: nothing is kept by node name. A second index leads from a group to the sessions that have members in it,
 * so that a publish costs no more than the nodes that it goes to.
 */
import { type AnyPid, type NodeName, type Pid, pidPrefix } from '@liminal-node/scheduler';
import type { KeptView } from './kept-views.js';
import { listed, MemberCounts, type Members } from './members.js';
import type { PgSession } from './port.js';
import type { WireChange, WireMember } from './wire.js';

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
  readonly groups: Map<string, MemberCounts>;
}

/** What one session has told. */
export class PeerView {
  readonly session: PgSession;
  /** The peer's version that the members stand at; undefined before the first snapshot. */
  version: number | undefined;
  /** The life of the peer's scope, once it has said so. */
  life: number | undefined;
  /** What is held of an earlier session, and counts no more until the peer goes on from there. */
  kept: KeptView | undefined;
  /** The peer has been sent all that there is here: it gets every update from then on. */
  isTold = false;
  /** A snapshot was asked for and has not come yet: updates are ignored. */
  awaiting = false;
  /** What was asked, or its answer, may have been lost: it is asked once more with the next announcement. */
  asksAgain = false;
  staged: StagedSnapshot | undefined;
  joins = 0;
  groups = new Map<string, MemberCounts>();
  /** This view alone: shared by all groups in which no other node has members. */
  readonly alone: readonly PeerView[] = [this];
  /** What the pids of one thread begin with: most members in a row are of the same. */
  #prefix = '';
  #prefixThread = -1;
  /** One string for a process that is in many groups: most come in a row. */
  #lastSerial = -1;
  #lastPid = '' as Pid;

  constructor(session: PgSession) {
    this.session = session;
  }

  /** The pid of a process of this peer, and never of anybody else. */
  pidOf({ thread, serial }: WireMember): Pid {
    if (thread !== this.#prefixThread) {
      this.#prefix = pidPrefix(this.session.node, this.session.creation, thread);
      this.#prefixThread = thread;
      this.#lastSerial = -1;
    }
    if (serial !== this.#lastSerial) {
      this.#lastPid = `${this.#prefix}${serial}` as Pid;
      this.#lastSerial = serial;
    }
    return this.#lastPid;
  }
}

export class RemoteGroups {
  readonly #bySession = new Map<PgSession, PeerView>();
  readonly #byNode = new Map<NodeName, PeerView>();
  /** The views that have members in a group: as few as there are such nodes. */
  readonly #byGroup = new Map<string, readonly PeerView[]>();

  get sessions(): PgSession[] {
    return [...this.#bySession.keys()];
  }

  /** Those that have been sent all that there is here, and now get the updates. */
  get told(): PgSession[] {
    const told: PgSession[] = [];
    for (const view of this.#bySession.values()) if (view.isTold) told.push(view.session);
    return told;
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
    const { node } = view.session;
    const changes: MemberChange[] = [];
    for (const [group, members] of view.groups) {
      changes.push({ type: 'leave', group, node, pids: listed(members) });
      this.#unlist(view, group);
    }
    this.#bySession.delete(view.session);
    this.#byNode.delete(node);
    return changes;
  }

  /** The sessions that have members in a group. */
  inGroup(group: string): readonly PeerView[] {
    return this.#byGroup.get(group) ?? [];
  }

  /** Sets how often one process has joined. @returns how often it had before. */
  set(view: PeerView, group: string, pid: Pid, joins: number): number {
    let members = view.groups.get(group);
    const before = members?.joinsOf(pid) ?? 0;
    if (joins === before) return before;
    view.joins += joins - before;
    if (members === undefined) {
      members = new MemberCounts();
      view.groups.set(group, members);
      this.#list(view, group);
    }
    members.set(pid, joins);
    if (members.size === 0) {
      view.groups.delete(group);
      this.#unlist(view, group);
    }
    return before;
  }

  /** Sets how often processes have joined. @returns one change for all that come one behind the other in the same group. */
  apply(view: PeerView, updates: readonly WireChange[]): MemberChange[] {
    const { node } = view.session;
    const changes: MemberChange[] = [];
    let pids: Pid[] = [];
    let group: string | undefined;
    let type: MemberChange['type'] = 'join';
    for (const each of updates) {
      const pid = view.pidOf(each);
      const more = each.joins - this.set(view, each.group, pid, each.joins);
      if (more === 0) continue;
      const isJoin = more > 0;
      let times = Math.abs(more);
      if (each.group !== group || isJoin !== (type === 'join')) {
        group = each.group;
        type = isJoin ? 'join' : 'leave';
        // Most have one member: a literal of it takes 40 bytes, an array that grows by it 170.
        pids = [pid];
        times--;
        changes.push({ type, group, node, pids });
      }
      for (; times > 0; times--) pids.push(pid);
    }
    return changes;
  }

  /** Puts `groups`, which it keeps, in the place of all that the session had told, and returns the difference. */
  replace(view: PeerView, groups: Map<string, MemberCounts>, joins: number): MemberChange[] {
    const { node } = view.session;
    const changes: MemberChange[] = [];
    for (const [group, before] of view.groups) {
      const after = groups.get(group);
      const left = surplus(before, after);
      if (left.length > 0) changes.push({ type: 'leave', group, node, pids: left });
      if (after === undefined) this.#unlist(view, group);
    }
    for (const [group, after] of groups) {
      const before = view.groups.get(group);
      const joined = surplus(after, before);
      if (joined.length > 0) changes.push({ type: 'join', group, node, pids: joined });
      if (before === undefined) this.#list(view, group);
    }
    view.groups = groups;
    view.joins = joins;
    return changes;
  }

  #list(view: PeerView, group: string): void {
    const views = this.#byGroup.get(group);
    this.#byGroup.set(group, views === undefined ? view.alone : [...views, view]);
  }

  #unlist(view: PeerView, group: string): void {
    const views = this.#byGroup.get(group);
    if (views === undefined) return;
    const left = views === view.alone ? [] : views.filter((each) => each !== view);
    if (left.length === 0) this.#byGroup.delete(group);
    else this.#byGroup.set(group, left.length === 1 ? (left[0] as PeerView).alone : left);
  }
}

/** The pids that `one` lists more often than `other`, as often as it does. */
function surplus(one: Members, other: Members | undefined): Pid[] {
  if (other === undefined) return listed(one);
  const pids: Pid[] = [];
  one.forEach((pid, joins) => {
    for (let n = other.joinsOf(pid); n < joins; n++) pids.push(pid);
  });
  return pids;
}

/** One change for all memberships of that node that come one behind the other in the same group. */
export function changesOf(
  type: MemberChange['type'],
  node: NodeName,
  memberships: readonly (readonly [group: string, pid: AnyPid])[],
): MemberChange[] {
  const changes: MemberChange[] = [];
  let pids: Pid[] = [];
  let last: string | undefined;
  for (const [group, pid] of memberships) {
    if (group === last) {
      pids.push(pid as Pid);
    } else {
      last = group;
      pids = [pid as Pid];
      changes.push({ type, group, node, pids });
    }
  }
  return changes;
}
