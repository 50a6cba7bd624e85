/**
 * One running scope: the shell that carries out what `group-state.ts` decides.
 *
 * Each event changes the state, and is told to the readers of changes, in one synchronous step. What goes to
 * the scheduler and to distribution goes through one queue in the order of the steps, because either may call
 * back at once: a dead process that joins exits within its join, and a full control queue takes a session down
 * within a send, whereupon others join or leave.
 */
import {
  type AnyPid,
  type ExitReason,
  type NodeName,
  type Pid,
  ProtocolError,
  type Timer,
} from '@liminal-node/scheduler';
import { Acknowledgements, type AcknowledgeOptions } from './acknowledgements.js';
import { ChangeFeed, type Changes, type ChangesOptions } from './changes.js';
import { createCounters, type MutablePgCounters, type PgCounters, type RefusalReason } from './counters.js';
import { GroupLimitError, ScopeStoppedError } from './errors.js';
import { type FrameRouter, frameRouterOf } from './frame-router.js';
import type { GroupEffect, GroupEvent, Membership } from './group-events.js';
import { GroupState } from './group-state.js';
import { nameFault, type ResolvedPgOptions } from './options.js';
import { PacedSender } from './paced-sender.js';
import type { Pg } from './pg.js';
import type { PgSession } from './port.js';
import { ResyncLimit } from './resync-limit.js';
import * as views from './views.js';
import {
  decodeFrame,
  decodeVersion,
  encodeFrame,
  encodeVersion,
  frameTypeOf,
  PG_ACK,
  PG_ASK,
  type PgFrame,
} from './wire.js';

type OuterEffect = Exclude<GroupEffect, { type: 'tell' | 'refuse' | 'gather' }>;

export class Scope implements Pg {
  readonly scope: string;
  readonly #options: ResolvedPgOptions;
  readonly #state: GroupState;
  readonly #feed: ChangeFeed;
  readonly #counters: MutablePgCounters;
  readonly #router: FrameRouter | undefined;
  readonly #sender: PacedSender | undefined;
  readonly #resyncs: ResyncLimit;
  readonly #detach: (() => void)[] = [];
  /** By watched process: cancels the watch. */
  readonly #watches = new Map<AnyPid, () => void>();
  readonly #pending: OuterEffect[] = [];
  readonly #acknowledgements: Acknowledgements;
  readonly #tellChanges = (): void => {
    if (!this.#stopped) this.#step({ type: 'tellChanges' });
  };
  readonly #exited = (_reason: ExitReason, pid: AnyPid): void => {
    if (this.#step({ type: 'exit', pid })) this.#counters.exits++;
  };
  #performing = false;
  #announceTimer: Timer | undefined;
  #forgetTimer: Timer | undefined;
  #stopped = false;

