/**
 * A TCP proxy that does to connections what networks do, as the test tells it.
 *
 *     await using proxy = await FaultProxy.start({ to: node.listen, seed: 7 });
 *     proxy.up.mode = 'hold';            // what the dialler sends is kept back here
 *     proxy.down.bytesPerSecond = 1_000; // what it is sent trickles
 *     proxy.up.mode = 'pass';            // and now it all arrives, late
 *     proxy.cut('reset');
 *
 * 1. Each connection to the proxy is one to the target, and two pipes: `up` from the dialler, `down` to it. A pipe
 *    obeys a {@link Wire}, which may be shared by many pipes: by default, all of one direction of the proxy.
 * 2. A pipe keeps what it has read until its wire lets it pass, and then the end of its source behind it: FIN as
 *    FIN, a reset as a reset. So nothing overtakes, and a black hole swallows goodbyes too.
 * 3. Where only who dials can say which wires a connection is on, `identify` is shown the first bytes.
 *
 * The order of bytes is never changed and nothing is lost but by `corruptNext`, `swallow` and `cut`: the rest is
 * what TCP may do to a stream. Where bytes are split and flipped follows from the seed and the bytes.
 */
import { createServer, type Server, Socket } from 'node:net';
import { randomFrom } from './random.js';

/**
 * - `pass`: bytes pass.
 * - `stall`: they are not even read, so that the sender's buffers fill.
 * - `hold`: they are read and kept, up to 64 MiB, and pass when the mode changes, even if their source is gone.
 * - `swallow`: they are read and thrown away.
 */
export type WireMode = 'pass' | 'stall' | 'hold' | 'swallow';

/** What one direction does to what goes through it. Every change takes effect at once, on what is kept as well. */
export class Wire {
  /** Bytes that have passed. */
  passedBytes = 0;
  /** Pieces in which they have passed. */
  pieces = 0;
  /** Bits that were flipped. */
  flips = 0;
  readonly random: () => number;
  readonly #pipes = new Set<Pipe>();
  #mode: WireMode = 'pass';
  #bytesPerSecond = Number.POSITIVE_INFINITY;
  #splits = false;
  #finDelayMs = 0;
  #corruptions = 0;

  constructor(seed: number) {
    this.random = randomFrom(seed);
  }

  get mode(): WireMode {
    return this.#mode;
  }
  set mode(mode: WireMode) {
    this.#mode = mode;
    this.#changed();
  }

  /** For each pipe. @default unlimited */
  get bytesPerSecond(): number {
    return this.#bytesPerSecond;
  }
  set bytesPerSecond(bytes: number) {
    this.#bytesPerSecond = bytes;
    this.#changed();
  }

  /** Writes pieces of random length, from one byte on, each in a turn of its own. @default false */
  get splits(): boolean {
    return this.#splits;
  }
  set splits(splits: boolean) {
    this.#splits = splits;
    this.#changed();
  }

  /** Milliseconds by which the end of a source is told late. @default 0 */
  get finDelayMs(): number {
    return this.#finDelayMs;
  }
  set finDelayMs(ms: number) {
    this.#finDelayMs = ms;
  }

  /** Flips a bit of one byte in each of the next so many chunks that are read. */
  corruptNext(chunks = 1): void {
    this.#corruptions += chunks;
  }

