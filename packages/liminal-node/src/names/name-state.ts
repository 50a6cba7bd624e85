/**
 * Global names as a state machine: events in, effects out; no clock, no connection, no process.
 *
 *   1. Each node tells every other of the claims of its own processes, and of nothing else: all of them when a
 *      session comes up, then each change, in order. What a session has told goes with it.
 *   2. To register, a node asks the one that decides: of those that it is connected to, itself included, the one with
 *      the smallest name (`name-desk.ts`). Where that grants it, the node claims the name and tells everybody; when all
 *      have agreed the registration succeeds, and everybody knows. Who knows of a claim that goes before it, and has
 *      asked its node whether it still stands, does not agree, and then it is withdrawn.
 *   3. So one process has the name among nodes that are all connected to one another. While they are not, or do not
 *      know of one another yet, each part may give it to a process of its own, and two nodes may be asked to decide at
 *      once.
 *   4. Where two claims meet, one that is not held yet gives way to one that is; of two that are not, the younger. Two
 *      that are held are a conflict: both nodes know both claims, compute the same verdict (`claim.ts`), and the node of
 *      the loser withdraws it and tells its process.
 *   5. Time is milliseconds since 1970, but never earlier than what the node has heard of, so that what was caused by
 *      another registration is younger, whatever the clocks say.
 *
 * A lock is a name in this sense too.
 */
import type { Pid } from '@liminal-node/scheduler';
import { Agreements } from './agreements.js';
import { type Claim, isOlder, verdictOn } from './claim.js';
import { ClaimTable } from './claim-table.js';
import { Inquiries } from './inquiries.js';
import { NameDesk } from './name-desk.js';
import type { NameEffect, NameEvent, NameStateOptions, Outcome, Peer, Registering } from './name-event.js';
import type { Denial, NameMessage, ToldClaim } from './name-message.js';

/** The latest time that travels. */
const MAX_TIME = 2 ** 48 - 1;

export class NameState {
  readonly claims: ClaimTable;
  readonly #options: NameStateOptions;
  readonly #desk: NameDesk;
  readonly #peers = new Map<number, Peer>();
  readonly #registering = new Map<number, Registering>();
  /** Those that have claimed their name. */
  readonly #claiming = new Map<string, Registering>();
  readonly #inquiries: Inquiries;
  readonly #agreements: Agreements;
  #effects: NameEffect[] = [];
  #time = 0;

