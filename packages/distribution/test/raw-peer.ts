/**
 * A peer that speaks the handshake as a node does, and then says what a test says: over any transport, with any
 * name, cookie and creation.
 */
import { randomBytes } from 'node:crypto';
import type { NodeName } from '@liminal-node/scheduler';
import { encodeFrame, FrameDecoder } from '../src/frame.js';
import { FrameType } from '../src/frame-type.js';
import { dial, type HandshakeState, type Identity, type Step, step } from '../src/handshake.js';
import { PROTOCOL } from '../src/handshake-message.js';
import type { Connection, ConnectionHandlers, Transport } from '../src/transport.js';

export interface RawFrame {
  readonly type: number;
  readonly body: Buffer;
}

/** Changes what the peer sends in its handshake; nothing is sent where it says undefined. */
export type Tamper = (frame: RawFrame) => RawFrame | undefined;

export interface RawPeerOptions {
  readonly transport: Transport;
  readonly address: string;
  readonly identity: Partial<Identity>;
  /** @default honest */
  readonly tamper?: Tamper;
}

export class RawPeer implements ConnectionHandlers {
  /** Every frame that came, those of the handshake included. */
  readonly frames: RawFrame[] = [];
  /** Why the connection ended. */
  ended: string | undefined;
  up = false;
  /** Answers heartbeats. Not in the middle of a frame that is sent in pieces. */
  alive = true;
  readonly #identity: Identity;
  readonly #tamper: Tamper;
  readonly #decoder = new FrameDecoder(2 ** 26);
  readonly #connection: Connection;
  #state: HandshakeState = { at: 'end' };
  #waiting: (() => void)[] = [];

  constructor({ transport, address, identity, tamper = (frame) => frame }: RawPeerOptions) {
    this.#identity = {
      name: 'raw@h' as NodeName,
      creation: 77,
      hidden: false,
      address: null,
      maxFrameBytes: 2 ** 24,
      cookie: 'secret',
      protocol: PROTOCOL,
      ...identity,
    };
    this.#tamper = tamper;
    const colon = address.lastIndexOf(':');
    this.#connection = transport.dial(address.slice(0, colon), Number(address.slice(colon + 1)), this);
  }

  /** The types of the frames that came. */
  get heard(): number[] {
    return this.frames.map(({ type }) => type);
  }

  send(type: number, body: Uint8Array = Buffer.alloc(0)): void {
    this.write(encodeFrame(type, body));
  }

  write(bytes: Uint8Array): void {
    this.#connection.write(bytes);
  }

  close(): void {
    this.#connection.destroy();
  }

  /** Resolves when the condition holds, looked at whenever something has come; for real sockets. */
  async until(condition: (peer: RawPeer) => boolean): Promise<this> {
    while (!condition(this)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this;
  }

  opened(): void {
    this.#take(dial(this.#identity, randomBytes(32)));
    this.#wake();
  }

  data(bytes: Uint8Array): void {
    this.#decoder.push(bytes, (type, body) => {
      this.frames.push({ type, body: Buffer.from(body) });
      if (this.alive && type === FrameType.HEARTBEAT) this.send(FrameType.HEARTBEAT_ACK, body);
      else this.#take(step(this.#identity, this.#state, { type: 'frame', frameType: type, body }));
      return true;
    });
    this.#wake();
  }

  closed(reason: string): void {
    this.ended = reason;
    this.#wake();
  }

  #take([state, effects]: Step): void {
    this.#state = state;
    for (const effect of effects) {
      if (effect.type === 'send') this.#sendTampered({ type: effect.frameType, body: Buffer.from(effect.body) });
      else if (effect.type === 'met') {
        this.#take(step(this.#identity, state, { type: 'permit', lastSession: Buffer.alloc(8, 0xff) }));
      } else if (effect.type === 'welcomed') this.up = true;
    }
  }

  #sendTampered(frame: RawFrame): void {
    const sent = this.#tamper(frame);
    if (sent !== undefined) this.send(sent.type, sent.body);
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
