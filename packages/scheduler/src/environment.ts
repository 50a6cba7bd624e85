/**
 * The ambient world, passed in: clock, timers and randomness. Everything that must be repeatable in a
 * simulation takes an `Environment`; `systemEnvironment` is the only place that touches the real ones.
 */
import { randomBytes } from 'node:crypto';

/** A timer that was set; `cancel` may be called at any time, any number of times. */
export interface Timer {
  cancel(): void;
}

/** The order in which a thread runs its processes, where a simulation decides on it. */
export interface RunOrder {
  /** Calls `pass` soon, before the end of the turn or after it. */
  schedule(pass: () => void): void;
  /** Which of so many processes that are ready runs next, from 0. */
  pick(ready: number): number;
  /** Whether there is time left in this turn: for the next message, or the next process. */
  goesOn(): boolean;
}

export interface Environment {
  /** Monotonic milliseconds from an arbitrary start, for durations. Never jumps. */
  now(): number;
  /** Milliseconds since 1970 by the wall clock, for people and envelopes only. May jump. */
  wallNow(): number;
  /**
   * Runs `callback` once, not earlier than `delayMs` from now. Delays beyond 2^31-1 ms are chained.
   * @param background does not keep the OS process alive.
   */
  setTimer(delayMs: number, callback: () => void, background?: boolean): Timer;
  /** Runs `callback` in the next turn of the event loop, after pending I/O has been read. */
  setImmediate(callback: () => void): void;
  /** `length` unpredictable bytes. */
  randomBytes(length: number): Uint8Array;
  /** A number in [0, 1), for jitter. */
  random(): number;
  /** @default first in, first out, in passes that are microtasks */
  readonly runOrder?: RunOrder;
}

/** The longest delay that Node's timers take; beyond it they fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

function setTimer(delayMs: number, callback: () => void, background = false): Timer {
  let handle: NodeJS.Timeout;
  const arm = (leftMs: number): void => {
    handle =
      leftMs > MAX_DELAY_MS
        ? setTimeout(() => arm(leftMs - MAX_DELAY_MS), MAX_DELAY_MS)
        : setTimeout(callback, Math.max(0, leftMs));
    if (background) handle.unref();
  };
  arm(delayMs);
  return { cancel: () => clearTimeout(handle) };
}

export const systemEnvironment: Environment = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimer,
  setImmediate: (callback) => void setImmediate(callback),
  randomBytes: (length) => randomBytes(length),
  random: () => Math.random(),
};

/** Monotonic milliseconds by the one clock that all threads of an OS process share. */
export function sharedNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
