/**
 * N simulated nodes that run the pure core over an in-memory network. A run is a list of operations, and the
 * list decides everything: what processes do, which connection comes up at which end and when, which frame is
 * delivered, lost or delivered twice, who restarts. So a failing run shrinks to a short list.
 *
 * The network is a FIFO per direction that loses what is in flight when an end goes down, or delivers it late
 * under the dead session; it replaces sessions with the old one's down before or after the new one's up; it loses
 * frames within a session. Each of these is more than distribution may do to pg.
 *
 * After every operation: nothing foreign is in any view, every view is what its node had at some version, local
 * members are exact, and the changes told so far add up to what is listed.
 */
import { ByteReader, formatPid, type NodeName, type Pid, ProtocolError } from '@liminal-node/scheduler';
import type { GroupEffect, GroupEvent } from '../src/group-events.js';
import { GroupState } from '../src/group-state.js';
import { listed, type Members } from '../src/members.js';
import type { PgSession } from '../src/port.js';
import type { MemberChange } from '../src/remote-groups.js';
import { allMembers, nodesIn } from '../src/views.js';
import { decodeFrame, encodeFrame, FRAME_HEADER_BYTES, frameTypeOf } from '../src/wire.js';

/** Weights decide how often a kind is drawn. */
const WEIGHTS = {
  spawn: 10,
  join: 8,
  leave: 8,
  joinMany: 3,
  leaveMany: 3,
  exit: 4,
  connect: 6,
  up: 16,
  down: 3,
  lateDown: 3,
  deliver: 40,
  deliverLate: 6,
  lose: 3,
  repeat: 2,
  restart: 2,
  announce: 2,
  forget: 1,
  endTurn: 8,
} as const;
type Kind = keyof typeof WEIGHTS;
const KINDS = Object.entries(WEIGHTS).flatMap(([kind, weight]) => Array<Kind>(weight).fill(kind as Kind));

/** Draws of the four numbers that make an operation. */
export type Operation = readonly [kind: number, a: number, b: number, c: number];

const GROUPS = ['x', 'y', 'a group with a long name'];

/** Room for two or three members a frame, so that snapshots and exits are cut. */
const MAX_FRAME_BYTES = FRAME_HEADER_BYTES + 60;

const LIMITS = {
  maxGroups: 1000,
  maxJoins: 10_000,
  maxFrameBytes: MAX_FRAME_BYTES,
  maxLoggedChanges: 8,
  maxKeptJoins: 20,
};

/** What a planted fault may do: it stands around the core and sees everything that goes in and comes out. */
export interface Fault {
  /** Returns what the core gets to see. */
  event?(node: SimulatedNode, event: GroupEvent): GroupEvent | undefined;
  /** Returns what is done of what the core asked for. */
  effects?(node: SimulatedNode, event: GroupEvent, effects: GroupEffect[]): GroupEffect[];
}

export class Violation extends Error {}

interface End {
  readonly node: SimulatedNode;
  readonly inbox: { readonly type: number; readonly body: Uint8Array }[];
  session: PgSession | undefined;
  state: 'new' | 'up' | 'down';
  other: End | undefined;
  /** Whether both ends say what they hold of an earlier session. */
  readonly resumes: boolean;
}

export class SimulatedNode {
  readonly index: number;
  readonly name: NodeName;
  readonly creation: number;
  readonly core: GroupState;
  /** The truth about sessions: the one that is up with each peer. */
  readonly current = new Map<NodeName, End>();
  readonly lateDowns: PgSession[] = [];
  readonly processes: Pid[] = [];
  /** The truth about local members. */
  readonly model = new Map<string, Map<Pid, number>>();
  /** What was local at each version. */
  readonly history = new Map<number, string>();
  readonly everJoined = new Set<string>();
  readonly told = new Map<string, Pid[]>();
  alive = true;
  nextSerial = 0;
  steps = 0;
  nextSession = 1;
  /** For faults that remember. */
  memory: unknown;

  constructor(index: number, creation: number) {
    this.index = index;
    this.name = `n${index}@sim` as NodeName;
    this.creation = creation;
    this.core = new GroupState(this.name, { ...LIMITS }, creation * 10 + 1);
    this.record();
  }

  record(): void {
    if (!this.core.isGathering) this.history.set(this.core.version, canonical(this.model));
  }
}

export class Simulation {
  readonly nodes: SimulatedNode[];
  readonly #ends: End[] = [];
  readonly #fault: Fault;

  constructor(count: number, fault: Fault = {}) {
    this.nodes = Array.from({ length: count }, (_, index) => new SimulatedNode(index, 1));
    this.#fault = fault;
  }

