/**
 * The composition root: one node out of the five packages.
 *
 * Starting, in order: threads, then the listener and, in the same turn, everybody who handles frames; nothing
 * is left running where a step fails. Draining is an ordered shutdown, see {@link LiminalNode.drain}.
 */
import {
  type Channel,
  type ChannelOptions,
  Channels,
  type Envelope,
  type PublishOptions,
  type Receipt,
} from '@liminal-node/channels';
import { CHANNELS_SCOPE, type ClusterSync, connectChannels } from '@liminal-node/cluster-sync';
import {
  connectSignals,
  createTlsTransport,
  DEFAULTS as DISTRIBUTION_DEFAULTS,
  type Distribution,
  type MembershipEvent,
  startDistribution,
} from '@liminal-node/distribution';
import { APPLICATION_SCOPE, answerProcesses, type Pg, startPg } from '@liminal-node/pg';
import {
  type AttachedProcess,
  type AttachOptions,
  type Destination,
  type ExitReason,
  type LocalSpawnOptions,
  type NodeName,
  type Pid,
  type ProcessBody,
  type ProcessDefinition,
  parseNodeName,
  Scheduler,
  type SpawnOptions,
  type SpecName,
  type SupervisorPid,
  systemEnvironment,
} from '@liminal-node/scheduler';
import { type App, NodeApplication } from './application.js';
import { type ConnectOptions, connectTo } from './connecting.js';
import { checkCookieReach, resolveCookie } from './cookie.js';
import { drainNode } from './drain.js';
import { firstJoin } from './first-join.js';
import { type Health, type HttpServer, startHttp } from './http-server.js';
import { joinedOf } from './joined.js';
import { type ClusterMember, membersOf } from './members.js';
import { GlobalNames } from './names/global-names.js';
import { createNodeMetrics } from './node-metrics.js';
import { answerRequests, REQUESTS_NAME, type RequestCounters } from './node-requests.js';
import {
  heartbeatTuning,
  type NodeOptions,
  parseListenAddress,
  resolveNodeOptions,
  schedulerTuning,
} from './options.js';
import { unmetConditions } from './readiness.js';
import { ApplicationRoot } from './spawn/application-root.js';
import { NodeSpawnPolicy } from './spawn/spawn-policy.js';
import { Visits } from './visits.js';

export type { ClusterMember, Envelope, NodeOptions, PublishOptions, Receipt };

/** How a node has ended. */
export interface NodeEnd {
  /** What `drainTimeoutMs` cut short, as sentences; empty where nothing was lost. */
  readonly cut: readonly string[];
  /** Why the application ended by itself, and the node with it; undefined where the node was told to drain. */
  readonly application: ExitReason | undefined;
}

export interface LiminalNode extends AsyncDisposable {
  readonly name: NodeName;
  /** Which life of the node: a random number. */
  readonly creation: number;
  /** Where others dial it: what it advertises, otherwise `host:port` with the real port; null where it takes no connections. */
  readonly listen: string | null;
  /** Where it answers HTTP; null where it does not. */
  readonly http: string | null;

  /** Starts a process on the scheduler thread with the fewest, or on another node. See `Self.spawn`. */
  spawn<Args extends readonly unknown[]>(
    definition: ProcessDefinition<Args> | SpecName,
    args: Args,
    options?: Omit<SpawnOptions, 'link' | 'monitor'>,
  ): Promise<Pid>;
  /**
   * Lets other nodes, and processes here, start it by that name: `self.spawn({ spec: name }, args, { node })`.
   * @throws TypeError for a name that is taken, or is not 1 to 255 characters long.
   */
  registerSpec(name: string, definition: Pick<ProcessDefinition, 'module' | 'name'>): void;
  /** Starts a process on the home thread, at once. The body may be a closure. */
  spawnLocal<Args extends readonly unknown[]>(
    body: ProcessBody<Args> | ProcessDefinition<Args>,
    args: Args,
    options?: Omit<LocalSpawnOptions, 'link' | 'monitor'>,
  ): Pid;
  /** Makes the caller a process: a pid, a mailbox, links and monitors, until its `close`. */
  attach(options?: AttachOptions): AttachedProcess;
  /** Sends in the name of the program. See `Self.send`. */
  send<M>(to: Destination<M>, message: M): void;
  whereis(name: string): Pid | undefined;

  /**
   * A handle for a channel.
   * @throws TypeError for what cannot name one.
   */
  channel<T = unknown>(name: string, options?: ChannelOptions<T>): Channel<T>;

