/**
 * What a thread lets others see of itself in shared memory, so that they can look at it while it runs, or does not:
 * since when its turn of the event loop lasts, which process had its turn last, and how many turns there were.
 *
 * It costs a store or two for each turn and one for each time that a process runs, and nothing for a message.
 */
import { MAX_THREADS } from './placement.js';

const CELLS = 3;

/** Where it writes; by place in the array. */
const STARTED_AT = 0;
const RUNNING = 1;
const TURNS = 2;

/** One thread at one moment. */
export interface ActivitySample {
  /** When the turn that lasts began, in ms of the clock that all threads share; 0 between two turns. */
  readonly turnStartedAt: number;
  /** The serial of the process that was run last. Its code may have gone on since, in promises of its own. */
  readonly serial: number;
  readonly turns: number;
}

export class ThreadActivity {
  readonly #cells: Float64Array<ArrayBufferLike>;
  readonly #at: number;
  readonly #clockOffsetMs: number;

  /**
   * @param cells see {@link ThreadActivity.makeCells}; without it nobody looks.
   * @param clockOffsetMs what to add to the thread's own clock to have the one that all threads share.
   */
  constructor(cells: Float64Array<ArrayBufferLike> = new Float64Array(CELLS), slot = 0, clockOffsetMs = 0) {
    this.#cells = cells;
    this.#at = slot * CELLS;
    this.#clockOffsetMs = clockOffsetMs;
  }

  static makeCells(): Float64Array {
    return new Float64Array(new SharedArrayBuffer(8 * CELLS * MAX_THREADS));
  }

  static read(cells: Float64Array, slot: number): ActivitySample {
    const [turnStartedAt = 0, serial = 0, turns = 0] = cells.subarray(slot * CELLS, (slot + 1) * CELLS);
    return { turnStartedAt, serial, turns };
  }

  /** For a new thread in the slot of a lost one. */
  static clear(cells: Float64Array, slot: number): void {
    cells.fill(0, slot * CELLS, (slot + 1) * CELLS);
  }

  get serial(): number {
    return this.#cells[this.#at + RUNNING] ?? 0;
  }

  beginTurn(now: number): void {
    this.#cells[this.#at + STARTED_AT] = now + this.#clockOffsetMs;
    this.#cells[this.#at + TURNS] = (this.#cells[this.#at + TURNS] ?? 0) + 1;
  }

  endTurn(): void {
    this.#cells[this.#at + STARTED_AT] = 0;
  }

  run(serial: number): void {
    this.#cells[this.#at + RUNNING] = serial;
  }
}
