/** How many restarts a supervisor makes before it takes the fault for one that restarting does not cure. */

export interface RestartLimit {
  /** More restarts than so many within the period, and the supervisor gives up. @default 1 */
  readonly intensity: number;
  /** @default 5000 ms */
  readonly periodMs: number;
}

/** When restarts were made that may still count, in ms of a monotonic clock, oldest first. */
export type RestartHistory = readonly number[];

/**
 * Enters a restart at `now`.
 * @returns the history to go on with, or undefined where the limit is exceeded. The period is counted in ms; a
 * restart that is exactly one period old still counts.
 */
export function enterRestart(
  history: RestartHistory,
  now: number,
  { intensity, periodMs }: RestartLimit,
): RestartHistory | undefined {
  const oldest = history.findIndex((at) => now - at <= periodMs);
  const recent = oldest === -1 ? [] : history.slice(oldest);
  if (recent.length >= intensity) return undefined;
  recent.push(now);
  return recent;
}
