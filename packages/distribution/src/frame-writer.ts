/**
 * Writes one session's queue to its connection.
 *
 * 1. A push schedules a flush at the end of the turn, or at once where 64 KiB wait.
 * 2. A flush hands one batch of up to 256 KiB to the connection. At most one is under way; its completion
 *    takes the next. So what the kernel does not take stays in the queue, where it is counted and bounded.
 * 3. A batch that the kernel has not taken within the write deadline reports the peer as stuck. The deadline
 *    costs a timer only while something is written.
 */
import type { Environment, Timer } from '@liminal-node/scheduler';
import type { DistributionCounters } from './counters.js';
import type { FrameConnection } from './frame-connection.js';
import type { Batch, OutboundQueue } from './outbound-queue.js';
import { setPatientTimer } from './patience.js';

/** Bytes that are worth a write before the turn ends. */
const WRITE_NOW_BYTES = 64 * 1_024;

export interface FrameWriterOptions {
  readonly environment: Environment;
  readonly writeTimeoutMs: number;
  readonly counters: DistributionCounters;
  /** The kernel took too long. */
  readonly stuck: () => void;
}

export class FrameWriter {
  readonly #connection: FrameConnection;
  readonly #queue: OutboundQueue;
  readonly #options: FrameWriterOptions;
  #inFlight: Batch | undefined;
  #writtenAt = 0;
  #scheduled = false;
  #stopped = false;
  #deadline: Timer | undefined;
  #flushes: { readonly mark: number; resolve(): void }[] = [];

  constructor(connection: FrameConnection, queue: OutboundQueue, options: FrameWriterOptions) {
    this.#connection = connection;
    this.#queue = queue;
    this.#options = options;
  }

  /** To be called after each push. */
  schedule(): void {
    if (this.#scheduled || this.#inFlight !== undefined || this.#stopped) return;
    if (this.#queue.waitingBytes >= WRITE_NOW_BYTES) {
      this.#write();
      return;
    }
    this.#scheduled = true;
    this.#options.environment.setImmediate(() => {
      this.#scheduled = false;
      this.#write();
    });
  }

  /** Resolves when what is queued now has been written, or the writer has stopped. */
  flushed(): Promise<void> {
    const mark = this.#queue.mark();
    if (this.#stopped || this.#queue.isPast(mark)) return Promise.resolve();
    return new Promise((resolve) => this.#flushes.push({ mark, resolve }));
  }

  /** Writes no more and leaves no timer. */
  stop(): void {
    this.#stopped = true;
    this.#deadline?.cancel();
    for (const flush of this.#flushes.splice(0)) flush.resolve();
  }

  #write(): void {
    if (this.#inFlight !== undefined || this.#stopped) return;
    const batch = this.#queue.take();
    if (batch === undefined) return;
    this.#inFlight = batch;
    this.#writtenAt = this.#options.environment.now();
    this.#deadline ??= this.#setDeadline(this.#options.writeTimeoutMs);
    this.#connection.write(batch.bytes, () => this.#wrote(batch));
  }

  #wrote(batch: Batch): void {
    if (this.#stopped) return;
    this.#inFlight = undefined;
    this.#queue.release(batch);
    this.#options.counters.framesOut += batch.frames;
    this.#options.counters.bytesOut += batch.bytes.length;
    if (this.#flushes.length > 0) {
      const past = this.#flushes.filter(({ mark }) => this.#queue.isPast(mark));
      this.#flushes = this.#flushes.filter((flush) => !past.includes(flush));
      for (const flush of past) flush.resolve();
    }
    this.#write();
  }

  /** One timer covers many writes: when it fires, it is set again for what is left to the write under way. */
  #setDeadline(delayMs: number): Timer {
    return setPatientTimer(this.#options.environment, delayMs, (late) => {
      this.#deadline = undefined;
      if (this.#inFlight === undefined || this.#stopped) return;
      const { environment, writeTimeoutMs, stuck } = this.#options;
      const leftMs = this.#writtenAt + writeTimeoutMs - environment.now();
      if (leftMs <= 0 && !late) stuck();
      else this.#deadline = this.#setDeadline(late ? writeTimeoutMs : Math.max(1, leftMs));
    });
  }
}
