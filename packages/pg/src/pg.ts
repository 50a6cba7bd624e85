/**
 * Process groups as their users see them: any process may join any number of groups of a scope, on its own node,
 * and every node knows the members on all nodes that it is connected to.
 *
 * Guarantees: a member that has ended, or whose node is down, is in no group. What a node tells arrives in order.
 * After its last change has arrived everywhere, all views of that node are equal. Not guaranteed: that a member
 * still lives when you send to it, and that two nodes list members in the same order.
 */
import type { AnyPid, NodeName, Pid } from '@liminal-node/scheduler';
import type { AcknowledgeOptions } from './acknowledgements.js';
import type { Changes, ChangesOptions } from './changes.js';
import type { PgCounters } from './counters.js';
import type { Membership } from './group-events.js';
import { type PgOptions, resolvePgOptions } from './options.js';
import { Scope } from './scope.js';
import type { RemoteMember } from './views.js';

/** A running scope. All queries answer from this node's own view, at once; what they return is the caller's. */
export interface Pg extends AsyncDisposable {
  readonly scope: string;
  /**
   * Adds a local process to a group. Joins are counted: who joined twice must leave twice. A process that has
   * ended leaves again, at once or in a later turn.
   * @throws TypeError for a process of another node and for a name that is not a non-empty, well-formed string.
   * @throws RangeError for a name of more than `maxGroupBytes` bytes.
   * @throws GroupLimitError (ERR_LIMINAL_GROUP_LIMIT) beyond `maxGroups` or `maxJoins`.
   * @throws ScopeStoppedError (ERR_LIMINAL_SCOPE_STOPPED) after `stop()`.
   */
  join(group: string, pid: AnyPid): void;
  /** Takes back one join. @returns false where the process was not in the group. */
  leave(group: string, pid: AnyPid): boolean;
  /**
   * Many joins at once: of one process in many groups, of many in one, or any mixture. Peers are told in as few frames
   * as they fit in. All of them join, or an error is thrown as by `join` and none has.
   */
  joinMany(memberships: Iterable<Membership>): void;
  /** Takes back many joins in the same way. @returns how many there were to take back. */
  leaveMany(memberships: Iterable<Membership>): number;
  /** All members, each as often as it has joined, local ones first. */
  members(group: string): readonly Pid[];
  localMembers(group: string): readonly Pid[];
  remoteMembers(group: string): readonly RemoteMember[];
  /** The other nodes that have a member in the group. Costs no more than the nodes that it returns. */
  nodes(group: string): readonly NodeName[];
  /** The groups of one node, this one included, with its members in them. */
  membersOf(node: NodeName): ReadonlyMap<string, readonly Pid[]>;
  localMemberships(): ReadonlyMap<string, readonly Pid[]>;
  /**
   * Resolves when every node that is connected now has taken in all joins and leaves made here before the call, or
   * is connected no more; at once where there is none.
   * Rejects with NotAcknowledgedError (ERR_LIMINAL_NOT_ACKNOWLEDGED), which names those that have not, after
   * `timeoutMs`; with ScopeStoppedError after `stop()`; and with the signal's reason.
   */
  acknowledged(options?: AcknowledgeOptions): Promise<void>;
  /** Whether the whole membership of a connected node has arrived here. */
  isSynced(node: NodeName): boolean;
  /** Every group that has a member anywhere. */
  whichGroups(): readonly string[];
  /** Every group that has a member on this node. */
  whichLocalGroups(): readonly string[];
  /** How many groups have a member anywhere. */
  readonly groupCount: number;
  /**
   * First a snapshot, then every later change in order, none missed, none twice. Each `for await` over it begins
   * anew. Ends on abort, on `break` and when the scope stops; a reader too far behind gets a
   * ChangesOverflowError (ERR_LIMINAL_CHANGES_OVERFLOW). For the program; processes have `groupsOf`.
   */
  changes(options?: ChangesOptions): Changes;
  /** Iterations over changes, and monitors of processes, that have not ended. */
  readonly readers: number;
  readonly counters: PgCounters;
  /** All local members leave, as peers are told; queries are empty from then on. Idempotent. */
  stop(): void;
}

/**
 * Starts a scope on this node. It may start before or after others connect, and on some nodes only.
 * @throws OptionError for an option that is refused, TypeError where the scope runs on that distribution already.
 */
export function startPg(options: PgOptions): Pg {
  return new Scope(resolvePgOptions(options));
}
