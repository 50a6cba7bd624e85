/** What a program can set of its node; one set of defaults, one check. */
import {
  type Address,
  DEFAULTS as DISTRIBUTION_DEFAULTS,
  type DistributionSettings,
  HEARTBEAT_PROFILES,
  type HeartbeatFigures,
  type HeartbeatProfile,
  heartbeatFigures,
  isHeartbeatProfile,
  parseAddress,
  type TlsFiles,
} from '@liminal-node/distribution';
import type { PgTuning } from '@liminal-node/pg';
import {
  anything,
  type Logger,
  type OptionCheck,
  type OptionChecks,
  OptionError,
  oneOf,
  parseNodeName,
  randomCreation,
  resolveOptions,
  type SchedulerOptions,
  silentLogger,
  systemEnvironment,
  wholeNumber,
} from '@liminal-node/scheduler';

import { type App, appFault } from './application.js';
import { type GlobalNamesOptions, resolveGlobalNamesOptions } from './names/global-names.js';
import { REMOTE_SPAWN, type RemoteSpawn } from './spawn/spawn-policy.js';

/** What can be tuned of the connections between nodes; see `DistributionSettings` for each. */
export type DistributionTuning = Omit<
  DistributionSettings,
  | 'name'
  | 'creation'
  | 'cookie'
  | 'listen'
  | 'hidden'
  | 'dialLearned'
  | 'seeds'
  | 'discover'
  | 'allow'
  | 'environment'
  | 'transport'
  | 'logger'
>;

/** What can be tuned of process groups; see `PgTuning` for each. */
export type GroupsTuning = Omit<PgTuning, 'environment' | 'logger'>;

/** What can be tuned of the scheduler; see `SchedulerOptions` for each and its default. */
export type SchedulerTuning = {
  readonly [Name in (typeof SCHEDULER_TUNING)[number]]: SchedulerOptions[Name] | undefined;
};

const SCHEDULER_TUNING = [
  'threads',
  'maxOwnThreads',
  'resourceLimits',
  'watchdog',
  'mailbox',
  'blockingWork',
  'threadQueueBytes',
  'maxRemoteSpawns',
  'stayAwakeUs',
] as const;

/** What of the options is the scheduler's, as far as it is set. */
export function schedulerTuning(options: SchedulerTuning): Partial<SchedulerOptions> {
  return Object.fromEntries(
    SCHEDULER_TUNING.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  );
}