  run(operations: readonly Operation[]): void {
    for (const operation of operations) {
      this.#perform(operation);
      this.check();
    }
    this.#heal();
    this.check();
    this.#checkConverged();
  }

  #perform([kindDraw, a, b, c]: Operation): void {
    const node = pick(this.nodes, a);
    if (node === undefined) return;
    const kind = KINDS[kindDraw % KINDS.length];
    switch (kind) {
      case 'spawn': {
        const pid = formatPid({
          node: node.name,
          creation: node.creation,
          thread: node.nextSerial % 2,
          serial: node.nextSerial++,
        });
        node.processes.push(pid);
        return this.#join(node, pid, b);
      }
      case 'join': {
        const pid = pick(node.processes, c);
        return pid === undefined ? undefined : this.#join(node, pid, b);
      }
      case 'leave':
        return this.#leave(node, b, c);
      case 'joinMany':
        return this.#joinMany(node, b, c);
      case 'leaveMany':
        return this.#leaveMany(node, b);
      case 'exit':
        return this.#exit(node, b);
      case 'connect':
        this.#connect(node, pick(this.nodes, b), c % 4 > 0);
        return;
      case 'up':
        return this.#up(this.#pickEnd('new', b), c % 2 === 0);
      case 'down':
        return this.#down(this.#pickEnd('up', b));
      case 'lateDown':
        return this.#lateDown(node);
      case 'deliver':
        return this.#deliver(this.#pickEnd('up', b, true));
      case 'deliverLate':
        return this.#deliver(this.#pickEnd('down', b, true));
      case 'lose':
        this.#pickEnd('up', b, true)?.inbox.shift();
        return;
      case 'repeat': {
        const end = this.#pickEnd('up', b, true);
        const frame = end?.inbox[0];
        if (frame !== undefined) end?.inbox.unshift(frame);
        return this.#deliver(end);
      }
      case 'restart':
        return this.#restart(node);
      case 'announce':
        return this.#event(node, { type: 'announce' });
      case 'forget':
        return this.#event(node, { type: 'forget' });
      case 'endTurn':
        return this.#event(node, { type: 'tellChanges' });
      case undefined:
        return;
      default:
        kind satisfies never;
    }
  }

  // --- processes ---------------------------------------------------------------------------------------------

  #join(node: SimulatedNode, pid: Pid, groupDraw: number): void {
    const group = GROUPS[groupDraw % GROUPS.length] ?? 'x';
    noteJoin(node, group, pid);
    this.#event(node, { type: 'join', group, pid });
  }

  #joinMany(node: SimulatedNode, groupDraw: number, pidDraw: number): void {
    const memberships = node.processes
      .slice(0, 1 + (pidDraw % 4))
      .flatMap((pid, at) => GROUPS.slice(0, 1 + ((groupDraw + at) % 3)).map((group) => [group, pid] as const));
    for (const membership of memberships) noteJoin(node, ...membership);
    if (memberships.length > 0) this.#event(node, { type: 'joinMany', memberships });
  }

  #leave(node: SimulatedNode, groupDraw: number, pidDraw: number): void {
    const group = pick([...node.model.keys()], groupDraw);
    const pid = pick([...(node.model.get(group ?? '')?.keys() ?? [])], pidDraw);
    if (group === undefined || pid === undefined) return;
    noteLeave(node, group, pid);
    this.#event(node, { type: 'leave', group, pid });
  }

  /** One membership in two, and one that there is not. */
  #leaveMany(node: SimulatedNode, draw: number): void {
    const memberships = [...node.model]
      .flatMap(([group, members]) => [...members.keys()].map((pid) => [group, pid] as const))
      .filter((_, at) => (at + draw) % 2 === 0);
    for (const membership of memberships) noteLeave(node, ...membership);
    const [, stranger] = memberships[0] ?? ['', undefined];
    const all = stranger === undefined ? memberships : [...memberships, ['nowhere', stranger] as const];
    this.#event(node, { type: 'leaveMany', memberships: all });
  }

  #exit(node: SimulatedNode, pidDraw: number): void {
    const pid = pick(node.processes, pidDraw);
    if (pid === undefined) return;
    node.processes.splice(node.processes.indexOf(pid), 1);
    for (const [group, members] of [...node.model]) {
      members.delete(pid);
      if (members.size === 0) node.model.delete(group);
    }
    this.#event(node, { type: 'exit', pid });
  }

  // --- network -----------------------------------------------------------------------------------------------

  #connect(one: SimulatedNode, other: SimulatedNode | undefined, resumes = true): [End, End] | undefined {
    if (other === undefined || one === other) return undefined;
    const end = (node: SimulatedNode): End => ({
      node,
      inbox: [],
      session: undefined,
      state: 'new',
      other: undefined,
      resumes,
    });
    const ends: [End, End] = [end(one), end(other)];
    [ends[0].other, ends[1].other] = [ends[1], ends[0]];
    this.#ends.push(...ends);
    return ends;
  }

  #up(end: End | undefined, inOrder: boolean): void {
    const peer = end?.other?.node;
    if (end === undefined || peer === undefined) return;
    const { node } = end;
    const old = node.current.get(peer.name);
    if (old !== undefined && inOrder) this.#down(old);
    end.state = 'up';
    end.session = { id: node.nextSession++, node: peer.name, creation: peer.creation, resumesGroups: end.resumes };
    node.current.set(peer.name, end);
    if (old?.session !== undefined && !inOrder) {
      old.state = 'down';
      node.lateDowns.push(old.session);
    }
    this.#event(node, { type: 'up', session: end.session, ask: false });
  }

  #down(end: End | undefined): void {
    if (end?.session === undefined) return;
    end.state = 'down';
    const { node, session } = end;
    node.current.delete(session.node);
    this.#event(node, { type: 'down', session });
  }

  #lateDown(node: SimulatedNode): void {
    const session = node.lateDowns.shift();
    if (session !== undefined) this.#event(node, { type: 'down', session });
  }

  #deliver(end: End | undefined): void {
    const frame = end?.inbox.shift();
    if (end?.session === undefined || frame === undefined) return;
    const reader = new ByteReader(frame.body);
    reader.text(255);
    this.#event(end.node, { type: 'frame', session: end.session, frame: decodeFrame(frame.type, reader, 255) });
  }

  #restart(node: SimulatedNode): void {
    node.alive = false;
    for (const end of this.#ends) if (end.node === node) end.state = 'down';
    this.nodes[node.index] = new SimulatedNode(node.index, node.creation + 1);
  }

  #pickEnd(state: End['state'], draw: number, withFrames = false): End | undefined {
    const fitting = this.#ends.filter(
      (end) => end.state === state && end.node.alive && (!withFrames || end.inbox.length > 0),
    );
    return pick(fitting, draw);
  }

  // --- the core ----------------------------------------------------------------------------------------------

  #event(node: SimulatedNode, given: GroupEvent): void {
    if (!node.alive) return;
    const event = this.#fault.event === undefined ? given : this.#fault.event(node, given);
    if (event === undefined) return;
    const wanted = stepped(node, event);
    // Two turns in three end at once; the others when an operation says so, or what is told must come behind.
    if (++node.steps % 3 > 0) wanted.push(...stepped(node, { type: 'tellChanges' }));
    const effects = this.#fault.effects === undefined ? wanted : this.#fault.effects(node, event, wanted);
    node.record();
    for (const effect of effects) {
      if (effect.type === 'tell') for (const change of effect.changes) hear(node, change);
      if (effect.type !== 'send') continue;
      for (const session of effect.to) {
        const end = this.#ends.find((each) => each.node === node && each.session === session);
        if (end?.state !== 'up') continue;
        for (const frame of effect.frames) {
          end.other?.inbox.push({ type: frameTypeOf(frame), body: encodeFrame('scope', frame) });
        }
      }
    }
  }

  // --- the end -----------------------------------------------------------------------------------------------

  #heal(): void {
    for (const node of this.nodes) this.#event(node, { type: 'tellChanges' });
    for (const node of this.nodes) while (node.lateDowns.length > 0) this.#lateDown(node);
    for (const one of this.nodes) {
      for (const other of this.nodes) {
        if (one.index >= other.index) continue;
        const mine = one.current.get(other.name);
        const theirs = other.current.get(one.name);
        if (mine !== undefined && mine.other === theirs) continue;
        this.#down(mine);
        this.#down(theirs);
        const ends = this.#connect(one, other);
        this.#up(ends?.[0], true);
        this.#up(ends?.[1], true);
      }
    }
    this.#quiesce();
    // Two announcements find that nothing was answered, one what else was lost, and the last that nothing is left to find.
    for (let round = 0; round < 4; round++) {
      for (const node of this.nodes) this.#event(node, { type: 'announce' });
      this.#quiesce();
    }
  }

  #quiesce(): void {
    for (let rounds = 0; ; rounds++) {
      if (rounds > 100_000) throw new Violation('the network never falls quiet');
      const end = this.#pickEnd('down', 0, true) ?? this.#pickEnd('up', rounds, true);
      if (end === undefined) return;
      this.#deliver(end);
    }
  }

  // --- what must hold ----------------------------------------------------------------------------------------

  check(): void {
    for (const node of this.nodes) {
      const { core } = node;
      same(`local members of ${node.name}`, canonicalMembers(core.local.groups), canonical(node.model));
      const nodesByGroup = new Map<string, string[]>();
      for (const session of core.remote.sessions) {
        this.#checkView(node, session);
        for (const group of core.remote.view(session)?.groups.keys() ?? []) {
          nodesByGroup.set(group, [...(nodesByGroup.get(group) ?? []), session.node]);
        }
      }
      for (const [group, names] of nodesByGroup) {
        same(`nodes of ${group}`, nodesIn(core, group).sort().join(), names.sort().join());
      }
      same(`changes told at ${node.name}`, canonicalLists(node.told), canonicalLists(allMembers(core)));
    }
  }

  #checkView(node: SimulatedNode, session: PgSession): void {
    const view = node.core.remote.view(session);
    const end = node.current.get(session.node);
    const peer = end?.other?.node;
    if (view === undefined || end?.session !== session || peer === undefined) {
      throw new Violation(`${node.name} keeps members of session ${session.id} with ${session.node}, which is over`);
    }
    for (const [group, members] of view.groups) {
      for (const pid of listed(members)) {
        if (!peer.everJoined.has(`${pid} ${group}`)) throw new Violation(`foreign: ${pid} in ${group} at ${node.name}`);
      }
    }
    const then = view.version === undefined ? '' : peer.history.get(view.version);
    if (then !== undefined) {
      same(`view of ${session.node} at ${node.name}, version ${view.version}`, canonicalMembers(view.groups), then);
    }
  }

  #checkConverged(): void {
    for (const node of this.nodes) {
      for (const peer of this.nodes) {
        if (peer === node) continue;
        const view = node.core.remote.viewOf(peer.name);
        same(
          `after heal: ${peer.name} seen by ${node.name}`,
          canonicalMembers(view?.groups ?? new Map()),
          canonical(peer.model),
        );
      }
    }
  }
}

