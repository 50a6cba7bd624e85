/**
 * Frames whose senders wait for room at one peer.
 *
 * 1. Such a frame stands in its flow already, in order with everything else of its sender, but is paid for from a
 *    budget of its own: so it neither overtakes anything nor is overtaken, and holds up no other sender.
 * 2. It is admitted, which its sender is told, when there is room for it in the data budget, oldest first; or when
 *    its turn has come to be written.
 * 3. A sender may give up before that: then the peer is told of a loss in its place.
 */

import type { QueuedFrame } from './flow.js';
import { HEADER_BYTES } from './frame.js';

/** How many may wait for one peer, whatever their length. */
export const MAX_PENDING_SENDS = 1_024;

/** `gone`: the session is over. */
export type PendingOutcome = 'queued' | 'gone';

export class PendingSends {
  readonly #maxBytes: number;
  readonly #waiting = new Map<QueuedFrame, (outcome: PendingOutcome) => void>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#waiting.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The one that waits longest. */
  get oldest(): QueuedFrame | undefined {
    if (this.#waiting.size === 0) return undefined;
    return this.#waiting.keys().next().value;
  }

  has(frame: QueuedFrame): boolean {
    return this.#waiting.has(frame);
  }

  /** Whether one more may wait. One frame of legal size always may. */
  fits(bytes: number): boolean {
    const { size } = this.#waiting;
    return size === 0 || (size < MAX_PENDING_SENDS && this.#bytes + bytes <= this.#maxBytes);
  }

  add(frame: QueuedFrame, settled: (outcome: PendingOutcome) => void): void {
    this.#waiting.set(frame, settled);
    this.#bytes += HEADER_BYTES + frame.body.length;
  }

  /** The frame waits no longer. @returns whether it did; `settled` of it is called where there is an outcome. */
  settle(frame: QueuedFrame, outcome?: PendingOutcome): boolean {
    const settled = this.#waiting.get(frame);
    if (settled === undefined) return false;
    this.#waiting.delete(frame);
    this.#bytes -= HEADER_BYTES + frame.body.length;
    if (outcome !== undefined) settled(outcome);
    return true;
  }

  clear(): void {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#bytes = 0;
    for (const settled of all) settled('gone');
  }
}
