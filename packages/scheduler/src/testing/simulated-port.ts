/** Both ends of a way between two simulated threads. Each batch that arrives is a step of the thread it is for. */
import type { ByteWriter } from '../encoding/bytes.js';
import type { MeshPort } from '../threads/mesh-port.js';
import type { Lane } from './agenda.js';

/** Where batches arrive, once a thread has opened the port. */
interface Opened {
  readonly lane: Lane;
  /** Whether its thread may still post. */
  readonly mayPost: () => boolean;
}

export class SimulatedPort implements MeshPort {
  readonly isPolled = false;
  #other: SimulatedPort | undefined;
  #opened: Opened | undefined;
  #onReady: (() => void) | undefined;
  /** Whether the step of the oldest batch is being run. */
  #isInStep = false;
  #batches: Uint8Array[] = [];
  #isClosed = false;

  static makeWay(): readonly [SimulatedPort, SimulatedPort] {
    const ends = [new SimulatedPort(), new SimulatedPort()] as const;
    [ends[0].#other, ends[1].#other] = [ends[1], ends[0]];
    return ends;
  }

  open(opened: Opened): this {
    this.#opened = opened;
    return this;
  }

  post(bytes: Uint8Array, from: number, to: number): number {
    if (!this.#isClosed && this.#opened?.mayPost())
      this.#other?.arrive(Uint8Array.prototype.slice.call(bytes, from, to));
    return to - from;
  }

  /** The other end has posted a batch. */
  arrive(batch: Uint8Array): void {
    if (this.#isClosed) return;
    this.#batches.push(batch);
    if (this.#onReady !== undefined) this.#schedule();
  }

  onReady(callback: () => void): void {
    this.#onReady = callback;
    for (let waiting = this.#batches.length; waiting > 0; waiting--) this.#schedule();
  }

  take(inbox: ByteWriter): boolean {
    const batch = this.#batches.shift();
    if (batch === undefined) return false;
    if (this.#isInStep) this.#isInStep = false;
    else this.#opened?.lane.shift();
    inbox.raw(batch);
    return true;
  }

  rest(): boolean {
    return true;
  }

  wake(): void {}

  close(): void {
    this.#isClosed = true;
    this.#batches = [];
    this.#opened?.lane.close();
  }

  #schedule(): void {
    this.#opened?.lane.push(() => {
      this.#isInStep = true;
      this.#onReady?.();
      this.#isInStep = false;
    });
  }
}
