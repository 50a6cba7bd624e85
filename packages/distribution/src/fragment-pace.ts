/**
 * How much of long frames may be on its way to one peer: what stands in the buffers of kernels and networks delays
 * everything that is written behind it, whatever turns flows take before.
 *
 * 1. The peer says how many bytes of fragments it has taken in, every `TOLD_EVERY_BYTES` of them (FRAGMENTS_READ).
 * 2. The sender has at most a window of them under way. What is short never waits for it.
 * 3. The window is what the connection carries in twice the shortest time that it has taken so far from a write to
 *    being told of, and at least `MIN_WINDOW_BYTES`. So it doubles from answer to answer until the connection carries
 *    no more, and what stands somewhere on the way takes no longer to pass than the way itself.
 * 4. Only a peer that announced the feature is waited for.
 */
import { ProtocolError } from '@liminal-node/scheduler';
import { Fifo } from './fifo.js';

/** Carries 500 MB/s where an answer takes 2 ms, as between busy nodes of one machine. */
export const MIN_WINDOW_BYTES = 1_024 * 1_024;

/** How much is read between two answers. */
export const TOLD_EVERY_BYTES = 128 * 1_024;

/** A write with fragments in it. */
interface Mark {
  /** Bytes sent with it, and told of by then. */
  readonly sent: number;
  readonly told: number;
  readonly at: number;
}

export class FragmentPace {
  readonly #marks = new Fifo<Mark>();
  #sent = 0;
  #told = 0;
  #window = MIN_WINDOW_BYTES;
  #shortestMs = Number.POSITIVE_INFINITY;
  #heldUpSince: number | undefined;

  /** Bytes that may be sent now; less than 1 where none may. The last fragment may go beyond. */
  get room(): number {
    return this.#window - (this.#sent - this.#told);
  }

  /** When the window was full, or the peer has got on since; undefined while there is room. */
  get heldUpSince(): number | undefined {
    return this.#heldUpSince;
  }

  /** So many bytes of fragments have been written. */
  sent(bytes: number, now: number): void {
    if (bytes === 0) return;
    this.#sent += bytes;
    this.#marks.push({ sent: this.#sent, told: this.#told, at: now });
    if (this.room < 1) this.#heldUpSince ??= now;
  }

  /**
   * The peer has taken in so many bytes, in all.
   * @throws ProtocolError `bad fragment` where they were never sent, or were more before.
   */
  told(bytes: number, now: number): void {
    if (bytes > this.#sent || bytes < this.#told) {
      throw new ProtocolError('bad fragment', `${bytes} bytes of fragments read, of ${this.#sent}`);
    }
    this.#told = bytes;
    let last: Mark | undefined;
    for (let mark = this.#marks.first; mark !== undefined && mark.sent <= bytes; mark = this.#marks.first) {
      last = mark;
      this.#marks.shift();
    }
    if (last !== undefined) this.#measure(bytes - last.told, now - last.at);
    this.#heldUpSince = this.room < 1 ? now : undefined;
  }

  /** The peer reads, though not yet enough to tell of. */
  getsOn(now: number): void {
    if (this.#heldUpSince !== undefined) this.#heldUpSince = now;
  }

  /** So much was told of within the time from a write to being told of it. */
  #measure(bytes: number, tookMs: number): void {
    this.#shortestMs = Math.min(this.#shortestMs, tookMs);
    const share = tookMs > 0 ? this.#shortestMs / tookMs : 1;
    this.#window = Math.max(MIN_WINDOW_BYTES, 2 * bytes * share);
  }
}
