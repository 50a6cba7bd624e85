/**
 * The processes of a thread that got a message from elsewhere lately, by serial: a text for the pid and its place
 * in a map of texts would cost more than everything else that a message needs.
 */
import type { Process } from '../process.js';

/** A power of two. One process is kept for each remainder, dead or alive, until another takes its place. */
const PLACES = 1024;

export class RecentProcesses {
  readonly #serials = new Float64Array(PLACES).fill(-1);
  readonly #processes: (Process | undefined)[] = new Array(PLACES).fill(undefined);

  /** Undefined also for one that is alive and was not among the last. */
  get(serial: number): Process | undefined {
    const place = serial % PLACES;
    if (this.#serials[place] !== serial) return undefined;
    const process = this.#processes[place];
    return process?.alive === true ? process : undefined;
  }

  set(serial: number, process: Process): void {
    const place = serial % PLACES;
    this.#serials[place] = serial;
    this.#processes[place] = process;
  }
}
