/** Both ends of a way between two simulated threads. Each batch that arrives is a step of the thread it is for. */
import type { MeshPort } from '../mesh-port.js';
import type { Lane } from './agenda.js';

/** Where batches arrive, once a thread has opened the port. */
interface Opened {
  readonly lane: Lane;
  /** Whether its thread may still post. */
  readonly mayPost: () => boolean;
}

export class SimulatedPort implements MeshPort {
  #other: SimulatedPort | undefined;
  #opened: Opened | undefined;
  #receive: ((batch: Uint8Array) => void) | undefined;
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

  post(batch: Uint8Array): void {
    if (!this.#isClosed && this.#opened?.mayPost()) this.#other?.arrive(batch);
  }

  /** The other end has posted a batch. */
  arrive(batch: Uint8Array): void {
    if (this.#isClosed) return;
    this.#batches.push(batch);
    if (this.#receive !== undefined) this.#schedule();
  }

  onBatch(receive: (batch: Uint8Array) => void): void {
    this.#receive = receive;
    for (let waiting = this.#batches.length; waiting > 0; waiting--) this.#schedule();
  }

  take(): Uint8Array | undefined {
    const batch = this.#batches.shift();
    if (batch !== undefined) this.#opened?.lane.shift();
    return batch;
  }

  close(): void {
    this.#isClosed = true;
    this.#batches = [];
    this.#opened?.lane.close();
  }

  #schedule(): void {
    this.#opened?.lane.push(() => {
      const batch = this.#batches.shift();
      if (batch !== undefined) this.#receive?.(batch);
    });
  }
}
