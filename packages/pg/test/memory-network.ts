/**
 * Distribution and scheduler for one thread: frames wait in a FIFO per session until the test delivers them,
 * and time passes when the test says so. Nothing here waits.
 */
import {
  type AnyPid,
  type Environment,
  type ExitReason,
  formatPid,
  type NodeName,
  type Pid,
  ProtocolError,
  parseNodeName,
  parsePid,
  systemEnvironment,
} from '@liminal-node/scheduler';
import { type Pg, type PgOptions, startPg } from '../src/index.js';
import type { DistributionPort, PgSession, ProcessHost, SessionEvent } from '../src/port.js';

export class MemorySession implements PgSession {
  readonly id: number;
  readonly node: NodeName;
  readonly creation: number;
  other: MemorySession | undefined;
  /** Whether what is held of earlier sessions is told; set it before the session is told of. */
  resumesGroups = false;
  up = true;
  closedFor: string | undefined;
  readonly inbox: { type: number; body: Uint8Array }[] = [];

  constructor(id: number, node: NodeName, creation: number) {
    this.id = id;
    this.node = node;
    this.creation = creation;
  }
}

/** One node's distribution. */
export class MemoryDistribution implements DistributionPort {
  readonly name: NodeName;
  readonly creation: number;
  readonly #sessions = new Map<NodeName, MemorySession>();
  readonly #handlers = new Map<number, (session: PgSession, body: Uint8Array) => void>();
  readonly #listeners = new Set<(event: SessionEvent) => void>();
  #nextSession = 1;
  /** What send answers instead of queueing, if set. */
  refuseSends: 'dropped' | 'gone' | undefined;

  constructor(name: string, creation = 1) {
    this.name = parseNodeName(name);
    this.creation = creation;
  }

  /** While set, flushes wait in it. */
  flushes: (() => void)[] | undefined;

  /** While set, who asks to be called back before the next frame leaves waits in it; else each step is a turn. */
  gathering: (() => void)[] | undefined;

  beforeWrite(callback: () => void): void {
    if (this.gathering === undefined) callback();
    else this.gathering.push(callback);
  }

  endTurn(): void {
    for (const callback of this.gathering?.splice(0) ?? []) callback();
  }

