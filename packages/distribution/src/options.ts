/** What can be set of a node's connections; one set of defaults, one check. */
import {
  anything,
  type Environment,
  type Logger,
  type NodeName,
  type OptionCheck,
  type OptionChecks,
  OptionError,
  parseNodeName,
  resolveOptions,
  silentLogger,
  systemEnvironment,
  wholeNumber,
} from '@liminal-node/scheduler';
import { parseAddress } from './address.js';
import { parseDiscoverySource } from './discovery-source.js';
import { systemResolver } from './dns-resolver.js';
import { netTransport } from './net-transport.js';
import { patternFault } from './node-patterns.js';
import type { Resolver } from './resolver.js';
import type { Transport } from './transport.js';

export interface DistributionSettings {
  /** `name@host` of this node. Two live nodes of one cluster must not share it. */
  name: NodeName;
  /** Which life of this node: a random number from 1 to 2^32-1. */
  creation: number;
  /** The secret that all nodes of a cluster share. A peer with another is refused. */
  cookie: string;
  /** Where to listen; port 0 is any that is free. @default null: takes no connections. */
  listen: { readonly host: string; readonly port: number } | null;
  /**
   * `host:port` that others are told to dial, where it differs from where this node listens.
   * @default null: the listening host (or the host of the node's name, where it listens on all) and the real port.
   */
  advertise: string | null;
  /** Told to nobody, and no member for others. It still dials the peers that it learns of. @default false */
  hidden: boolean;
  /** Dial the nodes that peers tell of; false connects to the seeds only. @default true */
  dialLearned: boolean;
  /** `host:port` of nodes to dial, for ever. Itself and duplicates do no harm. @default none */
  seeds: readonly string[];
  /**
   * Where to ask for nodes, beside the seeds: `dns:NAME` or `dns:NAME:PORT` (4370 otherwise) for each address of a host,
   * `srv:NAME` for each record of a service. What is found is dialled; what is found no more is not given up. @default none
   */
  discover: readonly string[];
  /** Milliseconds between two questions to one source, where nothing is lost. @default 30000 */
  discoverIntervalMs: number;
  /** Milliseconds that one question may take. @default 5000 */
  resolveTimeoutMs: number;
  /**
   * Names of the nodes to take, visits of the command line (`visitor-*@127.0.0.1`) included; `*` stands for any
   * characters. Others are refused and counted, whoever dials. @default ['*']: every node that has the cookie
   */
  allow: readonly string[];
  /**
   * Where two nodes cannot reach each other, all that are connected to both keep one of them, the same one; see
   * docs/partitions.md. Set it alike on all nodes. @default true
   */
  preventOverlappingPartitions: boolean;
  /** Milliseconds that two nodes have to reach each other again before one of them is held apart. @default 15000 */
  overlapAfterMs: number;
  /** Milliseconds between heartbeats. @default 2500 */
  heartbeatIntervalMs: number;
  /** Milliseconds without a byte after which a peer is down; at least twice the interval. @default 10000 */
  heartbeatTimeoutMs: number;
  /** Milliseconds that a handshake may take in all, connecting included. @default 3000 */
  handshakeTimeoutMs: number;
  /** Milliseconds that one frame of a peer may take to arrive, judged at heartbeats; then its session goes down. @default 10000 */
  frameTimeoutMs: number;
  /**
   * Milliseconds that the kernel may take for one write of up to 256 KiB, while the peer says that it reads less than
   * 16 KiB in that time; then the session goes down. @default 10000
   */
  writeTimeoutMs: number;
  /** Milliseconds that `leave` waits for acknowledgements and for what is queued. @default 2000 */
  leaveTimeoutMs: number;
  /** Milliseconds that a connection may take to close in order before it is destroyed; bounds `stop`. @default 1000 */
  closeTimeoutMs: number;
  /** Bytes of the largest frame, type included. A peer that announces a longer one is refused. @default 16 MiB */
  maxFrameBytes: number;
  /** Bytes of droppable frames that may wait for one peer; beyond, they are dropped and counted. @default 8 MiB */
  maxDataQueueBytes: number;
  /**
   * Bytes of frames whose senders wait for room at one peer, and at most 1,024 of them; beyond, they are dropped and
   * counted. @default 8 MiB
   */
  maxPendingBytes: number;
  /** Bytes of frames that must be delivered that may wait for one peer; beyond, its session goes down. @default 16 MiB */
  maxControlQueueBytes: number;
  /**
   * Handshakes in progress, in each direction, connections that are being closed among them. One more accepted crowds
   * out the oldest of those that have said nothing, else the oldest. @default 64
   */
  maxHandshakes: number;
  /**
   * Handshakes a second that may fail for another cookie, or for bytes that are none, from one address (of IPv6: one
   * network of 64 bits). Beyond it connections from there are closed at once. @default 20
   */
  maxFailuresPerSource: number;
  /** Sessions, and addresses learned from peers. A peer beyond is refused, an address is not kept. @default 1024 */
  maxPeers: number;
  /** Milliseconds until the first redial. @default 100 */
  redialMinMs: number;
  /** Milliseconds between redials, at most. @default 10000 */
  redialMaxMs: number;
  /** A session that lived shorter, in milliseconds, does not reset the back-off of its address. @default 1000 */
  stableAfterMs: number;
  /** Milliseconds without success after which a learned address is forgotten. Seeds never are. @default 3600000 */
  forgetPeerAfterMs: number;
  /** Clock, timers and randomness. @default the system's */
  environment: Environment;
  /** @default TCP */
  transport: Transport;
  /** For discovery. @default the machine's */
  resolver: Resolver;
  /** @default says nothing */
  logger: Logger;
}

