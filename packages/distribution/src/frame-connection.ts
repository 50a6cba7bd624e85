/**
 * A connection that carries frames, before and after it belongs to a session.
 *
 * It owns the decoder, so that bytes which arrive behind the last frame of the handshake, in the same chunk,
 * reach whoever took the connection over in that moment. Once it is closed by this side nothing comes up from
 * it any more but `closed`: a retired connection cannot do harm.
 *
 * Closing is gentle: what was written goes out, then the end is told, then the peer has a bounded time to do
 * the same while its bytes are read and thrown away. To destroy a socket with unread bytes would reset it, and
 * could take from the peer what it has not read yet.
 */
import type { Environment, Timer } from '@liminal-node/scheduler';
import { encodeFrame, FrameDecoder } from './frame.js';
import type { Connection, ConnectionHandlers } from './transport.js';

/** Who the frames of a connection belong to. */
export interface FrameOwner {
  /** Bytes came, whatever they are. */
  received(): void;
  /** Whatever it throws comes back as `fault`. */
  frame(type: number, body: Uint8Array): void;
  /** The bytes were no frames, or `frame` threw. */
  fault(error: unknown): void;
  /** The connection has ended. Comes once, whoever ended it. */
  closed(reason: string): void;
}

export interface FrameConnectionOptions {
  readonly environment: Environment;
  readonly closeTimeoutMs: number;
  readonly maxFrameBytes: number;
  readonly received: (bytes: number) => void;
  /** The connection has ended; comes before its owner hears of it. */
  readonly ended: (connection: FrameConnection) => void;
}

export class FrameConnection implements ConnectionHandlers {
  /** Changes hands when the handshake is over. */
  owner: FrameOwner;
  readonly #decoder: FrameDecoder;
  readonly #options: FrameConnectionOptions;
  #connection: Connection | undefined;
  readonly #whenOpen: (() => void) | undefined;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #lingering: Timer | undefined;
  #receivedBytes = 0;

  constructor(owner: FrameOwner, options: FrameConnectionOptions, whenOpen?: () => void) {
    this.owner = owner;
    this.#options = options;
    this.#whenOpen = whenOpen;
    this.#decoder = new FrameDecoder(options.maxFrameBytes);
  }

  get remoteAddress(): string {
    return this.#connection?.remoteAddress ?? 'unknown';
  }

  /** Bytes that have come, in all. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  set maxFrameBytes(bytes: number) {
    this.#decoder.maxFrameBytes = bytes;
  }

  /** See {@link FrameDecoder.partial}. */
  get partialFrame(): number {
    return this.#decoder.partial;
  }

  /** Gives it the connection whose handlers it is. */
  attach(connection: Connection): this {
    this.#connection = connection;
    return this;
  }

  write(bytes: Uint8Array, done?: () => void): void {
    if (this.#state === 'open') this.#connection?.write(bytes, done);
  }

  /** Writes one frame past every queue: for the handshake, and for the last word. */
  writeFrame(type: number, body: Uint8Array): void {
    this.write(encodeFrame(type, body));
  }

  /** Closes gently. */
  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#connection?.end();
    this.#lingering = this.#options.environment.setTimer(this.#options.closeTimeoutMs, () => this.destroy());
  }

  /** Closes at once. */
  destroy(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closing';
    this.#lingering?.cancel();
    this.#connection?.destroy();
  }

  opened(): void {
    if (this.#state === 'open') this.#whenOpen?.();
  }

  data(bytes: Uint8Array): void {
    this.#receivedBytes += bytes.length;
    this.#options.received(bytes.length);
    if (this.#state !== 'open') return;
    this.owner.received();
    try {
      this.#decoder.push(bytes, (type, body) => {
        this.owner.frame(type, body);
        return this.#state === 'open';
      });
    } catch (error) {
      if (this.#state === 'open') this.owner.fault(error);
    }
  }

  closed(reason: string): void {
    this.#state = 'closed';
    this.#lingering?.cancel();
    this.#options.ended(this);
    this.owner.closed(reason);
  }
}
