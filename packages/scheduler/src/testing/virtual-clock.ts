/**
 * A clock that moves only when it is told to, and the timers set by it.
 *
 * Monotonic time never jumps. Wall-clock time goes along with it and can be set back or ahead, which no timer
 * notices.
 */
import type { Timer } from '../environment.js';

/** A timer whose time has come, or will come. */
export interface DueTimer {
  readonly dueAt: number;
  readonly callback: () => void;
  /** Whoever set it. */
  readonly owner: number;
  readonly isCancelled: boolean;
}

interface Entry {
  readonly dueAt: number;
  readonly callback: () => void;
  readonly owner: number;
  isCancelled: boolean;
}

/** Where both clocks begin, so that a time is not taken for a duration. */
const START_MS = 1_000;

export class VirtualClock {
  #now = START_MS;
  #wallOffset = 0;
  /** By due time; those of one time in the order of setting. */
  #timers: Entry[] = [];

  /** Monotonic ms. */
  get now(): number {
    return this.#now;
  }

  /** Wall-clock ms. */
  get wallNow(): number {
    return this.#now + this.#wallOffset;
  }

  /** Timers set and neither taken nor cancelled. */
  get timers(): number {
    return this.#timers.length;
  }

  /** When the next timer is due, which may be in the past; infinity where there is none. */
  get nextDueAt(): number {
    return this.#timers[0]?.dueAt ?? Number.POSITIVE_INFINITY;
  }

  /** Sets the wall clock ahead by `ms`, or back where it is negative. */
  jumpWallClock(ms: number): void {
    this.#wallOffset += ms;
  }

  /** Moves both clocks on to `time`, in monotonic ms; never back. */
  moveTo(time: number): void {
    this.#now = Math.max(this.#now, time);
  }

  setTimer(delayMs: number, callback: () => void, owner = 0): Timer {
    const entry: Entry = { dueAt: this.#now + Math.max(0, delayMs), callback, owner, isCancelled: false };
    let at = this.#timers.length;
    while (at > 0 && (this.#timers[at - 1] as Entry).dueAt > entry.dueAt) at--;
    this.#timers.splice(at, 0, entry);
    return {
      cancel: () => {
        entry.isCancelled = true;
        const found = this.#timers.indexOf(entry);
        if (found >= 0) this.#timers.splice(found, 1);
      },
    };
  }

  /** Takes out what is due now, oldest first. What is cancelled before its callback is called says so. */
  takeDue(): readonly DueTimer[] {
    let count = 0;
    while (count < this.#timers.length && (this.#timers[count] as Entry).dueAt <= this.#now) count++;
    return this.#timers.splice(0, count);
  }

  /** Forgets what `owner` has set. */
  forget(owner: number): void {
    this.#timers = this.#timers.filter((entry) => entry.owner !== owner);
  }
}
