/**
 * Signals: all that one process can do to another. A message is a signal too; it has a path of its own,
 * because there are many of them and they carry bytes that only the receiver decodes.
 *
 * Between one sender and one receiver, signals arrive in the order sent, whatever the path.
 */
import type { ExitReason } from './exit-reason.js';
import type { NodeName, Pid, Ref } from './pid.js';

/** A process by its registered name. */
export interface Registered {
  readonly name: string;
  /** @default this node */
  readonly node?: NodeName;
}

/** In the mailbox of a process that traps exits: a linked process ended, or somebody sent it an exit. */
export interface ExitMessage {
  readonly signal: 'exit';
  readonly from: Pid;
  readonly reason: ExitReason;
}

/** In the mailbox of a process that monitors: the monitored process ended, or was not there. */
export interface DownMessage {
  readonly signal: 'down';
  readonly ref: Ref;
  /** Missing where a name was monitored and nobody is known to have held it. */
  readonly pid?: Pid;
  /** The name, where one was monitored. */
  readonly name?: string;
  /** The node of the name. */
  readonly node?: NodeName;
  readonly reason: ExitReason;
}

/** What a monitor is held on. */
export interface Monitored {
  /** Undefined for a name of another node, until that node has said who holds it. */
  readonly pid: Pid | undefined;
  /** Where a name was monitored. */
  readonly name?: string;
  /** The node of the name. */
  readonly node?: NodeName;
}

export function isExit(message: unknown): message is ExitMessage {
  return typeof message === 'object' && message !== null && 'signal' in message && message.signal === 'exit';
}

export function isDown(message: unknown): message is DownMessage {
  return typeof message === 'object' && message !== null && 'signal' in message && message.signal === 'down';
}

export type Signal =
  | { readonly type: 'link'; readonly from: Pid; readonly to: Pid }
  | { readonly type: 'unlink'; readonly from: Pid; readonly to: Pid }
  /** Acknowledges an unlink. */
  | { readonly type: 'unlinked'; readonly from: Pid; readonly to: Pid }
  | { readonly type: 'monitor'; readonly from: Pid; readonly to: Pid; readonly ref: Ref }
  | { readonly type: 'demonitor'; readonly from: Pid; readonly to: Pid; readonly ref: Ref }
  /** To who monitors a name of another node: `from` is who holds it, and whom the monitor is on. */
  | { readonly type: 'monitored'; readonly from: Pid; readonly to: Pid; readonly ref: Ref }
  /** `linked`: travels along a link, and counts only while the receiver still has that link. */
  | {
      readonly type: 'exit';
      readonly from: Pid;
      readonly to: Pid;
      readonly reason: ExitReason;
      readonly linked: boolean;
    }
  /** A message that waits for room in the mailbox, instead of being dropped. */
  | {
      readonly type: 'offer';
      readonly from: Pid;
      readonly to: Pid;
      readonly message: unknown;
      /** Its size, where it is known. */
      readonly bytes: number;
    }
  | { readonly type: 'down'; readonly from: Pid; readonly to: Pid; readonly ref: Ref; readonly reason: ExitReason }
  /** To who asked another node for a process: `from` is that process, which has not run yet. */
  | { readonly type: 'spawned'; readonly from: Pid; readonly to: Pid; readonly ref: Ref }
  /** To who asked another node for a process: there will be none. */
  | {
      readonly type: 'spawnFailed';
      readonly from: Pid;
      readonly to: Pid;
      readonly ref: Ref;
      readonly fault: SpawnFault;
    };

/** Why a node did not start a process for another, as it travels. */
export interface SpawnFault {
  /** Of the error that it is on the node that was asked. */
  readonly code: string;
  /** Of a refusal; otherwise empty. */
  readonly reason: string;
  readonly message: string;
}
