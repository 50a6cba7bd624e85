/**
 * What has come from one other thread and is not handled yet: whole parcels, and perhaps the beginning of one.
 *
 * Handling a parcel may lead back here, when somebody wants what has come at once: then the parcels behind it
 * are handled inside, in order, and nothing is left for outside.
 *
 * A handler that has enough for now is given the rest later, and only then what the port has.
 */
import { ByteWriter } from '../encoding/bytes.js';
import { ValueReader } from '../encoding/value-reader.js';
import type { MeshPort } from './mesh-port.js';
import { endOfParcel, type ParcelHandler, readParcel } from './parcel.js';

/** Kept for what comes next; more is given back when it is handled. */
const KEPT_BYTES = 512 * 1024;

export class Inbox {
  readonly #values = new ValueReader();
  readonly #bytes = new ByteWriter();
  /** Up to here it is handled. */
  #at = 0;
  #hasRest = false;

  /** Takes what the port has, unless there is a rest. @returns false where there is nothing to read. */
  fill(port: MeshPort): boolean {
    if (this.#hasRest) return true;
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
      const stop = this.#bytes.length;
      const bytes = this.#bytes.room(stop, 0);
      const at = this.#at;
      const end = endOfParcel(bytes, at, stop);
      if (end < 0) return;
      this.#at = end;
      readParcel(bytes, at, end, thread, this.#values, handler);
      if (handler.fanOut.isSated) {
        this.#hasRest = true;
        return;
      }
    }
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
