/**
 * Sequences of joins, leaves, deaths, splits and losses of nodes, as data, and the model of what they come to: a node
 * sees its own members and those of the nodes that it is connected to, and nothing else.
 */
import fc from 'fast-check';

export const NODES = ['n1', 'n2', 'n3', 'n4'] as const;
export type NodeLabel = (typeof NODES)[number];

export type GroupStep =
  | readonly ['spawn', process: string, node: NodeLabel]
  | readonly ['join' | 'leave', group: string, ...processes: string[]]
  | readonly ['end', process: string]
  | readonly ['connect' | 'disconnect', one: NodeLabel, other: NodeLabel]
  /** The node's OS process is killed; here: all of the node ends without a word. */
  | readonly ['kill', node: NodeLabel]
  /** Another life of a node that was killed, with no connections. */
  | readonly ['start', node: NodeLabel]
  /** Waits until every view is what it must come to. */
  | readonly ['barrier'];

export interface GroupScenario {
  readonly name: string;
  readonly steps: readonly GroupStep[];
}

/** Of each group its members by name, as often as they have joined, sorted. */
export type Members = Readonly<Record<string, readonly string[]>>;

/** What one node sees. */
export interface View {
  readonly members: Members;
  readonly local: Members;
  readonly groups: readonly string[];
  /** What its monitor of the scope has told since the node started, summed up. */
  readonly heard: Members;
}

/** A cluster that plays steps. Every node runs, and none is connected, when a scenario begins and when it has ended. */
export interface GroupPlayer extends AsyncDisposable {
  /** @returns what the step says: `ok`, or `not_joined`. */
  perform(step: GroupStep): Promise<string>;
  view(node: NodeLabel): Promise<View>;
}

/** What a cluster must come to. */
export class Model {
  readonly #alive = new Set<NodeLabel>(NODES);
  readonly #connections = new Set<string>();
  readonly #nodeOf = new Map<string, NodeLabel>();
  readonly #joins = new Map<string, string[]>();

