/**
 * Writes one session's queue to its connection.
 *
 * 1. A push schedules a flush at the end of the turn, or at once where 64 KiB wait.
 * 2. A flush hands one batch of up to 256 KiB to the connection. At most one is under way; its completion
 *    takes the next. So what the kernel does not take stays in the queue, where it is counted and bounded.
 *    So batches are as large as what has gathered while the last was written: a lone frame goes out at the end of
 *    its turn, and under load few writes carry many frames.
 * 3. A peer gets on when a batch has been taken by the kernel, or when the peer itself says that it has read
 *    another 16 KiB: the kernel may hold megabytes, and takes more only in large steps. Of long frames only so much is
 *    handed over as `fragment-pace.ts` says, until the peer tells that it has read some. One that does not get on
 *    within the write deadline is stuck, however steady a trickle it reads. The deadline costs a timer only while
 *    something is written.
 */
import type { Environment, Timer } from '@liminal-node/scheduler';
import type { Batch } from './batch.js';
import type { DistributionCounters } from './counters.js';
import type { FragmentPace } from './fragment-pace.js';
import type { FrameConnection } from './frame-connection.js';
import type { OutboundQueue } from './outbound-queue.js';
import { setPatientTimer } from './patience.js';

/** Bytes that are worth a write before the turn ends. */
const WRITE_NOW_BYTES = 64 * 1_024;

/** The least that a peer must read within a write deadline in which the kernel has taken nothing more. */
const MIN_PROGRESS_BYTES = 16 * 1_024;

export interface FrameWriterOptions {
  readonly environment: Environment;
  readonly writeTimeoutMs: number;
  readonly counters: DistributionCounters;
  /** Of a peer that tells how much it has read of fragments. */
  readonly pace?: FragmentPace | undefined;
  /** Has everybody push what they have gathered. */
  readonly beforeWrite: () => void;
  /** The kernel, or the peer, took too long. */
  readonly stuck: () => void;
}

export class FrameWriter {
  readonly #connection: FrameConnection;
  readonly #queue: OutboundQueue;
  readonly #options: FrameWriterOptions;
  #inFlight: Batch | undefined;
  /** When the write under way began, or the peer has got on since. */
  #writtenAt = 0;
  /** Bytes that the peer has read, as it said last, and as it had said then. */
  #peerRead = 0;
  #peerReadThen = 0;
  #peerReadForPace = 0;
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
    if (this.#queue.waitingBytes >= WRITE_NOW_BYTES && this.#options.pace?.heldUpSince === undefined) {
      this.#write();
      return;
    }
    this.#scheduled = true;
    this.#options.environment.setImmediate(() => {
      this.#scheduled = false;
      this.#write();
    });
  }

  /** The peer says that it has read so many bytes in all. */
  peerHasRead(bytes: number): void {
    this.#peerRead = bytes;
    if (bytes - this.#peerReadForPace < MIN_PROGRESS_BYTES) return;
    this.#peerReadForPace = bytes;
    this.#options.pace?.getsOn(this.#options.environment.now());
  }

  /** The peer says that it has taken in so many bytes of fragments in all. @throws ProtocolError */
  fragmentsRead(bytes: number): void {
    const { pace, environment } = this.#options;
    if (pace === undefined || this.#stopped) return;
    pace.told(bytes, environment.now());
    this.#restart();
    this.schedule();
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
    this.#options.beforeWrite();
    // What was pushed thereupon may have been written at once, or have ended the session.
    if (this.#inFlight !== undefined || this.#stopped) return;
    const { pace, environment, writeTimeoutMs } = this.#options;
    const batch = this.#queue.take(pace?.room);
    if (batch === undefined) return;
    this.#inFlight = batch;
    this.#restart();
    pace?.sent(batch.fragmentBytes, environment.now());
    this.#deadline ??= this.#setDeadline(writeTimeoutMs);
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

  #restart(): void {
    this.#writtenAt = this.#options.environment.now();
    this.#peerReadThen = this.#peerRead;
  }

  /** One timer covers many writes: when it fires, it is set again for what is left to the write under way. */
  #setDeadline(delayMs: number): Timer {
    return setPatientTimer(this.#options.environment, delayMs, (lateMs) => {
      this.#deadline = undefined;
      const { environment, pace, writeTimeoutMs, stuck } = this.#options;
      const writtenAt = this.#inFlight === undefined ? Number.POSITIVE_INFINITY : this.#writtenAt;
      const waitsSince = Math.min(writtenAt, pace?.heldUpSince ?? Number.POSITIVE_INFINITY);
      if (waitsSince === Number.POSITIVE_INFINITY || this.#stopped) return;
      let leftMs = waitsSince + writeTimeoutMs - environment.now();
      if (leftMs <= 0 && this.#peerRead - this.#peerReadThen >= MIN_PROGRESS_BYTES) {
        this.#restart();
        leftMs = writeTimeoutMs;
      }
      if (leftMs <= 0 && lateMs === 0) stuck();
      else this.#deadline = this.#setDeadline(lateMs > 0 ? writeTimeoutMs : Math.max(1, leftMs));
    });
  }
}
