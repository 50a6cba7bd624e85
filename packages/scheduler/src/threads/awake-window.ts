/**
 * How long a thread that ran out of work stays awake before it rests: a pure rule, in milliseconds.
 *
 * To be woken costs 25 to 35 µs on each side, which is most of a round trip between two threads. So a thread
 * that was woken soon after it had run out of work stays awake twice that long the next time, up to a limit: a
 * busy pair never sleeps. One that stayed awake for nothing does so for half as long; when that happens twice
 * in a row it rests at once for a while, a longer while each time: an idle thread costs nothing, and one that
 * keeps from others the very processor that they would need for an answer soon leaves it to them. So does one
 * that lost its processor while it waited.
 *
 * The rule grew from that of the halt polling of Linux KVM (Documentation/virt/kvm/halt-polling.rst).
 */

/** What is shorter than this is not worth it. */
const LEAST_MS = 0.02;

/** A look that came so late found the processor taken. */
const PREEMPTED_MS = 0.4;

/** So often in a row it may stay awake for nothing. */
const MAX_FAILURES = 2;

/** How long it then rests at once; doubled each time, until staying awake has paid again. */
const FIRST_PAUSE_MS = 10;
const MAX_PAUSE_MS = 1_000;

export class AwakeWindow {
  readonly #limitMs: number;
  #windowMs = 0;
  #isIdle = false;
  #idleSince = 0;
  #lookedAt = 0;
  #failures = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #pausedUntil = Number.NEGATIVE_INFINITY;

  /** @param limitMs stays awake no longer than this without work; 0 for never. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** How long the thread stays awake without work. */
  get windowMs(): number {
    return this.#windowMs;
  }

  /** The thread had work of its own. */
  active(): void {
    this.#isIdle = false;
  }

  /** Work of another thread has come while this one was awake. */
  found(): void {
    if (this.#isIdle && this.#windowMs > 0) this.#hasPaid();
    this.#isIdle = false;
  }

  /** There is no work. @returns whether to look again in the next turn. */
  staysAwake(now: number): boolean {
    if (!this.#isIdle) {
      this.#isIdle = true;
      this.#idleSince = now;
    } else if (this.#windowMs > 0 && now - this.#lookedAt > PREEMPTED_MS) this.#pause(now);
    this.#lookedAt = now;
    if (now - this.#idleSince < this.#windowMs) return true;
    if (this.#windowMs > 0) this.#hasFailed(now);
    return false;
  }

  /** Work of another thread has ended a rest. */
  woken(now: number): void {
    const idleMs = now - this.#idleSince;
    if (this.#isIdle && idleMs <= this.#limitMs && now >= this.#pausedUntil) {
      this.#windowMs = Math.min(this.#limitMs, Math.max(LEAST_MS, 2 * idleMs));
    }
    this.#isIdle = false;
  }

  #hasPaid(): void {
    this.#failures = 0;
    this.#pauseMs = FIRST_PAUSE_MS;
  }

  #hasFailed(now: number): void {
    this.#windowMs = this.#windowMs > 2 * LEAST_MS ? this.#windowMs / 2 : 0;
    if (++this.#failures >= MAX_FAILURES) this.#pause(now);
  }

  #pause(now: number): void {
    this.#windowMs = 0;
    this.#failures = 0;
    this.#pausedUntil = now + this.#pauseMs;
    this.#pauseMs = Math.min(MAX_PAUSE_MS, this.#pauseMs * 2);
  }
}
