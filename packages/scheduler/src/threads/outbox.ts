/**
 * Parcels for one other thread that are not on their way yet: a batch that grows at its end and goes at its
 * front, as far as the other thread has room. Long bytes stand beside it until their turn comes, and are not copied.
 */
import { ByteWriter } from '../encoding/bytes.js';
import { ValueWriter } from '../encoding/value-writer.js';
import type { MeshPort } from './mesh-port.js';

/** When so much has come together, it is sent without waiting for the end of anything. */
const SEND_AT_BYTES = 4 * 1024;

/** Kept for the next batch; more is given back when the batch has gone. */
const KEPT_BYTES = 256 * 1024;

/** Bytes that go when the batch has gone up to `at`. */
interface LongBytes {
  at: number;
  readonly bytes: Uint8Array;
  gone: number;
}

export class Outbox {
  readonly #values = new ValueWriter();
  readonly #batch = new ByteWriter();
  /** Parcels that a getter has sent while a message was read: they follow that message. */
  readonly #meanwhile = new ByteWriter();
  #isReading = false;
  /** How much of the batch has gone. */
  #gone = 0;
  /** Long bytes between those of the batch. */
  #longs: LongBytes[] = [];
  #longLeft = 0;
  #dueAt = SEND_AT_BYTES;

  /** Where parcels are written. */
  get writer(): ByteWriter {
    if (this.#isReading) return this.#meanwhile;
    if (this.#meanwhile.length > 0) this.#batch.raw(this.#meanwhile.take());
    return this.#batch;
  }

  /** Bytes that wait. */
  get length(): number {
    return this.#batch.length + this.#meanwhile.length - this.#gone + this.#longLeft;
  }

  /** Whether enough has come together since it was sent the last time. */
  get isDue(): boolean {
    return this.length >= this.#dueAt;
  }

  /** Writes a message behind what the writer has. @returns false where it is one for `encodeValue`. */
  writeValue(message: unknown): boolean {
    if (this.#isReading) return false;
    this.#isReading = true;
    const isWritten = this.#values.write(this.#batch, message);
    this.#isReading = false;
    return isWritten;
  }

  /** Puts long bytes behind what the writer has. They are kept: their memory may not change any more. */
  writeLong(bytes: Uint8Array): void {
    const { writer } = this;
    if (this.#isReading) {
      writer.raw(bytes);
      return;
    }
    this.#longs.push({ at: writer.length, bytes, gone: 0 });
    this.#longLeft += bytes.length;
  }

  /** Gives what waits to the port, as much as it takes. */
  send(port: MeshPort): void {
    if (this.length === 0 || this.#isReading) return;
    const { writer } = this;
    const { length } = writer;
    const bytes = writer.room(length, 0);
    if (this.#sendLongs(port, bytes)) this.#gone += port.post(bytes, this.#gone, length);
    if (this.#gone === length && this.#longs.length === 0) {
      this.#gone = 0;
      if (bytes.length > KEPT_BYTES) writer.take();
      else writer.setLength(0);
    } else if (this.#gone > KEPT_BYTES && this.#gone > length / 2) {
      bytes.copyWithin(0, this.#gone, length);
      writer.setLength(length - this.#gone);
      for (const long of this.#longs) long.at -= this.#gone;
      this.#gone = 0;
    }
    this.#dueAt = this.length + SEND_AT_BYTES;
  }

  /** Sends up to the end of the last long bytes. @returns false where there is no room for all of that. */
  #sendLongs(port: MeshPort, batch: Uint8Array): boolean {
    for (let long = this.#longs[0]; long !== undefined; long = this.#longs[0]) {
      this.#gone += port.post(batch, this.#gone, long.at);
      if (this.#gone < long.at) return false;
      const posted = port.post(long.bytes, long.gone, long.bytes.length);
      long.gone += posted;
      this.#longLeft -= posted;
      if (long.gone < long.bytes.length) return false;
      this.#longs.shift();
    }
    return true;
  }
}
