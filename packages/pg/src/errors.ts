/**
 * What a caller of pg can act on. Match on `code`.
 */
import { LiminalError, type NodeName } from '@liminal-node/scheduler';

/** A join was refused, because this node holds as many groups or joins as `limit` allows. Nothing has changed. */
export class GroupLimitError extends LiminalError {
  readonly code = 'ERR_LIMINAL_GROUP_LIMIT';
  /** The option that names the limit. */
  readonly limit: 'maxGroups' | 'maxJoins';

  constructor(limit: 'maxGroups' | 'maxJoins', value: number) {
    super(`join refused: this node is at its limit ${limit} of ${value}`);
    this.limit = limit;
  }
}

/** The scope was stopped, so nobody can join in it any more. */
export class ScopeStoppedError extends LiminalError {
  readonly code = 'ERR_LIMINAL_SCOPE_STOPPED';
  readonly scope: string;

  constructor(scope: string) {
    super(`scope "${scope}" is stopped`);
    this.scope = scope;
  }
}

/**
 * A reader of `changes()` fell so far behind that its queue reached `maxQueuedChanges`. The iteration ends with
 * this error; a new one begins with a new snapshot.
 */
export class ChangesOverflowError extends LiminalError {
  readonly code = 'ERR_LIMINAL_CHANGES_OVERFLOW';

  constructor(maxQueuedChanges: number) {
    super(`the reader of these changes left more than ${maxQueuedChanges} of them unread`);
  }
}

/**
 * Some peers did not say in time that they have taken in this node's joins and leaves. Nothing is taken back: they
 * may still do so.
 */
export class NotAcknowledgedError extends LiminalError {
  readonly code = 'ERR_LIMINAL_NOT_ACKNOWLEDGED';
  /** The peers that were connected at the call and still are. */
  readonly nodes: readonly NodeName[];

  constructor(scope: string, nodes: readonly NodeName[], timeoutMs: number) {
    super(`not acknowledged within ${timeoutMs} ms by ${nodes.join(', ')} (scope "${scope}")`);
    this.nodes = nodes;
  }
}