  constructor(options: NameStateOptions) {
    this.#options = options;
    this.#inquiries = new Inquiries(options.maxNames);
    this.claims = new ClaimTable((key, pid) => this.#effects.push({ type: 'list', key, pid }));
    this.#agreements = new Agreements(this.claims, {
      answer: (peer, request, agreed) => this.#send(peer, { type: 'claimed', request, agreed }),
      check: ({ peer, key }, done) => {
        if (peer === undefined || this.#inquiries.isFull) return false;
        this.#check(peer, key, done);
        return true;
      },
    });
    this.#desk = new NameDesk(
      {
        find: (key) => this.claims.find(key),
        grant: (to, request) => {
          if (to === undefined) this.#granted(request, this.#time);
          else this.#send(to, { type: 'grant', request, time: this.#time });
        },
        deny: (to, request, reason) => {
          if (to === undefined) this.#denied(request, reason);
          else this.#send(to, { type: 'deny', request, reason });
        },
        check: (holder, number) => {
          if (holder.peer === undefined) this.#look(holder.pid, () => this.#desk.checked(number));
          else this.#check(holder.peer, holder.key, () => this.#desk.checked(number));
        },
      },
      options.maxNames,
    );
  }

  /** Whether nothing waits for anything. */
  get isQuiet(): boolean {
    return this.#registering.size + this.#desk.size + this.#inquiries.size + this.#agreements.size === 0;
  }

  /** @param now milliseconds since 1970. */
  step(event: NameEvent, now: number): readonly NameEffect[] {
    this.#heardOf(now);
    this.#apply(event);
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #apply(event: NameEvent): void {
    switch (event.type) {
      case 'up':
        this.#peers.set(event.peer, { id: event.peer, node: event.node, isReady: false, told: new Set() });
        // Parts of it are cut to the size of frames by whoever sends them.
        this.#send(event.peer, { type: 'snapshot', first: true, last: true, claims: [...this.claims.own.values()] });
        break;
      case 'down':
        this.#down(event.peer);
        break;
      case 'heard': {
        const peer = this.#peers.get(event.peer);
        if (peer !== undefined) this.#heard(peer, event.message);
        break;
      }
      case 'register':
        this.#register({ ...event, decider: undefined, waiting: new Set() });
        break;
      case 'timeout':
        this.#giveUp(event.request, 'timeout');
        break;
      case 'unregister':
        for (const registering of [...this.#registering.values()]) {
          const { key, pid, request } = registering;
          if (key === event.key && pid === event.pid) this.#giveUp(request, 'withdrawn');
        }
        if (this.claims.own.get(event.key)?.pid === event.pid) this.#withdraw(event.key);
        break;
      case 'ended':
        this.#ended(event.pid);
        break;
      case 'looked': {
        const look = this.#inquiries.close(event.look, undefined);
        if (look?.pid !== undefined && !event.alive) this.#ended(look.pid);
        look?.done();
        break;
      }
      default:
        event satisfies never;
    }
  }

  #heard(peer: Peer, message: NameMessage): void {
    const { id } = peer;
    switch (message.type) {
      case 'snapshot':
        return this.#snapshot(peer, message);
      case 'ask':
        return this.#desk.ask(id, message.request, message.key);
      case 'cancel':
        return this.#desk.cancel(id, message.request);
      case 'grant':
        return this.#granted(message.request, message.time, id);
      case 'deny':
        return this.#denied(message.request, message.reason, id);
      case 'claim':
        return this.#claimedBy(peer, message.request, message.claim);
      case 'claimed':
        return this.#agreed(id, message.request, message.agreed);
      case 'held':
      case 'release':
        return this.#changed(id, message);
      case 'check': {
        const { request, key } = message;
        const checked = (): void => this.#send(id, { type: 'checked', request });
        const claim = this.claims.own.get(key);
        return claim === undefined ? checked() : this.#look(claim.pid, checked);
      }
      case 'checked':
        return this.#inquiries.close(message.request, id)?.done();
      default:
        message satisfies never;
    }
  }

  // --- registering ---------------------------------------------------------------------------------------

  #register(registering: Registering): void {
    const { request, key, pid } = registering;
    const own = this.claims.own.get(key);
    if (own?.pid === pid && own.held) return this.#settle(request, 'held');
    if (this.claims.own.size + this.#registering.size >= this.#options.maxNames) return this.#settle(request, 'limit');
    this.#registering.set(request, registering);
    this.#ask(registering);
  }

  #ask(registering: Registering): void {
    let decider: Peer | undefined;
    for (const peer of this.#peers.values()) {
      if (peer.isReady && peer.node < (decider?.node ?? this.#options.node)) decider = peer;
    }
    const { request, key } = registering;
    registering.decider = decider?.id ?? 'self';
    if (decider === undefined) this.#desk.ask(undefined, request, key);
    else this.#send(decider.id, { type: 'ask', request, key });
  }

  #granted(request: number, time: number, by?: number): void {
    this.#heardOf(time);
    const registering = this.#registering.get(request);
    if (registering === undefined || registering.decider !== (by ?? 'self')) return this.#cancel(request, by);
    const { key, pid, waiting } = registering;
    if (this.claims.own.has(key)) {
      // Another node has decided for another process of this one.
      this.#registering.delete(request);
      this.#cancel(request, by);
      return this.#settle(request, 'taken');
    }
    registering.decider = undefined;
    this.#time = Math.min(this.#time + 1, MAX_TIME);
    const claim: Claim = {
      key,
      pid,
      node: this.#options.node,
      time: this.#time,
      held: false,
      agreed: true,
      peer: undefined,
    };
    this.#claiming.set(key, registering);
    this.claims.set(claim);
    this.#agreements.reconsider(key);
    for (const { id, isReady } of this.#peers.values()) {
      if (isReady) waiting.add(id);
      this.#send(id, { type: 'claim', request, claim });
    }
    this.#desk.claimed(undefined, key);
    if (waiting.size === 0) this.#hold(registering);
  }

  #denied(request: number, reason: Denial, by?: number): void {
    const registering = this.#registering.get(request);
    if (registering?.decider !== (by ?? 'self')) return;
    this.#registering.delete(request);
    this.#settle(request, reason);
  }

  #agreed(peer: number, request: number, agreed: boolean): void {
    const registering = this.#registering.get(request);
    if (!registering?.waiting.delete(peer)) return;
    if (!agreed) this.#withdraw(registering.key, 'taken');
    else if (registering.waiting.size === 0) this.#hold(registering);
  }

  #hold({ request, key }: Registering): void {
    const claim = this.claims.own.get(key);
    this.#registering.delete(request);
    this.#claiming.delete(key);
    if (claim === undefined) return;
    this.claims.set({ ...claim, held: true });
    this.#broadcast({ type: 'held', key, time: claim.time });
    this.#settle(request, 'held');
  }

  #giveUp(request: number, outcome: Outcome): void {
    const registering = this.#registering.get(request);
    if (registering === undefined) return;
    if (registering.decider === undefined) return this.#withdraw(registering.key, outcome);
    this.#registering.delete(request);
    this.#cancel(request, registering.decider === 'self' ? undefined : registering.decider);
    this.#settle(request, outcome);
  }

  #cancel(request: number, at: number | undefined): void {
    if (at === undefined) this.#desk.cancel(undefined, request);
    else this.#send(at, { type: 'cancel', request });
  }

  /** Takes back a claim of this node; one that was not held yet has failed with `outcome`. */
  #withdraw(key: string, outcome: Outcome = 'withdrawn'): void {
    const claim = this.claims.own.get(key);
    const registering = this.#claiming.get(key);
    if (claim === undefined) return;
    this.claims.remove(key, undefined);
    this.#broadcast({ type: 'release', key, time: claim.time });
    this.#claiming.delete(key);
    if (registering === undefined) return;
    this.#registering.delete(registering.request);
    this.#settle(registering.request, outcome);
  }

  #ended(pid: Pid): void {
    for (const { request, pid: asking } of [...this.#registering.values()]) {
      if (asking === pid) this.#giveUp(request, 'withdrawn');
    }
    for (const claim of [...this.claims.own.values()]) if (claim.pid === pid) this.#withdraw(claim.key);
  }

  // --- peers ---------------------------------------------------------------------------------------------

  #snapshot(peer: Peer, { first, last, claims }: NameMessage & { type: 'snapshot' }): void {
    if (first) peer.told.clear();
    for (const claim of claims) {
      peer.told.add(claim.key);
      this.#enter(peer, claim);
    }
    if (!last) return;
    for (const key of [...this.claims.of(peer.id).keys()]) {
      if (!peer.told.has(key)) this.#forget(key, peer.id);
    }
    peer.told.clear();
    peer.isReady = true;
  }

  #claimedBy(peer: Peer, request: number, told: ToldClaim): void {
    const claim = this.#enter(peer, told);
    this.#desk.claimed(peer.id, told.key);
    if (claim === undefined) this.#send(peer.id, { type: 'claimed', request, agreed: false });
    else this.#agreements.ask(peer.id, request, claim);
  }

  #enter(peer: Peer, { key, pid, time, held }: ToldClaim): Claim | undefined {
    const claims = this.claims.of(peer.id);
    if (!claims.has(key) && claims.size >= this.#options.maxNames) {
      this.#effects.push({ type: 'ignored', reason: 'too many names' });
      return undefined;
    }
    this.#heardOf(time);
    const claim: Claim = { key, pid, node: peer.node, time, held, agreed: false, peer: peer.id };
    this.claims.set(claim);
    this.#meet(key, claim);
    return claim;
  }

  #changed(peer: number, { type, key, time }: NameMessage & { type: 'held' | 'release' }): void {
    const claim = this.claims.of(peer).get(key);
    if (claim?.time !== time) return void this.#effects.push({ type: 'ignored', reason: 'unexpected' });
    if (type === 'release') return this.#forget(key, peer);
    const held = { ...claim, held: true };
    this.claims.set(held);
    this.#meet(key, held);
    this.#agreements.reconsider(key);
  }

  #forget(key: string, peer: number): void {
    this.claims.remove(key, peer);
    this.#agreements.reconsider(key);
  }

  #down(id: number): void {
    if (!this.#peers.delete(id)) return;
    const lost = [...this.claims.of(id).keys()];
    this.claims.removePeer(id);
    for (const key of lost) this.#agreements.reconsider(key);
    this.#inquiries.closeAllOf(id);
    this.#desk.peerDown(id);
    for (const registering of [...this.#registering.values()]) {
      if (registering.decider === id) this.#ask(registering);
      else if (registering.waiting.delete(id) && registering.waiting.size === 0) this.#hold(registering);
    }
  }

  /** A claim of this node and one of another: one of them gives way, at its own node. */
  #meet(key: string, theirs: Claim): void {
    const own = this.claims.own.get(key);
    if (own === undefined || theirs.peer === undefined) return;
    if (!own.held) {
      if (theirs.held || isOlder(theirs, own)) this.#withdraw(key, 'taken');
      return;
    }
    if (!theirs.held) return;
    const { keep, loser } = verdictOn(own, theirs, this.#options.conflict);
    const keeper = keep === 'none' ? undefined : isOlder(own, theirs) === (keep === 'older') ? own : theirs;
    if (keeper === own) return;
    this.#withdraw(key);
    this.#effects.push({ type: 'lost', key, pid: own.pid, keeper: keeper?.pid, loser });
  }

  // --- effects -------------------------------------------------------------------------------------------

  /** @param done called when it is known whether it lives, and its claims are gone where it does not. */
  #look(pid: Pid, done: () => void): void {
    // Who is not looked at is believed to live.
    if (this.#inquiries.isFull) return done();
    this.#effects.push({ type: 'look', look: this.#inquiries.open(undefined, pid, done), pid });
  }

  /** @param done called when the peer's release is here where its holder lives no more, or the peer is lost. */
  #check(peer: number, key: string, done: () => void): void {
    if (this.#inquiries.isFull) return done();
    this.#send(peer, { type: 'check', request: this.#inquiries.open(peer, undefined, done), key });
  }

  #send(peer: number, message: NameMessage): void {
    if (this.#peers.has(peer)) this.#effects.push({ type: 'send', peer, message });
  }

  #broadcast(message: NameMessage): void {
    for (const peer of this.#peers.keys()) this.#send(peer, message);
  }

  #settle(request: number, outcome: Outcome): void {
    this.#effects.push({ type: 'settle', request, outcome });
  }

  #heardOf(time: number): void {
    this.#time = Math.min(Math.max(this.#time, time), MAX_TIME);
  }
}
