/**
 * One TCP connection of a simulated network: two ends, and a stream of bytes in each direction, first in, first out.
 *
 * 1. What is written goes under way while the kernels have room; `done` comes when it is. It arrives in pieces that
 *    are cut anywhere, after the delays of the way that it takes, and stays in the kernel while the receiver is held.
 * 2. `end` sends a FIN behind what was written; whoever receives one ends too, and then is closed. A FIN may be late.
 * 3. `destroy` closes at once; the other end hears of it by a FIN or by a reset, behind what was sent or in place of it.
 * 4. `lose` is the network's doing: of what is under way some arrives, up to any byte, and the rest does not. Each end
 *    notices at a time of its own, or only where it writes, or never.
 */
import type { Connection, ConnectionHandlers, Session } from '@liminal-node/distribution';
import type { Loop, Timeline } from './timeline.js';

/** One direction between two hosts. */
export interface Way {
  /** Nothing gets through; it gets through later. */
  blocked: boolean;
  /** The longest delay, in ms. */
  delayMs: number;
  readonly parked: Set<Stream>;
}

export interface WireWorld {
  readonly timeline: Timeline;
  readonly random: () => number;
  /** Of the network itself, which nobody holds. */
  readonly loop: Loop;
  /** Bytes that were under way and are lost. */
  readonly lost: (bytes: Uint8Array, stream: Stream) => void;
}

type Item = { readonly readyAt: number } & (
  | { readonly type: 'data'; readonly bytes: Uint8Array }
  | { readonly type: 'call'; readonly run: () => void }
  | { readonly type: 'fin' | 'reset' }
);

interface Write {
  readonly bytes: Uint8Array;
  readonly done: (() => void) | undefined;
}

/** How the network may lose a connection, for one end. `late` is in ms; never is infinity. */
export interface Notice {
  readonly lateMs: number;
  /** Whether the other host answers a write with a reset. */
  readonly answers: boolean;
}

/** From one end to the other. */
export class Stream {
  readonly from: End;
  readonly way: Way;
  to: End | undefined;
  readonly #world: WireWorld;
  readonly #capacity: number;
  #items: Item[] = [];
  #waiting: Write[] = [];
  #underWay = 0;
  #isScheduled = false;
  /** When the next of what is under way arrives; what was held up is sent again later than it was due. */
  #arrivesAt = 0;
  #finWanted = false;
  /** Nothing that is written arrives any more. */
  #dead: Notice | undefined;

  constructor(world: WireWorld, from: End, way: Way) {
    this.#world = world;
    this.from = from;
    this.way = way;
    const { random } = world;
    this.#capacity = [600, 4_000, 64_000, 1_000_000][Math.floor(random() * 4)] ?? 4_000;
  }

  /** Bytes that the kernels hold. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Whether bytes have arrived that the receiver has not read. */
  get hasUnread(): boolean {
    const [next] = this.#items;
    return next?.type === 'data' && this.#arrivesAt <= this.#world.timeline.now && !this.way.blocked;
  }

  /** Whether something is under way that left when the way was slow or blocked. */
  get isHeldUp(): boolean {
    const soon = this.#world.timeline.now + this.way.delayMs;
    return this.#items.some(({ readyAt }) => readyAt > soon) || (this.#isScheduled && this.#arrivesAt > soon);
  }

  get hasUnwritten(): boolean {
    return this.#waiting.length > 0;
  }

  write(bytes: Uint8Array, done: (() => void) | undefined): void {
    this.#waiting.push({ bytes: Uint8Array.from(bytes), done });
    this.pump();
  }

  /** A FIN behind all that was written. */
  finish(): void {
    this.#finWanted = true;
    this.pump();
  }

  call(run: () => void): void {
    this.#push({ type: 'call', run, readyAt: this.#readyAt() });
  }

  reset(): void {
    this.#push({ type: 'reset', readyAt: this.#readyAt() });
  }

  /** Forgets what the kernel has not taken, and, of what it has, all that did not come through. */
  abandon(): void {
    this.#waiting = [];
  }

