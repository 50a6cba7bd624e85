/**
 * The rules of the heartbeat of one session, without a clock of its own.
 *
 * Each side sends a numbered heartbeat every interval and answers the other's at once. Bytes of any kind are a
 * sign of life, so a busy peer is never taken for a dead one because its heartbeats stand in a queue.
 */
export class Heartbeat {
  readonly #timeoutMs: number;
  #heardAt: number;
  #sequence = 0;
  #sentAt = 0;
  #roundTripMs: number | undefined;

  constructor(timeoutMs: number, now: number) {
    this.#timeoutMs = timeoutMs;
    this.#heardAt = now;
  }

  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  heard(now: number): void {
    this.#heardAt = now;
  }

  /** @returns the number of the heartbeat to send, which counts in 32 bits. */
  beat(now: number): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#sentAt = now;
    return this.#sequence;
  }

  /** Only the answer to the latest heartbeat measures anything. */
  acknowledged(sequence: number, now: number): void {
    if (sequence === this.#sequence && this.#sentAt > 0) this.#roundTripMs = now - this.#sentAt;
  }

  /** Ask only from a timer that was on time, after the sockets have been read once more: see `patience.ts`. */
  isSilent(now: number): boolean {
    return now - this.#heardAt >= this.#timeoutMs;
  }
}
