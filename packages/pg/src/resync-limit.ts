/**
 * How many snapshots one peer may ask for in a time. An honest one asks once for each gap, and again when an
 * announcement shows that the answer is overdue; so whoever asks more often is ignored until the time is over, and
 * an announcement then has him ask again, should he miss something.
 */
import type { PgSession } from './port.js';

interface Asked {
  since: number;
  count: number;
}

export class ResyncLimit {
  readonly #most: number;
  readonly #withinMs: number;
  readonly #asked = new WeakMap<PgSession, Asked>();

  constructor(most: number, withinMs: number) {
    this.#most = most;
    this.#withinMs = withinMs;
  }

  /** Counts an ask of that session. @returns whether it is to be answered. */
  admits(session: PgSession, now: number): boolean {
    const asked = this.#asked.get(session);
    if (asked === undefined || now - asked.since >= this.#withinMs) {
      this.#asked.set(session, { since: now, count: 1 });
      return true;
    }
    asked.count++;
    return asked.count <= this.#most;
  }
}