  async flush(): Promise<void> {
    const { flushes } = this;
    if (flushes !== undefined) await new Promise<void>((resolve) => flushes.push(resolve));
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  sessions(): MemorySession[] {
    return [...this.#sessions.values()];
  }

  session(node: NodeName): MemorySession {
    const session = this.#sessions.get(node);
    if (session === undefined) throw new Error(`no session with ${node}`);
    return session;
  }

  send(session: PgSession, type: number, body: Uint8Array): 'queued' | 'dropped' | 'gone' {
    if (this.refuseSends !== undefined) return this.refuseSends;
    const { up, other } = session as MemorySession;
    if (!up) return 'gone';
    other?.inbox.push({ type, body });
    return 'queued';
  }

  onFrame(type: number, handler: (session: PgSession, body: Uint8Array) => void): void {
    if (this.#handlers.has(type)) throw new Error(`frame type ${type} has a handler already`);
    this.#handlers.set(type, handler);
  }

  onMembership(_stage: 'groups', listener: (event: SessionEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  up(peer: NodeName, creation: number): MemorySession {
    this.down(peer);
    const session = new MemorySession(this.#nextSession++, peer, creation);
    this.#sessions.set(peer, session);
    return session;
  }

  tellUp(session: MemorySession): void {
    for (const listener of this.#listeners) listener({ type: 'up', session });
  }

  down(peer: NodeName): void {
    const session = this.#sessions.get(peer);
    if (session === undefined) return;
    session.up = false;
    this.#sessions.delete(peer);
    for (const listener of this.#listeners) listener({ type: 'down', session });
  }

  /** A frame as if it had just been read; a ProtocolError takes the session down. */
  receive(session: MemorySession, type: number, body: Uint8Array): void {
    try {
      this.#handlers.get(type)?.(session, body);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      session.closedFor = error.reason;
      disconnect(session);
    }
  }
}

const owners = new WeakMap<MemorySession, MemoryDistribution>();

/** @param resumes whether each says what it holds of an earlier session. */
export function connect(one: MemoryDistribution, other: MemoryDistribution, resumes = false): void {
  const here = one.up(other.name, other.creation);
  const there = other.up(one.name, one.creation);
  [here.other, there.other] = [there, here];
  [here.resumesGroups, there.resumesGroups] = [resumes, resumes];
  owners.set(here, one).set(there, other);
  one.tellUp(here);
  other.tellUp(there);
}

export function disconnect(session: MemorySession): void {
  for (const end of [session, session.other]) if (end?.up === true) owners.get(end)?.down(end.node);
}

/** Delivers every frame that is on its way, and those that are sent thereupon. */
export function settle(...distributions: readonly MemoryDistribution[]): void {
  for (let moved = true; moved; ) {
    moved = false;
    for (const distribution of distributions) {
      distribution.endTurn();
      for (const session of distribution.sessions()) {
        const frame = session.inbox.shift();
        if (frame === undefined) continue;
        moved = true;
        distribution.receive(session, frame.type, frame.body);
      }
    }
  }
}

/** The processes of one node. */
export class MemoryProcesses implements ProcessHost {
  readonly #node: NodeName;
  readonly #creation: number;
  readonly #dead = new Set<AnyPid>();
  readonly #watchers = new Map<AnyPid, Set<(reason: ExitReason, pid: AnyPid) => void>>();
  #serial = 0;

  constructor(node: NodeName, creation: number) {
    this.#node = node;
    this.#creation = creation;
  }

  get watched(): number {
    return this.#watchers.size;
  }

  spawn(): Pid {
    return formatPid({ node: this.#node, creation: this.#creation, thread: 0, serial: this.#serial++ });
  }

  end(pid: AnyPid): void {
    this.#dead.add(pid);
    const watchers = this.#watchers.get(pid);
    this.#watchers.delete(pid);
    for (const watcher of watchers ?? []) watcher('normal', pid);
  }

  isLocal(pid: AnyPid): boolean {
    const parts = parsePid(pid);
    return parts?.node === this.#node && parts.creation === this.#creation;
  }

  onExit(pid: AnyPid, callback: (reason: ExitReason, pid: AnyPid) => void): () => void {
    if (this.#dead.has(pid)) {
      callback('noproc', pid);
      return () => {};
    }
    const watchers = this.#watchers.get(pid) ?? new Set();
    this.#watchers.set(pid, watchers.add(callback));
    return () => {
      watchers.delete(callback);
      if (watchers.size === 0) this.#watchers.delete(pid);
    };
  }
}

/** A node with one scope. */
export interface MemoryNode {
  readonly distribution: MemoryDistribution;
  readonly processes: MemoryProcesses;
  readonly pg: Pg;
  readonly name: NodeName;
  /** Lets the announcement that was asked for come, if one was. */
  announce(): void;
  readonly timers: () => number;
}

export function startNode(name: string, options: Partial<PgOptions> = {}, creation = 1): MemoryNode {
  const distribution = new MemoryDistribution(name, creation);
  const processes = new MemoryProcesses(distribution.name, creation);
  const timers = new Set<() => void>();
  const environment: Environment = {
    ...systemEnvironment,
    setTimer: (_delayMs, callback) => {
      timers.add(callback);
      return { cancel: () => void timers.delete(callback) };
    },
  };
  const pg = startPg({ scope: 'test', scheduler: processes, distribution, environment, ...options });
  return {
    distribution,
    processes,
    pg,
    name: distribution.name,
    timers: () => timers.size,
    announce: () => {
      for (const timer of [...timers]) {
        timers.delete(timer);
        timer();
      }
    },
  };
}

/** Nodes a, b, c… that are all connected. */
export function cluster(count: number, options: Partial<PgOptions> = {}): MemoryNode[] {
  const nodes = Array.from({ length: count }, (_, index) => startNode(`${'abcdef'[index]}@test`, options));
  for (const [index, one] of nodes.entries()) {
    for (const other of nodes.slice(index + 1)) connect(one.distribution, other.distribution);
  }
  quiet(nodes);
  return nodes;
}

export function two(options: Partial<PgOptions> = {}): [MemoryNode, MemoryNode] {
  return cluster(2, options) as [MemoryNode, MemoryNode];
}

/** Delivers every frame that is on its way, and those that are sent thereupon. */
export function quiet(nodes: readonly MemoryNode[]): void {
  settle(...nodes.map(({ distribution }) => distribution));
}

export function split(one: MemoryNode, other: MemoryNode): void {
  disconnect(one.distribution.session(other.name));
}
