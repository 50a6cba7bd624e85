/** One end of the way between two threads of a node: what goes in at one end comes out at the other, in order. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { ByteWriter } from '../encoding/bytes.js';
import { RingReader, RingWriter, ringMemory } from './ring.js';

export interface MeshPort {
  /**
   * Whether somebody looks into the port in every turn of the event loop and says with `rest` when that ends.
   * Only then it keeps quiet about what comes meanwhile.
   */
  readonly isPolled: boolean;
  /**
   * Takes a copy of what lies in `bytes` from `from` to `to`, as much as there is room for, and says how many
   * bytes that were. Where it was less than all, it calls back when there is room again.
   */
  post(bytes: Uint8Array, from: number, to: number): number;
  /**
   * Calls back, in a task of its own, when there is something to take or room to post, and the port rests.
   * Called once, at first; what came before that is not told of.
   */
  onReady(callback: () => void): void;
  /** Puts what has come, or the first part of it, behind what `inbox` holds. @returns false where nothing has. */
  take(inbox: ByteWriter): boolean;
  /** Nobody looks from now on. @returns false where there is something to take already. */
  rest(): boolean;
  /** Takes `rest` back. */
  wake(): void;
  close(): void;
}

/** Bytes on their way in one direction between two threads; beyond it they wait at the sender. */
const RING_BYTES = 256 * 1024;

/**
 * To or from home, which carries the traffic with other nodes. Measured with messages of 1 KiB between nodes, at
 * 256 KiB: 1.12 times the CPU time, because a sender that waits for room has to be woken.
 */
export const HOME_RING_BYTES = 1024 * 1024;

/** What an end is made of. The message port carries nothing but wake-ups, and is transferred. */
export interface Way {
  readonly port: MessagePort;
  readonly outward: SharedArrayBuffer;
  readonly inward: SharedArrayBuffer;
}

/** @param isHomes whether home is at one end. */
export function makeWay(isHomes: boolean): readonly [Way, Way] {
  const { port1, port2 } = new MessageChannel();
  const bytes = isHomes ? HOME_RING_BYTES : RING_BYTES;
  const [there, back] = [ringMemory(bytes), ringMemory(bytes)];
  return [
    { port: port1, outward: there, inward: back },
    { port: port2, outward: back, inward: there },
  ];
}

/**
 * An end in shared memory: bytes move without a call into the kernel while the thread at the other end is
 * awake, and a message over the port wakes it when it rests.
 */
export class WayPort implements MeshPort {
  readonly isPolled = true;
  readonly #port: MessagePort;
  readonly #out: RingWriter;
  readonly #in: RingReader;
  readonly #keepAlive: boolean;

  /** @param keepAlive whether it keeps its thread's event loop alive. */
  constructor({ port, outward, inward }: Way, keepAlive: boolean) {
    this.#port = port;
    this.#out = new RingWriter(outward);
    this.#in = new RingReader(inward);
    this.#keepAlive = keepAlive;
  }

  post(bytes: Uint8Array, from: number, to: number): number {
    let posted = this.#out.write(bytes, from, to);
    if (posted < to - from) {
      this.#out.wantRoom();
      posted += this.#out.write(bytes, from + posted, to);
    }
    if (posted > 0) this.#wakeOther();
    return posted;
  }

  onReady(callback: () => void): void {
    this.#in.rest();
    this.#port.on('message', callback);
    if (!this.#keepAlive) this.#port.unref();
  }

  take(inbox: ByteWriter): boolean {
    const { length } = this.#in;
    if (length === 0) return false;
    const at = inbox.length;
    this.#in.read(inbox.room(at, length), at, length);
    inbox.setLength(at + length);
    if (this.#in.takeRoomRequest()) this.#wakeOther();
    return true;
  }

  rest(): boolean {
    this.#in.rest();
    return this.#in.length === 0;
  }

  wake(): void {
    this.#in.wake();
  }

  close(): void {
    this.#port.close();
  }

  #wakeOther(): void {
    if (this.#out.takeResting()) this.#port.postMessage(null);
  }
}
