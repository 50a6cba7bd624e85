/**
 * What lost peers had told, kept for their quick return and seen by nobody meanwhile.
 *
 * 1. What a session had told is purged with it, at once; its members, and the number that they stood at, are put here.
 * 2. The next session with the same life of the node, and of its scope, takes it out. It counts again only once that
 *    peer has said that it goes on from that very number (`group-state.ts`); anything else drops it.
 * 3. A table of at most so many joins, the oldest give way; and what has been here for a while is forgotten.
 */
import type { NodeName } from '@liminal-node/scheduler';
import type { MemberCounts } from './members.js';

export interface KeptView {
  readonly node: NodeName;
  readonly creation: number;
  /** The life of the peer's scope. */
  readonly life: number;
  readonly version: number;
  readonly groups: Map<string, MemberCounts>;
  readonly joins: number;
}

export class KeptViews {
  readonly #maxJoins: number;
  /** The oldest first. */
  readonly #byNode = new Map<NodeName, KeptView>();
  /** Those that were here when time was last said to have passed. */
  #aged = new Set<KeptView>();
  #joins = 0;

  constructor(maxJoins: number) {
    this.#maxJoins = maxJoins;
  }

  get size(): number {
    return this.#byNode.size;
  }

  /** Joins in all of them. */
  get joins(): number {
    return this.#joins;
  }

  keep(view: KeptView): void {
    this.#drop(view.node);
    if (view.joins > this.#maxJoins) return;
    this.#byNode.set(view.node, view);
    this.#joins += view.joins;
    for (const node of this.#byNode.keys()) if (this.#joins > this.#maxJoins) this.#drop(node);
  }

  /** Takes out what is kept of a node, if it is of that life of it; of another life it is dropped. */
  take(node: NodeName, creation: number): KeptView | undefined {
    const view = this.#drop(node);
    return view?.creation === creation ? view : undefined;
  }

  /** Time has passed: forgets what was here when it was last said so. @returns whether anything is left. */
  age(): boolean {
    for (const [node, view] of this.#byNode) if (this.#aged.has(view)) this.#drop(node);
    this.#aged = new Set(this.#byNode.values());
    return this.size > 0;
  }

  clear(): void {
    for (const node of this.#byNode.keys()) this.#drop(node);
  }

  #drop(node: NodeName): KeptView | undefined {
    const view = this.#byNode.get(node);
    if (view === undefined) return undefined;
    this.#byNode.delete(node);
    this.#aged.delete(view);
    this.#joins -= view.joins;
    return view;
  }
}
