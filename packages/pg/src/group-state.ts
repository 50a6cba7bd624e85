/**
 * The state of one scope on one node, and every rule about it: `step(event)` changes the state at once and
 * returns what is to be done in the world, in order. No clock, no socket, no await.
 *
 * 1. Each node alone decides its own members. It numbers its updates, one version after another, records each
 *    change first and tells every session that is up second.
 * 2. On up of a session its whole local membership goes out first, as a snapshot of the version that it stands
 *    at; every later update follows on the same FIFO. At down of a session what it had told is forgotten.
 * 3. A snapshot replaces all that was known of that session, at its last part. An update applies only where it
 *    is the next version; anything else is a gap: the receiver asks for a snapshot, once, and ignores updates
 *    until it comes.
 * 4. Some time after anything was told, or was lost on its way out (`lost`), the current version is told alone
 *    (`announce`), so that a loss at the end is found too; whoever stands elsewhere asks, and asks again.
 *
 * Guarantees: what a session tells changes only what is known of that session's life of its node, never local
 * members and never another node's; a frame of a session that is not current changes nothing. Views of a node
 * that told nothing lately lag by what is in flight. No order is promised between updates of different nodes.
 */
import { type AnyPid, type NodeName, type Pid, ProtocolError } from '@liminal-node/scheduler';
import { GroupLimitError } from './errors.js';
import { cutChanges, cutSnapshot } from './frame-cutting.js';
import { LocalGroups } from './local-groups.js';
import type { PgSession } from './port.js';
import { type MemberChange, type PeerView, RemoteGroups, type StagedSnapshot } from './remote-groups.js';
import type { PgFrame, SnapshotFrame, UpdateFrame, WireChange } from './wire.js';

/** A process in a group. */
export type Membership = readonly [group: string, pid: AnyPid];

/** Why an event changed nothing. */
export type Refusal = 'foreign session' | 'stale session' | 'own node' | 'gap' | 'awaiting snapshot';

export type GroupEvent =
  | { readonly type: 'join'; readonly group: string; readonly pid: AnyPid }
  | { readonly type: 'leave'; readonly group: string; readonly pid: AnyPid }
  /** Many joins in as few updates as they fit in; all of them, or none where that would go beyond a limit. */
  | { readonly type: 'joinMany'; readonly memberships: readonly Membership[] }
  | { readonly type: 'leaveMany'; readonly memberships: readonly Membership[] }
  | { readonly type: 'exit'; readonly pid: AnyPid }
  /** `ask`: the session was up before this scope, so its snapshot may have come and gone: ask for one. */
  | { readonly type: 'up'; readonly session: PgSession; readonly ask: boolean }
  | { readonly type: 'down'; readonly session: PgSession }
  | { readonly type: 'frame'; readonly session: PgSession; readonly frame: PgFrame }
  | { readonly type: 'announce' }
  /** Something that this node sent on that session was lost before it left, and what is sent now goes out. */
  | { readonly type: 'lost'; readonly session: PgSession }
  | { readonly type: 'stop' };

export type GroupEffect =
  /** An `exit` event is wanted when the process ends, until `unwatch`. */
  | { readonly type: 'watch'; readonly pid: AnyPid }
  | { readonly type: 'unwatch'; readonly pid: AnyPid }
  | { readonly type: 'send'; readonly to: readonly PgSession[]; readonly frames: readonly PgFrame[] }
  /** An `announce` event is wanted in a while. */
  | { readonly type: 'announceLater' }
  | { readonly type: 'tell'; readonly change: MemberChange }
  | { readonly type: 'refuse'; readonly reason: Refusal; readonly session: PgSession };

export interface GroupLimits {
  readonly maxGroups: number;
  readonly maxJoins: number;
  readonly maxFrameBytes: number;
}

export class GroupState {
  readonly node: NodeName;
  readonly local = new LocalGroups();
  readonly remote = new RemoteGroups();
  readonly #limits: GroupLimits;
  #version = 0;
  #newestSession = -1;

