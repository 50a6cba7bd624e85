/**
 * One life of a simulated node: the production code of scheduler, distribution, groups, channels and the bridge
 * between them, joined as `liminal-node` joins them, on simulated threads, time and network.
 *
 * Two ports are watched on their way: nothing may come up from a peer but between the `up` and the `down` of its
 * session, and `up` and `down` of each peer alternate.
 */
import type { Channels } from '@liminal-node/channels';
import type { ClusterSync } from '@liminal-node/cluster-sync';
import type { Distribution, DistributionOptions, Session } from '@liminal-node/distribution';
import type { Pg, PgTuning } from '@liminal-node/pg';
import type { NodeName, Scheduler, SchedulerOptions, SignalEndpoint } from '@liminal-node/scheduler';
import { TimedWorld } from './agenda.js';
import type { Api } from './api.js';
import { dataIn, faultOfDown } from './ledger.js';
import { Network } from './network.js';
import type { Loop, Timeline } from './timeline.js';
import type { End } from './wire.js';

export interface LifeOptions {
  readonly api: Api;
  readonly timeline: Timeline;
  readonly network: Network;
  /** Which host, which is also its node's number. */
  readonly host: number;
  readonly creation: number;
  readonly seed: number;
  readonly threads: number;
  /** Hosts to dial. */
  readonly seeds: readonly number[];
  readonly tuning: Partial<DistributionOptions>;
  readonly groups: Partial<PgTuning>;
  readonly scheduler: Partial<SchedulerOptions>;
  /** Hears of what must not be. */
  readonly fail: (what: string) => void;
  /** Hears of every event of the membership, and of frames for the other layers, for the log of the run. */
  readonly note: (what: () => string) => void;
}

export function nodeName(host: number): NodeName {
  return `n${host}@sim` as NodeName;
}

export class Life {
  readonly host: number;
  readonly name: NodeName;
  readonly creation: number;
  readonly world: TimedWorld;
  readonly home: Loop;
  readonly threads: InstanceType<Api['threads']['SimulatedThreads']>;
  /** False once it has crashed or stopped. */
  isLiving = true;
  /** True from the moment that all parts are joined. */
  isRunning = false;
  /** Sessions whose `up` was told and whose `down` was not. */
  readonly up = new Map<NodeName, Session>();
  /** Sessions that have gone down, by node and creation. */
  readonly downs = new Map<string, number>();
  /** Frames that distribution has refused to take, as it said. */
  dropped = 0;
  scheduler!: Scheduler;
  distribution!: Distribution;
  pg!: Pg;
  channels!: Channels;
  sync!: ClusterSync;
  readonly #options: LifeOptions;
  /** Of the connection that carries each session. */
  readonly #ends = new Map<Session, End | undefined>();

  constructor(options: LifeOptions) {
    const { api, timeline, host, creation, seed } = options;
    this.#options = options;
    this.host = host;
    this.name = nodeName(host);
    this.creation = creation;
    this.world = new TimedWorld(timeline, `${this.name}/${creation}`, seed);
    this.home = this.world.loop(0);
    this.threads = new api.threads.SimulatedThreads(this.world as never);
  }

  async start(): Promise<void> {
    const { api, network, host, threads, seeds, tuning, groups, scheduler } = this.#options;
    const { environment } = this.world.environment(0);
    const { name, creation } = this;
    this.scheduler = await api.scheduler.Scheduler.startOn(this.threads, {
      checkMessages: false,
      ...scheduler,
      node: name,
      creation,
      threads,
      environment,
    });
    this.distribution = this.#watched(
      await api.distribution.startDistribution({
        ...tuning,
        name,
        creation,
        cookie: 'a secret',
        listen: { host: `host${host}`, port: 4_000 },
        seeds: seeds.map((seed) => Network.addressOf(seed)),
        environment,
        transport: network.transport(host, this.home),
      }),
    );
    const { distribution } = this;
    api.distribution.connectSignals(distribution, this.#watchedEndpoint());
    this.pg = api.pg.startPg({
      ...groups,
      scope: api.sync.CHANNELS_SCOPE,
      scheduler: this.scheduler,
      distribution,
      environment,
      announceAfterMs: 500,
    });
    this.channels = new api.channels.Channels(this.scheduler, { environment });
    this.sync = api.sync.connectChannels(this.channels, this.pg, distribution, api.scheduler.silentLogger);
    this.isRunning = true;
  }