  /** Bytes that are kept now. */
  get keptBytes(): number {
    let kept = 0;
    for (const pipe of this.#pipes) kept += pipe.keptBytes;
    return kept;
  }

  /** For pipes. */
  attach(pipe: Pipe): void {
    this.#pipes.add(pipe);
  }
  detach(pipe: Pipe): void {
    this.#pipes.delete(pipe);
  }
  damaged(chunk: Buffer): Buffer {
    if (this.#corruptions === 0 || chunk.length === 0) return chunk;
    this.#corruptions--;
    this.flips++;
    const at = Math.floor(this.random() * chunk.length);
    const copy = Buffer.from(chunk);
    copy[at] = (copy[at] ?? 0) ^ (1 << Math.floor(this.random() * 8));
    return copy;
  }

  #changed(): void {
    for (const pipe of this.#pipes) pipe.pump();
  }
}

const READ_AHEAD_BYTES = 256 * 1_024;
const MAX_HELD_BYTES = 64 * 2 ** 20;
/** A throttled pipe writes so many times a second. */
const THROTTLE_TURNS = 50;

/** One direction of one connection. */
class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #wire: Wire;
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  /** Waiting for a turn, for the kernel, or for the throttle. */
  #waiting = false;
  #end: 'fin' | 'reset' | undefined;
  #closed = false;

  constructor(from: Socket, to: Socket, wire: Wire, first: Buffer | undefined) {
    this.#from = from;
    this.#to = to;
    this.#wire = wire;
    wire.attach(this);
    from.on('data', (chunk: Buffer) => this.#read(chunk));
    from.on('end', () => this.#ended('fin', wire.finDelayMs));
    from.on('error', () => this.#ended('reset', 0));
    to.on('close', () => this.close());
    if (first !== undefined) this.#read(first);
    this.pump();
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  close(): void {
    this.#closed = true;
    this.#kept.length = 0;
    this.#keptBytes = 0;
    this.#wire.detach(this);
    // What is read from now on has nowhere to go.
    this.#from.resume();
  }

  /** Passes on what the wire lets pass now. */
  pump(): void {
    this.#regulate();
    while (!this.#closed && !this.#waiting) {
      const { mode, bytesPerSecond, splits, random } = this.#wire;
      if (mode === 'swallow') this.#swallow();
      if (mode === 'stall' || mode === 'hold') return;
      const chunk = this.#kept[0];
      if (chunk === undefined) {
        this.#tellEnd();
        break;
      }
      const most = Math.max(1, Math.floor(bytesPerSecond / THROTTLE_TURNS));
      const length = Math.min(chunk.length, most, splits ? 1 + Math.floor(random() * chunk.length) : chunk.length);
      if (length === chunk.length) this.#kept.shift();
      else this.#kept[0] = chunk.subarray(length);
      this.#keptBytes -= length;
      this.#wire.passedBytes += length;
      this.#wire.pieces++;
      const goesOn = this.#to.write(chunk.subarray(0, length));
      if (!goesOn) this.#wait((resume) => this.#to.once('drain', resume));
      else if (bytesPerSecond !== Number.POSITIVE_INFINITY) {
        this.#wait((resume) => setTimeout(resume, (length / bytesPerSecond) * 1_000));
      } else if (splits) this.#wait((resume) => setImmediate(resume));
    }
    this.#regulate();
  }

  #wait(until: (resume: () => void) => unknown): void {
    this.#waiting = true;
    until(() => {
      this.#waiting = false;
      this.pump();
    });
  }

  #read(chunk: Buffer): void {
    if (this.#closed) return;
    this.#kept.push(this.#wire.damaged(chunk));
    this.#keptBytes += chunk.length;
    this.pump();
  }

  #swallow(): void {
    this.#kept.length = 0;
    this.#keptBytes = 0;
  }

  #regulate(): void {
    if (this.#closed) return;
    const { mode } = this.#wire;
    const most = mode === 'stall' ? 0 : mode === 'hold' ? MAX_HELD_BYTES : READ_AHEAD_BYTES;
    if (mode === 'stall' || this.#keptBytes > most) this.#from.pause();
    else this.#from.resume();
  }

  #ended(how: 'fin' | 'reset', delayMs: number): void {
    const end = (): void => {
      this.#end ??= how;
      this.pump();
    };
    if (delayMs === 0) end();
    else setTimeout(end, delayMs);
  }

  #tellEnd(): void {
    if (this.#end === undefined || this.#closed) return;
    if (this.#end === 'fin') this.#to.end();
    else this.#to.resetAndDestroy();
    this.#wire.detach(this);
  }
}

/** The wires of one connection. */
export interface Wires {
  readonly up: Wire;
  readonly down: Wire;
}

export interface FaultProxyOptions {
  /** `host:port`; asked again for each connection where it is a function. */
  readonly to: string | (() => string);
  readonly seed: number;
  /** Where to listen. @default 127.0.0.1:0 */
  readonly host?: string;
  /**
   * Chooses the wires of a connection by its first bytes; undefined refuses it.
   * @default all connections share the wires of the proxy, and the target is dialled at once
   */
  readonly identify?: (first: Buffer) => Wires | undefined;
}

interface Pair {
  readonly near: Socket;
  far: Socket | undefined;
  wires: Wires | undefined;
  readonly pipes: Pipe[];
}

export class FaultProxy implements AsyncDisposable {
  /** From the dialler to the target. */
  readonly up: Wire;
  readonly down: Wire;
  /** New connections are reset. @default false */
  refuses = false;
  readonly #options: FaultProxyOptions;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #address = '';
  #taken = 0;

  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    await proxy.#listen(options.host ?? '127.0.0.1');
    return proxy;
  }

  private constructor(options: FaultProxyOptions) {
    this.#options = options;
    this.up = new Wire(2 * options.seed);
    this.down = new Wire(2 * options.seed + 1);
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => this.#take(near));
  }

  /** `host:port` to dial in the target's place. */
  get address(): string {
    return this.#address;
  }

  /** Connections that it has now. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Connections that it has ever taken. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * Ends connections, now, whatever their wires hold back.
   * @param only those on this wire. @default all
   * @param end who is told: who has dialled is `near`. The other's connection stays and leads nowhere. @default both
   */
  cut(how: 'fin' | 'reset', only?: Wire, end: 'near' | 'far' | 'both' = 'both'): void {
    for (const { near, far, wires, pipes } of [...this.#pairs]) {
      if (only !== undefined && wires?.up !== only && wires?.down !== only) continue;
      for (const pipe of pipes) pipe.close();
      for (const socket of [end === 'far' ? undefined : near, end === 'near' ? undefined : far]) {
        if (how === 'reset') socket?.resetAndDestroy();
        else socket?.end();
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      for (const { near, far } of this.#pairs) {
        near.destroy();
        far?.destroy();
      }
    });
  }

  #listen(host: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, host, () => {
        const address = this.#server.address();
        if (typeof address === 'object' && address !== null) this.#address = `${address.address}:${address.port}`;
        resolve();
      });
    });
  }

  #take(near: Socket): void {
    this.#taken++;
    near.on('error', () => {});
    if (this.refuses) {
      near.resetAndDestroy();
      return;
    }
    const pair: Pair = { near, far: undefined, wires: undefined, pipes: [] };
    this.#pairs.add(pair);
    near.once('close', () => this.#forget(pair));
    const { identify } = this.#options;
    if (identify === undefined) {
      this.#join(pair, this, undefined);
      return;
    }
    near.once('end', () => {
      if (pair.far === undefined) near.end();
    });
    near.once('data', (first: Buffer) => {
      near.pause();
      const wires = identify(first);
      if (wires === undefined) near.resetAndDestroy();
      else this.#join(pair, wires, first);
    });
  }

  #join(pair: Pair, wires: Wires, first: Buffer | undefined): void {
    const { to } = this.#options;
    const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(typeof to === 'string' ? to : to()) ?? [];
    const far = new Socket({ allowHalfOpen: true });
    pair.far = far;
    pair.wires = wires;
    far.setNoDelay(true);
    far.once('close', () => this.#forget(pair));
    // Connecting first: only then does a socket keep what is written.
    far.connect(Number(port), host);
    // Before its pipes: an error of the one socket is the end of the other by the pipe alone.
    far.on('error', () => {});
    pair.pipes.push(new Pipe(pair.near, far, wires.up, first), new Pipe(far, pair.near, wires.down, undefined));
  }

  /** Both ends are over, or one is and nothing of it has yet to be passed on. */
  #forget(pair: Pair): void {
    const { near, far } = pair;
    if (near.destroyed && (far === undefined || far.destroyed)) this.#pairs.delete(pair);
  }
}
