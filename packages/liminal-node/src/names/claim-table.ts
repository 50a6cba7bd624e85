/**
 * Every claim that a node knows: its own, and of each session what the peer has told. What a session has told goes with
 * it. A name may have several claims, of different nodes, until its conflict is decided; a lookup answers with one.
 */
import type { Pid } from '@liminal-node/scheduler';
import { type Claim, foremost } from './claim.js';

export class ClaimTable {
  readonly own = new Map<string, Claim>();
  readonly #ofPeers = new Map<number, Map<string, Claim>>();
  readonly #byKey = new Map<string, readonly Claim[]>();
  readonly #listed = new Map<string, Pid>();
  readonly #changed: (key: string, pid: Pid | undefined) => void;

  /** @param changed told whenever a lookup has another answer than before. */
  constructor(changed: (key: string, pid: Pid | undefined) => void) {
    this.#changed = changed;
  }

  /** What a lookup answers, by key. */
  get listed(): ReadonlyMap<string, Pid> {
    return this.#listed;
  }

  find(key: string): Claim | undefined {
    return foremost(this.all(key));
  }

  all(key: string): readonly Claim[] {
    return this.#byKey.get(key) ?? [];
  }

  of(peer: number): ReadonlyMap<string, Claim> {
    return this.#ofPeers.get(peer) ?? new Map();
  }

  /** Takes the place of what the same node had claimed by that key. */
  set(claim: Claim): void {
    const { key, peer } = claim;
    this.#ownerOf(peer).set(key, claim);
    this.#index(key, [...this.all(key).filter((other) => other.peer !== peer), claim]);
  }

  remove(key: string, peer: number | undefined): void {
    if (!this.#ownerOf(peer).delete(key)) return;
    this.#index(
      key,
      this.all(key).filter((other) => other.peer !== peer),
    );
  }

  removePeer(peer: number): void {
    for (const key of [...this.of(peer).keys()]) this.remove(key, peer);
    this.#ofPeers.delete(peer);
  }

  #ownerOf(peer: number | undefined): Map<string, Claim> {
    if (peer === undefined) return this.own;
    const claims = this.#ofPeers.get(peer) ?? new Map<string, Claim>();
    this.#ofPeers.set(peer, claims);
    return claims;
  }

  #index(key: string, claims: readonly Claim[]): void {
    if (claims.length === 0) this.#byKey.delete(key);
    else this.#byKey.set(key, claims);
    const pid = foremost(claims)?.pid;
    if (pid === this.#listed.get(key)) return;
    if (pid === undefined) this.#listed.delete(key);
    else this.#listed.set(key, pid);
    this.#changed(key, pid);
  }
}
