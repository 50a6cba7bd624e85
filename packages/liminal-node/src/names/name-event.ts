/** What happens to a node's global names, and what the node does about it; see `name-state.ts`. */
import type { NodeName, Pid } from '@liminal-node/scheduler';
import type { NameConflict } from './claim.js';
import type { Denial, NameMessage } from './name-message.js';

/** How a registration ends. `withdrawn`: its process has ended, or has given it up. */
export type Outcome = 'held' | Denial | 'limit' | 'withdrawn' | 'timeout';

export type NameEvent =
  | { readonly type: 'up'; readonly peer: number; readonly node: NodeName }
  | { readonly type: 'down'; readonly peer: number }
  | { readonly type: 'heard'; readonly peer: number; readonly message: NameMessage }
  | { readonly type: 'register'; readonly request: number; readonly key: string; readonly pid: Pid }
  /** Whoever waits for a registration waits no longer. */
  | { readonly type: 'timeout'; readonly request: number }
  | { readonly type: 'unregister'; readonly key: string; readonly pid: Pid }
  | { readonly type: 'ended'; readonly pid: Pid }
  /** The answer to `look`. */
  | { readonly type: 'looked'; readonly look: number; readonly alive: boolean };

export type NameEffect =
  | { readonly type: 'send'; readonly peer: number; readonly message: NameMessage }
  /** What a lookup answers from now on. */
  | { readonly type: 'list'; readonly key: string; readonly pid: Pid | undefined }
  | { readonly type: 'settle'; readonly request: number; readonly outcome: Outcome }
  /** Find out whether a process of this node lives. */
  | { readonly type: 'look'; readonly look: number; readonly pid: Pid }
  /** A process of this node has lost its name in a conflict. */
  | {
      readonly type: 'lost';
      readonly key: string;
      readonly pid: Pid;
      readonly keeper: Pid | undefined;
      readonly loser: 'exit' | 'notify';
    }
  /** Something of a peer that was not taken. */
  | { readonly type: 'ignored'; readonly reason: 'too many names' | 'unexpected' };

export interface NameStateOptions {
  readonly node: NodeName;
  readonly conflict: NameConflict;
  /** Names and locks of this node's processes, and of each peer's. */
  readonly maxNames: number;
}

/** What a node remembers of another. */
export interface Peer {
  readonly id: number;
  readonly node: NodeName;
  /** Its snapshot is here: it takes part. */
  isReady: boolean;
  /** Keys of the snapshot that is coming. */
  readonly told: Set<string>;
}

/** A registration under way. */
export interface Registering {
  readonly request: number;
  readonly key: string;
  readonly pid: Pid;
  /** Who decides, while that is asked. */
  decider: number | 'self' | undefined;
  /** Who has yet to agree, once it is claimed. */
  readonly waiting: Set<number>;
}
