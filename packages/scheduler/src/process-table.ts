/**
 * The living processes of one thread, by pid and by serial: a hash table with open addressing and linear probing.
 *
 * A pid ends in the serial, which is what it is looked up by; the pid that is found there is then compared whole. So
 * nothing is ever hashed but a number, and a pid that nobody sends to stays as cheap as it was made. A `Map` of pids took
 * half the time of a spawn, for hashing the text.
 *
 * Who was found last is kept by the last four characters of the pid alone, side by side with its neighbours: that finds
 * one in 10 ns, where reading the whole serial and the table take 33 ns. Up to 10,000 neighbours have a place each.
 */
import type { AnyPid } from './pid.js';
import type { Process } from './process.js';

const FIRST_CAPACITY = 256;

/** It does not shrink below this, 512 KiB, or waves of processes would have it grow and shrink again and again. */
const KEPT_CAPACITY = 65_536;

/** 2^32 divided by the golden ratio: what it is multiplied by spreads over the upper bits. */
const SPREAD = 0x9e37_79b1;

const ZERO = 48;

/** How many that were found last are kept: a power of two, above what four digits can say. */
const RECENT = 16_384;

export class ProcessTable implements Iterable<Process> {
  /** A power of two of places, at most half of them taken. */
  #places: (Process | undefined)[] = emptyPlaces(FIRST_CAPACITY);
  #size = 0;
  /** Living processes that were found last, by `recentPlace` of their pids. */
  readonly #recent: (Process | undefined)[] = emptyPlaces(RECENT);

  get size(): number {
    return this.#size;
  }

  find(pid: AnyPid): Process | undefined {
    const place = recentPlace(pid);
    const recent = this.#recent[place];
    if (recent !== undefined && recent.pid === pid) return recent;
    const process = this.#findBySerial(pid);
    if (process !== undefined) this.#recent[place] = process;
    return process;
  }

  #findBySerial(pid: AnyPid): Process | undefined {
    let serial = 0;
    let scale = 1;
    for (let at = pid.length - 1; at >= 0; at--) {
      const digit = pid.charCodeAt(at) - ZERO;
      if (digit < 0 || digit > 9) break;
      serial += digit * scale;
      scale *= 10;
    }
    const process = this.at(serial);
    return process !== undefined && process.pid === pid ? process : undefined;
  }

  at(serial: number): Process | undefined {
    const places = this.#places;
    const last = places.length - 1;
    for (let place = homeOf(serial, last); ; place = (place + 1) & last) {
      const process = places[place];
      if (process === undefined || process.serial === serial) return process;
    }
  }

  /** Its serial must be one that no process in the table has. */
  add(process: Process): void {
    if (this.#size * 2 >= this.#places.length) this.#resize(this.#places.length * 2);
    put(this.#places, process);
    this.#size++;
  }

  delete(process: Process): void {
    const places = this.#places;
    const last = places.length - 1;
    let hole = homeOf(process.serial, last);
    while (places[hole] !== process) {
      if (places[hole] === undefined) return;
      hole = (hole + 1) & last;
    }
    // Whoever was put behind because the place was taken moves up, so that nothing is looked for past a hole.
    for (let next = (hole + 1) & last; ; next = (next + 1) & last) {
      const follower = places[next];
      if (follower === undefined) break;
      const displaced = (next - homeOf(follower.serial, last)) & last;
      if (displaced < ((next - hole) & last)) continue;
      places[hole] = follower;
      hole = next;
    }
    places[hole] = undefined;
    this.#size--;
    const place = recentPlace(process.pid);
    if (this.#recent[place] === process) this.#recent[place] = undefined;
    if (this.#size * 16 < places.length && places.length > KEPT_CAPACITY) this.#resize(places.length / 4);
  }

  /** Those that are alive now, in no order. */
  all(): Process[] {
    const processes: Process[] = [];
    for (const process of this.#places) if (process !== undefined) processes.push(process);
    return processes;
  }

  [Symbol.iterator](): Iterator<Process> {
    return this.all()[Symbol.iterator]();
  }

  #resize(capacity: number): void {
    const processes = this.all();
    this.#places = emptyPlaces(capacity);
    for (const process of processes) put(this.#places, process);
  }
}

function emptyPlaces(capacity: number): (Process | undefined)[] {
  return new Array(capacity).fill(undefined);
}

/** By the last four digits: those of 10,000 serials in a row all differ. */
function recentPlace(pid: AnyPid): number {
  const end = pid.length - 1;
  const thousands = pid.charCodeAt(end - 2) * 100 + pid.charCodeAt(end - 3) * 1000;
  return (pid.charCodeAt(end) + pid.charCodeAt(end - 1) * 10 + thousands) & (RECENT - 1);
}

function homeOf(serial: number, last: number): number {
  // The upper half of the product: its lower bits are spread no better than the serial's.
  return (Math.imul(serial, SPREAD) >>> 8) & last;
}

function put(places: (Process | undefined)[], process: Process): void {
  const last = places.length - 1;
  let place = homeOf(process.serial, last);
  while (places[place] !== undefined) place = (place + 1) & last;
  places[place] = process;
}