  /** Everything of it ends between two steps, as by SIGKILL. */
  crash(): void {
    this.isLiving = false;
    this.isRunning = false;
    for (const loop of this.world.loops) loop.end();
  }

  /** In order, as a node that drains. */
  async stop(): Promise<void> {
    this.isRunning = false;
    await this.distribution.leave();
    this.channels.close();
    this.pg.stop();
    await this.scheduler.stop();
    await this.distribution.flush();
    await this.distribution.stop();
    this.isLiving = false;
  }

  /** The distribution, with a look at what goes up from it. */
  #watched(distribution: Distribution): Distribution {
    const { fail, note, network } = this.#options;
    let newest = 0;
    distribution.onMembership('groups', (event) => {
      const { type, session } = event;
      note(() => `${this.name} ${type} ${session.node}/${session.creation} ${session.id}`);
      const known = this.up.get(session.node);
      if (type === 'up') {
        if (known !== undefined) fail(`${this.name} is told that ${session.node} is up, which it was already`);
        if (session.id <= newest) fail(`${this.name} has a session ${session.id} after ${newest}`);
        newest = session.id;
        this.up.set(session.node, session);
        this.#ends.set(session, network.carry((session as Session & { remoteAddress: string }).remoteAddress, session));
      } else {
        if (known !== session) fail(`${this.name} is told that ${session.node} is down, which was not up`);
        this.up.delete(session.node);
        const fault = faultOfDown(network, this.#ends.get(session), event);
        if (fault !== undefined) fail(`${this.name} ${fault}`);
        const life = `${session.node}/${session.creation}`;
        this.downs.set(life, (this.downs.get(life) ?? 0) + 1);
      }
    });
    const register = distribution.onFrame.bind(distribution);
    const onFrame: Distribution['onFrame'] = (type, handler) =>
      register(type, (session, body) => {
        if (this.up.get(session.node) !== session) {
          fail(`${this.name} is given a frame ${type} of session ${session.id} with ${session.node}, which is not up`);
        }
        const end = this.#ends.get(session);
        if (end !== undefined) end.dataReceived += dataIn(type, body);
        handler(session, body);
      });
    const send = distribution.send.bind(distribution);
    const counting: Distribution['send'] = (...args) => {
      const outcome = send(...args);
      if (outcome === 'dropped') this.dropped += args[5] ?? 1;
      return outcome;
    };
    const { sendGrowing } = distribution;
    distribution.sendGrowing = (...args) => {
      const frame = sendGrowing.apply(distribution, args);
      if (frame === 'dropped') this.dropped++;
      if (typeof frame === 'string') return frame;
      const { grow } = frame;
      frame.grow = () => {
        const outcome = grow.apply(frame);
        if (outcome === 'dropped') this.dropped++;
        return outcome;
      };
      return frame;
    };
    return Object.assign(distribution, { onFrame, send: counting });
  }

  #watchedEndpoint(): SignalEndpoint {
    const { scheduler } = this;
    const { fail } = this.#options;
    return {
      setRemote: (port) => scheduler.setRemote(port),
      receiveRemote: (node, creation, signal) => {
        if (this.up.get(node)?.creation !== creation) {
          fail(`${this.name} is given a signal of ${node}/${creation}, which is not up`);
        }
        scheduler.receiveRemote(node, creation, signal);
      },
      nodeDown: (node, creation) => {
        if (this.up.has(node)) fail(`${this.name} ends links with ${node} while it is up`);
        if (this.pg.membersOf(node).size > 0) fail(`${this.name} ends links with ${node}, and still lists its members`);
        scheduler.nodeDown(node, creation);
      },
    };
  }
}