export interface NodeOptions extends SchedulerTuning {
  /**
   * The application: a supervision tree, or a function that is called with the node and may return one. It runs
   * before `startNode` resolves; when its top supervisor ends by itself, the node ends. @default none
   */
  readonly app: App | undefined;
  /**
   * What other nodes may have started here (`self.spawn(…, { node })`):
   * - `none`: nothing;
   * - `registered`: what was registered with `registerSpec`, by its name;
   * - `defined`: also every process that a module below the application root defines, once this program has loaded
   *   that module itself;
   * - `modules`: also what modules define that are only loaded for it, from below the application root, but from no
   *   `node_modules` and nothing hidden. To load a module runs its code: a peer chooses which.
   * @default 'defined'
   */
  readonly remoteSpawn: RemoteSpawn;
  /**
   * The folder of the application. Other nodes find its modules by their paths below it, and no others; it may be
   * elsewhere on each node. @default the working directory
   */
  readonly applicationRoot: string;
  /** The global names (`globalNames`); see docs/names.md. @default see `GlobalNamesOptions` */
  readonly globalNames: Partial<GlobalNamesOptions>;
  /** `name@host`, unique in the cluster. @default `node-` and a random number, @127.0.0.1 */
  readonly name: string;
  /** `host:port` where other nodes may connect, port 0 for any free one, or `off`. @default '127.0.0.1:0' */
  readonly listen: string;
  /** `host:port` for /livez, /readyz and /metrics, or `off`. @default 'off' */
  readonly http: string;
  /** `host:port` of nodes to join. They need not be up: joining goes on for ever. @default none */
  readonly seeds: readonly string[];
  /**
   * Where to ask for nodes, beside the seeds: `dns:NAME` or `dns:NAME:PORT` (4370 otherwise) for each address of a host,
   * `srv:NAME` for each record of a service. What is found is dialled; what is found no more is not given up. @default none
   */
  readonly discover: readonly string[];
  /**
   * Names of the nodes to take, for instance `shop-*@*`, visits of the command line (`visitor-*@127.0.0.1`) included.
   * Others are refused and counted, whoever dials. @default ['*']: every node that has the cookie
   */
  readonly allow: readonly string[];
  /**
   * How soon a silent peer is down, see `HEARTBEAT_PROFILES`; nodes of one cluster may differ. A write to a peer may
   * take as long. What `distribution` says of the same comes first. @default 'default': 10 to 12.5 s
   */
  readonly heartbeat: HeartbeatProfile | HeartbeatFigures;
  /** Milliseconds that the start waits for the first try of each seed; joining goes on behind. @default 2000 */
  readonly joinTimeoutMs: number;
  /** The secret that the nodes of a cluster share. @default LIMINAL_COOKIE, else LIMINAL_COOKIE_FILE, else ~/.liminal/cookie */
  readonly cookie: string | undefined;
  /** A file with the cookie. @default none */
  readonly cookieFile: string | undefined;
  /**
   * Talk to other nodes over TLS only: files with this node's certificate, its key, and the authorities that the
   * certificates of all nodes come from. A certificate must name the host that others dial. Renewed files count
   * for new connections without a restart. @default plain TCP
   */
  readonly tls: TlsFiles | undefined;
  /** No member of the cluster, and told to nobody; for tools. @default false */
  readonly hidden: boolean;
  /** Connect to the nodes that peers tell of as well. @default true */
  readonly dialLearned: boolean;
  /** Milliseconds that `drain` may take to deliver what was accepted and to stop the application. @default 10,000 */
  readonly drainTimeoutMs: number;
  /** Bytes of an encoded payload, at most half of `distribution.maxFrameBytes`; a publish beyond it is refused. @default 8 MiB */
  readonly maxPayloadBytes: number | undefined;
  /** @default see `DistributionSettings` */
  readonly distribution: Partial<DistributionTuning>;
  /** Limits of process groups, of the application's and those behind channels. @default see `PgTuning` */
  readonly groups: Partial<GroupsTuning>;
  /** @default says nothing */
  readonly logger: Logger;
}

/**
 * As `parseAddress`, but the port may be 0, which asks for any that is free.
 * @throws TypeError that says what an address looks like.
 */
export function parseListenAddress(text: string): Address {
  const host = /^(.*):0+$/.exec(text)?.[1];
  return host === undefined ? parseAddress(text) : { ...parseAddress(`${host}:1`), port: 0 };
}

