/**
 * The address book: which addresses are worth a dial, and when. Pure: time and randomness are passed in.
 *
 * 1. A seed is there from the start and for ever. A learned address comes from a peer's word, or from a peer
 *    that said where it listens; it is forgotten when it could not be reached for long, or when its node left.
 * 2. Which node listens at an address is known for sure once a handshake has told; a peer's word is a guess
 *    until then. An address is satisfied while a session with its node is up, over whichever address it came.
 * 3. An address is due when it is not satisfied, is not being dialled, is not this node itself, and its
 *    back-off is over. A session that lived for a while starts the back-off afresh.
 */
import { type BackOff, backOffMs, type NodeName } from '@liminal-node/scheduler';

export interface KnownPeer {
  /** `host:port` */
  readonly address: string;
  /** Given by this node's user, not learned. */
  readonly seed: boolean;
  /** The node that was met there, or is said to be there. */
  readonly node: NodeName | undefined;
  /** `self`: this node listens there. `waiting`: for the next dial. */
  readonly state: 'connected' | 'dialing' | 'waiting' | 'self';
  /** Dials in a row that brought no lasting session. */
  readonly attempts: number;
  /** Why the last dial failed: a refusal code, the operating system's code, or `deadline`. Cleared by success. */
  readonly lastFailure: string | undefined;
}

interface Entry {
  readonly address: string;
  seed: boolean;
  node: NodeName | undefined;
  self: boolean;
  dialing: boolean;
  attempts: number;
  dueAt: number;
  reachedAt: number;
  lastFailure: string | undefined;
}

export interface AddressBookLimits {
  readonly backOff: BackOff;
  readonly stableAfterMs: number;
  readonly forgetAfterMs: number;
  readonly maxLearned: number;
}

export class AddressBook {
  readonly #entries = new Map<string, Entry>();
  /** Nodes with a live session: since when, and where they say that they listen. */
  readonly #up = new Map<NodeName, { readonly since: number; readonly address: string | null }>();
  readonly #limits: AddressBookLimits;
  readonly #random: () => number;
  #learned = 0;

  constructor(limits: AddressBookLimits, random: () => number) {
    this.#limits = limits;
    this.#random = random;
  }

  /** @param address in its one spelling, here and below. */
  addSeed(address: string, now: number): void {
    const entry = this.#entries.get(address);
    if (entry === undefined) this.#add(address, true, undefined, now);
    else if (!entry.seed) {
      entry.seed = true;
      this.#learned--;
    }
  }

  /**
   * Somebody says that `node` listens at `address`. Where another node is connected that says the same of
   * itself, that one is believed.
   * @returns false where the book is full.
   */
  learn(address: string, node: NodeName, now: number): boolean {
    const entry = this.#entries.get(address);
    if (entry !== undefined) {
      const known = entry.node === undefined ? undefined : this.#up.get(entry.node);
      if (known?.address !== address) entry.node = node;
      return true;
    }
    if (this.#learned >= this.#limits.maxLearned) return false;
    this.#add(address, false, node, now);
    this.#learned++;
    return true;
  }

  /** The addresses to dial now. Forgets what could not be reached for too long. */
  due(now: number): string[] {
    const due: string[] = [];
    for (const entry of this.#entries.values()) {
      if (!this.#wanted(entry) || entry.dueAt > now) continue;
      if (!entry.seed && now - entry.reachedAt > this.#limits.forgetAfterMs) this.#forget(entry);
      else due.push(entry.address);
    }
    return due;
  }

  /** When the next address is due; undefined while all are satisfied or being dialled. */
  nextDueAt(): number | undefined {
    let next: number | undefined;
    for (const entry of this.#entries.values()) {
      if (this.#wanted(entry) && (next === undefined || entry.dueAt < next)) next = entry.dueAt;
    }
    return next;
  }

  dialing(address: string): void {
    const entry = this.#entries.get(address);
    if (entry !== undefined) entry.dialing = true;
  }

  /** The dial met `node`, with which there is a session now, this one or another. */
  reached(address: string, node: NodeName, now: number): void {
    const entry = this.#entries.get(address);
    if (entry === undefined) return;
    entry.dialing = false;
    entry.node = node;
    entry.reachedAt = now;
    entry.lastFailure = undefined;
    // Should the session be gone already, the next dial is not at once.
    entry.dueAt = now + this.#backOff(entry);
  }

  failed(address: string, reason: string, now: number): void {
    const entry = this.#entries.get(address);
    if (entry === undefined) return;
    // The first lost tie-break is no failure of that address: try again promptly, whatever was before.
    if (reason === 'duplicate' && entry.lastFailure !== 'duplicate') entry.attempts = 0;
    entry.dialing = false;
    entry.lastFailure = reason;
    entry.dueAt = now + this.#backOff(entry);
    entry.attempts++;
  }

  /** This node itself listens at `address`: it is never dialled again. */
  isSelf(address: string): void {
    const entry = this.#entries.get(address);
    if (entry === undefined) return;
    entry.dialing = false;
    entry.self = true;
    entry.lastFailure = undefined;
  }

  /** @param address where the node says that it listens. */
  up(node: NodeName, address: string | null, now: number): void {
    this.#up.set(node, { since: now, address });
    for (const entry of this.#entries.values()) {
      if (entry.address === address) entry.node = node;
      if (entry.node === node) entry.lastFailure = undefined;
    }
  }

  /** @param left the node said that it goes: learned addresses of it are forgotten. */
  down(node: NodeName, left: boolean, now: number): void {
    const livedMs = now - (this.#up.get(node)?.since ?? now);
    this.#up.delete(node);
    for (const entry of this.#entries.values()) {
      if (entry.node !== node) continue;
      if (left && !entry.seed) {
        this.#forget(entry);
        continue;
      }
      if (livedMs >= this.#limits.stableAfterMs) entry.attempts = 0;
      entry.reachedAt = now;
      entry.dueAt = now + this.#backOff(entry);
      entry.attempts++;
    }
  }

  /** Seeds first. */
  list(): KnownPeer[] {
    return [...this.#entries.values()]
      .map((entry) => ({
        address: entry.address,
        seed: entry.seed,
        node: entry.node,
        state: this.#stateOf(entry),
        attempts: entry.attempts,
        lastFailure: entry.lastFailure,
      }))
      .sort((one, other) => Number(other.seed) - Number(one.seed));
  }

  #add(address: string, seed: boolean, node: NodeName | undefined, now: number): void {
    this.#entries.set(address, {
      address,
      seed,
      node,
      self: false,
      dialing: false,
      attempts: 0,
      dueAt: now,
      reachedAt: now,
      lastFailure: undefined,
    });
  }

  #forget(entry: Entry): void {
    this.#entries.delete(entry.address);
    if (!entry.seed) this.#learned--;
  }

  #wanted(entry: Entry): boolean {
    return this.#stateOf(entry) === 'waiting';
  }

  #stateOf(entry: Entry): KnownPeer['state'] {
    if (entry.self) return 'self';
    if (entry.node !== undefined && this.#up.has(entry.node)) return 'connected';
    return entry.dialing ? 'dialing' : 'waiting';
  }

  #backOff(entry: Entry): number {
    return backOffMs(this.#limits.backOff, entry.attempts, this.#random());
  }
}
