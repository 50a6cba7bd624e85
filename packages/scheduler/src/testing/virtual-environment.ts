/**
 * An environment in which nothing happens by itself: the test lets time pass, and randomness comes from a seed,
 * so that a failing run can be repeated.
 */
import { type Environment, systemEnvironment } from '../environment.js';
import { bytesFrom, randomFrom } from './random.js';
import { VirtualClock } from './virtual-clock.js';

export interface VirtualEnvironment extends Environment {
  /**
   * Lets `ms` milliseconds pass: runs, in order, what is due meanwhile, and all that follows from it at once.
   * Promises settle in between.
   */
  advance(ms: number): Promise<void>;
  /** The clock moves on by `ms` milliseconds while nothing runs, as when the event loop is stalled. */
  stall(ms: number): void;
  /** Sets the wall clock ahead by `ms`, or back where it is negative. No timer notices. */
  jumpWallClock(ms: number): void;
  /** Timers set and neither fired nor cancelled. */
  readonly timers: number;
}

/**
 * Resolves when every promise continuation that is on its way has run, and all that follow from it: Node.js runs
 * them before the next turn of its event loop, however many they are.
 */
export function quiet(): Promise<void> {
  return new Promise((resolve) => systemEnvironment.setImmediate(resolve));
}

/** @param seed the same seed gives the same random numbers. */
export function createVirtualEnvironment(seed = 1): VirtualEnvironment {
  const clock = new VirtualClock();
  const random = randomFrom(seed);
  let immediates: (() => void)[] = [];

  const settle = async (): Promise<void> => {
    do {
      const turn = immediates;
      immediates = [];
      for (const callback of turn) callback();
      await quiet();
    } while (immediates.length > 0);
  };

  return {
    now: () => clock.now,
    wallNow: () => clock.wallNow,
    setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
    setImmediate: (callback) => void immediates.push(callback),
    random,
    randomBytes: (length) => bytesFrom(random, length),
    stall: (ms) => clock.moveTo(clock.now + ms),
    jumpWallClock: (ms) => clock.jumpWallClock(ms),
    get timers() {
      return clock.timers;
    },
    advance: async (ms) => {
      const end = clock.now + ms;
      await settle();
      while (clock.nextDueAt <= end) {
        clock.moveTo(clock.nextDueAt);
        // All that are due fire in one turn, before anything that they cause.
        for (const timer of clock.takeDue()) if (!timer.isCancelled) timer.callback();
        await settle();
      }
      clock.moveTo(end);
    },
  };
}
