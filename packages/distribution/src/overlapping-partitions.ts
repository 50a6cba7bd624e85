/**
 * No two partitions overlap: where two nodes cannot connect to each other, no third stays connected to both for long.
 * Pure: time is passed in.
 *
 * 1. Each node tells its peers which nodes it misses: those that it would take and has no session with, for half of
 *    `afterMs`. What is repaired by then is told to nobody. It also tells which nodes it holds apart, or hold it apart.
 * 2. Two peers of a node that miss each other or hold each other apart, by the word of both, for the other half, are parted. The node sheds so
 *    many of its peers that no two that stay are parted: the one that is parted from the most first, and of several
 *    the one with the greatest name. Every node that is connected to both decides by the same words and the same rule.
 *    So of two nodes that lost each other all others keep the same one, and where halves lost each other, who still
 *    connects them stays with its own half.
 * 3. A node that was shed is held apart until no peer misses it any more; that others hold it apart does not count. Then
 *    it is taken again, in less than the time after which a half-healed cluster would count as parted. One that was shed
 *    only because another holds it apart waits for that one too, but not for ever: two could wait for each other.
 *
 * When nothing changes any more, the peers of every node are all connected to one another. The word of one peer alone
 * sheds nobody.
 */
import type { NodeName } from '@liminal-node/scheduler';

/** Nodes that another one knows of, would take and has no session with. */
export interface Absence {
  /** Cannot be reached. */
  readonly missed: readonly NodeName[];
  /** Could be reached, and one of the two holds the other apart. */
  readonly apart: readonly NodeName[];
}

const NOBODY: Absence = { missed: [], apart: [] };

/** Why and how long a node is held apart. */
interface Hold {
  readonly keeps: NodeName;
  /** Until when at most, where nobody had missed it. */
  readonly until: number;
}

/** How often `afterMs` a node may be held apart that nobody misses; twice as long each time, up to so many times. */
const FIRST_WAIT = 8;
const MAX_DOUBLINGS = 3;

/** What is to be done now. */
export interface PartitionStep {
  /** Tell every peer, in the place of what was told before; undefined where it is the same. */
  readonly tell: Absence | undefined;
  /** End the sessions with these, and take them no more. `missedBy` is the peer that is kept. */
  readonly shed: readonly { readonly node: NodeName; readonly missedBy: NodeName }[];
  /** Take these again, and dial them at once. */
  readonly freed: readonly NodeName[];
  /** When to step again although nothing happens; undefined for never. */
  readonly nextAt: number | undefined;
}

export class OverlappingPartitions {
  readonly #halfMs: number;
  /** What each peer has said. */
  readonly #peers = new Map<
    NodeName,
    { readonly missed: ReadonlySet<NodeName>; readonly apart: ReadonlySet<NodeName> }
  >();
  readonly #missedSince = new Map<NodeName, number>();
  /** By the two names: since when both have said that they miss each other. */
  readonly #partedSince = new Map<string, number>();
  readonly #apart = new Map<NodeName, Hold>();
  /** How often nodes were held apart that nobody missed, one time after the other. */
  readonly #waits = new Map<NodeName, number>();
  #told = NOBODY;

  /** @param afterMs from the loss of two nodes for each other until one of them is shed. */
  constructor(afterMs: number) {
    this.#halfMs = afterMs / 2;
  }

  /** What was told last, for a peer that has just come. */
  get told(): Absence {
    return this.#told;
  }

  /** For whose sake the node is held apart; undefined where it is not. */
  apartFor(node: NodeName): NodeName | undefined {
    return this.#apart.get(node)?.keeps;
  }

  up(node: NodeName): void {
    this.#peers.set(node, { missed: new Set(), apart: new Set() });
  }

  down(node: NodeName): void {
    this.#peers.delete(node);
  }

