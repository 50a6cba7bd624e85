/** What a scheduler can be told, what it takes where it is told nothing, and what it refuses. */
import { availableParallelism } from 'node:os';
import { type Environment, systemEnvironment } from './environment.js';
import { type Logger, silentLogger } from './logger.js';
import { DEFAULT_MAILBOX_BOUND, type MailboxBound } from './mailbox.js';
import { anything, type OptionChecks, resolveOptions, wholeNumber } from './options.js';
import { NO_NODE, type NodeName } from './pid.js';
import { type BlockingWorkOptions, DEFAULT_BLOCKING_WORK } from './threads/blocking-work.js';
import { MAX_THREADS } from './threads/placement.js';
import { resourceLimits, type ThreadResourceLimits } from './threads/resource-limits.js';
import { type WatchdogOptions, watchdogOptions } from './threads/watchdog.js';

export interface SchedulerOptions {
  /** Names the node in its pids. @default 'nonode@nohost' */
  readonly node: NodeName;
  /** Which life of the node, a number from 1 to 2^32-1. @default random */
  readonly creation: number;
  /** Scheduler threads, besides the home thread; with 0 everything runs on the home thread. @default one less than the processors, at least 1 */
  readonly threads: number;
  /** Threads for one process each (`thread: 'own'`) that there may be at once; beyond it a spawn rejects with `SpawnError`. @default 32 */
  readonly maxOwnThreads: number;
  /** Limits of the heap of each scheduler thread; one that reaches them ends as `out_of_memory`. @default Node's own */
  readonly resourceLimits: ThreadResourceLimits;
  /** When a process that does not yield its thread is named, and when its thread is ended. @default 1000 ms, 30,000 ms */
  readonly watchdog: Partial<WatchdogOptions>;
  /** The bound of mailboxes that ask for no other. @default 1,000,000 messages, 64 MiB, drop-newest */
  readonly mailbox: MailboxBound;
  /** The blocking-work pool. @default as many threads as processors, at least 2; 1024 jobs waiting */
  readonly blockingWork: BlockingWorkOptions;
  /**
   * Bytes that may wait at a thread for another that has fallen behind. Beyond it messages are dropped and
   * counted as `thread queue full`; signals never are. @default 16 MiB
   */
  readonly threadQueueBytes: number;
  /**
   * Bytes of a message to a process of another node, its addresses included. A longer one is refused where it is sent,
   * with `MessageTooLargeError`; `startNode` derives it from distribution's `maxFrameBytes`. @default 16 MiB less 1
   */
  readonly maxRemoteMessageBytes: number;
  /**
   * Longest time in microseconds that a thread without work keeps turning its event loop in the hope of more
   * from another thread, which saves being woken. It does so only as far as that has paid lately, and never while
   * more threads are awake than there are processors. 0 turns it off. @default 200
   */
  readonly stayAwakeUs: number;
  /** Check and freeze messages sent by reference. @default true unless NODE_ENV is production */
  readonly checkMessages: boolean;
  /**
   * The folder below which modules are found that other nodes name, as a URL that ends with a slash. Without one no
   * process can be started on another node by its module. @default none
   */
  readonly applicationRoot: string | undefined;
  /** Processes for other nodes that may be being started at once; beyond it a request is refused as `busy`. @default 1024 */
  readonly maxRemoteSpawns: number;
  /** @default silent */
  readonly logger: Logger;
  /** @default the real one */
  readonly environment: Environment;
}

function applicationRoot(value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && /^file:.*\/$/.test(value))) return undefined;
  return `must be a file: URL that ends with a slash, not ${String(value)}`;
}

const CHECKS: OptionChecks<SchedulerOptions> = {
  node: anything,
  creation: wholeNumber(1, 0xffffffff),
  threads: wholeNumber(0, MAX_THREADS - 1),
  maxOwnThreads: wholeNumber(0, MAX_THREADS - 1),
  resourceLimits,
  watchdog: watchdogOptions,
  mailbox: anything,
  blockingWork: anything,
  threadQueueBytes: wholeNumber(0),
  maxRemoteMessageBytes: wholeNumber(1),
  stayAwakeUs: wholeNumber(0, 10_000),
  checkMessages: anything,
  applicationRoot,
  maxRemoteSpawns: wholeNumber(0),
  logger: anything,
  environment: anything,
};

/** @throws OptionError */
export function resolveSchedulerOptions(given?: Partial<SchedulerOptions>): Readonly<SchedulerOptions> {
  return resolveOptions(given, defaults(), CHECKS);
}

function defaults(): SchedulerOptions {
  return {
    node: NO_NODE,
    creation: randomCreation(systemEnvironment),
    threads: Math.max(1, availableParallelism() - 1),
    maxOwnThreads: 32,
    resourceLimits: {},
    watchdog: {},
    mailbox: DEFAULT_MAILBOX_BOUND,
    blockingWork: DEFAULT_BLOCKING_WORK,
    threadQueueBytes: 16 * 1024 * 1024,
    maxRemoteMessageBytes: 16 * 1024 * 1024 - 1,
    stayAwakeUs: 200,
    checkMessages: process.env['NODE_ENV'] !== 'production',
    applicationRoot: undefined,
    maxRemoteSpawns: 1_024,
    logger: silentLogger,
    environment: systemEnvironment,
  };
}

/** A number for this life of a node that no other life of it will have had. */
export function randomCreation(environment: Environment): number {
  const bytes = environment.randomBytes(4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) || 1;
}
