/**
 * What the home thread and a scheduler thread ask of each other, as comlink proxies: rare, typed calls that
 * want an answer. Signals between processes never take this way.
 */
import type { MessagePort } from 'node:worker_threads';
import type { ThreadSnapshot } from '../inspection/snapshot.js';
import type { Logger } from '../logger.js';
import type { MailboxBound } from '../mailbox.js';
import type { Grant } from '../name-table.js';
import type { NodeName, Pid } from '../pid.js';
import type { RuntimeCounters } from '../runtime-options.js';
import type { BlockingJob } from './blocking-work.js';
import type { News } from './news.js';
import type { ThreadResourceLimits } from './resource-limits.js';

/** How one thread stands. */
export interface ThreadInfo {
  readonly thread: number;
  readonly processes: number;
  /** Messages in all mailboxes. */
  readonly queued: number;
  readonly counters: RuntimeCounters;
}

/** Exposed by a scheduler thread. */
export interface ThreadControl<Port> {
  /** Resolves once the thread can be reached by every other. */
  ready(): void;
  /** Takes in what home tells. */
  hear(news: News<Port>): void;
  inspect(): ThreadInfo;
  snapshot(): Promise<ThreadSnapshot>;
  /** Ends every process with `shutdown` and posts what that causes. */
  shutDown(): void;
}

export type BlockingOutcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly refused: boolean; readonly error: unknown };

/** Exposed by the home thread. */
export interface HomeControl {
  /** The number of the grant, or why the name was refused. */
  register(name: string, pid: Pid): number | string;
  /** The number of a thread that was started for one process, or why there is none. */
  startOwnThread(limits: ThreadResourceLimits | undefined): Promise<number | string>;
  block(job: number, work: BlockingJob): Promise<BlockingOutcome>;
  cancelBlock(job: number): void;
  log(level: keyof Logger, fields: object, message: string): void;
}

/** What a scheduler thread is started with. */
export interface ThreadSettings<Port> {
  readonly node: NodeName;
  readonly creation: number;
  readonly thread: number;
  readonly slot: number;
  readonly loads: Int32Array;
  /** See `ThreadActivity`. */
  readonly activity: Float64Array<ArrayBufferLike>;
  readonly mailbox: MailboxBound;
  readonly checkMessages: boolean;
  readonly threadQueueBytes: number;
  readonly stayAwakeUs: number;
  readonly maxRemoteMessageBytes: number;
  readonly applicationRoot: string | undefined;
  /** Shared by the threads of a node; see `Cores`. */
  readonly awake: Int32Array;
  readonly names: ReadonlyMap<string, Grant>;
  readonly listed: ReadonlyMap<string, Pid>;
  /** To every other thread, home first; with its slot where processes can be placed on it. */
  readonly ports: readonly { readonly thread: number; readonly slot: number | undefined; readonly port: Port }[];
  /** Where to place processes while there is no other thread for them; undefined where one will come. */
  readonly otherwise: number | undefined;
  /** The thread that asked for this one, where it is for one process alone. */
  readonly ownedBy: number | undefined;
  readonly control: MessagePort;
  readonly home: MessagePort;
  readonly news: MessagePort;
  /** How many news were told so far, at 0. */
  readonly newsTold: Int32Array;
}
