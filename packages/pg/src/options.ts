/**
 * The options of one scope, their defaults, and the checks that name what they refuse.
 */
import {
  anything,
  type Environment,
  type Logger,
  NO_NODE,
  type NodeName,
  type OptionCheck,
  type OptionChecks,
  resolveOptions,
  silentLogger,
  systemEnvironment,
  wholeNumber,
} from '@liminal-node/scheduler';
import type { DistributionPort, ProcessHost } from './port.js';
import { MAX_FRAME_BYTES, MAX_SCOPE_BYTES } from './wire.js';

export interface PgTuning {
  /**
   * The longest name of a group, in bytes of UTF-8. A join beyond it throws a RangeError; a peer's longer name
   * closes its session, so give all nodes of a cluster the same value. @default 255
   */
  readonly maxGroupBytes: number;
  /**
   * Groups with members on one node. A local join beyond it throws a GroupLimitError; a peer beyond it is a
   * protocol error, so give all nodes of a cluster the same value. @default 1_000_000
   */
  readonly maxGroups: number;
  /** Joins of one node in all its groups together; at the limit as `maxGroups`. @default 4_000_000 */
  readonly maxJoins: number;
  /** A frame has fewer bytes than this; what is longer goes in several. @default 262_144, which is the most */
  readonly maxFrameBytes: number;
  /**
   * Bytes that are given to distribution for one peer before it has handed them on; more wait here. Keep it well
   * below distribution's `maxControlQueueBytes`. @default 4_194_304
   */
  readonly burstBytes: number;
  /** Bytes that may wait here for one peer. Updates beyond are dropped, and the peer asks anew. @default 536_870_912 */
  readonly maxHeldBytes: number;
  /**
   * Joins and leaves that are remembered for peers that come back: one that missed no more gets those alone, any other
   * a snapshot. @default 16_384
   */
  readonly maxLoggedChanges: number;
  /**
   * Joins that are kept of lost peers, all together and seen by nobody, so that they need not tell them again when they
   * come back. The oldest give way. 0 keeps none. @default 200_000
   */
  readonly maxKeptJoins: number;
  /** Milliseconds for which they are kept, up to twice as long. @default 60_000 */
  readonly keepLostMs: number;
  /** Snapshots that one peer may ask for in `announceAfterMs`. More asks are ignored; it asks again later. @default 8 */
  readonly maxResyncs: number;
  /**
   * Pids in changes that a reader of `changes()` has left unread; beyond it that iteration ends with a
   * ChangesOverflowError. @default 1_000_000
   */
  readonly maxQueuedChanges: number;
  /**
   * Milliseconds after which peers are told the number of the last update alone, once, so that a lost one is
   * found even where none follows. Nothing is told while nothing changes. @default 2_500
   */
  readonly announceAfterMs: number;
  readonly environment: Environment;
  /** @default says nothing */
  readonly logger: Logger;
}

export interface PgOptions extends Partial<PgTuning> {
  /** Names the scope, in at most 255 bytes of UTF-8. Groups of one name in different scopes are independent. */
  readonly scope: string;
  /** Tells which pids are local, and when they end. */
  readonly scheduler: ProcessHost;
  /** What connects to other nodes; undefined on a single node. */
  readonly distribution: DistributionPort | undefined;
  /** This node's name. @default the distribution's, or the name of a node without one */
  readonly node?: NodeName;
}

export const DEFAULTS: PgTuning = {
  maxGroupBytes: 255,
  maxGroups: 1_000_000,
  maxJoins: 4_000_000,
  maxFrameBytes: MAX_FRAME_BYTES,
  burstBytes: 4 * 2 ** 20,
  maxHeldBytes: 512 * 2 ** 20,
  maxLoggedChanges: 16_384,
  maxKeptJoins: 200_000,
  keepLostMs: 60_000,
  maxResyncs: 8,
  maxQueuedChanges: 1_000_000,
  announceAfterMs: 2_500,
  environment: systemEnvironment,
  logger: silentLogger,
};

/** A frame must hold its header and one member of the longest group's name. */
const LEAST_FRAME_BYTES = 1024;

const CHECKS: OptionChecks<PgTuning> = {
  maxGroupBytes: wholeNumber(1, 512),
  maxGroups: wholeNumber(1, 2 ** 24),
  maxJoins: wholeNumber(1, 2 ** 30),
  maxFrameBytes: wholeNumber(LEAST_FRAME_BYTES, MAX_FRAME_BYTES),
  burstBytes: wholeNumber(1),
  maxHeldBytes: wholeNumber(1),
  maxLoggedChanges: wholeNumber(0),
  maxKeptJoins: wholeNumber(0),
  keepLostMs: wholeNumber(1),
  maxResyncs: wholeNumber(1),
  maxQueuedChanges: wholeNumber(1),
  announceAfterMs: wholeNumber(1),
  environment: anything,
  logger: anything,
};

const checkScope: OptionCheck = (value) => {
  const fault = nameFault(value, MAX_SCOPE_BYTES);
  return fault === undefined ? undefined : `must be ${fault}`;
};

/** @throws OptionError */
export function resolvePgOptions(options: PgOptions) {
  const { scope, scheduler, distribution, node = distribution?.name ?? NO_NODE, ...tuning } = options;
  resolveOptions({ scope }, { scope }, { scope: checkScope });
  return { scope, scheduler, distribution, node, ...resolveOptions<PgTuning>(tuning, DEFAULTS, CHECKS) };
}

export type ResolvedPgOptions = ReturnType<typeof resolvePgOptions>;

/** What a name must be and is not, or undefined. A lone surrogate would be another name on the wire. */
export function nameFault(name: unknown, maxBytes: number): string | undefined {
  if (typeof name !== 'string' || name === '') return 'a string that is not empty';
  if (!name.isWellFormed()) return 'text without lone surrogates';
  if (Buffer.byteLength(name) > maxBytes) return `at most ${maxBytes} bytes of UTF-8 long`;
  return undefined;
}
