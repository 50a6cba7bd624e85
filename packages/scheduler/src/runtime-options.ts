/** What the runtime of a thread is made with, and what it counts. */
import type { Logger } from './logger.js';
import type { MailboxBound } from './mailbox.js';
import type { Grant } from './name-table.js';
import type { NodeName, Pid } from './pid.js';
import type { MeshOptions } from './threads/mesh.js';
import type { ThreadActivity } from './threads/thread-activity.js';

export interface RuntimeOptions extends MeshOptions {
  readonly node: NodeName;
  readonly creation: number;
  /** This life of the thread; 0 for the home thread. */
  readonly thread: number;
  readonly logger: Logger;
  readonly mailbox: MailboxBound;
  /** See `SchedulerOptions`. @default no limit */
  readonly maxRemoteMessageBytes?: number;
  /** Check and freeze what is sent by reference, so that a mistake fails where it is made. */
  readonly checkMessages: boolean;
  /** The names that are registered already. @default none */
  readonly names?: ReadonlyMap<string, Grant>;
  /** What home has listed already. @default none */
  readonly listed?: ReadonlyMap<string, Pid>;
  /** Where the thread shows what runs on it. @default nowhere */
  readonly activity?: ThreadActivity;
  /** The folder, as a URL that ends with a slash, below which other nodes find modules by the rest of their URLs. */
  readonly applicationRoot?: string | undefined;
  /** Told of every change in the number of processes. */
  readonly onLoad: (processes: number) => void;
}

export interface RuntimeCounters {
  spawned: number;
  exited: number;
  /** Signals and messages that reached nobody, by reason. */
  readonly dropped: Record<string, number>;
}