const address: OptionCheck = (value) => {
  if (value === 'off') return undefined;
  try {
    parseListenAddress(String(value));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

const name: OptionCheck = (value) => {
  try {
    parseNodeName(String(value));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

const optional =
  (check: OptionCheck): OptionCheck =>
  (value) =>
    value === undefined ? undefined : check(value);

function tlsFault(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const files = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  const missing = ['certFile', 'keyFile', 'caFile'].filter((file) => typeof files[file] !== 'string');
  return missing.length === 0 ? undefined : `must name certFile, keyFile and caFile; missing: ${missing.join(', ')}`;
}

function heartbeatFault(value: unknown): string | undefined {
  if (isHeartbeatProfile(value)) return undefined;
  if (typeof value === 'object' && value !== null && Object.keys(value).length === 2) {
    const { intervalMs, timeoutMs } = value as Partial<HeartbeatFigures>;
    const isWhole = [intervalMs, timeoutMs].every((figure) => wholeNumber(1)(figure) === undefined);
    if (isWhole && Number(timeoutMs) >= 2 * Number(intervalMs)) return undefined;
  }
  const names = Object.keys(HEARTBEAT_PROFILES).join(', ');
  return `must be one of ${names}, or { intervalMs, timeoutMs } with a timeout of at least twice the interval`;
}

/** What the heartbeat sets of the connections. */
export function heartbeatTuning(heartbeat: HeartbeatProfile | HeartbeatFigures): Partial<DistributionTuning> {
  const { intervalMs, timeoutMs } = heartbeatFigures(heartbeat);
  return {
    heartbeatIntervalMs: intervalMs,
    heartbeatTimeoutMs: timeoutMs,
    // Otherwise a peer that takes no bytes would be down before one that is silent.
    writeTimeoutMs: Math.max(DISTRIBUTION_DEFAULTS.writeTimeoutMs, timeoutMs),
  };
}

function globalNamesFault(value: unknown): string | undefined {
  try {
    resolveGlobalNamesOptions(value as Partial<GlobalNamesOptions>);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const CHECKS: OptionChecks<NodeOptions> = {
  // Checked by the scheduler, under the same names.
  threads: anything,
  maxOwnThreads: anything,
  resourceLimits: anything,
  watchdog: anything,
  mailbox: anything,
  blockingWork: anything,
  threadQueueBytes: anything,
  maxRemoteSpawns: anything,
  stayAwakeUs: anything,
  app: appFault,
  remoteSpawn: oneOf(...REMOTE_SPAWN),
  // Checked where it is looked up.
  applicationRoot: anything,
  globalNames: globalNamesFault,
  name,
  listen: address,
  http: address,
  // Checked by distribution, under the same names.
  seeds: anything,
  discover: anything,
  allow: anything,
  heartbeat: heartbeatFault,
  joinTimeoutMs: wholeNumber(0),
  cookie: anything,
  cookieFile: anything,
  tls: tlsFault,
  hidden: anything,
  dialLearned: anything,
  drainTimeoutMs: wholeNumber(0),
  // Half of a frame at most, which is looked at where that is known.
  maxPayloadBytes: optional(wholeNumber(1, 2 ** 29)),
  distribution: anything,
  // Checked by pg, under the same names.
  groups: anything,
  logger: anything,
};

/** @throws OptionError that names the option. */
export function resolveNodeOptions(given: Partial<NodeOptions> | undefined): Readonly<NodeOptions> {
  const defaults: NodeOptions = {
    threads: undefined,
    maxOwnThreads: undefined,
    resourceLimits: undefined,
    watchdog: undefined,
    mailbox: undefined,
    blockingWork: undefined,
    threadQueueBytes: undefined,
    maxRemoteSpawns: undefined,
    stayAwakeUs: undefined,
    app: undefined,
    remoteSpawn: 'defined',
    applicationRoot: process.cwd(),
    globalNames: {},
    name: `node-${randomCreation(systemEnvironment).toString(36)}@127.0.0.1`,
    listen: '127.0.0.1:0',
    http: 'off',
    seeds: [],
    discover: [],
    allow: DISTRIBUTION_DEFAULTS.allow,
    heartbeat: 'default',
    joinTimeoutMs: 2_000,
    cookie: undefined,
    cookieFile: undefined,
    tls: undefined,
    hidden: false,
    dialLearned: true,
    drainTimeoutMs: 10_000,
    maxPayloadBytes: undefined,
    distribution: {},
    groups: {},
    logger: silentLogger,
  };
  const options = resolveOptions(given, defaults, CHECKS);
  const maxFrameBytes = Math.max(options.distribution.maxFrameBytes ?? 0, DISTRIBUTION_DEFAULTS.maxFrameBytes);
  if ((options.maxPayloadBytes ?? 0) > maxFrameBytes / 2) {
    throw new OptionError('maxPayloadBytes', `must not be above half of distribution.maxFrameBytes (${maxFrameBytes})`);
  }
  return options;
}
