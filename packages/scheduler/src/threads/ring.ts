/**
 * A pipe between two threads: a ring of bytes in shared memory with one writer and one reader.
 *
 * The writer copies bytes in and then publishes their count; the reader copies out what is published and then
 * publishes how much it took. Nobody waits: each takes as much as there is and says how much that was. What
 * was published stays readable when the writing thread is gone.
 *
 * Two flags say who would have to be woken: the reader that has gone to rest, and the writer that found the ring
 * full. Each is raised before its owner looks once more, and taken down by the one who wakes it, so that neither
 * a wake-up nor a second one for the same sleep gets lost or wasted.
 */

/** Where the counters are, in 32-bit words: each on a cache line of its own. Counts wrap around. */
const WRITTEN = 0;
const TAKEN = 16;
const WANTS_ROOM = 32;
const READER_RESTS = 48;
const HEAD_BYTES = 256;

/** Up to here a loop copies faster than `set`, which needs a view of what it copies. */
const LOOPED_BYTES = 64;

/** Memory for a ring that holds `capacity` bytes, a power of two. */
export function ringMemory(capacity: number): SharedArrayBuffer {
  if (capacity < 8 || (capacity & (capacity - 1)) !== 0) throw new RangeError(`${capacity} is not a power of two`);
  return new SharedArrayBuffer(HEAD_BYTES + capacity);
}

export class RingWriter {
  readonly #counters: Int32Array;
  readonly #data: Uint8Array;
  readonly #mask: number;
  #written: number;

  constructor(memory: SharedArrayBuffer) {
    this.#counters = new Int32Array(memory, 0, HEAD_BYTES / 4);
    this.#data = new Uint8Array(memory, HEAD_BYTES);
    this.#mask = this.#data.length - 1;
    this.#written = Atomics.load(this.#counters, WRITTEN);
  }

  /** Bytes that can be written now. */
  get room(): number {
    return this.#data.length - ((this.#written - Atomics.load(this.#counters, TAKEN)) | 0);
  }

  /** Writes and publishes as much of `source` as there is room for, and says how many bytes that were. */
  write(source: Uint8Array, from: number, to: number): number {
    const taken = Math.min(to - from, this.room);
    if (taken === 0) return 0;
    const at = this.#written & this.#mask;
    const first = Math.min(taken, this.#data.length - at);
    copy(source, from, first, this.#data, at);
    if (first < taken) copy(source, from + first, taken - first, this.#data, 0);
    this.#written = (this.#written + taken) | 0;
    Atomics.store(this.#counters, WRITTEN, this.#written);
    return taken;
  }

  /** To be told when there is room. Look at `room` once more afterwards: it may have been made in between. */
  wantRoom(): void {
    Atomics.store(this.#counters, WANTS_ROOM, 1);
  }

  /** True once for each time that the reader has gone to rest: whoever is told so wakes it. */
  takeResting(): boolean {
    return takeFlag(this.#counters, READER_RESTS);
  }
}

export class RingReader {
  readonly #counters: Int32Array;
  readonly #data: Uint8Array;
  readonly #mask: number;
  #taken: number;

  constructor(memory: SharedArrayBuffer) {
    this.#counters = new Int32Array(memory, 0, HEAD_BYTES / 4);
    this.#data = new Uint8Array(memory, HEAD_BYTES);
    this.#mask = this.#data.length - 1;
    this.#taken = Atomics.load(this.#counters, TAKEN);
  }

  /** Bytes that can be read now. */
  get length(): number {
    return (Atomics.load(this.#counters, WRITTEN) - this.#taken) | 0;
  }

  /** Moves `length` bytes, which must be there, to `target` from position `at` on. */
  read(target: Uint8Array, at: number, length: number): void {
    const from = this.#taken & this.#mask;
    const first = Math.min(length, this.#data.length - from);
    copy(this.#data, from, first, target, at);
    if (first < length) copy(this.#data, 0, length - first, target, at + first);
    this.#taken = (this.#taken + length) | 0;
    Atomics.store(this.#counters, TAKEN, this.#taken);
  }

  /** To be woken when bytes come. Look at `length` once more afterwards: some may have come in between. */
  rest(): void {
    Atomics.store(this.#counters, READER_RESTS, 1);
  }

  /** Takes `rest` back. */
  wake(): void {
    Atomics.store(this.#counters, READER_RESTS, 0);
  }

  /** True once for each time that the writer has asked for room: whoever is told so wakes it. */
  takeRoomRequest(): boolean {
    return takeFlag(this.#counters, WANTS_ROOM);
  }
}

function takeFlag(counters: Int32Array, flag: number): boolean {
  return Atomics.load(counters, flag) === 1 && Atomics.compareExchange(counters, flag, 1, 0) === 1;
}

function copy(source: Uint8Array, from: number, length: number, target: Uint8Array, at: number): void {
  if (length > LOOPED_BYTES) target.set(source.subarray(from, from + length), at);
  else for (let index = 0; index < length; index++) target[at + index] = source[from + index] as number;
}
