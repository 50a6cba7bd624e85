/** Nodes that keep global names, over connections that deliver, break and heal as a seed says. */
import { formatPid, type NodeName, type Pid } from '@liminal-node/scheduler';
import type { NameConflict } from '../../src/names/claim.js';
import type { NameEffect, NameEvent, Outcome } from '../../src/names/name-event.js';
import type { NameMessage } from '../../src/names/name-message.js';
import { NameState } from '../../src/names/name-state.js';

/** One end of a connection: what is on its way to it, and whether it still stands for this end. */
interface End {
  readonly node: WorldNode;
  readonly peer: number;
  readonly inbox: NameMessage[];
  isUp: boolean;
}

interface Connection {
  readonly ends: readonly [End, End];
  /** Nothing more goes in; each end notices at its own time. */
  isCut: boolean;
}

export interface Lost {
  readonly key: string;
  readonly pid: Pid;
  readonly keeper: Pid | undefined;
}

export class WorldNode {
  readonly name: NodeName;
  readonly state: NameState;
  readonly alive = new Set<Pid>();
  /** Of each registration, how it has ended: once. */
  readonly outcomes = new Map<number, Outcome[]>();
  readonly asked = new Map<number, { readonly key: string; readonly pid: Pid }>();
  readonly lost: Lost[] = [];
  readonly looks: { readonly look: number; readonly pid: Pid }[] = [];
  serial = 0;

  constructor(name: string, conflict: NameConflict, maxNames: number) {
    this.name = `${name}@h` as NodeName;
    this.state = new NameState({ node: this.name, conflict, maxNames });
  }

  spawn(): Pid {
    const pid = formatPid({ node: this.name, creation: 1, thread: 0, serial: this.serial++ });
    this.alive.add(pid);
    return pid;
  }

  get listed(): Record<string, Pid> {
    return Object.fromEntries([...this.state.claims.listed].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

export class NameWorld {
  readonly nodes: readonly WorldNode[];
  /** Told when a registration has succeeded, in the step in which it has. */
  onHeld: (node: WorldNode, key: string, pid: Pid) => void = () => {};
  now = 1_000;
  readonly #connections = new Set<Connection>();
  #sessions = 0;
  #requests = 0;

  constructor(names: readonly string[], { conflict = 'exit' as NameConflict, maxNames = 100 } = {}) {
    this.nodes = names.map((name) => new WorldNode(name, conflict, maxNames));
  }

  node(name: string): WorldNode {
    const found = this.nodes.find((node) => node.name === `${name}@h`);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  }

  register(node: WorldNode, key: string, pid = node.spawn()): number {
    const request = this.#requests++;
    node.outcomes.set(request, []);
    node.asked.set(request, { key, pid });
    this.step(node, { type: 'register', request, key, pid });
    return request;
  }

  end(node: WorldNode, pid: Pid): void {
    node.alive.delete(pid);
    this.step(node, { type: 'ended', pid });
  }

  outcome(request: number): readonly Outcome[] {
    return this.nodes.flatMap((node) => node.outcomes.get(request) ?? []);
  }

  step(node: WorldNode, event: NameEvent): void {
    for (const effect of node.state.step(event, this.now++)) this.#perform(node, effect);
  }

  connected(a: WorldNode, b: WorldNode): Connection | undefined {
    return [...this.#connections].find(({ ends }) => ends.every(({ node }) => node === a || node === b));
  }

  connect(a: WorldNode, b: WorldNode): void {
    if (this.connected(a, b) !== undefined) return;
    const ends = [a, b].map((node) => ({ node, peer: this.#sessions++, inbox: [], isUp: true })) as unknown as [
      End,
      End,
    ];
    this.#connections.add({ ends, isCut: false });
    this.step(a, { type: 'up', peer: ends[0].peer, node: b.name });
    this.step(b, { type: 'up', peer: ends[1].peer, node: a.name });
  }

  connectAll(): void {
    for (const a of this.nodes) for (const b of this.nodes) if (a.name < b.name) this.connect(a, b);
  }

  cut(a: WorldNode, b: WorldNode): void {
    const connection = this.connected(a, b);
    if (connection !== undefined) connection.isCut = true;
  }

  /** What can happen next: something arrives, an end notices a cut, a process is looked at. */
  get possible(): (() => void)[] {
    const arrivals = [...this.#connections].flatMap(({ ends }) =>
      ends.filter(({ inbox, isUp }) => isUp && inbox.length > 0).map((end) => () => this.#arrive(end)),
    );
    const notices = [...this.#connections].flatMap((connection) =>
      connection.isCut
        ? connection.ends.filter(({ isUp }) => isUp).map((end) => () => this.#notice(connection, end))
        : [],
    );
    const looks = this.nodes.filter(({ looks }) => looks.length > 0).map((node) => () => this.#look(node));
    return [...arrivals, ...notices, ...looks];
  }

  /** Until nothing can happen any more, in the order that `choose` says. */
  settle(choose: (count: number) => number = () => 0): void {
    for (let steps = 0; ; steps++) {
      const { possible } = this;
      if (possible.length === 0) return;
      if (steps > 100_000) throw new Error('it does not come to rest');
      possible[choose(possible.length)]?.();
    }
  }

  #arrive(end: End): void {
    const message = end.inbox.shift();
    if (message !== undefined) this.step(end.node, { type: 'heard', peer: end.peer, message });
  }

  #notice(connection: Connection, end: End): void {
    end.isUp = false;
    if (connection.ends.every(({ isUp }) => !isUp)) this.#connections.delete(connection);
    this.step(end.node, { type: 'down', peer: end.peer });
  }

  #look(node: WorldNode): void {
    const asked = node.looks.shift();
    if (asked !== undefined) this.step(node, { type: 'looked', look: asked.look, alive: node.alive.has(asked.pid) });
  }

  #perform(node: WorldNode, effect: NameEffect): void {
    switch (effect.type) {
      case 'send': {
        const found = [...this.#connections].find(({ ends }) => ends.some(({ peer }) => peer === effect.peer));
        const to = found?.ends.find(({ peer }) => peer !== effect.peer);
        if (found?.isCut === false) to?.inbox.push(structuredClone(effect.message));
        break;
      }
      case 'settle': {
        node.outcomes.get(effect.request)?.push(effect.outcome);
        const asked = node.asked.get(effect.request);
        if (effect.outcome === 'held' && asked !== undefined) this.onHeld(node, asked.key, asked.pid);
        break;
      }
      case 'look':
        node.looks.push(effect);
        break;
      case 'lost':
        node.lost.push({ key: effect.key, pid: effect.pid, keeper: effect.keeper });
        if (effect.loser === 'exit') this.end(node, effect.pid);
        break;
      case 'list':
      case 'ignored':
        break;
      default:
        effect satisfies never;
    }
  }
}