  /** The process groups of the application, on all nodes. */
  readonly pg: Pg;
  readonly clusterSync: ClusterSync;
  /** The names of the cluster (`globalNames`): who has which. */
  readonly names: Pick<GlobalNames, 'whereis' | 'registered' | 'counters'>;
  readonly distribution: Distribution;
  readonly scheduler: Scheduler;

  /**
   * Connects to a node, by its address or, where it is known where it listens, by its name, and takes back what
   * `disconnect` said. Resolves with its name, also where it is connected already, or is this node itself. Its address
   * is dialled for ever, like a seed, whether or not somebody waits.
   * Rejects with `ConnectError` (`ERR_LIMINAL_CONNECT`) where the first dial fails or `timeoutMs` is over, with
   * TypeError for what is neither an address nor a name, and with the signal's reason.
   */
  connect(peer: string, options?: ConnectOptions): Promise<NodeName>;
  /**
   * Ends the connection to a node, by its name or an address where it listens, and neither dials nor takes it until
   * `connect` says otherwise. An address is no longer dialled, seed or not. @returns whether it was connected.
   * @throws TypeError for what is neither an address nor a name.
   */
  disconnect(peer: string): boolean;

  /** The visible members of the cluster as this node sees them, itself first. */
  members(): readonly ClusterMember[];
  /** An `up` for each live session, then every later event in order; hidden nodes are among them. */
  membership(signal?: AbortSignal): AsyncIterable<MembershipEvent>;
  /** `unmet` has a sentence for each condition that is missing for ready, `joined` how many of the known nodes are connected. */
  health(): Health;

  /**
   * Starts the application of this node, as the option `app` does, and resolves when it is up. A node has one.
   * Rejects with `ApplicationError` (`ERR_LIMINAL_APPLICATION`), which names the child that did not start and
   * why: nothing of the tree is left then, and the node is as before. Rejects with `OptionError` for what is no
   * tree, and with an `AbortError` where the node drains meanwhile.
   */
  startApp(app: App): Promise<void>;
  /** The top supervisor of the application; undefined where none runs. */
  readonly application: SupervisorPid | undefined;

  /**
   * Leaves the cluster in order: readiness off; local members leave their groups and the peers are told that
   * the node leaves, and acknowledge; what was accepted is delivered here; the application is stopped, in the
   * reverse order of its start; what was sent is delivered to the peers; all other processes are stopped, then
   * connections. Idempotent.
   */
  drain(): Promise<NodeEnd>;
  /** Resolves when the node has been drained, by `drain` or because its application has ended by itself. */
  readonly closed: Promise<NodeEnd>;
}

/**
 * Starts a node in this program. It resolves when each seed has been joined, and has told its subscriptions, or
 * could not be reached at the first try, and then the application is up; joining goes on behind.
 * @throws OptionError, CookieError, TlsError, ListenError, HttpListenError, ApplicationError; nothing is left running then.
 */
export async function startNode(given?: Partial<NodeOptions>): Promise<LiminalNode> {
  const options = resolveNodeOptions(given);
  const node = await openNode(options);
  if (options.app === undefined) return node;
  try {
    await node.startApp(options.app);
    return node;
  } catch (error) {
    await node.drain();
    throw error;
  }
}