  get nodes(): NodeLabel[] {
    return [...this.#alive];
  }

  get processes(): string[] {
    return [...this.#nodeOf.keys()];
  }

  nodeOf(process: string): NodeLabel {
    const node = this.#nodeOf.get(process);
    if (node === undefined) throw new Error(`${process} does not live`);
    return node;
  }

  isAlive(node: NodeLabel): boolean {
    return this.#alive.has(node);
  }

  isConnected(one: NodeLabel, other: NodeLabel): boolean {
    return this.#connections.has(pairOf(one, other));
  }

  perform(step: GroupStep): string {
    switch (step[0]) {
      case 'spawn':
        this.#nodeOf.set(step[1], step[2]);
        return 'ok';
      case 'join': {
        const [, group, ...processes] = step;
        this.#joins.set(group, [...(this.#joins.get(group) ?? []), ...processes]);
        return 'ok';
      }
      case 'leave': {
        const [, group, ...processes] = step;
        const left = processes.filter((process) => this.#leave(group, process));
        return left.length > 0 ? 'ok' : 'not_joined';
      }
      case 'end':
        this.#end(step[1]);
        return 'ok';
      case 'connect':
        this.#connections.add(pairOf(step[1], step[2]));
        return 'ok';
      case 'disconnect':
        this.#connections.delete(pairOf(step[1], step[2]));
        return 'ok';
      case 'kill':
        this.#alive.delete(step[1]);
        for (const [process, node] of [...this.#nodeOf]) if (node === step[1]) this.#end(process);
        for (const other of NODES) this.#connections.delete(pairOf(step[1], other));
        return 'ok';
      case 'start':
        this.#alive.add(step[1]);
        return 'ok';
      case 'barrier':
        return 'ok';
    }
  }

  view(node: NodeLabel): View {
    const seenBy = (of: (other: NodeLabel) => boolean): Record<string, string[]> => {
      const groups = [...this.#joins].map(
        ([group, members]) => [group, members.filter((member) => of(this.nodeOf(member))).sort()] as const,
      );
      return sortedGroups(new Map(groups));
    };
    const members = seenBy((other) => other === node || this.isConnected(node, other));
    return { members, local: seenBy((other) => other === node), groups: Object.keys(members), heard: members };
  }

  #leave(group: string, process: string): boolean {
    const members = this.#joins.get(group) ?? [];
    const at = members.indexOf(process);
    if (at >= 0) members.splice(at, 1);
    return at >= 0;
  }

  #end(process: string): void {
    this.#nodeOf.delete(process);
    for (const [group, members] of this.#joins) {
      this.#joins.set(
        group,
        members.filter((member) => member !== process),
      );
    }
  }
}

/** In one order whatever the node's; groups without members are left out. */
export function sortedGroups(groups: ReadonlyMap<string, readonly string[]>): Record<string, string[]> {
  const entries = [...groups].map(([group, members]) => [group, [...members].sort()] as const);
  return Object.fromEntries(
    entries.filter(([, members]) => members.length > 0).sort(([one], [other]) => (one < other ? -1 : 1)),
  );
}

export function pairOf(one: NodeLabel, other: NodeLabel): string {
  return [one, other].sort().join(' ');
}

const GROUPS = ['a', 'b', 'c'];

/** A kill costs a start of a node, which takes most of the time. */
const WEIGHTS = { spawn: 5, join: 9, leave: 6, end: 3, connect: 5, disconnect: 3, kill: 1, barrier: 2 } as const;
const KINDS = Object.entries(WEIGHTS).flatMap(([kind, weight]) =>
  Array<keyof typeof WEIGHTS>(weight).fill(kind as keyof typeof WEIGHTS),
);

type Draw = readonly [kind: number, a: number, b: number, c: number];

/** Makes each draw the step that is possible at that point, so that the same steps run everywhere. */
export function stepsOf(draws: readonly Draw[], maxKills: number): GroupStep[] {
  const model = new Model();
  const steps: GroupStep[] = [];
  let spawned = 0;
  let kills = 0;
  const add = (step: GroupStep | undefined): void => {
    if (step === undefined) return;
    model.perform(step);
    steps.push(step);
  };
  for (const [kind, a, b, c] of draws) {
    const node = pick(model.nodes, a) ?? 'n1';
    const other = pick(
      model.nodes.filter((each) => each !== node),
      b,
    );
    const group = pick(GROUPS, c) ?? 'a';
    const local = model.processes.filter((process) => model.nodeOf(process) === node);
    const some = [
      pick(local, b),
      ...(b % 3 === 0 ? [pick(local, b + 1)] : []),
      ...(b % 5 === 0 ? [pick(local, b)] : []),
    ];
    const named = some.filter((process) => process !== undefined);
    const wanted = KINDS[kind % KINDS.length];
    switch (wanted) {
      case 'spawn':
        add(['spawn', `p${spawned++}`, node]);
        break;
      case 'join':
      case 'leave':
        if (named.length > 0) add([wanted, group, ...named]);
        break;
      case 'end':
        if (local[0] !== undefined) add(['end', pick(local, b) ?? local[0]]);
        break;
      case 'connect':
      case 'disconnect':
        if (other !== undefined && model.isConnected(node, other) === (wanted === 'disconnect'))
          add([wanted, node, other]);
        break;
      case 'kill':
        if (kills >= maxKills) break;
        kills++;
        add(['kill', node]);
        add(['barrier']);
        add(['start', node]);
        break;
      case 'barrier':
        add(['barrier']);
        break;
      case undefined:
        break;
      default:
        wanted satisfies never;
    }
  }
  for (const one of NODES) {
    for (const other of NODES) if (one < other && !model.isConnected(one, other)) add(['connect', one, other]);
  }
  add(['barrier']);
  return steps;
}

const draw = fc.nat({ max: 2 ** 20 });

export const randomSteps: fc.Arbitrary<GroupStep[]> = fc
  .array(fc.tuple(draw, draw, draw, draw), { minLength: 40, maxLength: 120, size: 'max' })
  .map((draws) => stepsOf(draws, 1));

function pick<T>(all: readonly T[], at: number): T | undefined {
  return all[at % all.length];
}