  reported(node: NodeName, { missed, apart }: Absence): void {
    if (this.#peers.has(node)) this.#peers.set(node, { missed: new Set(missed), apart: new Set(apart) });
  }

  /** @param absent as they are now; `apart`: who has refused this node's dial, because it holds this node apart. */
  step(now: number, absent: Absence): PartitionStep {
    const freed = this.#free(now);
    const shed = this.#shed(now);
    const tell = this.#tell(this.#miss(now, new Set(absent.missed)), absent.apart);
    return { tell, shed, freed, nextAt: this.#nextAt(now) };
  }

  #free(now: number): NodeName[] {
    const peers = [...this.#peers.values()];
    const isMissed = (node: NodeName): boolean => peers.some(({ missed }) => missed.has(node));
    const isApart = (node: NodeName): boolean => peers.some(({ apart }) => apart.has(node));
    const freed: NodeName[] = [];
    for (const [node, { until }] of [...this.#apart]) {
      const hasReason = isMissed(node) || (until !== Infinity && isApart(node));
      if (!hasReason) this.#waits.delete(node);
      if (hasReason && (until > now || isMissed(node))) continue;
      this.#apart.delete(node);
      freed.push(node);
    }
    return freed;
  }

  #miss(now: number, wanted: ReadonlySet<NodeName>): NodeName[] {
    const isMissed = (node: NodeName): boolean => wanted.has(node) && !this.#peers.has(node) && !this.#apart.has(node);
    for (const node of [...this.#missedSince.keys()]) if (!isMissed(node)) this.#missedSince.delete(node);
    for (const node of wanted) if (isMissed(node) && !this.#missedSince.has(node)) this.#missedSince.set(node, now);
    return [...this.#missedSince].flatMap(([node, since]) => (now - since >= this.#halfMs ? [node] : []));
  }

  #tell(missed: NodeName[], apart: readonly NodeName[]): Absence | undefined {
    const said = { missed: missed.sort(), apart: [...new Set([...this.#apart.keys(), ...apart])].sort() };
    if (said.missed.join() === this.#told.missed.join() && said.apart.join() === this.#told.apart.join())
      return undefined;
    this.#told = said;
    return said;
  }

  #shed(now: number): PartitionStep['shed'] {
    const parted = this.#parted();
    const names = new Set(parted.map(([one, other]) => keyOf(one, other)));
    for (const key of [...this.#partedSince.keys()]) if (!names.has(key)) this.#partedSince.delete(key);
    const due = parted.filter(([one, other]) => {
      const key = keyOf(one, other);
      const since = this.#partedSince.get(key) ?? now;
      this.#partedSince.set(key, since);
      return now - since >= this.#halfMs;
    });
    const shed = namesToShed(due);
    for (const { node, missedBy } of shed) {
      const isMissed = due.some(([one, other]) => (one === node || other === node) && this.#missEachOther(one, other));
      this.#apart.set(node, { keeps: missedBy, until: isMissed ? Infinity : now + this.#nextWait(node) });
    }
    return shed;
  }

  #parted(): (readonly [NodeName, NodeName])[] {
    return [...this.#peers].flatMap(([one, { missed, apart }]) =>
      [...missed, ...apart].flatMap((other) => (one < other && this.#lacks(other, one) ? [[one, other] as const] : [])),
    );
  }

  /** Whether a peer says that it has no session with `other`. */
  #lacks(peer: NodeName, other: NodeName): boolean {
    const said = this.#peers.get(peer);
    return said !== undefined && (said.missed.has(other) || said.apart.has(other));
  }

  #nextWait(node: NodeName): number {
    const times = this.#waits.get(node) ?? 0;
    this.#waits.set(node, Math.min(times + 1, MAX_DOUBLINGS));
    return 2 * this.#halfMs * FIRST_WAIT * 2 ** times;
  }

  #missEachOther(one: NodeName, other: NodeName): boolean {
    return this.#peers.get(one)?.missed.has(other) === true && this.#peers.get(other)?.missed.has(one) === true;
  }

  #nextAt(now: number): number | undefined {
    const due = [...this.#missedSince.values(), ...this.#partedSince.values()].map((since) => since + this.#halfMs);
    const later = [...due, ...[...this.#apart.values()].map(({ until }) => until)].filter(
      (at) => at > now && at !== Infinity,
    );
    return later.length === 0 ? undefined : Math.min(...later);
  }
}

/** The fewest, nearly, without whom none of these pairs is left: the one in the most pairs first, then the greatest name. */
export function namesToShed(pairs: readonly (readonly [NodeName, NodeName])[]): PartitionStep['shed'] {
  const shed: { node: NodeName; missedBy: NodeName }[] = [];
  for (let left = pairs; left.length > 0; ) {
    const counts = new Map<NodeName, number>();
    for (const node of left.flat()) counts.set(node, (counts.get(node) ?? 0) + 1);
    const [first] = [...counts].sort(([one, ofOne], [other, ofOther]) => ofOther - ofOne || (one < other ? 1 : -1));
    const node = first?.[0];
    if (node === undefined) break;
    const missedBy = left.flatMap(([one, other]) => (one === node ? [other] : other === node ? [one] : []));
    shed.push({ node, missedBy: missedBy[0] ?? node });
    left = left.filter((pair) => !pair.includes(node));
  }
  return shed;
}

function keyOf(one: NodeName, other: NodeName): string {
  return `${one} ${other}`;
}