function noteJoin(node: SimulatedNode, group: string, pid: Pid): void {
  const members = node.model.get(group) ?? new Map<Pid, number>();
  node.model.set(group, members.set(pid, (members.get(pid) ?? 0) + 1));
  node.everJoined.add(`${pid} ${group}`);
}

function noteLeave(node: SimulatedNode, group: string, pid: Pid): void {
  const members = node.model.get(group);
  const joins = (members?.get(pid) ?? 0) - 1;
  if (joins > 0) members?.set(pid, joins);
  else members?.delete(pid);
  if (members?.size === 0) node.model.delete(group);
}

/** Nobody here breaks the protocol, so nothing may be refused as a breach of it. */
function stepped(node: SimulatedNode, event: GroupEvent): GroupEffect[] {
  try {
    return node.core.step(event);
  } catch (error) {
    if (error instanceof ProtocolError) throw new Violation(`${node.name} closes a session: ${error.message}`);
    throw error;
  }
}

function hear(node: SimulatedNode, { type, group, pids }: MemberChange): void {
  const members = node.told.get(group) ?? [];
  for (const pid of pids) {
    if (type === 'join') {
      members.push(pid);
    } else {
      const at = members.indexOf(pid);
      if (at < 0) throw new Violation(`${node.name} was told that ${pid} left ${group}, where it was not`);
      members.splice(at, 1);
    }
  }
  if (members.length > 0) node.told.set(group, members);
  else node.told.delete(group);
}

function pick<T>(all: readonly T[], draw: number): T | undefined {
  return all[draw % all.length];
}

function canonical(groups: ReadonlyMap<string, ReadonlyMap<Pid, number>>): string {
  const pidsOf = (members: ReadonlyMap<Pid, number>): Pid[] =>
    [...members].flatMap(([pid, joins]) => Array<Pid>(joins).fill(pid));
  return canonicalLists(new Map([...groups].map(([group, members]) => [group, pidsOf(members)])));
}

function canonicalMembers(groups: ReadonlyMap<string, Members>): string {
  return canonicalLists(new Map([...groups].map(([group, members]) => [group, listed(members)])));
}

function canonicalLists(groups: ReadonlyMap<string, readonly Pid[]>): string {
  return [...groups]
    .map(([group, pids]) => `${group}: ${[...pids].sort().join(' ')}`)
    .sort()
    .join('; ');
}

function same(what: string, is: string, shouldBe: string): void {
  if (is !== shouldBe) throw new Violation(`${what} is {${is}} and should be {${shouldBe}}`);
}
