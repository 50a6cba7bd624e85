/** Lets one line a minute through for each key, for what a stranger can cause as often as he likes. */

const QUIET_MS = 60_000;

/** Keys remembered; a new one beyond pushes out the oldest. */
const MAX_KEYS = 256;

export class LogLimiter {
  readonly #loggedAt = new Map<string, number>();

  allows(key: string, now: number): boolean {
    const loggedAt = this.#loggedAt.get(key);
    if (loggedAt !== undefined && now - loggedAt < QUIET_MS) return false;
    this.#loggedAt.delete(key);
    this.#loggedAt.set(key, now);
    if (this.#loggedAt.size > MAX_KEYS) {
      for (const oldest of this.#loggedAt.keys()) {
        this.#loggedAt.delete(oldest);
        break;
      }
    }
    return true;
  }
}
