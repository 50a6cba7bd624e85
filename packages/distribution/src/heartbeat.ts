/**
 * The rules of the heartbeat of one session, without a clock of its own.
 *
 * Each side sends a numbered heartbeat every interval and answers the other's at once. Bytes of any kind are a
 * sign of life, so a busy peer is never taken for a dead one because its heartbeats stand in a queue. The silence of a
 * peer begins when it is asked, not with its last byte: who was not asked owes nothing. Time in which this node could not
 * have heard it does not count.
 */
export class Heartbeat {
  readonly #timeoutMs: number;
  /** Since when an answer is due; undefined while none is. */
  #askedAt: number | undefined;
  #sequence = 0;
  #sentAt = 0;
  #roundTripMs: number | undefined;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** A byte has come. */
  heard(): void {
    this.#askedAt = undefined;
  }

  /** For the last `ms` milliseconds this node did not run. */
  excuse(ms: number): void {
    if (this.#askedAt !== undefined) this.#askedAt += ms;
  }

  /** @returns the number of the heartbeat to send, which counts in 32 bits. */
  beat(now: number): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#sentAt = now;
    this.#askedAt ??= now;
    return this.#sequence;
  }

  /** Only the answer to the latest heartbeat measures anything. */
  acknowledged(sequence: number, now: number): void {
    if (sequence === this.#sequence && this.#sentAt > 0) this.#roundTripMs = now - this.#sentAt;
  }

  /** Ask only from a timer that was on time, after the sockets have been read once more: see `patience.ts`. */
  isSilent(now: number): boolean {
    return this.#askedAt !== undefined && now - this.#askedAt >= this.#timeoutMs;
  }
}
