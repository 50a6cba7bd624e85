/**
 * Shrunk plans that have shown a defect: each stays good. Plans and not seeds, which stand for other plans when the
 * drawing of them changes.
 */
import type { Plan } from './schedule.js';

export interface Regression {
  /** What was wrong. */
  readonly what: string;
  readonly plan: Plan;
}

export const regressions: readonly Regression[] = [];
