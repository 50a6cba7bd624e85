/** Four nodes of Liminal in this OS process, over sockets that a step cuts, as a player of group scenarios. */
import {
  type Connection,
  type Distribution,
  netTransport,
  startDistribution,
  type Transport,
} from '@liminal-node/distribution';
import { type GroupChange, type Pg, startPg } from '@liminal-node/pg';
import { type NodeName, type Pid, parsePid, Scheduler } from '@liminal-node/scheduler';
import {
  type GroupPlayer,
  type GroupStep,
  NODES,
  type NodeLabel,
  pairOf,
  sortedGroups,
  type View,
} from './scenario.js';

const SCOPE = 'oracle';

export class LiminalCluster implements GroupPlayer {
  readonly #nodes = new Map<NodeLabel, Node>();
  readonly #pids = new Map<string, Pid>();
  readonly #names = new Map<Pid, string>();
  readonly #wires = new Wires();
  #creations = 0;

  static async start(): Promise<LiminalCluster> {
    const cluster = new LiminalCluster();
    await Promise.all(NODES.map((node) => cluster.#start(node)));
    return cluster;
  }

  async perform(step: GroupStep): Promise<string> {
    switch (step[0]) {
      case 'spawn': {
        const [, process, node] = step;
        const pid = this.#node(node).scheduler.spawnLocal(async (self) => self.receive(), []);
        this.#pids.set(process, pid);
        this.#names.set(pid, process);
        return 'ok';
      }
      case 'join': {
        const [, group, ...processes] = step;
        this.#homeOf(processes).pg.joinMany(processes.map((process) => [group, this.#pid(process)]));
        return 'ok';
      }
      case 'leave': {
        const [, group, ...processes] = step;
        const left = this.#homeOf(processes).pg.leaveMany(processes.map((process) => [group, this.#pid(process)]));
        return left > 0 ? 'ok' : 'not_joined';
      }
      case 'end': {
        const { scheduler } = this.#homeOf([step[1]]);
        const pid = this.#pid(step[1]);
        const ended = new Promise((resolve) => scheduler.onExit(pid, resolve));
        scheduler.exitProcess(pid, 'kill');
        await ended;
        return 'ok';
      }
      case 'connect':
        this.#wires.join(step[1], step[2]);
        this.#node(step[1]).distribution.connect(this.#node(step[2]).address);
        return 'ok';
      case 'disconnect':
        this.#wires.cut(step[1], step[2]);
        return 'ok';
      case 'kill':
        for (const other of NODES) if (other !== step[1]) this.#wires.cut(step[1], other);
        await this.#node(step[1]).end();
        this.#nodes.delete(step[1]);
        return 'ok';
      case 'start':
        await this.#start(step[1]);
        return 'ok';
      case 'barrier':
        return 'ok';
    }
  }

  async view(label: NodeLabel): Promise<View> {
    const { pg, heard } = this.#node(label);
    const named = (groups: ReadonlyMap<string, readonly Pid[]>) =>
      sortedGroups(
        new Map([...groups].map(([group, pids]) => [group, pids.map((pid) => this.#names.get(pid) ?? pid)])),
      );
    const groups = [...pg.whichGroups()].sort();
    return {
      members: named(new Map(groups.map((group) => [group, pg.members(group)]))),
      local: named(new Map(pg.whichLocalGroups().map((group) => [group, pg.localMembers(group)]))),
      groups,
      heard: named(heard()),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#nodes.values()].map((node) => node.end()));
  }

  async #start(label: NodeLabel): Promise<void> {
    this.#nodes.set(label, await Node.start(label, ++this.#creations, this.#wires));
  }

  #node(label: NodeLabel): Node {
    const node = this.#nodes.get(label);
    if (node === undefined) throw new Error(`${label} does not run`);
    return node;
  }

  #pid(process: string): Pid {
    const pid = this.#pids.get(process);
    if (pid === undefined) throw new Error(`there is no process ${process}`);
    return pid;
  }

  #homeOf([process = '']: readonly string[]): Node {
    return this.#node(parsePid(this.#pid(process))?.node.split('@')[0] as NodeLabel);
  }
}

class Node {
  readonly scheduler: Scheduler;
  readonly distribution: Distribution;
  readonly pg: Pg;
  /** What its monitor has told so far, summed up; a leave of what was no member shows as a stranger. */
  readonly heard: () => ReadonlyMap<string, readonly Pid[]>;

  private constructor(scheduler: Scheduler, distribution: Distribution) {
    this.scheduler = scheduler;
    this.distribution = distribution;
    this.pg = startPg({ scope: SCOPE, scheduler, distribution });
    this.heard = summed(this.pg);
  }

  static async start(label: NodeLabel, creation: number, wires: Wires): Promise<Node> {
    const name = `${label}@localhost` as NodeName;
    const scheduler = await Scheduler.start({ node: name, creation, threads: 0 });
    const distribution = await startDistribution({
      name,
      creation,
      cookie: 'oracle',
      listen: { host: '127.0.0.1', port: 0 },
      dialLearned: false,
      redialMinMs: 5,
      redialMaxMs: 50,
      transport: wires.transportOf(label),
    });
    return new Node(scheduler, distribution);
  }

  get address(): string {
    return this.distribution.address ?? '';
  }

  async end(): Promise<void> {
    await this.distribution.stop();
    this.pg.stop();
    await this.scheduler.stop();
  }
}

function summed(pg: Pg): () => ReadonlyMap<string, readonly Pid[]> {
  const sum = new Map<string, Pid[]>();
  const changes = pg.changes()[Symbol.asyncIterator]();
  const take = (change: GroupChange): void => {
    if (change.type === 'snapshot') return;
    const members = sum.get(change.group) ?? [];
    sum.set(change.group, members);
    for (const pid of change.pids) {
      if (change.type === 'join') members.push(pid);
      else if (members.includes(pid)) members.splice(members.indexOf(pid), 1);
      else members.push('stranger' as Pid);
    }
  };
  return () => {
    for (const change of changes.readReady(Infinity)) take(change);
    return sum;
  };
}

/** Which pairs of nodes may have a connection, and what goes over those that there are. */
class Wires {
  readonly #joined = new Set<string>();
  readonly #labels = new Map<number, NodeLabel>();
  readonly #open = new Map<string, Set<Connection>>();

  transportOf(from: NodeLabel): Transport {
    return {
      listen: async (...args) => {
        const listener = await netTransport.listen(...args);
        this.#labels.set(listener.port, from);
        return listener;
      },
      dial: (host, port, handlers) => {
        const to = this.#labels.get(port);
        const pair = to === undefined ? '' : pairOf(from, to);
        if (!this.#joined.has(pair)) throw new Error('no way there');
        const open = this.#open.get(pair) ?? new Set();
        this.#open.set(pair, open);
        const connection = netTransport.dial(host, port, {
          opened: () => handlers.opened(),
          data: (bytes) => handlers.data(bytes),
          closed: (reason) => {
            open.delete(connection);
            handlers.closed(reason);
          },
        });
        open.add(connection);
        return connection;
      },
    };
  }

  join(one: NodeLabel, other: NodeLabel): void {
    this.#joined.add(pairOf(one, other));
  }

  cut(one: NodeLabel, other: NodeLabel): void {
    const pair = pairOf(one, other);
    this.#joined.delete(pair);
    for (const connection of this.#open.get(pair) ?? []) connection.destroy();
  }
}