  constructor(options: ResolvedPgOptions) {
    this.scope = options.scope;
    this.#options = options;
    this.#resyncs = new ResyncLimit(options.maxResyncs, options.announceAfterMs);
    const [life] = new Uint32Array(options.environment.randomBytes(4).slice().buffer);
    // Without a peer there is nobody to come back.
    const limits = options.distribution === undefined ? { ...options, maxLoggedChanges: 0 } : options;
    this.#state = new GroupState(options.node, limits, life as number);
    this.#router = options.distribution && frameRouterOf(options.distribution);
    this.#counters = createCounters(() => this.#router?.unknownScope ?? 0);
    const { distribution, burstBytes, maxHeldBytes } = options;
    this.#sender =
      distribution &&
      new PacedSender(distribution, burstBytes, maxHeldBytes, {
        queued: () => this.#counters.framesOut++,
        refused: (reason) => this.#refused(reason),
        lost: (session) => {
          this.#step({ type: 'lost', session });
          this.#acknowledgements.repeat(session);
        },
      });
    this.#acknowledgements = new Acknowledgements(this.scope, (session, type, version) =>
      this.#sender?.send(session, type === 'ask' ? PG_ASK : PG_ACK, encodeVersion(this.scope, version)),
    );
    this.#feed = new ChangeFeed(
      (group) => views.allMembers(this.#state, group),
      options.maxQueuedChanges,
      () => this.#refused('reader overflow'),
    );
    this.#connect();
  }

  get counters(): PgCounters {
    return this.#counters;
  }

  get readers(): number {
    return this.#feed.subscriptions;
  }

  join(group: string, pid: AnyPid): void {
    this.#checkJoin(group, pid);
    this.#join({ type: 'join', group, pid }, 1);
  }

  joinMany(given: Iterable<Membership>): void {
    const memberships = [...given];
    for (const [group, pid] of memberships) this.#checkJoin(group, pid);
    if (memberships.length > 0) this.#join({ type: 'joinMany', memberships }, memberships.length);
  }

  leave(group: string, pid: AnyPid): boolean {
    const left = this.#step({ type: 'leave', group, pid });
    if (left) this.#counters.leaves++;
    return left;
  }

  leaveMany(memberships: Iterable<Membership>): number {
    const before = this.#state.local.joins;
    const effects = this.#state.step({ type: 'leaveMany', memberships: [...memberships] });
    const left = before - this.#state.local.joins;
    this.#counters.leaves += left;
    this.#carryOut(effects);
    return left;
  }

  members(group: string): readonly Pid[] {
    return views.membersIn(this.#state, group);
  }

  localMembers(group: string): readonly Pid[] {
    return views.localMembersIn(this.#state, group);
  }

  remoteMembers(group: string): readonly views.RemoteMember[] {
    return views.remoteMembersIn(this.#state, group);
  }

  nodes(group: string): readonly NodeName[] {
    return views.nodesIn(this.#state, group);
  }

  membersOf(node: NodeName): ReadonlyMap<string, readonly Pid[]> {
    return views.membersOfNode(this.#state, node);
  }

  localMemberships(): ReadonlyMap<string, readonly Pid[]> {
    return views.membersOfNode(this.#state, this.#state.node);
  }

  async acknowledged(options: AcknowledgeOptions = {}): Promise<void> {
    if (this.#stopped) throw new ScopeStoppedError(this.scope);
    this.#tellChanges();
    const { version, remote } = this.#state;
    await this.#acknowledgements.wait(version, remote.sessions, options, this.#options.environment);
  }

  isSynced(node: NodeName): boolean {
    return views.isSynced(this.#state, node);
  }

  whichGroups(): readonly string[] {
    return views.groupNames(this.#state);
  }

  whichLocalGroups(): readonly string[] {
    return views.localGroupNames(this.#state);
  }

  get groupCount(): number {
    return views.groupCount(this.#state);
  }

  changes(options?: ChangesOptions): Changes {
    return this.#feed.open(options);
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const detach of this.#detach.splice(0)) detach();
    this.#sender?.dropHeld();
    this.#step({ type: 'stop' });
    this.#announceTimer?.cancel();
    this.#forgetTimer?.cancel();
    this.#acknowledgements.end(new ScopeStoppedError(this.scope));
    this.#feed.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
  }

  /** @throws as `Pg.join` */
  #checkJoin(group: string, pid: AnyPid): void {
    if (this.#stopped) throw new ScopeStoppedError(this.scope);
    const { maxGroupBytes, scheduler } = this.#options;
    const { local } = this.#state;
    // What is known already needs no look at its text.
    const fault = local.groups.has(group) ? undefined : nameFault(group, maxGroupBytes);
    if (fault !== undefined) {
      this.#refused('local limit');
      throw new (fault.startsWith('at most') ? RangeError : TypeError)(`the name of a group must be ${fault}`);
    }
    if (!local.holds(pid) && !scheduler.isLocal(pid)) {
      this.#refused('not local');
      throw new TypeError(`${pid} is not a process of this node: a process joins on its own node`);
    }
  }

  #join(event: GroupEvent & { type: 'join' | 'joinMany' }, joins: number): void {
    try {
      this.#step(event);
    } catch (error) {
      if (error instanceof GroupLimitError) this.#refused('local limit');
      throw error;
    }
    this.#counters.joins += joins;
  }

  #connect(): void {
    const { distribution } = this.#options;
    if (distribution === undefined || this.#router === undefined) return;
    this.#detach.push(
      this.#router.attach(this.scope, (session, type, reader) => {
        this.#counters.framesIn++;
        this.#guarded(() => {
          if (type === PG_ASK || type === PG_ACK) {
            this.#takeAcknowledgement(session, type, decodeVersion(reader));
          } else {
            this.#takeFrame(session, decodeFrame(type, reader, this.#options.maxGroupBytes));
          }
          const view = this.#state.remote.view(session);
          if (view?.version !== undefined) this.#acknowledgements.stands(session, view.version);
        });
      }),
      distribution.onMembership('groups', ({ type, session }) => {
        this.#step(type === 'up' ? { type, session, ask: false } : { type, session });
        if (type === 'down') this.#acknowledgements.over(session);
      }),
    );
    for (const session of distribution.sessions()) this.#step({ type: 'up', session, ask: true });
  }

  #takeAcknowledgement(session: PgSession, type: number, version: number): void {
    if (this.#state.remote.view(session) === undefined) this.#refuse('stale session', session);
    else if (type === PG_ASK) this.#acknowledgements.owe(session, version);
    else this.#acknowledgements.shown(session, version, this.#state.version);
  }

  #takeFrame(session: PgSession, frame: PgFrame): void {
    if (
      (frame.type === 'resync' || frame.type === 'have') &&
      !this.#resyncs.admits(session, this.#options.environment.now())
    ) {
      this.#refuse('resync flood', session);
      this.#announceLater();
    } else {
      this.#step({ type: 'frame', session, frame });
    }
  }

  /** Counts the protocol error that distribution is going to close the session with. */
  #guarded(take: () => void): void {
    try {
      take();
    } catch (error) {
      if (error instanceof ProtocolError) this.#refused(error.reason === 'over limit' ? 'over limit' : 'malformed');
      throw error;
    }
  }

  /** @returns whether the event had any effect. */
  #step(event: GroupEvent): boolean {
    const effects = this.#state.step(event);
    if (effects.length === 0) return false;
    this.#carryOut(effects);
    return true;
  }

  #carryOut(effects: readonly GroupEffect[]): void {
    for (const effect of effects) {
      if (effect.type === 'tell') this.#feed.push(effect.changes);
      else if (effect.type === 'gather') this.#options.distribution?.beforeWrite(this.#tellChanges);
      else if (effect.type === 'refuse') this.#refuse(effect.reason, effect.session);
      else this.#pending.push(effect);
    }
    if (this.#pending.length > 0) this.#performPending();
  }

  #performPending(): void {
    if (this.#performing) return;
    this.#performing = true;
    let performed = 0;
    try {
      // More may be appended on the way.
      for (const effect of this.#pending) {
        performed++;
        this.#perform(effect);
      }
    } finally {
      this.#pending.splice(0, performed);
      this.#performing = false;
    }
  }

  #perform(effect: OuterEffect): void {
    switch (effect.type) {
      case 'watch':
        this.#watch(effect.pid);
        break;
      case 'unwatch':
        this.#unwatch(effect.pid);
        break;
      case 'send':
        for (const frame of effect.frames) this.#send(effect.to, frame);
        break;
      case 'forgetLater':
        this.#forgetLater();
        break;
      case 'announceLater':
        this.#announceLater();
        break;
      default:
        effect satisfies never;
    }
  }

  #watch(pid: AnyPid): void {
    // For a process that is dead already this calls back at once; the `unwatch` that follows is performed after it.
    this.#watches.set(pid, this.#options.scheduler.onExit(pid, this.#exited));
  }

  #unwatch(pid: AnyPid): void {
    this.#watches.get(pid)?.();
    this.#watches.delete(pid);
  }

  #send(to: readonly PgSession[], frame: PgFrame): void {
    const body = encodeFrame(this.scope, frame);
    if (frame.type === 'resync') this.#counters.resyncsAsked++;
    for (const session of to) this.#sender?.send(session, frameTypeOf(frame), body);
  }

  #announceLater(): void {
    if (this.#stopped) return;
    const { environment, announceAfterMs } = this.#options;
    this.#announceTimer ??= environment.setTimer(announceAfterMs, () => {
      this.#announceTimer = undefined;
      if (!this.#stopped) this.#step({ type: 'announce' });
    });
  }

  #forgetLater(): void {
    if (this.#stopped) return;
    const { environment, keepLostMs } = this.#options;
    this.#forgetTimer ??= environment.setTimer(
      keepLostMs,
      () => {
        this.#forgetTimer = undefined;
        if (!this.#stopped) this.#step({ type: 'forget' });
      },
      true,
    );
  }

  #refuse(reason: RefusalReason, { node, id }: PgSession): void {
    this.#refused(reason);
    const fields = { scope: this.scope, node, session: id, reason };
    if (reason === 'gap') this.#options.logger.warn(fields, `an update of ${node} was lost: asking for a snapshot`);
    else this.#options.logger.debug(fields, `ignored what came from ${node}: ${reason}`);
  }

  #refused(reason: RefusalReason): void {
    this.#counters.refused[reason]++;
  }
}
