/**
 * The state of one scope on one node, and every rule about it: `step(event)` changes the state at once and
 * returns what is to be done in the world, in order. No clock, no socket, no await.
 *
 * 1. Each node alone decides its own members. It records each change first. Changes are gathered until the end of
 *    the turn (`tellChanges`), until there are many, or until anything else is told that they must not come behind;
 *    then they are one update with the next version, which every session that is up is told.
 * 2. On up of a session each side says what it still holds of the other's earlier session (`have`): the life of the scope
 *    and the version. The answer is the updates behind that version, where the log reaches back to it (`resume`), else a
 *    snapshot of the version that the node stands at; every later update follows on the same FIFO. To a peer that does not
 *    say so the snapshot goes at once. At down of a session what it had told is in no view any more; it is kept apart
 *    (`kept-views.ts`) and counts again once a session with the same life goes on from its version.
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
import { KeptViews } from './kept-views.js';
import { LocalGroups } from './local-groups.js';
import { LocalUpdates } from './local-updates.js';
import { MemberCounts } from './members.js';
import { checkChanges, checkLimits, type Known } from './peer-limits.js';
import type { PgSession } from './port.js';
import { changesOf, type MemberChange, type PeerView, RemoteGroups, type StagedSnapshot } from './remote-groups.js';
import type { PgFrame, ResumeFrame, SnapshotFrame, UpdateFrame, WireChange } from './wire.js';

export class GroupState {
  readonly node: NodeName;
  readonly local = new LocalGroups();
  readonly remote = new RemoteGroups();
  readonly #limits: GroupLimits;
  readonly #updates: LocalUpdates;
  /** What is held of lost peers, for their return. */
  readonly kept: KeptViews;
  readonly #life: number;
  #newestSession = -1;

  /** @param life tells this scope from others that run, ran or will run under its name in this life of the node; u48. */
  constructor(node: NodeName, limits: GroupLimits, life: number) {
    this.node = node;
    this.#limits = limits;
    this.#updates = new LocalUpdates(limits.maxFrameBytes, limits.maxLoggedChanges);
    this.kept = new KeptViews(limits.maxKeptJoins);
    this.#life = life;
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
      case 'forget':
        return this.kept.age() ? [{ type: 'forgetLater' }] : [];
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
    const told = this.#told('join', group, pid, 1);
    const effects: GroupEffect[] = isNew ? [told, { type: 'watch', pid }] : [told];
    this.#gather(change, effects);
    return effects;
  }

  #joinMany(memberships: readonly Membership[]): GroupEffect[] {
    const { local } = this;
    const { maxGroups, maxJoins } = this.#limits;
    if (local.joins + memberships.length > maxJoins) throw new GroupLimitError('maxJoins', maxJoins);
    // Mostly there is room even if every group were new.
    if (local.groups.size + memberships.length > maxGroups) {
      const newGroups = new Set<string>();
      for (const [group] of memberships) if (!local.groups.has(group)) newGroups.add(group);
      if (local.groups.size + newGroups.size > maxGroups) throw new GroupLimitError('maxGroups', maxGroups);
    }
    const effects: GroupEffect[] = [{ type: 'tell', changes: changesOf('join', this.node, memberships) }];
    for (const [group, pid] of memberships) {
      if (!local.holds(pid)) effects.push({ type: 'watch', pid });
      this.#gather(local.join(group, pid), effects);
    }
    return effects;
  }

  #leaveMany(memberships: readonly Membership[]): GroupEffect[] {
    const told: GroupEffect[] = [];
    const left: Membership[] = [];
    for (const membership of memberships) {
      const change = this.local.leave(...membership);
      if (change === undefined) continue;
      this.#gather(change, told);
      left.push(membership);
    }
    if (left.length === 0) return [];
    const gone = new Set(left.map(([, pid]) => pid).filter((pid) => !this.local.holds(pid)));
    return [
      { type: 'tell', changes: changesOf('leave', this.node, left) },
      ...told,
      ...[...gone].map((pid) => ({ type: 'unwatch', pid }) as const),
    ];
  }

  #leave(group: string, pid: AnyPid): GroupEffect[] {
    const change = this.local.leave(group, pid);
    if (change === undefined) return [];
    const effects = [this.#told('leave', group, pid, 1)];
    this.#gather(change, effects);
    if (!this.local.holds(pid)) effects.push({ type: 'unwatch', pid });
    return effects;
  }

  /** A process that left before its end was noticed is in no group: nothing happens (leave_exit_race). */
  #exit(pid: AnyPid): GroupEffect[] {
    const left = this.local.exit(pid);
    if (left.length === 0) return [];
    const effects: GroupEffect[] = [];
    for (const { change, joins } of left) effects.push(this.#told('leave', change.group, pid, joins));
    for (const { change } of left) this.#gather(change, effects);
    effects.push({ type: 'unwatch', pid });
    return effects;
  }

  #up(session: PgSession, ask: boolean): GroupEffect[] {
    if (session.node === this.node) return [{ type: 'refuse', reason: 'own node', session }];
    if (session.id <= this.#newestSession) return [{ type: 'refuse', reason: 'stale session', session }];
    this.#newestSession = session.id;
    // Distribution tells the down of a replaced session first; were it to come late, it must find nothing to purge.
    const replaced = this.remote.viewOf(session.node);
    const purged = replaced ? this.#close(replaced) : [];
    const told = this.#tellChanges();
    const view = this.remote.open(session);
    view.awaiting = ask;
    view.kept = this.kept.take(session.node, session.creation);
    // Where a peer says what it holds, only the answer to that tells it; what it said before this scope ran is lost.
    view.isTold = ask || session.resumesGroups !== true;
    return [
      ...purged,
      ...told,
      ...(view.isTold ? [{ type: 'send', to: [session], frames: this.#snapshot() } as const] : []),
      ...(ask || session.resumesGroups === true ? [this.#ask(view)] : []),
      { type: 'announceLater' },
    ];
  }

  #down(session: PgSession): GroupEffect[] {
    const view = this.remote.view(session);
    if (view === undefined) return this.#notCurrent(session);
    return this.#close(view);
  }

  /** What it had told counts no more from here on, but may be kept. */
  #close(view: PeerView): GroupEffect[] {
    const { session, version, life, groups, joins } = view;
    const changes = this.remote.close(view);
    const { node, creation } = session;
    const isWhole = version !== undefined && life !== undefined;
    const kept = isWhole ? { node, creation, life, version, groups, joins } : view.kept;
    if (kept !== undefined) this.kept.keep(kept);
    return [...tell(changes), ...(kept === undefined ? [] : [{ type: 'forgetLater' } as const])];
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
        return this.#tellAll(view, this.#tellChanges(), this.#snapshot());
      case 'have': {
        view.life = frame.life;
        if (view.kept?.life !== frame.life) view.kept = undefined;
        const told = this.#tellChanges();
        const held = frame.held?.life === this.#life ? frame.held : undefined;
        return this.#tellAll(view, told, (held && this.#updates.since(held.version)) ?? this.#snapshot());
      }
      case 'resume':
        return this.#takeResume(view, frame);
      default:
        return frame satisfies never;
    }
  }

  #tellAll(view: PeerView, before: readonly GroupEffect[], frames: readonly PgFrame[]): GroupEffect[] {
    view.isTold = true;
    return [...before, { type: 'send', to: [view.session], frames }, { type: 'announceLater' }];
  }

  /** Goes on from what is known, or from what was kept where that is the very version that the peer goes on from. */
  #takeResume(view: PeerView, { from, version, changes }: ResumeFrame): GroupEffect[] {
    // The second answer to a question that was asked again: whatever it says came before it.
    if (view.version !== undefined && version <= view.version) return [];
    const kept = view.version === undefined && view.kept?.version === from ? view.kept : undefined;
    if (kept === undefined && view.version !== from) return this.#gap(view, false);
    this.#check(kept ?? view, view, changes);
    const revived = kept === undefined ? [] : this.remote.replace(view, kept.groups, kept.joins);
    view.kept = undefined;
    view.awaiting = false;
    view.staged = undefined;
    view.version = version;
    return tell([...revived, ...this.remote.apply(view, changes)]);
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
      checkLimits(staged.groups.size, staged.joins, this.#limits);
    }
    return last ? this.#applySnapshot(view, staged) : [];
  }

  #applySnapshot(view: PeerView, { version, groups, joins }: StagedSnapshot): GroupEffect[] {
    view.staged = undefined;
    view.kept = undefined;
    view.awaiting = false;
    view.version = version;
    return tell(this.remote.replace(view, groups, joins));
  }

  #takeUpdate(view: PeerView, { version, changes }: UpdateFrame): GroupEffect[] {
    const isAnnouncement = changes.length === 0;
    const isNext = view.version !== undefined && version === view.version + (isAnnouncement ? 0 : 1);
    if (!isNext || view.awaiting || view.staged !== undefined) return this.#gap(view, isAnnouncement);
    this.#check(view, view, changes);
    view.version = version;
    return tell(this.remote.apply(view, changes));
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

  #check(known: Known, view: PeerView, changes: readonly WireChange[]): void {
    checkChanges(known, changes, this.#limits, (member) => view.pidOf(member));
  }

  #stop(): GroupEffect[] {
    const pids = [...this.local.pids];
    const { sessions, told } = this.remote;
    this.local.clear();
    this.kept.clear();
    this.#updates.drop();
    const goodbye = this.#snapshot();
    for (const session of sessions) {
      const view = this.remote.view(session);
      if (view !== undefined) this.remote.close(view);
    }
    return [
      ...pids.map((pid) => ({ type: 'unwatch', pid }) as const),
      ...(told.length > 0 ? [{ type: 'send', to: told, frames: goodbye } as const] : []),
    ];
  }

  /** The number is told soon; at once, a membership larger than what may be held would be sent in a circle. */
  #lost(session: PgSession): GroupEffect[] {
    const view = this.remote.view(session);
    if (view === undefined) return [];
    // It may have been the question that was lost.
    view.asksAgain = view.awaiting || view.version === undefined;
    return [{ type: 'announceLater' }];
  }

  #announce(): GroupEffect[] {
    const asked = this.remote.sessions.flatMap((session) => {
      const view = this.remote.view(session);
      if (view === undefined) return [];
      const { asksAgain } = view;
      // Of the first answer there is no other sign: it is overdue at the second announcement.
      view.asksAgain = session.resumesGroups === true && view.version === undefined;
      if (view.asksAgain) return asksAgain ? [this.#ask(view)] : [];
      return asksAgain && view.awaiting ? [askOf(session)] : [];
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

  /** Keeps a change for the next update, and adds what is to be done about it. */
  #gather(change: WireChange, effects: GroupEffect[]): void {
    const wanted = this.#updates.gather(change);
    if (wanted === 'first') effects.push({ type: 'gather' });
    else if (wanted === 'enough') effects.push(...this.#tellChanges());
  }

  #tellChanges(): GroupEffect[] {
    const frames = this.#updates.take();
    if (frames.length === 0) return [];
    const sends = this.#tellPeers(frames);
    return sends.length === 0 ? [] : [...sends, { type: 'announceLater' }];
  }

  /** Asks for all that the view lacks. */
  #ask({ session, kept }: PeerView): GroupEffect {
    if (session.resumesGroups !== true) return askOf(session);
    const held = kept && { life: kept.life, version: kept.version };
    return { type: 'send', to: [session], frames: [{ type: 'have', life: this.#life, held }] };
  }

  #tellPeers(frames: readonly PgFrame[]): GroupEffect[] {
    const to = this.remote.told;
    return to.length === 0 ? [] : [{ type: 'send', to, frames }];
  }

  #told(type: 'join' | 'leave', group: string, pid: AnyPid, times: number): GroupEffect {
    const pids = times === 1 ? [pid as Pid] : Array<Pid>(times).fill(pid as Pid);
    return { type: 'tell', changes: [{ type, group, node: this.node, pids }] };
  }
}

function tell(changes: readonly MemberChange[]): GroupEffect[] {
  return changes.length === 0 ? [] : [{ type: 'tell', changes }];
}

function askOf(session: PgSession): GroupEffect {
  return { type: 'send', to: [session], frames: [{ type: 'resync' }] };
}