  constructor(node: NodeName, limits: GroupLimits) {
    this.node = node;
    this.#limits = limits;
  }

  /** The number of the last update that was told. */
  get version(): number {
    return this.#version;
  }

  /**
   * @throws GroupLimitError for a join beyond a limit.
   * @throws ProtocolError for a frame that would take its session beyond a limit or names a member twice: close
   *   that session. Neither has changed what is known.
   */
  step(event: GroupEvent): GroupEffect[] {
    switch (event.type) {
      case 'join':
        return this.#join(event.group, event.pid);
      case 'leave':
        return this.#leave(event.group, event.pid);
      case 'joinMany':
        return this.#joinMany(event.memberships);
      case 'leaveMany':
        return this.#leaveMany(event.memberships);
      case 'exit':
        return this.#exit(event.pid);
      case 'up':
        return this.#up(event.session, event.ask);
      case 'down':
        return this.#down(event.session);
      case 'frame':
        return this.#frame(event.session, event.frame);
      case 'announce':
        return this.#announce();
      case 'lost':
        return this.#lost(event.session);
      case 'stop':
        return this.#stop();
      default:
        return event satisfies never;
    }
  }

  #join(group: string, pid: AnyPid): GroupEffect[] {
    const { maxGroups, maxJoins } = this.#limits;
    const { local } = this;
    if (local.joins >= maxJoins) throw new GroupLimitError('maxJoins', maxJoins);
    if (local.groups.size >= maxGroups && !local.groups.has(group)) throw new GroupLimitError('maxGroups', maxGroups);
    const isNew = !local.holds(pid);
    const change = local.join(group, pid);
    return [
      this.#told('join', group, pid, 1),
      ...this.#publish([change]),
      ...(isNew ? [{ type: 'watch', pid } as const] : []),
    ];
  }

  #joinMany(memberships: readonly Membership[]): GroupEffect[] {
    const { local } = this;
    const { maxGroups, maxJoins } = this.#limits;
    if (local.joins + memberships.length > maxJoins) throw new GroupLimitError('maxJoins', maxJoins);
    const newGroups = new Set<string>();
    for (const [group] of memberships) if (!local.groups.has(group)) newGroups.add(group);
    if (local.groups.size + newGroups.size > maxGroups) throw new GroupLimitError('maxGroups', maxGroups);
    const watched: GroupEffect[] = [];
    const changes = memberships.map(([group, pid]) => {
      if (!local.holds(pid)) watched.push({ type: 'watch', pid });
      return local.join(group, pid);
    });
    return [...this.#toldMany('join', memberships), ...this.#publish(changes), ...watched];
  }

  #leaveMany(memberships: readonly Membership[]): GroupEffect[] {
    const changes: WireChange[] = [];
    const left: Membership[] = [];
    for (const membership of memberships) {
      const change = this.local.leave(...membership);
      if (change === undefined) continue;
      changes.push(change);
      left.push(membership);
    }
    const gone = new Set(left.map(([, pid]) => pid).filter((pid) => !this.local.holds(pid)));
    return [
      ...this.#toldMany('leave', left),
      ...this.#publish(changes),
      ...[...gone].map((pid) => ({ type: 'unwatch', pid }) as const),
    ];
  }

  #leave(group: string, pid: AnyPid): GroupEffect[] {
    const change = this.local.leave(group, pid);
    if (change === undefined) return [];
    return [
      this.#told('leave', group, pid, 1),
      ...this.#publish([change]),
      ...(this.local.holds(pid) ? [] : [{ type: 'unwatch', pid } as const]),
    ];
  }

  /** A process that left before its end was noticed is in no group: nothing happens (leave_exit_race). */
  #exit(pid: AnyPid): GroupEffect[] {
    const left = this.local.exit(pid);
    if (left.length === 0) return [];
    return [
      ...left.map(({ change, joins }) => this.#told('leave', change.group, pid, joins)),
      ...this.#publish(left.map(({ change }) => change)),
      { type: 'unwatch', pid },
    ];
  }

  #up(session: PgSession, ask: boolean): GroupEffect[] {
    if (session.node === this.node) return [{ type: 'refuse', reason: 'own node', session }];
    if (session.id <= this.#newestSession) return [{ type: 'refuse', reason: 'stale session', session }];
    this.#newestSession = session.id;
    // Distribution tells the down of a replaced session first; were it to come late, it must find nothing to purge.
    const replaced = this.remote.viewOf(session.node);
    const purged = replaced === undefined ? [] : this.remote.close(replaced).map(tell);
    const view = this.remote.open(session);
    view.awaiting = ask;
    return [
      ...purged,
      { type: 'send', to: [session], frames: this.#snapshot() },
      ...(ask ? [askOf(session)] : []),
      { type: 'announceLater' },
    ];
  }

  #down(session: PgSession): GroupEffect[] {
    const view = this.remote.view(session);
    if (view === undefined) return this.#notCurrent(session);
    return this.remote.close(view).map(tell);
  }

  #frame(session: PgSession, frame: PgFrame): GroupEffect[] {
    const view = this.remote.view(session);
    if (view === undefined) return this.#notCurrent(session);
    switch (frame.type) {
      case 'snapshot':
        return this.#takeSnapshot(view, frame);
      case 'update':
        return this.#takeUpdate(view, frame);
      case 'resync':
        return [{ type: 'send', to: [session], frames: this.#snapshot() }, { type: 'announceLater' }];
      default:
        return frame satisfies never;
    }
  }

  #takeSnapshot(view: PeerView, { version, part, last, groups }: SnapshotFrame): GroupEffect[] {
    if (part === 0) view.staged = { version, nextPart: 0, joins: 0, groups: new Map() };
    const { staged } = view;
    if (staged === undefined || staged.version !== version || staged.nextPart !== part) return this.#gap(view, false);
    staged.nextPart++;
    for (const { group, members } of groups) {
      let all = staged.groups.get(group);
      if (all === undefined) {
        all = new Map();
        staged.groups.set(group, all);
      }
      for (const member of members) {
        const pid = view.pidOf(member);
        if (all.has(pid)) throw new ProtocolError('duplicate member', `${pid} is in "${group}" twice`);
        all.set(pid, member.joins);
        staged.joins += member.joins;
      }
      // Checked as the parts come, so that a snapshot beyond the limits is never held as a whole.
      this.#checkLimits(staged.groups.size, staged.joins);
    }
    return last ? this.#applySnapshot(view, staged) : [];
  }

  #applySnapshot(view: PeerView, { version, groups, joins }: StagedSnapshot): GroupEffect[] {
    view.staged = undefined;
    view.awaiting = false;
    view.version = version;
    return this.remote.replace(view, groups, joins).map(tell);
  }

  #takeUpdate(view: PeerView, { version, changes }: UpdateFrame): GroupEffect[] {
    const isAnnouncement = changes.length === 0;
    const isNext = view.version !== undefined && version === view.version + (isAnnouncement ? 0 : 1);
    if (!isNext || view.awaiting || view.staged !== undefined) return this.#gap(view, isAnnouncement);
    this.#checkUpdate(view, changes);
    view.version = version;
    const effects: GroupEffect[] = [];
    for (const each of changes) {
      const change = this.remote.set(view, each.group, view.pidOf(each), each.joins);
      if (change !== undefined) effects.push(tell(change));
    }
    return effects;
  }

  /** Asks for a snapshot, once until it comes; an announcement shows that the answer is overdue. */
  #gap(view: PeerView, askAgain: boolean): GroupEffect[] {
    const { session } = view;
    const wasAwaiting = view.awaiting;
    view.awaiting = true;
    view.staged = undefined;
    return [
      { type: 'refuse', reason: wasAwaiting ? 'awaiting snapshot' : 'gap', session },
      ...(wasAwaiting && !askAgain ? [] : [askOf(session)]),
    ];
  }

  #checkUpdate(view: PeerView, changes: readonly WireChange[]): void {
    let { joins } = view;
    let groups = view.groups.size;
    // Mostly there is room even if all of it were new, which costs no look at what is there.
    const most = changes.reduce((sum, change) => sum + change.joins, joins);
    if (most <= this.#limits.maxJoins && groups + changes.length <= this.#limits.maxGroups) return;
    for (const change of changes) {
      const members = view.groups.get(change.group);
      if (members === undefined && change.joins > 0) groups++;
      joins += Math.max(0, change.joins - (members?.get(view.pidOf(change)) ?? 0));
    }
    this.#checkLimits(groups, joins);
  }

  #checkLimits(groups: number, joins: number): void {
    const { maxGroups, maxJoins } = this.#limits;
    if (groups > maxGroups) throw new ProtocolError('over limit', `${groups} groups of one node; at most ${maxGroups}`);
    if (joins > maxJoins) throw new ProtocolError('over limit', `${joins} joins of one node; at most ${maxJoins}`);
  }

  #stop(): GroupEffect[] {
    const pids = [...this.local.pids];
    const { sessions } = this.remote;
    this.local.clear();
    const goodbye = this.#snapshot();
    for (const session of sessions) {
      const view = this.remote.view(session);
      if (view !== undefined) this.remote.close(view);
    }
    return [
      ...pids.map((pid) => ({ type: 'unwatch', pid }) as const),
      ...(sessions.length > 0 ? [{ type: 'send', to: sessions, frames: goodbye } as const] : []),
    ];
  }

  /** The number is told soon; at once, a membership larger than what may be held would be sent in a circle. */
  #lost(session: PgSession): GroupEffect[] {
    const view = this.remote.view(session);
    if (view === undefined) return [];
    // It may have been the question that was lost.
    view.asksAgain = view.awaiting;
    return [{ type: 'announceLater' }];
  }

  #announce(): GroupEffect[] {
    const asked = this.remote.sessions.flatMap((session) => {
      const view = this.remote.view(session);
      if (view === undefined || !view.asksAgain) return [];
      view.asksAgain = false;
      return view.awaiting ? [askOf(session)] : [];
    });
    return [...this.#tellPeers([{ type: 'update', version: this.#version, changes: [] }]), ...asked];
  }

  #notCurrent(session: PgSession): GroupEffect[] {
    const reason = session.id <= this.#newestSession ? 'stale session' : 'foreign session';
    return [{ type: 'refuse', reason, session }];
  }

  #snapshot(): PgFrame[] {
    return cutSnapshot(this.#version, this.local.wireGroups(), this.#limits.maxFrameBytes);
  }

  #publish(changes: readonly WireChange[]): GroupEffect[] {
    const frames = cutChanges(changes, this.#limits.maxFrameBytes).map(
      (run): PgFrame => ({ type: 'update', version: ++this.#version, changes: run }),
    );
    return [
      ...this.#tellPeers(frames),
      ...(this.remote.sessions.length > 0 ? [{ type: 'announceLater' } as const] : []),
    ];
  }

  #tellPeers(frames: readonly PgFrame[]): GroupEffect[] {
    const to = this.remote.sessions;
    return to.length === 0 ? [] : [{ type: 'send', to, frames }];
  }

  #told(type: 'join' | 'leave', group: string, pid: AnyPid, times: number): GroupEffect {
    return tell({ type, group, node: this.node, pids: Array<Pid>(times).fill(pid as Pid) });
  }

  /** One change for all that come one behind the other in the same group. */
  #toldMany(type: 'join' | 'leave', memberships: readonly Membership[]): GroupEffect[] {
    const effects: GroupEffect[] = [];
    for (let from = 0; from < memberships.length; ) {
      const group = memberships[from]?.[0] ?? '';
      const pids: Pid[] = [];
      for (; memberships[from]?.[0] === group; from++) pids.push(memberships[from]?.[1] as Pid);
      effects.push(tell({ type, group, node: this.node, pids }));
    }
    return effects;
  }
}

function tell(change: MemberChange): GroupEffect {
  return { type: 'tell', change };
}

function askOf(session: PgSession): GroupEffect {
  return { type: 'send', to: [session], frames: [{ type: 'resync' }] };
}
