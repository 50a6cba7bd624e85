/**
 * The rule by which a thread counts as blocked. Pure: looks come in, what to do comes out.
 *
 * - A turn of the event loop that lasts is seen as such: it is known when it began.
 * - Between turns, a thread whose event loop has not been idle and has not turned since the look before is asked to
 *   turn (`ping`). One that has not by the next look is blocked, at least since the look before the ping.
 * - Everything else is a thread that works or sleeps, and forgets what it was suspected of.
 */
import type { ActivitySample } from './thread-activity.js';

export interface Look extends ActivitySample {
  /** For how long the thread's event loop has been idle in all, in ms. */
  readonly idleMs: number;
  /** Now, by the clock that all threads share. */
  readonly at: number;
}

export type Finding =
  | { readonly type: 'fine' }
  /** To be looked at again, soon. */
  | { readonly type: 'suspect'; readonly since: number; readonly ping: boolean }
  /** Has not yielded since then. */
  | { readonly type: 'blocked'; readonly since: number };

/** Less idleness than this between two looks may be an inaccuracy. */
const IDLE_MS = 1;

export class StallRule {
  #before: Look | undefined;
  #pinged: { readonly turns: number; readonly since: number } | undefined;

  look(look: Look): Finding {
    const before = this.#before;
    this.#before = look;
    if (look.turnStartedAt > 0) {
      this.#pinged = undefined;
      return { type: 'blocked', since: look.turnStartedAt };
    }
    if (this.#pinged !== undefined && look.turns === this.#pinged.turns) {
      return { type: 'blocked', since: this.#pinged.since };
    }
    this.#pinged = undefined;
    if (before === undefined || look.turns !== before.turns || look.idleMs - before.idleMs >= IDLE_MS) {
      return { type: 'fine' };
    }
    this.#pinged = { turns: look.turns, since: before.at };
    return { type: 'suspect', since: before.at, ping: true };
  }
}
