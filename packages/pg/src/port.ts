/**
 * What pg needs of the packages below it, and no more: the scheduler tells when a local process ends, and
 * distribution carries frames and tells which sessions are up. A `Scheduler` and a `Distribution` fit as they
 * are; a test or a simulation gives its own.
 */
import type { AnyPid, ExitReason, NodeName } from '@liminal-node/scheduler';

/** What pg needs of the scheduler: tells when a local process dies. */
export interface ProcessHost {
  /** Whether `pid` names a process of this life of this node, living or dead. */
  isLocal(pid: AnyPid): boolean;
  /**
   * Calls back once when the process has ended, also for one that ended before; synchronously or in a later turn.
   * @returns a function that cancels; it may be called at any time, any number of times.
   */
  onExit(pid: AnyPid, callback: (reason: ExitReason, pid: AnyPid) => void): () => void;
}

/** One connection between two nodes from up to down. Compared by identity; ids rise strictly at this node. */
export interface PgSession {
  readonly id: number;
  readonly node: NodeName;
  readonly creation: number;
  /** Whether the peer says what it holds of earlier sessions, and takes what it lacks alone. @default false */
  readonly resumesGroups?: boolean;
}

/** A session came up or went down. */
export type SessionEvent =
  | { readonly type: 'up'; readonly session: PgSession }
  | { readonly type: 'down'; readonly session: PgSession };

/**
 * What pg needs of distribution. It relies on these rules of it: down of a session is told before up of the
 * session that replaces it, each frame arrives between the up and the down of its session, and frames that
 * were queued on one session arrive in that order or not at all. Where one of them is broken, nothing foreign
 * enters: the frame is refused and counted.
 */
export interface DistributionPort {
  readonly name: NodeName;
  sessions(): readonly PgSession[];
  send(session: PgSession, type: number, body: Uint8Array, lane: 'control'): 'queued' | 'dropped' | 'gone';
  /** Calls back once: at the end of this turn, or before anything more is written to any peer, whichever comes first. */
  beforeWrite(callback: () => void): void;
  /** Resolves when what was queued on these sessions has been handed to the kernel, or they are down. */
  flush(sessions?: readonly PgSession[]): Promise<void>;
  onFrame(type: number, handler: (session: PgSession, body: Uint8Array) => void): void;
  onMembership(stage: 'groups', listener: (event: SessionEvent) => void): () => void;
}