  /** Takes what there is room for. */
  pump(): void {
    const { timeline, random, loop } = this.#world;
    while (this.#waiting.length > 0 && this.#underWay < this.#capacity) {
      const { bytes, done } = this.#waiting.shift() as Write;
      this.#underWay += bytes.length;
      if (done !== undefined) timeline.after(random() * 0.05, this.from.loop, done);
      if (this.#dead === undefined) this.#send(bytes);
      else this.#loseWritten(bytes, this.#dead);
    }
    if (!this.#finWanted || this.#waiting.length > 0) return;
    this.#finWanted = false;
    const late = random() < 0.15 ? random() * 1_500 : 0;
    if (this.#dead === undefined) this.#push({ type: 'fin', readyAt: this.#readyAt() + late });
    timeline.after(0, loop, () => this.from.maybeClosed());
  }

  #loseWritten(bytes: Uint8Array, { answers }: Notice): void {
    const { timeline, random, loop, lost } = this.#world;
    lost(bytes, this);
    if (!answers) return;
    this.#underWay -= bytes.length;
    timeline.after(random() * 10, loop, () => this.from.hearReset());
  }

  /** From now on nothing arrives, but for some of what is under way. */
  lose(notice: Notice, keep: number): void {
    const { lost } = this.#world;
    this.#dead ??= notice;
    const bytes = this.#items.reduce((sum, item) => sum + (item.type === 'data' ? item.bytes.length : 0), 0);
    let left = Math.floor(bytes * keep);
    const kept: Item[] = [];
    for (const item of this.#items) {
      if (item.type === 'call') kept.push(item);
      if (item.type !== 'data') continue;
      if (left > 0) kept.push({ ...item, bytes: item.bytes.subarray(0, left) });
      if (left < item.bytes.length) lost(item.bytes.subarray(Math.max(0, left)), this);
      left -= item.bytes.length;
    }
    this.#items = kept;
  }

  resume(): void {
    this.way.parked.delete(this);
    this.#schedule(this.#world.random() * 200);
  }

  #send(bytes: Uint8Array): void {
    const { random } = this.#world;
    for (let at = 0; at < bytes.length; ) {
      const cut = random() < 0.2 ? 1 + Math.floor(random() * (bytes.length - at)) : bytes.length - at;
      this.#push({
        type: 'data',
        bytes: Uint8Array.prototype.slice.call(bytes, at, at + cut),
        readyAt: this.#readyAt(),
      });
      at += cut;
    }
  }

  #readyAt(): number {
    return this.#world.timeline.now + this.#world.random() * this.way.delayMs;
  }

  #push(item: Item): void {
    this.#items.push(item);
    this.#schedule(0);
  }

  #schedule(moreMs: number): void {
    const [next] = this.#items;
    if (next === undefined || this.#isScheduled || this.way.parked.has(this)) return;
    this.#isScheduled = true;
    const { timeline, loop } = this.#world;
    this.#arrivesAt = next.readyAt + moreMs;
    timeline.after(this.#arrivesAt - timeline.now, this.to?.loop ?? loop, () => this.#arrive());
  }

  #arrive(): void {
    this.#isScheduled = false;
    if (this.way.blocked) {
      this.way.parked.add(this);
      return;
    }
    const item = this.#items.shift();
    if (item === undefined) return;
    this.#schedule(0);
    switch (item.type) {
      case 'data':
        this.#underWay -= item.bytes.length;
        if (this.to?.isOpen === true) {
          this.to.lastDataAt = this.#world.timeline.now;
          this.to.handlers?.data(item.bytes);
        } else {
          this.#world.lost(item.bytes, this);
          this.to?.answerLate();
        }
        this.pump();
        break;
      case 'call':
        item.run();
        break;
      case 'fin':
        this.to?.hearFin();
        break;
      case 'reset':
        this.to?.hearReset();
        break;
      default:
        item satisfies never;
    }
  }
}

/** What one side has of a connection. */
export class End {
  readonly loop: Loop;
  readonly host: number;
  handlers: ConnectionHandlers | undefined;
  /** What it writes to. */
  out: Stream | undefined;
  isOpen = true;
  /** When bytes came for the last time. */
  lastDataAt = 0;
  /** The session that it carries, and the messages of the data lane that have come on it. */
  session: Session | undefined;
  dataReceived = 0;
  readonly #timeline: Timeline;
  readonly #random: () => number;
  readonly #onClosed: () => void;
  #hasEnded = false;
  #heardFin = false;

  constructor(world: WireWorld, host: number, loop: Loop, onClosed: () => void) {
    this.#timeline = world.timeline;
    this.#random = world.random;
    this.host = host;
    this.loop = loop;
    this.#onClosed = onClosed;
  }

  connection(remoteAddress: string): Connection {
    return {
      remoteAddress,
      write: (bytes, done) => {
        if (this.isOpen && !this.#hasEnded) this.out?.write(bytes, done);
      },
      end: () => this.#end(),
      destroy: () => {
        if (!this.isOpen) return;
        const isAbrupt = this.#random() < 0.3;
        this.out?.abandon();
        if (isAbrupt) this.out?.reset();
        else if (!this.#hasEnded) this.out?.finish();
        this.close('closed');
      },
    };
  }

  /** The life that it belongs to has ended. */
  vanish(): void {
    this.isOpen = false;
    this.out?.abandon();
    this.#onClosed();
  }

  hearFin(): void {
    this.#heardFin = true;
    this.#end();
    this.maybeClosed();
  }

  hearReset(): void {
    if (!this.isOpen) return;
    this.out?.abandon();
    this.close('ECONNRESET');
  }

  /** Bytes came for one that is closed. */
  answerLate(): void {
    this.out?.reset();
  }

  maybeClosed(): void {
    if (this.isOpen && this.#heardFin && this.#hasEnded && this.out?.hasUnwritten !== true) this.close('closed');
  }

  /** Nothing comes any more but `closed`, in a later turn. */
  close(reason: string): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#timeline.after(this.#random() * 0.05, this.loop, () => {
      this.#onClosed();
      this.handlers?.closed(reason);
    });
  }

  #end(): void {
    if (this.#hasEnded || !this.isOpen) return;
    this.#hasEnded = true;
    this.out?.finish();
  }
}
