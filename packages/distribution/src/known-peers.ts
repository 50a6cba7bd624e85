/**
 * The address book: which addresses are worth a dial, and when. Pure: time and randomness are passed in.
 *
 * 1. A seed is there from the start and for ever. A learned address comes from a peer's word, from a peer that said
 *    where it listens, or from discovery; it is forgotten when it could not be reached for long, or when its node left.
 * 2. Which node listens at an address is known for sure once a handshake has told; a peer's word is a guess
 *    until then. An address is satisfied while a session with its node is up, over whichever address it came.
 * 3. An address is due when it is not satisfied, is not being dialled, is not this node itself, its node is not
 *    to be disconnected, and its back-off is over. A session that lived for a while starts the back-off afresh.
 * 4. A node that was disconnected stays so until this node is told to connect to it, by its name or by an
 *    address at which it is met. The later word counts.
 */
import { type BackOff, backOffMs, type NodeName } from '@liminal-node/scheduler';

export interface KnownPeer {
  /** `host:port` */
  readonly address: string;
  /** Given by this node's user, not learned. */
  readonly seed: boolean;
  /** The node that was met there, or is said to be there. */
  readonly node: NodeName | undefined;
  /** `self`: this node listens there. `waiting`: for the next dial. `disconnected`: this node was told so. */
  readonly state: 'connected' | 'dialing' | 'waiting' | 'self' | 'disconnected';
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
  /** The number of the word that told to connect to it; 0 where none did. */
  toldAt: number;
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
  /** Nodes to stay away from, by the number of the word that said so. */
  readonly #disconnected = new Map<NodeName, number>();
  readonly #limits: AddressBookLimits;
  readonly #random: () => number;
  #learned = 0;
  /** Words of this node's user so far: to connect, and to disconnect. */
  #words = 0;

  constructor(limits: AddressBookLimits, random: () => number) {
    this.#limits = limits;
    this.#random = random;
  }

  /**
   * To be dialled at once, and for ever.
   * @param address in its one spelling, here and below.
   */
  addSeed(address: string, now: number): void {
    const entry = this.#entries.get(address) ?? this.#add(address, true, undefined, now);
    if (!entry.seed) {
      entry.seed = true;
      this.#learned--;
    }
    this.#toldTo(entry, ++this.#words, now);
  }

  /** That node may be connected again, and what is known of where it is, is dialled at once. */
  reconnect(node: NodeName, now: number): void {
    this.#disconnected.delete(node);
    const word = ++this.#words;
    for (const entry of this.#entries.values()) if (entry.node === node) this.#toldTo(entry, word, now);
  }

  /** From now on there is to be no session with that node. */
  disconnect(node: NodeName): void {
    this.#disconnected.set(node, ++this.#words);
  }

  /**
   * Whether there is to be no session with that node.
   * @param dialled the address that it was met at; a later word to connect to that one lifts the former.
   */
  isDisconnected(node: NodeName, dialled: string | undefined): boolean {
    const said = this.#disconnected.get(node);
    if (said === undefined) return false;
    const entry = dialled === undefined ? undefined : this.#entries.get(dialled);
    if (entry === undefined) return true;
    entry.node = node;
    if (entry.toldAt < said) return true;
    this.#disconnected.delete(node);
    return false;
  }

  /** Whatever is known of where that node is, is dialled at once. */
  hurry(node: NodeName, now: number): void {
    for (const entry of this.#entries.values()) if (entry.node === node) entry.dueAt = now;
  }

  /** Nodes that are worth a dial, and have no session; `apart` are those that have said that they hold this node apart. */
  absent(): { readonly missed: readonly NodeName[]; readonly apart: readonly NodeName[] } {
    const missed = new Set<NodeName>();
    const apart = new Set<NodeName>();
    for (const entry of this.#entries.values()) {
      if (entry.node === undefined) continue;
      const state = this.#stateOf(entry);
      if (state !== 'waiting' && state !== 'dialing') continue;
      if (entry.lastFailure === 'apart') apart.add(entry.node);
      else missed.add(entry.node);
    }
    for (const node of apart) missed.delete(node);
    return { missed: [...missed], apart: [...apart] };
  }

  /** @returns the node that was met there, or is said to be there. */
  nodeAt(address: string): NodeName | undefined {
    return this.#entries.get(address)?.node;
  }

  /** Not to be dialled any more, seed or not. @returns false where it was not known. */
  remove(address: string): boolean {
    const entry = this.#entries.get(address);
    if (entry !== undefined) this.#forget(entry);
    return entry !== undefined;
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

  /**
   * Discovery says that somebody listens at `address`. It is not forgotten for as long as it says so.
   * @returns false where the book is full.
   */
  discover(address: string, now: number): boolean {
    const entry = this.#entries.get(address);
    if (entry !== undefined) {
      entry.reachedAt = now;
      return true;
    }
    if (this.#learned >= this.#limits.maxLearned) return false;
    this.#add(address, false, undefined, now);
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

  #toldTo(entry: Entry, word: number, now: number): void {
    entry.toldAt = word;
    entry.attempts = 0;
    entry.dueAt = now;
    entry.lastFailure = undefined;
  }

  #add(address: string, seed: boolean, node: NodeName | undefined, now: number): Entry {
    const entry: Entry = {
      address,
      seed,
      node,
      self: false,
      dialing: false,
      attempts: 0,
      dueAt: now,
      reachedAt: now,
      lastFailure: undefined,
      toldAt: 0,
    };
    this.#entries.set(address, entry);
    return entry;
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
    if (this.#staysAway(entry)) return 'disconnected';
    return entry.dialing ? 'dialing' : 'waiting';
  }

  #staysAway({ node, toldAt }: Entry): boolean {
    return node !== undefined && toldAt < (this.#disconnected.get(node) ?? 0);
  }

  #backOff(entry: Entry): number {
    return backOffMs(this.#limits.backOff, entry.attempts, this.#random());
  }
}
