/**
 * What has come from one other thread and is not handled yet: whole parcels, and perhaps the beginning of one.
 *
 * Handling a parcel may lead back here, when somebody wants what has come at once: then the parcels behind it
 * are handled inside, in order, and nothing is left for outside.
 *
 * A long parcel comes in parts, perhaps over many turns. It is put together in memory of its own, which is given away with
 * it, so that nobody has to copy it out.
 *
 * A handler that has enough for now is given the rest later, and only then what the port has.
 */
import { ByteWriter } from '../encoding/bytes.js';
import { giveAway } from '../encoding/long-bytes.js';
import { ValueReader } from '../encoding/value-reader.js';
import { HOME_RING_BYTES, type MeshPort } from './mesh-port.js';
import { bytesOfParcel, type ParcelHandler, readParcel } from './parcel.js';

/** A parcel of more is long. */
const LONG_PARCEL_BYTES = 256 * 1024;

/** As much as a way holds: so much may come with the last part of a long parcel. */
const WAY_BYTES = HOME_RING_BYTES;

/** Kept for what comes next; more is given back when it is handled. */
const KEPT_BYTES = WAY_BYTES + LONG_PARCEL_BYTES;

export class Inbox {
  readonly #values = new ValueReader();
  readonly #bytes = new ByteWriter();
  /** Up to here it is handled. */
  #at = 0;
  #hasRest = false;
  /** A long parcel that has begun, with what has come behind it, and where it ends. */
  #long: ByteWriter | undefined;
  #longEnd = 0;

  /** Takes what the port has, unless there is a rest. @returns false where there is nothing to read. */
  fill(port: MeshPort): boolean {
    if (this.#hasRest) return true;
    if (this.#long !== undefined) return port.take(this.#long);
    if (this.#at > 0) this.#moveUp();
    return port.take(this.#bytes);
  }

  /** Whether the handler has had enough before the last whole parcel. */
  get hasRest(): boolean {
    return this.#hasRest;
  }

  /** Hands whole parcels to `handler`, in order: one at least, and then until it is sated. */
  read(thread: number, handler: ParcelHandler): void {
    this.#hasRest = false;
    for (;;) {
      if (this.#long !== undefined && !this.#readLong(this.#long, thread, handler)) return;
      const stop = this.#bytes.length;
      const bytes = this.#bytes.room(stop, 0);
      const at = this.#at;
      const length = bytesOfParcel(bytes, at, stop);
      if (length > LONG_PARCEL_BYTES) {
        this.#beginLong(bytes, at, stop);
        continue;
      }
      const end = at + length;
      if (length === 0 || end > stop) return;
      this.#at = end;
      readParcel(bytes, at, end, thread, this.#values, handler);
      if (handler.fanOut.isSated) {
        this.#hasRest = true;
        return;
      }
    }
  }

  #beginLong(bytes: Buffer, at: number, stop: number): void {
    this.#longEnd = bytesOfParcel(bytes, at, stop);
    this.#long = new ByteWriter(this.#longEnd + WAY_BYTES, true).raw(bytes.subarray(at, stop));
    this.#bytes.setLength(0);
    this.#at = 0;
  }

  /** @returns false where not all of it is there, or the handler has had enough. */
  #readLong(long: ByteWriter, thread: number, handler: ParcelHandler): boolean {
    const { length } = long;
    const end = this.#longEnd;
    if (length < end) return false;
    const bytes = long.room(length, 0);
    this.#long = undefined;
    this.#bytes.raw(bytes.subarray(end, length));
    readParcel(giveAway(bytes), 0, end, thread, this.#values, handler);
    this.#hasRest = handler.fanOut.isSated;
    return !this.#hasRest;
  }

  #moveUp(): void {
    const { length } = this.#bytes;
    const bytes = this.#bytes.room(length, 0);
    if (this.#at === length && bytes.length > KEPT_BYTES) this.#bytes.take();
    else {
      if (this.#at < length) bytes.copyWithin(0, this.#at, length);
      this.#bytes.setLength(length - this.#at);
    }
    this.#at = 0;
  }
}
