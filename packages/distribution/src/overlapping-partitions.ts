/**
 * No two partitions overlap: where two nodes cannot connect to each other, no third stays connected to both for long.
 * Pure: time is passed in.
 *
 * 1. Each node tells its peers which nodes it misses: those that it would take and has no session with, for half of
 *    `afterMs`. What is repaired by then is told to nobody. It also tells which nodes it holds apart.
 * 2. Two peers of a node that miss each other or hold each other apart, by the word of both, for the other half, are parted. The node sheds so
 *    many of its peers that no two that stay are parted: the one that is parted from the most first, and of several
 *    the one with the greatest name. Every node that is connected to both decides by the same words and the same rule.
 *    So of two nodes that lost each other all others keep the same one, and where halves lost each other, who still
 *    connects them stays with its own half.
 * 3. A node that was shed is held apart until no peer misses it any more; that others hold it apart does not count. Then
 *    it is taken again, in less than the time after which a half-healed cluster would count as parted.
 *
 * When nothing changes any more, the peers of every node are all connected to one another. The word of one peer alone
 * sheds nobody.
 */
import type { NodeName } from '@liminal-node/scheduler';

/** What a node says of the nodes that it has no session with. */
export interface Absence {
  readonly missed: readonly NodeName[];
  readonly apart: readonly NodeName[];
}

const NOBODY: Absence = { missed: [], apart: [] };

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
  /** Held apart, and for whom. */
  readonly #apart = new Map<NodeName, NodeName>();
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
    return this.#apart.get(node);
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

  /** @param wanted the nodes that this one knows of, would take and has no session with. */
  step(now: number, wanted: Iterable<NodeName>): PartitionStep {
    const freed = this.#free();
    const shed = this.#shed(now);
    const tell = this.#tell(this.#miss(now, new Set(wanted)));
    return { tell, shed, freed, nextAt: this.#nextAt(now) };
  }

  #free(): NodeName[] {
    const peers = [...this.#peers.values()];
    const freed = [...this.#apart.keys()].filter((node) => !peers.some(({ missed }) => missed.has(node)));
    for (const node of freed) this.#apart.delete(node);
    return freed;
  }

  #miss(now: number, wanted: ReadonlySet<NodeName>): NodeName[] {
    const isMissed = (node: NodeName): boolean => wanted.has(node) && !this.#peers.has(node) && !this.#apart.has(node);
    for (const node of [...this.#missedSince.keys()]) if (!isMissed(node)) this.#missedSince.delete(node);
    for (const node of wanted) if (isMissed(node) && !this.#missedSince.has(node)) this.#missedSince.set(node, now);
    return [...this.#missedSince].flatMap(([node, since]) => (now - since >= this.#halfMs ? [node] : []));
  }

  #tell(missed: NodeName[]): Absence | undefined {
    const said = { missed: missed.sort(), apart: [...this.#apart.keys()].sort() };
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
    for (const { node, missedBy } of shed) this.#apart.set(node, missedBy);
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

  #nextAt(now: number): number | undefined {
    const due = [...this.#missedSince.values(), ...this.#partedSince.values()].map((since) => since + this.#halfMs);
    const later = due.filter((at) => at > now);
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
