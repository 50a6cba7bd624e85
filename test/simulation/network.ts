/**
 * A network of simulated hosts, in memory, with faults. Each host has one address, at which one life of a node listens
 * at a time. Each direction between two hosts is a way of its own, which can be slow or blocked: what is blocked stays
 * under way, as with TCP, and comes later.
 */
import type { Connection, ConnectionHandlers, Session, Transport } from '@liminal-node/distribution';
import { Loop, type Timeline } from './timeline.js';
import { End, type Notice, Stream, type Way, type WireWorld } from './wire.js';

const PORT = 4_000;

/** A dial that gets no answer is tried again by the kernel after so many ms, */
const RETRY_MS = 250;

/** and given up after so many. */
const CONNECT_TIMEOUT_MS = 4_000;

interface Listening {
  readonly loop: Loop;
  readonly accept: (connection: Connection) => ConnectionHandlers;
}

export interface Wire {
  readonly dialler: End;
  acceptor: End | undefined;
  /** Nothing gets through it any more, whoever knows. */
  isLost: boolean;
  readonly streams: Stream[];
}

export class Network {
  readonly wires = new Set<Wire>();
  readonly #world: WireWorld;
  readonly #ways = new Map<number, Way>();
  readonly #listening = new Map<number, Listening>();
  readonly #longestMs: () => number;
  /** By what each calls the other's address, which is unique here. */
  readonly #ends = new Map<string, { readonly end: End; readonly wire: Wire }>();
  /** Every connection on which a session came up at both ends. */
  readonly carried = new Set<Wire>();
  /** Connections that are no more. */
  readonly ended = new Set<Wire>();
  #dialled = 0;

  /** @param lost hears of bytes that were sent and did not arrive. */
  constructor(timeline: Timeline, random: () => number, lost: WireWorld['lost']) {
    this.#world = { timeline, random, loop: new Loop(timeline, 'network'), lost };
    this.#longestMs = () => [0.1, 1, 1, 5, 40][Math.floor(random() * 5)] ?? 1;
  }

  /** Connections with an open end. */
  get open(): readonly Wire[] {
    return [...this.wires].filter(({ dialler, acceptor }) => dialler.isOpen || acceptor?.isOpen === true);
  }

  static addressOf(host: number): string {
    return `host${host}:${PORT}`;
  }

