/**
 * A block: messages of one process to processes of one thread of another node, as one signal. Every thread and
 * connection on the way handles the block instead of each message in it.
 *
 *   u8 op | target: u32 thread | source: u32 thread, u48 serial | u32 messages | of each: u48 serial, value
 *
 * The values are a stream of their own (`value-stream.ts`), so a block can be read without any other.
 */
import { MessageTooLargeError, ProtocolError } from '../errors.js';
import { ByteWriter } from './bytes.js';
import { type AnyBytes, JoinedBytes } from './long-bytes.js';
import { type Address, SIGNAL_OP } from './signal-codec.js';
import type { ValueReader } from './value-reader.js';
import { ValueWriter } from './value-writer.js';

const HEAD_BYTES = 19;
const COUNT_AT = HEAD_BYTES - 4;
const SERIAL_BYTES = 6;

/** Memory kept for the next block; more is given back. */
const KEPT_BYTES = 32 * 1024;

/** Writes one block after another. */
export class BlockWriter {
  readonly #bytes = new ByteWriter();
  readonly #values = new ValueWriter();
  #count = 0;
  /** Where the message that is being written begins; 0 for none. */
  #writingAt = 0;

  /** Bytes of the block that is open; 0 where none is. */
  get length(): number {
    return this.#count === 0 ? 0 : this.#bytes.length;
  }

  /** A getter in the message that is being written has led back here: no other can be written. */
  get isWriting(): boolean {
    return this.#writingAt > 0;
  }

  /** Begins a block, which is open with the first message in it. */
  begin(thread: number, source: Address): void {
    this.#bytes.setLength(0);
    this.#bytes.u8(SIGNAL_OP.messages).u32(thread).u32(source.thread).u48(source.serial).u32(0);
    this.#values.restart();
  }

  /**
   * @param maxBytes refuses a message that would be longer in a block of its own.
   * @returns false, with nothing written, where the message is one for `encodeValue`, or where the block was finished
   *   while it was read.
   * @throws MessageTooLargeError (`ERR_LIMINAL_MESSAGE_TOO_LARGE`), and then nothing is written.
   */
  add(serial: number, message: unknown, maxBytes: number): boolean {
    const start = this.#bytes.length;
    const { shapes } = this.#values;
    const before = this.#count;
    this.#bytes.u48(serial);
    this.#writingAt = start;
    const isWritten = this.#values.write(this.#bytes, message) && this.#count === before;
    this.#writingAt = 0;
    const bytes = this.#bytes.length - start;
    if (isWritten && HEAD_BYTES + bytes <= maxBytes) {
      this.#count++;
      return true;
    }
    this.#bytes.setLength(start);
    this.#values.undefineFrom(shapes);
    if (isWritten) throw new MessageTooLargeError(HEAD_BYTES + bytes, maxBytes);
    return false;
  }

  /** The block, which is closed with it. The bytes change with the next one. */
  finish(): Uint8Array {
    this.#bytes.patchU32(COUNT_AT, this.#count);
    this.#count = 0;
    const length = this.isWriting ? this.#writingAt : this.#bytes.length;
    if (length > KEPT_BYTES && !this.isWriting) return this.#bytes.take();
    const block = this.#bytes.room(length, 0).subarray(0, length);
    // What is long is kept by whoever passes it on.
    return length > KEPT_BYTES ? Uint8Array.from(block) : block;
  }
}

/** Takes one message. @param bytes that it took in the block. */
export type MessageTaker = (serial: number, value: unknown, bytes: number) => void;

/** How many messages a signal is: those of a block, else one. */
export function messagesIn(signal: AnyBytes): number {
  if (signal instanceof JoinedBytes || signal[0] !== SIGNAL_OP.messages || signal.length < HEAD_BYTES) return 1;
  return new DataView(signal.buffer, signal.byteOffset).getUint32(COUNT_AT);
}

/**
 * Hands every message of a block to `take`, in order.
 * @throws ProtocolError where the bytes of a message are none; those before it have been handed over.
 */
export function readBlock(block: Uint8Array, values: ValueReader, take: MessageTaker): void {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  values.restart();
  let at = HEAD_BYTES;
  for (let left = messagesIn(block); left > 0; left--) {
    if (bytes.length - at <= SERIAL_BYTES) throw new ProtocolError('truncated', `${left} messages are missing`);
    const serial = bytes.readUIntBE(at, SERIAL_BYTES);
    const value = readValue(values, bytes, at + SERIAL_BYTES);
    take(serial, value, values.at - at);
    at = values.at;
  }
  if (at < bytes.length) throw new ProtocolError('trailing bytes', `${bytes.length - at} bytes behind the block`);
}

function readValue(values: ValueReader, bytes: Buffer, at: number): unknown {
  try {
    return values.read(bytes, at, bytes.length);
  } catch (cause) {
    if (cause instanceof ProtocolError) throw cause;
    throw new ProtocolError('bad value', `value cannot be read: ${String(cause)}`, { cause });
  }
}
