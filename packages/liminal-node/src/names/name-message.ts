/** What nodes tell one another about global names. A node speaks of its own processes alone. */
import type { Pid } from '@liminal-node/scheduler';

/** A claim as its node tells of it; the session says which node that is. */
export interface ToldClaim {
  readonly key: string;
  readonly pid: Pid;
  readonly time: number;
  readonly held: boolean;
}

export type NameMessage =
  /** A part of all that the node claims. The last part makes it one of those that are asked. */
  | {
      readonly type: 'snapshot';
      readonly first: boolean;
      readonly last: boolean;
      readonly claims: readonly ToldClaim[];
    }
  /** To the node that decides: may one of mine have it? */
  | { readonly type: 'ask'; readonly request: number; readonly key: string }
  /** `time`: the latest that the deciding node has heard of. */
  | { readonly type: 'grant'; readonly request: number; readonly time: number }
  | { readonly type: 'deny'; readonly request: number; readonly reason: Denial }
  /** To the node that decides: never mind. */
  | { readonly type: 'cancel'; readonly request: number }
  /** To everybody: one of mine is about to have it. */
  | { readonly type: 'claim'; readonly request: number; readonly claim: ToldClaim }
  /** `agreed` is false where another claim goes before it. */
  | { readonly type: 'claimed'; readonly request: number; readonly agreed: boolean }
  /** To everybody: all have agreed. */
  | { readonly type: 'held'; readonly key: string; readonly time: number }
  | { readonly type: 'release'; readonly key: string; readonly time: number }
  /** To the node of a holder: does it still live? */
  | { readonly type: 'check'; readonly request: number; readonly key: string }
  /** If it does not, its release has come before. */
  | { readonly type: 'checked'; readonly request: number };

/** `busy`: the node has as much to decide as it takes at a time. */
export type Denial = 'taken' | 'busy';