  /** What a life of a node on that host uses. */
  transport(host: number, home: Loop): Transport {
    return {
      listen: async (_host, _port, accept) => {
        this.#listening.set(host, { loop: home, accept });
        return {
          port: PORT,
          close: () => {
            if (this.#listening.get(host)?.loop === home) this.#listening.delete(host);
          },
        };
      },
      dial: (name, _port, handlers) => this.#dial(host, Number(name.slice(4)), home, handlers),
    };
  }

  way(from: number, to: number): Way {
    const key = from * 64 + to;
    let way = this.#ways.get(key);
    if (way === undefined) {
      way = { blocked: false, delayMs: this.#longestMs(), parked: new Set() };
      this.#ways.set(key, way);
    }
    return way;
  }

  block(from: number, to: number): void {
    this.way(from, to).blocked = true;
  }

  unblock(from: number, to: number): void {
    const way = this.way(from, to);
    way.blocked = false;
    for (const stream of way.parked) stream.resume();
  }

  /** Every way is open, and as fast as most. */
  heal(): void {
    for (const [key, way] of this.#ways) {
      way.delayMs = Math.min(way.delayMs, 5);
      this.unblock(key >> 6, key & 63);
    }
  }

  /**
   * Loses the connections between two hosts.
   * @param notice how each end gets to know.
   */
  lose(one: number, other: number, notice: () => Notice): void {
    for (const wire of this.wires) {
      const { dialler, acceptor } = wire;
      if (acceptor === undefined) continue;
      const isBetween =
        (dialler.host === one && acceptor.host === other) || (dialler.host === other && acceptor.host === one);
      if (!isBetween) continue;
      wire.isLost = true;
      for (const stream of wire.streams) this.#loseStream(stream, notice());
    }
  }

  /** A life of a node ends. @param notice how each of its peers gets to know. */
  vanish(home: Loop, notice: () => Notice): void {
    for (const [host, { loop }] of this.#listening) if (loop === home) this.#listening.delete(host);
    for (const wire of this.wires) {
      for (const end of [wire.dialler, wire.acceptor]) {
        if (end?.loop !== home) continue;
        end.vanish();
        wire.isLost = true;
        const towards = wire.streams.find(({ to }) => to === end);
        if (towards !== undefined) this.#loseStream(towards, notice());
      }
      this.#settle(wire);
    }
  }

  /** What the other end of a stream sends is lost as well, as far as `lose` is called for both. */
  #loseStream(stream: Stream, notice: Notice): void {
    const { timeline, random, loop } = this.#world;
    stream.lose(notice, random() < 0.5 ? random() : 1);
    if (notice.lateMs === Number.POSITIVE_INFINITY) return;
    timeline.after(notice.lateMs, loop, () => stream.from.hearReset());
  }

  #settle(wire: Wire): void {
    if (wire.dialler.isOpen || wire.acceptor?.isOpen === true || !this.wires.delete(wire)) return;
    this.ended.add(wire);
  }

  #dial(from: number, to: number, home: Loop, handlers: ConnectionHandlers): Connection {
    const world = this.#world;
    const settle = (): void => this.#settle(wire);
    const dialler = new End(world, from, home, settle);
    dialler.handlers = handlers;
    const wire: Wire = { dialler, acceptor: undefined, isLost: false, streams: [] };
    this.wires.add(wire);
    const out = new Stream(world, dialler, this.way(from, to));
    dialler.out = out;
    wire.streams.push(out);
    const { timeline, random, loop } = world;
    const startedAt = timeline.now;
    const delay = (): number => random() * (this.way(from, to).delayMs + this.way(to, from).delayMs);
    const attempt = (): void => {
      if (!dialler.isOpen || dialler.loop.isOver) return this.#settle(wire);
      if (this.way(from, to).blocked || this.way(to, from).blocked) {
        if (timeline.now - startedAt > CONNECT_TIMEOUT_MS) dialler.close('ETIMEDOUT');
        else timeline.after(RETRY_MS, loop, attempt);
        return;
      }
      const listening = this.#listening.get(to);
      if (listening === undefined) dialler.close('ECONNREFUSED');
      else this.#accept(wire, to, listening, settle);
    };
    timeline.after(delay(), loop, attempt);
    const remoteAddress = `${Network.addressOf(to)} (${this.#dialled++})`;
    this.#ends.set(remoteAddress, { end: dialler, wire });
    return dialler.connection(remoteAddress);
  }

  /** A session has come up. @param remoteAddress as its connection has it. @returns its end of the connection. */
  carry(remoteAddress: string, session: Session): End | undefined {
    const found = this.#ends.get(remoteAddress);
    if (found === undefined) return undefined;
    const { end, wire } = found;
    end.session = session;
    if (wire.dialler.session !== undefined && wire.acceptor?.session !== undefined) this.carried.add(wire);
    return end;
  }

  /** What leads to an end. */
  towards(end: End): Stream | undefined {
    for (const wire of this.wires) for (const stream of wire.streams) if (stream.to === end) return stream;
    return undefined;
  }

  /** The kernels have shaken hands: each end hears of it in its own time, ahead of all that the other sends. */
  #accept(wire: Wire, host: number, { loop, accept }: Listening, settle: () => void): void {
    const { dialler } = wire;
    const acceptor = new End(this.#world, host, loop, settle);
    const back = new Stream(this.#world, acceptor, this.way(host, dialler.host));
    wire.acceptor = acceptor;
    wire.streams.push(back);
    acceptor.out = back;
    back.to = dialler;
    const out = wire.streams[0] as Stream;
    out.to = acceptor;
    const remoteAddress = `host${dialler.host}:${50_000 + this.#dialled++}`;
    this.#ends.set(remoteAddress, { end: acceptor, wire });
    out.call(() => {
      if (acceptor.isOpen) acceptor.handlers = accept(acceptor.connection(remoteAddress));
    });
    back.call(() => {
      if (dialler.isOpen) dialler.handlers?.opened();
    });
  }
}
