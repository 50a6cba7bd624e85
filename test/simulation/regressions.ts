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

const PLAN = {
  hosts: 3,
  threads: 1,
  isMeshKnown: true,
  dataBudget: undefined,
  controlBudget: undefined,
  heldBudget: undefined,
  endMs: 5_000,
} as const;

export const regressions: readonly Regression[] = [
  {
    what: 'a node that stalls between the timer of its heartbeat and its verdict does not call its peers silent',
    plan: {
      ...PLAN,
      seed: 18_242,
      dataBudget: 2_000,
      steps: [{ at: 2_484, do: 'freeze', host: 2, thread: 0, ms: 3_000 }],
    },
  },
];
