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
 * 4. Some time after anything was told (`announce`) the current version is told alone, so that a loss at the
 *    end is found too; whoever stands elsewhere asks, and asks again.
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

/** Why an event changed nothing. */
export type Refusal = 'foreign session' | 'stale session' | 'own node' | 'gap' | 'awaiting snapshot';

export type GroupEvent =
  | { readonly type: 'join'; readonly group: string; readonly pid: AnyPid }
  | { readonly type: 'leave'; readonly group: string; readonly pid: AnyPid }
  | { readonly type: 'exit'; readonly pid: AnyPid }
  /** `ask`: the session was up before this scope, so its snapshot may have come and gone: ask for one. */
  | { readonly type: 'up'; readonly session: PgSession; readonly ask: boolean }
  | { readonly type: 'down'; readonly session: PgSession }
  | { readonly type: 'frame'; readonly session: PgSession; readonly frame: PgFrame }
  | { readonly type: 'announce' }
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
      case 'exit':
        return this.#exit(event.pid);
      case 'up':
        return this.#up(event.session, event.ask);
      case 'down':
        return this.#down(event.session);
      case 'frame':
        return this.#frame(event.session, event.frame);
      case 'announce':
        return this.#tellPeers([{ type: 'update', version: this.#version, changes: [] }]);
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
    return changes.flatMap(({ group, joins, ...member }) => {
      const change = this.remote.set(view, group, view.pidOf({ ...member, joins }), joins);
      return change === undefined ? [] : [tell(change)];
    });
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
}

function tell(change: MemberChange): GroupEffect {
  return { type: 'tell', change };
}

function askOf(session: PgSession): GroupEffect {
  return { type: 'send', to: [session], frames: [{ type: 'resync' }] };
}