async function openNode(options: Readonly<NodeOptions>): Promise<LiminalNode> {
  const listen = options.listen === 'off' ? null : parseListenAddress(options.listen);
  const { cookie, cookieFile, logger, drainTimeoutMs } = options;
  const secret = await resolveCookie({ cookie, cookieFile });
  checkCookieReach(secret, listen?.host ?? null);
  const startedAt = systemEnvironment.wallNow();
  const started: AsyncDisposable[] = [];
  const keep = <T extends AsyncDisposable>(part: T): T => {
    started.unshift(part);
    return part;
  };
  try {
    const name = parseNodeName(options.name);
    const root = await ApplicationRoot.find(options.applicationRoot);
    const specs = new NodeSpawnPolicy(options.remoteSpawn, root);
    const scheduler = keep(
      await Scheduler.start({
        node: name,
        logger,
        applicationRoot: root.href,
        maxRemoteMessageBytes: (options.distribution.maxFrameBytes ?? DISTRIBUTION_DEFAULTS.maxFrameBytes) - 1,
        ...schedulerTuning(options),
      }),
    );
    scheduler.setSpawnPolicy(specs);
    const requests: RequestCounters = { answered: 0, refused: { malformed: 0, failed: 0 } };
    const requestProcess = scheduler.attach({ label: 'node requests' });
    await requestProcess.register(REQUESTS_NAME);
    const distribution = keep(
      await startDistribution({
        ...heartbeatTuning(options.heartbeat),
        ...options.distribution,
        ...(options.tls !== undefined && { transport: createTlsTransport(options.tls, logger) }),
        name,
        creation: scheduler.creation,
        cookie: secret.value,
        listen,
        hidden: options.hidden,
        dialLearned: options.dialLearned,
        seeds: options.seeds,
        discover: options.discover,
        allow: options.allow,
        logger,
      }),
    );
    // In the turn in which it started: a frame without a handler would be a violation.
    connectSignals(distribution, scheduler);
    const channelGroups = startPg({ ...options.groups, scope: CHANNELS_SCOPE, scheduler, distribution, logger });
    const pg = startPg({ ...options.groups, scope: APPLICATION_SCOPE, scheduler, distribution, logger });
    answerProcesses(scheduler, pg);
    const names = keep(
      new GlobalNames({ scheduler, distribution, hidden: options.hidden, logger }, options.globalNames),
    );
    const { maxPayloadBytes } = options;
    const channels = new Channels(scheduler, { logger, ...(maxPayloadBytes !== undefined && { maxPayloadBytes }) });
    const clusterSync = connectChannels(channels, channelGroups, distribution, logger);
    const members = (): readonly ClusterMember[] => membersOf(distribution, startedAt);
    const visited = { channels, distribution, members, visits: new Visits(scheduler) };
    void answerRequests(requestProcess, visited, requests, logger);

    await firstJoin(distribution, channelGroups, options.joinTimeoutMs, systemEnvironment);

    let draining = false;
    let applicationEnd: ExitReason | undefined;
    const application = new NodeApplication(scheduler, logger, (reason) => {
      applicationEnd = reason;
      drain().catch(() => {});
    });
    const health = (): Health => {
      const { isStarting: starting } = application;
      const threads = scheduler.threads.length;
      const wantedThreads = scheduler.options.threads;
      const [peers, discovery] = [distribution.peers(), distribution.discovery()];
      const unmet = unmetConditions({ draining, starting, threads, wantedThreads, peers, discovery });
      return { live: true, ready: unmet.length === 0, unmet, joined: joinedOf(distribution) };
    };
    const parts = { scheduler, distribution, pg, channelGroups, channels, clusterSync, names };
    const metrics = createNodeMetrics({ ...parts, requests });
    const http = await openHttp(options.http, health, metrics, options);
    if (http !== undefined) keep(http);

    let closed = (_end: NodeEnd | Promise<NodeEnd>): void => {};
    const closedPromise = new Promise<NodeEnd>((resolve) => {
      closed = resolve;
    });
    let drained: Promise<NodeEnd> | undefined;
    const drain = (): Promise<NodeEnd> => {
      draining = true;
      if (drained === undefined) {
        drained = drainNode({ ...parts, application, http }, drainTimeoutMs, systemEnvironment).then((end) => ({
          ...end,
          application: applicationEnd,
        }));
        closed(drained);
      }
      return drained;
    };
    // Whoever drains is told of a failure; nobody needs to listen here.
    closedPromise.catch(() => {});
    const node: LiminalNode = {
      name,
      creation: scheduler.creation,
      listen: distribution.address,
      http: http?.address ?? null,
      spawn: (definition, args, spawnOptions) => scheduler.spawn(definition, args, spawnOptions),
      registerSpec: (spec, definition) => specs.register(spec, definition),
      spawnLocal: (body, args, spawnOptions) => scheduler.spawnLocal(body, args, spawnOptions),
      attach: (attachOptions) => scheduler.attach(attachOptions),
      send: (to, message) => scheduler.send(to, message),
      whereis: (registered) => scheduler.whereis(registered),
      channel: (channel, channelOptions) => channels.channel(channel, channelOptions),
      pg,
      clusterSync,
      names,
      distribution,
      scheduler,
      connect: (peer, connectOptions = {}) => connectTo(distribution, peer, connectOptions, systemEnvironment),
      disconnect: (peer) => distribution.disconnect(peer),
      members,
      membership: (signal) => distribution.membership(signal),
      health,
      startApp: (app) => application.start(app, node),
      get application() {
        return application.supervisor;
      },
      drain,
      closed: closedPromise,
      [Symbol.asyncDispose]: async () => void (await drain()),
    };
    return node;
  } catch (error) {
    for (const part of started) await part[Symbol.asyncDispose]();
    throw error;
  }
}

async function openHttp(
  http: string,
  health: () => Health,
  metrics: () => Promise<string>,
  { logger }: NodeOptions,
): Promise<HttpServer | undefined> {
  if (http === 'off') return undefined;
  const { host, port } = parseListenAddress(http);
  return startHttp({ host, port, health, metrics, logger });
}