/** Name, creation and cookie must be given; for the rest see {@link DistributionSettings}. */
export type DistributionOptions = Pick<DistributionSettings, 'name' | 'creation' | 'cookie'> &
  Partial<DistributionSettings>;

export const DEFAULTS: DistributionSettings = {
  name: '' as NodeName,
  creation: 0,
  cookie: '',
  listen: null,
  advertise: null,
  hidden: false,
  dialLearned: true,
  seeds: [],
  discover: [],
  discoverIntervalMs: 30_000,
  resolveTimeoutMs: 5_000,
  allow: ['*'],
  preventOverlappingPartitions: true,
  overlapAfterMs: 15_000,
  heartbeatIntervalMs: 2_500,
  heartbeatTimeoutMs: 10_000,
  handshakeTimeoutMs: 3_000,
  frameTimeoutMs: 10_000,
  writeTimeoutMs: 10_000,
  leaveTimeoutMs: 2_000,
  closeTimeoutMs: 1_000,
  maxFrameBytes: 16 * 2 ** 20,
  maxDataQueueBytes: 8 * 2 ** 20,
  maxPendingBytes: 8 * 2 ** 20,
  maxControlQueueBytes: 16 * 2 ** 20,
  maxHandshakes: 64,
  maxFailuresPerSource: 20,
  maxPeers: 1_024,
  redialMinMs: 100,
  redialMaxMs: 10_000,
  stableAfterMs: 1_000,
  forgetPeerAfterMs: 3_600_000,
  environment: systemEnvironment,
  transport: netTransport,
  resolver: systemResolver,
  logger: silentLogger,
};

/** The smallest `maxFrameBytes`, so that every node takes what the layers above cut their frames to. */
export const MIN_FRAME_BYTES = 256 * 1_024 + 1;

const DAY_MS = 86_400_000;
const GIB = 2 ** 30;

const CHECKS: OptionChecks<DistributionSettings> = {
  name: says(parseNodeName),
  creation: wholeNumber(1, 0xffffffff),
  cookie: (value) =>
    typeof value === 'string' && value.length > 0 ? undefined : 'must be a text of at least 1 character',
  listen: (value) =>
    value === null || (isObject(value) && typeof value['host'] === 'string' && isPort(value['port']))
      ? undefined
      : 'must be { host, port } with a port from 0 to 65535, or null',
  advertise: (value) => (value === null ? undefined : says(parseAddress)(value)),
  hidden: aBoolean,
  dialLearned: aBoolean,
  seeds: (value) =>
    Array.isArray(value) ? value.map(says(parseAddress)).find(Boolean) : 'must be a list of "host:port"',
  discover: (value) =>
    Array.isArray(value)
      ? value.map(says(parseDiscoverySource)).find(Boolean)
      : 'must be a list of "dns:NAME" or "srv:NAME"',
  discoverIntervalMs: wholeNumber(1, DAY_MS),
  resolveTimeoutMs: wholeNumber(1, DAY_MS),
  allow: (value) => (Array.isArray(value) ? value.map(patternFault).find(Boolean) : 'must be a list of node names'),
  preventOverlappingPartitions: aBoolean,
  overlapAfterMs: wholeNumber(2, DAY_MS),
  heartbeatIntervalMs: wholeNumber(1, DAY_MS),
  heartbeatTimeoutMs: wholeNumber(2, DAY_MS),
  handshakeTimeoutMs: wholeNumber(1, DAY_MS),
  frameTimeoutMs: wholeNumber(1, DAY_MS),
  writeTimeoutMs: wholeNumber(1, DAY_MS),
  leaveTimeoutMs: wholeNumber(0, DAY_MS),
  closeTimeoutMs: wholeNumber(0, DAY_MS),
  maxFrameBytes: wholeNumber(MIN_FRAME_BYTES, GIB),
  maxDataQueueBytes: wholeNumber(1, GIB),
  maxPendingBytes: wholeNumber(1, GIB),
  maxControlQueueBytes: wholeNumber(1, GIB),
  maxHandshakes: wholeNumber(1, 65_536),
  maxFailuresPerSource: wholeNumber(1, 65_536),
  maxPeers: wholeNumber(1, 65_536),
  redialMinMs: wholeNumber(1, DAY_MS),
  redialMaxMs: wholeNumber(1, DAY_MS),
  stableAfterMs: wholeNumber(0, DAY_MS),
  forgetPeerAfterMs: wholeNumber(0),
  environment: anything,
  transport: anything,
  resolver: anything,
  logger: anything,
};

/** @throws OptionError that names the option. */
export function resolveDistributionOptions(options: DistributionOptions): Readonly<DistributionSettings> {
  const settings = resolveOptions(options, DEFAULTS, CHECKS);
  if (settings.heartbeatTimeoutMs < 2 * settings.heartbeatIntervalMs) {
    throw new OptionError(
      'heartbeatTimeoutMs',
      `must be at least twice heartbeatIntervalMs, or one late heartbeat is a death`,
    );
  }
  if (settings.redialMaxMs < settings.redialMinMs) {
    throw new OptionError('redialMaxMs', `must not be below redialMinMs (${settings.redialMinMs})`);
  }
  return settings;
}

/** A check that `parse` takes the value. */
function says(parse: (text: string) => unknown): OptionCheck {
  return (value) => {
    if (typeof value !== 'string') return 'must be a text';
    try {
      parse(value);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };
}

function aBoolean(value: unknown): string | undefined {
  return typeof value === 'boolean' ? undefined : 'must be true or false';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isPort(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535;
}
