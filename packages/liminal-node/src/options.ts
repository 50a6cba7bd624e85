/** What a program can set of its node; one set of defaults, one check. */
import {
  type Address,
  DEFAULTS as DISTRIBUTION_DEFAULTS,
  type DistributionSettings,
  parseAddress,
  type TlsFiles,
} from '@liminal-node/distribution';
import {
  anything,
  type Logger,
  type MailboxBound,
  type OptionCheck,
  type OptionChecks,
  parseNodeName,
  randomCreation,
  resolveOptions,
  silentLogger,
  systemEnvironment,
  type ThreadResourceLimits,
  type WatchdogOptions,
  wholeNumber,
} from '@liminal-node/scheduler';

import { type App, appFault } from './application.js';

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
  | 'environment'
  | 'transport'
  | 'logger'
>;

export interface NodeOptions {
  /**
   * The application: a supervision tree, or a function that is called with the node and may return one. It runs
   * before `startNode` resolves; when its top supervisor ends by itself, the node ends. @default none
   */
  readonly app: App | undefined;
  /** `name@host`, unique in the cluster. @default `node-` and a random number, @127.0.0.1 */
  readonly name: string;
  /** `host:port` where other nodes may connect, port 0 for any free one, or `off`. @default '127.0.0.1:0' */
  readonly listen: string;
  /** `host:port` for /livez, /readyz and /metrics, or `off`. @default 'off' */
  readonly http: string;
  /** `host:port` of nodes to join. They need not be up: joining goes on for ever. @default none */
  readonly seeds: readonly string[];
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
  /** Scheduler threads, from 0: everything on the home thread. @default one less than the processors, at least 1 */
  readonly threads: number | undefined;
  /** No member of the cluster, and told to nobody; for tools. @default false */
  readonly hidden: boolean;
  /** Connect to the nodes that peers tell of as well. @default true */
  readonly dialLearned: boolean;
  /** Milliseconds that `drain` may take to deliver what was accepted and to stop the application. @default 10,000 */
  readonly drainTimeoutMs: number;
  /** When a process that does not yield its thread is named, and when its thread is ended. @default 1000 ms, 30,000 ms */
  readonly watchdog: Partial<WatchdogOptions> | undefined;
  /** Threads for one process each (`thread: 'own'`) that there may be at once. @default 32 */
  readonly maxOwnThreads: number | undefined;
  /** Limits of the heap of each scheduler thread. @default Node's own */
  readonly resourceLimits: ThreadResourceLimits | undefined;
  /** The bound of mailboxes that ask for no other. @default 1,000,000 messages, 64 MiB, drop-newest */
  readonly mailbox: MailboxBound | undefined;
  /** Bytes of an encoded payload; a publish beyond it is refused. @default 8 MiB */
  readonly maxPayloadBytes: number | undefined;
  /** @default see `DistributionSettings` */
  readonly distribution: Partial<DistributionTuning>;
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

const CHECKS: OptionChecks<NodeOptions> = {
  app: appFault,
  name,
  listen: address,
  http: address,
  // Checked by distribution, under the same name.
  seeds: anything,
  joinTimeoutMs: wholeNumber(0),
  cookie: anything,
  cookieFile: anything,
  tls: tlsFault,
  threads: optional(wholeNumber(0, 255)),
  hidden: anything,
  dialLearned: anything,
  drainTimeoutMs: wholeNumber(0),
  // Checked by the scheduler, under the same names.
  watchdog: anything,
  maxOwnThreads: anything,
  resourceLimits: anything,
  mailbox: anything,
  maxPayloadBytes: optional(wholeNumber(1, DISTRIBUTION_DEFAULTS.maxFrameBytes / 2)),
  distribution: anything,
  logger: anything,
};

/** @throws OptionError that names the option. */
export function resolveNodeOptions(given: Partial<NodeOptions> | undefined): Readonly<NodeOptions> {
  const defaults: NodeOptions = {
    app: undefined,
    name: `node-${randomCreation(systemEnvironment).toString(36)}@127.0.0.1`,
    listen: '127.0.0.1:0',
    http: 'off',
    seeds: [],
    joinTimeoutMs: 2_000,
    cookie: undefined,
    cookieFile: undefined,
    tls: undefined,
    threads: undefined,
    hidden: false,
    dialLearned: true,
    drainTimeoutMs: 10_000,
    watchdog: undefined,
    maxOwnThreads: undefined,
    resourceLimits: undefined,
    mailbox: undefined,
    maxPayloadBytes: undefined,
    distribution: {},
    logger: silentLogger,
  };
  return resolveOptions(given, defaults, CHECKS);
}
