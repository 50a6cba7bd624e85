/**
 * Agreeing to what other nodes claim, one claim of a name at a time:
 *
 *   1. while this node claims the name itself, the answer is no;
 *   2. while another is held, its node is asked whether its holder lives, which is behind its release where it does not;
 *      if it does, the answer is no;
 *   3. while this node has agreed to another that is not held yet, the answer waits for what becomes of that: it is held,
 *      or taken back, or its session is over. What is heard of it may be late, and the one that asks be the next.
 */
import type { Pid } from '@liminal-node/scheduler';
import type { Claim } from './claim.js';
import type { ClaimTable } from './claim-table.js';

interface Undecided {
  readonly peer: number;
  readonly request: number;
  readonly time: number;
  /** Holders that were asked about, and whether they were found alive. */
  readonly holders: Map<Pid, boolean>;
}

/** What the node does for it. */
export interface AgreementOrders {
  answer(peer: number, request: number, agreed: boolean): void;
  /** Calls back when it is known here what has become of the holder. @returns false where too much is asked already. */
  check(holder: Claim, done: () => void): boolean;
}

export class Agreements {
  readonly #claims: ClaimTable;
  readonly #orders: AgreementOrders;
  readonly #undecided = new Map<string, readonly Undecided[]>();

  constructor(claims: ClaimTable, orders: AgreementOrders) {
    this.#claims = claims;
    this.#orders = orders;
  }

  /** Names of which a claim is undecided. */
  get size(): number {
    return this.#undecided.size;
  }

  /** A peer has claimed the name, and waits for the answer. */
  ask(peer: number, request: number, { key, time }: Claim): void {
    const others = (this.#undecided.get(key) ?? []).filter((other) => other.peer !== peer);
    this.#undecided.set(key, [...others, { peer, request, time, holders: new Map() }]);
    this.reconsider(key);
  }

  /** Something has changed about the claims of the name. */
  reconsider(key: string): void {
    for (const undecided of this.#undecided.get(key) ?? []) {
      if (!this.#decide(key, undecided)) continue;
      const left = (this.#undecided.get(key) ?? []).filter((other) => other !== undecided);
      if (left.length === 0) this.#undecided.delete(key);
      else this.#undecided.set(key, left);
    }
  }

  /** @returns false while it has to wait. */
  #decide(key: string, { peer, request, time, holders }: Undecided): boolean {
    const claim = this.#claims.of(peer).get(key);
    if (claim?.time !== time) return true;
    const others = this.#claims.all(key).filter((other) => other.peer !== peer);
    const answer = (agreed: boolean): boolean => {
      if (agreed) this.#claims.set({ ...claim, agreed });
      this.#orders.answer(peer, request, agreed);
      return true;
    };
    if (others.some((other) => other.peer === undefined)) return answer(false);
    const held = others.find((other) => other.held);
    if (held === undefined) return others.some(({ agreed }) => agreed) ? false : answer(true);
    const isAlive = holders.get(held.pid);
    if (isAlive !== undefined) return isAlive && answer(false);
    holders.set(held.pid, false);
    const isAsked = this.#orders.check(held, () => {
      holders.set(held.pid, true);
      this.reconsider(key);
    });
    return isAsked ? false : answer(false);
  }
}
