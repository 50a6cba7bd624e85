/**
 * The state of one scope on one node, and every rule about it: `step(event)` changes the state at once and
 * returns what is to be done in the world, in order. No clock, no socket, no await.
 *
 * 1. Each node alone decides its own members. It records each change first. Changes are gathered until the end of
 *    the turn (`tellChanges`), until there are many, or until anything else is told that they must not come behind;
 *    then they are one update with the next version, which every session that is up is told.
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
import { cutSnapshot } from './frame-cutting.js';
import type { GroupEffect, GroupEvent, GroupLimits, Membership } from './group-events.js';
import { LocalGroups } from './local-groups.js';
import { LocalUpdates } from './local-updates.js';
import { MemberCounts } from './members.js';
import type { PgSession } from './port.js';
import { type MemberChange, type PeerView, RemoteGroups, type StagedSnapshot } from './remote-groups.js';
import type { PgFrame, SnapshotFrame, UpdateFrame, WireChange } from './wire.js';

export class GroupState {
  readonly node: NodeName;
  readonly local = new LocalGroups();
  readonly remote = new RemoteGroups();
  readonly #limits: GroupLimits;
  readonly #updates: LocalUpdates;
  #newestSession = -1;

  constructor(node: NodeName, limits: GroupLimits) {
    this.node = node;
    this.#limits = limits;
    this.#updates = new LocalUpdates(limits.maxFrameBytes);
  }

  /** The number of the last update that was told. */
  get version(): number {
    return this.#updates.version;
  }

  /** Whether there are changes that no update has told. */
  get isGathering(): boolean {
    return this.#updates.isGathering;
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
      case 'tellChanges':
        return this.#tellChanges();
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
    const effects = [this.#told('join', group, pid, 1), ...this.#gather(change)];
    if (isNew) effects.push({ type: 'watch', pid });
    return effects;
  }

  #joinMany(memberships: readonly Membership[]): GroupEffect[] {
    const { local } = this;
    const { maxGroups, maxJoins } = this.#limits;
    if (local.joins + memberships.length > maxJoins) throw new GroupLimitError('maxJoins', maxJoins);
    const newGroups = new Set<string>();
    for (const [group] of memberships) if (!local.groups.has(group)) newGroups.add(group);
    if (local.groups.size + newGroups.size > maxGroups) throw new GroupLimitError('maxGroups', maxGroups);
    const effects: GroupEffect[] = [this.#toldMany('join', memberships)];
    for (const [group, pid] of memberships) {
      if (!local.holds(pid)) effects.push({ type: 'watch', pid });
      effects.push(...this.#gather(local.join(group, pid)));
    }
    return effects;
  }

  #leaveMany(memberships: readonly Membership[]): GroupEffect[] {
    const told: GroupEffect[] = [];
    const left: Membership[] = [];
    for (const membership of memberships) {
      const change = this.local.leave(...membership);
      if (change === undefined) continue;
      told.push(...this.#gather(change));
      left.push(membership);
    }
    if (left.length === 0) return [];
    const gone = new Set(left.map(([, pid]) => pid).filter((pid) => !this.local.holds(pid)));
    return [this.#toldMany('leave', left), ...told, ...[...gone].map((pid) => ({ type: 'unwatch', pid }) as const)];
  }

  #leave(group: string, pid: AnyPid): GroupEffect[] {
    const change = this.local.leave(group, pid);
    if (change === undefined) return [];
    const effects = [this.#told('leave', group, pid, 1), ...this.#gather(change)];
    if (!this.local.holds(pid)) effects.push({ type: 'unwatch', pid });
    return effects;
  }

  /** A process that left before its end was noticed is in no group: nothing happens (leave_exit_race). */
  #exit(pid: AnyPid): GroupEffect[] {
    const left = this.local.exit(pid);
    if (left.length === 0) return [];
    return [
      ...left.map(({ change, joins }) => this.#told('leave', change.group, pid, joins)),
      ...left.flatMap(({ change }) => this.#gather(change)),
      { type: 'unwatch', pid },
    ];
  }

  #up(session: PgSession, ask: boolean): GroupEffect[] {
    if (session.node === this.node) return [{ type: 'refuse', reason: 'own node', session }];
    if (session.id <= this.#newestSession) return [{ type: 'refuse', reason: 'stale session', session }];
    this.#newestSession = session.id;
    // Distribution tells the down of a replaced session first; were it to come late, it must find nothing to purge.
    const replaced = this.remote.viewOf(session.node);
    const purged = replaced === undefined ? [] : tell(this.remote.close(replaced));
    const told = this.#tellChanges();
    const view = this.remote.open(session);
    view.awaiting = ask;
    return [
      ...purged,
      ...told,
      { type: 'send', to: [session], frames: this.#snapshot() },
      ...(ask ? [askOf(session)] : []),
      { type: 'announceLater' },
    ];
  }

  #down(session: PgSession): GroupEffect[] {
    const view = this.remote.view(session);
    if (view === undefined) return this.#notCurrent(session);
    return tell(this.remote.close(view));
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
        return [
          ...this.#tellChanges(),
          { type: 'send', to: [session], frames: this.#snapshot() },
          { type: 'announceLater' },
        ];
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
        all = new MemberCounts();
        staged.groups.set(group, all);
      }
      for (const member of members) {
        const pid = view.pidOf(member);
        if (all.joinsOf(pid) > 0) throw new ProtocolError('duplicate member', `${pid} is in "${group}" twice`);
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
    return tell(this.remote.replace(view, groups, joins));
  }

  #takeUpdate(view: PeerView, { version, changes }: UpdateFrame): GroupEffect[] {
    const isAnnouncement = changes.length === 0;
    const isNext = view.version !== undefined && version === view.version + (isAnnouncement ? 0 : 1);
    if (!isNext || view.awaiting || view.staged !== undefined) return this.#gap(view, isAnnouncement);
    this.#checkUpdate(view, changes);
    view.version = version;
    return tell(this.#apply(view, changes));
  }

  /** One change for all that come one behind the other in the same group. */
  #apply(view: PeerView, updates: readonly WireChange[]): MemberChange[] {
    const { node } = view.session;
    const changes: MemberChange[] = [];
    let pids: Pid[] = [];
    let group: string | undefined;
    let type: MemberChange['type'] = 'join';
    for (const each of updates) {
      const pid = view.pidOf(each);
      const more = each.joins - this.remote.set(view, each.group, pid, each.joins);
      if (more === 0) continue;
      const isJoin = more > 0;
      if (each.group !== group || isJoin !== (type === 'join')) {
        group = each.group;
        type = isJoin ? 'join' : 'leave';
        pids = [];
        changes.push({ type, group, node, pids });
      }
      for (let n = Math.abs(more); n > 0; n--) pids.push(pid);
    }
    return changes;
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
      joins += Math.max(0, change.joins - (members?.joinsOf(view.pidOf(change)) ?? 0));
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
    this.#updates.drop();
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
    const told = this.#tellChanges();
    return [...told, ...this.#tellPeers([{ type: 'update', version: this.version, changes: [] }]), ...asked];
  }

  #notCurrent(session: PgSession): GroupEffect[] {
    const reason = session.id <= this.#newestSession ? 'stale session' : 'foreign session';
    return [{ type: 'refuse', reason, session }];
  }

  #snapshot(): PgFrame[] {
    return cutSnapshot(this.version, this.local.wireGroups(), this.#limits.maxFrameBytes);
  }

  /** Keeps a change for the next update. */
  #gather(change: WireChange): readonly GroupEffect[] {
    const wanted = this.#updates.gather(change);
    if (wanted === undefined) return NOTHING;
    return wanted === 'first' ? GATHER : this.#tellChanges();
  }

  #tellChanges(): GroupEffect[] {
    const frames = this.#updates.take();
    if (frames.length === 0 || !this.remote.hasSessions) return [];
    return [...this.#tellPeers(frames), { type: 'announceLater' }];
  }

  #tellPeers(frames: readonly PgFrame[]): GroupEffect[] {
    const to = this.remote.sessions;
    return to.length === 0 ? [] : [{ type: 'send', to, frames }];
  }

  #told(type: 'join' | 'leave', group: string, pid: AnyPid, times: number): GroupEffect {
    const pids = times === 1 ? [pid as Pid] : Array<Pid>(times).fill(pid as Pid);
    return { type: 'tell', changes: [{ type, group, node: this.node, pids }] };
  }

  /** One change for all that come one behind the other in the same group. */
  #toldMany(type: 'join' | 'leave', memberships: readonly Membership[]): GroupEffect {
    const changes: MemberChange[] = [];
    let pids: Pid[] = [];
    let last: string | undefined;
    for (const [group, pid] of memberships) {
      if (group !== last) {
        last = group;
        pids = [];
        changes.push({ type, group, node: this.node, pids });
      }
      pids.push(pid as Pid);
    }
    return { type: 'tell', changes };
  }
}

const NOTHING: readonly GroupEffect[] = [];
const GATHER: readonly GroupEffect[] = [{ type: 'gather' }];

function tell(changes: readonly MemberChange[]): GroupEffect[] {
  return changes.length === 0 ? [] : [{ type: 'tell', changes }];
}

function askOf(session: PgSession): GroupEffect {
  return { type: 'send', to: [session], frames: [{ type: 'resync' }] };
}
