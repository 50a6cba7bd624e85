/**
 * How long a supervisor waits before it starts a child again, where it was told to wait; OTP has no such rule.
 *
 * The wait follows `backOffMs`: it doubles with each failure of the child in a row, and is spread by chance. A
 * failure is in a row with the one before where the child lived shorter than `maxMs` in between, so that a child
 * that has proved to run begins afresh.
 */
import { type BackOff, backOffMs } from '../back-off.js';
import { type OptionCheck, wholeNumber } from '../options.js';

export interface RestartWait {
  /** Ms until the child is to be started again; 0 without a back-off. */
  readonly waitMs: number;
  /** Failures in a row so far, this one among them. */
  readonly failures: number;
}

/**
 * @param failures in a row before this one.
 * @param livedMs how long the child ran before it failed; 0 where it did not start.
 * @param random from [0, 1).
 */
export function restartWait(
  backOff: BackOff | undefined,
  failures: number,
  livedMs: number,
  random: number,
): RestartWait {
  if (backOff === undefined) return { waitMs: 0, failures: 0 };
  const before = livedMs >= backOff.maxMs ? 0 : failures;
  return { waitMs: backOffMs(backOff, before, random), failures: before + 1 };
}

/** For the option `backOff` of a child or a supervisor. */
export const backOffCheck: OptionCheck = (value) => {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null) return 'must have minMs and maxMs';
  const { minMs, maxMs, ...others } = value as Record<string, unknown>;
  const [other] = Object.keys(others);
  if (other !== undefined) return `has minMs and maxMs, and no ${other}`;
  const min = wholeNumber(1)(minMs);
  if (min !== undefined) return `minMs ${min}`;
  const max = wholeNumber(minMs as number)(maxMs);
  return max === undefined ? undefined : `maxMs ${max}`;
};
