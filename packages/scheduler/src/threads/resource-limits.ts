/** How much memory one scheduler thread may take before it ends with the cause `out_of_memory`. */
import { type OptionChecks, partly, wholeNumber } from '../options.js';

/**
 * Limits of the heap of one thread, in MiB. What is missing has Node's own default. Memory outside the heap
 * (`Buffer`, typed arrays) is not limited by them: Node.js has no limit for it.
 */
export interface ThreadResourceLimits {
  /** The heap of what lives long. Beyond it the thread ends, with all its processes. @default Node's own */
  readonly maxOldGenerationSizeMb?: number;
  /** The heap of what was just made. Larger costs memory and saves work. @default Node's own */
  readonly maxYoungGenerationSizeMb?: number;
  /** Memory for generated code. @default Node's own */
  readonly codeRangeSizeMb?: number;
  /** The stack of the thread. Beyond it a call throws RangeError. @default 4 */
  readonly stackSizeMb?: number;
}

const CHECKS: OptionChecks<ThreadResourceLimits> = {
  // A thread with less does not come up.
  maxOldGenerationSizeMb: wholeNumber(8),
  maxYoungGenerationSizeMb: wholeNumber(1),
  codeRangeSizeMb: wholeNumber(0),
  stackSizeMb: wholeNumber(1),
};

/** What is wrong with `limits`, as the end of a sentence, or undefined. */
export const resourceLimits = partly(CHECKS);
