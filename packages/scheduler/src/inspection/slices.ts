/**
 * Long work in short slices, with a turn of the event loop after each: whatever else the thread has to do comes in between.
 */
import type { Environment } from '../environment.js';

/** How long a slice may take, as far as the steps are short. */
const SLICE_MS = 2;

/** Runs `work` to its end. Each of its steps shall take well below a millisecond. Rejects with what it throws. */
export function inSlices<Result>(environment: Environment, work: Iterator<void, Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const slice = (): void => {
      try {
        const startedAt = environment.now();
        for (;;) {
          const step = work.next();
          if (step.done) return resolve(step.value);
          if (environment.now() - startedAt >= SLICE_MS) return environment.setImmediate(slice);
        }
      } catch (error) {
        reject(error);
      }
    };
    slice();
  });
}
