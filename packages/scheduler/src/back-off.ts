/**
 * How long to wait before the next try: doubles from `minMs` to `maxMs` with each failure, and is spread over
 * the upper half of that, so that those who failed together do not try again in step.
 */
export interface BackOff {
  /** The longest wait after the first failure, in ms. */
  readonly minMs: number;
  /** The longest wait of all, in ms. */
  readonly maxMs: number;
}

/**
 * @param attempts failures so far, from 0.
 * @param random from [0, 1).
 * @returns milliseconds, from half of what the attempt allows to all of it.
 */
export function backOffMs({ minMs, maxMs }: BackOff, attempts: number, random: number): number {
  const ceiling = Math.min(maxMs, minMs * 2 ** Math.min(attempts, 31));
  return ceiling / 2 + (ceiling / 2) * random;
}
