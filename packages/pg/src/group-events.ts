/** What happens to a scope, and what is to be done thereupon: the language of `group-state.ts`. */
import type { AnyPid } from '@liminal-node/scheduler';
import type { PgSession } from './port.js';
import type { MemberChange } from './remote-groups.js';
import type { PgFrame } from './wire.js';

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
  /** The changes that were gathered are to be told now. */
  | { readonly type: 'tellChanges' }
  /** Some time has passed since `forgetLater` was wanted. */
  | { readonly type: 'forget' }
  /** Something that this node sent on that session was lost before it left, and what is sent now goes out. */
  | { readonly type: 'lost'; readonly session: PgSession }
  | { readonly type: 'stop' };

export type GroupEffect =
  /** An `exit` event is wanted when the process ends, until `unwatch`. */
  | { readonly type: 'watch'; readonly pid: AnyPid }
  | { readonly type: 'unwatch'; readonly pid: AnyPid }
  | { readonly type: 'send'; readonly to: readonly PgSession[]; readonly frames: readonly PgFrame[] }
  /** A `tellChanges` event is wanted before anything else leaves, at the end of the turn at the latest. */
  | { readonly type: 'gather' }
  /** A `forget` event is wanted after the time for which what a lost peer had told is kept. */
  | { readonly type: 'forgetLater' }
  /** An `announce` event is wanted in a while. */
  | { readonly type: 'announceLater' }
  | { readonly type: 'tell'; readonly changes: readonly MemberChange[] }
  | { readonly type: 'refuse'; readonly reason: Refusal; readonly session: PgSession };

export interface GroupLimits {
  readonly maxGroups: number;
  readonly maxJoins: number;
  readonly maxFrameBytes: number;
  readonly maxLoggedChanges: number;
  readonly maxKeptJoins: number;
}
