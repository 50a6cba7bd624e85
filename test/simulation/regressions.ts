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
  {
    what: 'who is acknowledged while its own node stops is no longer listed, and need not be',
    plan: {
      ...PLAN,
      seed: 30_907,
      hosts: 2,
      threads: 2,
      isMeshKnown: false,
      dataBudget: 2_000,
      heldBudget: 1,
      endMs: 3_000,
      steps: [
        { at: 2_209, do: 'bridge', host: 0, other: 1, ms: 1_000 },
        { at: 2_242, do: 'spawn', actor: 5, host: 1, place: 2 },
        { at: 2_754, do: 'subscribeReady', actor: 5, channel: 'y' },
        { at: 2_853, do: 'stop', host: 1, ms: 1_000 },
      ],
    },
  },
  {
    what: 'a peer may be called silent before what was held up has been sent again',
    plan: {
      ...PLAN,
      seed: 60_320,
      isMeshKnown: false,
      endMs: 3_000,
      steps: [
        { at: 861, do: 'call', actor: 0, host: 1 },
        { at: 1_831, do: 'freeze', host: 0, thread: 'all', ms: 1_000 },
        { at: 2_250, do: 'partition', hosts: [0], oneWay: true, ms: 1_000 },
        { at: 2_332, do: 'lose', host: 1, other: 2, how: 'silent' },
      ],
    },
  },
  {
    what: 'a link that crosses an unlink of the other end counts for nothing, and has no end to be told of',
    plan: {
      ...PLAN,
      seed: 67_435,
      endMs: 3_000,
      steps: [
        { at: 23, do: 'spawn', actor: 0, host: 0, place: 1 },
        { at: 837, do: 'spawn', actor: 3, host: 1, place: 'home' },
        { at: 892, do: 'link', actor: 3, to: 0 },
        { at: 2_181, do: 'link', actor: 0, to: 3 },
        { at: 2_181, do: 'unlink', actor: 3, to: 0 },
        { at: 2_397, do: 'crash', host: 1, how: 'late', ms: 100 },
      ],
    },
  },
  {
    what: 'a thread that is stuck when its node stops is ended, and who monitors its processes is told so',
    plan: {
      ...PLAN,
      seed: 10_511,
      hosts: 4,
      controlBudget: 600,
      heldBudget: 1,
      steps: [
        { at: 20, do: 'spawn', actor: 3, host: 3, place: 1 },
        { at: 32, do: 'spawn', actor: 1, host: 1, place: 1 },
        { at: 43, do: 'spawn', actor: 0, host: 0, place: 1 },
        { at: 664, do: 'subscribe', actor: 3, channel: 'x' },
        { at: 701, do: 'monitor', actor: 0, to: 1 },
        { at: 804, do: 'call', actor: 0, host: 0 },
        { at: 1_049, do: 'freeze', host: 1, thread: 1, ms: 3_000 },
        { at: 1_670, do: 'stop', host: 1, ms: 0 },
      ],
    },
  },
  {
    what: 'a node that stalls within the turns ahead of its verdict reads what came meanwhile before it judges',
    plan: {
      ...PLAN,
      seed: 256_741,
      hosts: 2,
      threads: 2,
      steps: [
        { at: 552, do: 'call', actor: 0, host: 1 },
        { at: 606, do: 'spawn', actor: 3, host: 0, place: 2 },
        { at: 1_329, do: 'bridge', host: 1, other: 0, ms: 3_000 },
        { at: 3_030, do: 'freeze', host: 0, thread: 0, ms: 3_000 },
      ],
    },
  },
  {
    what: 'a peer that was slow may be called silent until what it has sent by then has arrived',
    plan: {
      ...PLAN,
      seed: 615_780,
      isMeshKnown: false,
      heldBudget: 1,
      endMs: 1_500,
      steps: [
        { at: 12, do: 'spawn', actor: 2, host: 2, place: 'home' },
        { at: 16, do: 'spawn', actor: 1, host: 1, place: 1 },
        { at: 29, do: 'spawn', actor: 0, host: 0, place: 1 },
        { at: 112, do: 'subscribe', actor: 2, channel: 'y' },
        { at: 113, do: 'subscribe', actor: 1, channel: 'y' },
        { at: 113, do: 'spawn', actor: 3, host: 1, place: 1 },
        { at: 361, do: 'freeze', host: 2, thread: 0, ms: 1_000 },
        { at: 402, do: 'link', actor: 1, to: 0 },
        { at: 494, do: 'exitOther', actor: 3, to: 2 },
        { at: 603, do: 'unsubscribe', actor: 1, channel: 'y' },
        { at: 879, do: 'slow', host: 2, other: 0, delayMs: 600, ms: 1_000 },
        { at: 909, do: 'subscribeReady', actor: 3, channel: 'y' },
      ],
    },
  },
];
