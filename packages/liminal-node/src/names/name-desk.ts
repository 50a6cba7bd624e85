/**
 * What the node that decides about names does: it lets one node at a time claim a name that nobody has.
 *
 *   1. Who asks first for a name that nobody has may claim it, and whoever asks for the same name meanwhile waits until it
 *      has done so or given up.
 *   2. Where somebody has it, the node of that process is asked whether it still lives: who has heard of its end and asks
 *      for its name is not refused because word of that end takes longer another way.
 *   3. Where it does, the answer is no.
 */
import type { Pid } from '@liminal-node/scheduler';
import type { Claim } from './claim.js';
import type { Denial } from './name-message.js';

/** Who asks: a session, or undefined for this node. */
type Asker = number | undefined;

interface Ask {
  readonly from: Asker;
  readonly request: number;
  state: 'waiting' | 'checking' | 'granted';
  /** The holder that was found alive for it. */
  checked?: Pid;
  /** Of the check under way. */
  check?: { readonly number: number; readonly holder: Claim };
}

/** What the desk has its node do. */
export interface DeskOrders {
  find(key: string): Claim | undefined;
  grant(to: Asker, request: number): void;
  deny(to: Asker, request: number, reason: Denial): void;
  /** Have the holder's node look, and call `checked` with the number; also where that node is lost. */
  check(holder: Claim, number: number): void;
}

export class NameDesk {
  readonly #orders: DeskOrders;
  readonly #maxAsks: number;
  readonly #asks = new Map<string, Ask[]>();
  readonly #checks = new Map<number, string>();
  #count = 0;
  #nextCheck = 0;

  constructor(orders: DeskOrders, maxAsks: number) {
    this.#orders = orders;
    this.#maxAsks = maxAsks;
  }

  /** Requests that wait or may be claimed for. */
  get size(): number {
    return this.#count;
  }

  ask(from: Asker, request: number, key: string): void {
    if (this.#count >= this.#maxAsks) return this.#orders.deny(from, request, 'busy');
    const asks = this.#asks.get(key) ?? [];
    this.#asks.set(key, asks);
    asks.push({ from, request, state: 'waiting' });
    this.#count++;
    this.#decide(key);
  }

  /** Who was granted the name has claimed it. */
  claimed(from: Asker, key: string): void {
    const [first] = this.#asks.get(key) ?? [];
    if (first !== undefined && first.from === from && first.state === 'granted')
      this.#drop(key, (ask) => ask === first);
  }

  cancel(from: Asker, request: number): void {
    for (const key of [...this.#asks.keys()]) this.#drop(key, (ask) => ask.from === from && ask.request === request);
  }

  checked(number: number): void {
    const key = this.#checks.get(number);
    this.#checks.delete(number);
    const first = key === undefined ? undefined : this.#asks.get(key)?.[0];
    if (key === undefined || first?.check?.number !== number) return;
    first.checked = first.check.holder.pid;
    this.#wait(first);
    this.#decide(key);
  }

  /** A session is over. */
  peerDown(peer: number): void {
    for (const key of [...this.#asks.keys()]) this.#drop(key, ({ from }) => from === peer);
  }

  #wait(ask: Ask): void {
    if (ask.check !== undefined) this.#checks.delete(ask.check.number);
    delete ask.check;
    ask.state = 'waiting';
  }

  #drop(key: string, isGone: (ask: Ask) => boolean): void {
    const asks = this.#asks.get(key) ?? [];
    const left = asks.filter((ask) => !isGone(ask));
    for (const ask of asks) if (isGone(ask)) this.#wait(ask);
    this.#count -= asks.length - left.length;
    if (left.length === 0) this.#asks.delete(key);
    else this.#asks.set(key, left);
    this.#decide(key);
  }

  /** Takes the first of those who ask for the name as far as it goes now. */
  #decide(key: string): void {
    const [first] = this.#asks.get(key) ?? [];
    if (first?.state !== 'waiting') return;
    const holder = this.#orders.find(key);
    if (holder === undefined) {
      first.state = 'granted';
      this.#orders.grant(first.from, first.request);
    } else if (first.checked === holder.pid) {
      this.#orders.deny(first.from, first.request, 'taken');
      this.#drop(key, (ask) => ask === first);
    } else {
      const number = this.#nextCheck++;
      first.state = 'checking';
      first.check = { number, holder };
      this.#checks.set(number, key);
      this.#orders.check(holder, number);
    }
  }
}
