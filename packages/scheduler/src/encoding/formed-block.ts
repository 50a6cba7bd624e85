/**
 * Messages of one form (`message-form.ts`), one behind the other: as one publisher's publications travel between nodes
 * while others wait with them, and from home to the threads of their receivers.
 *
 *   u8 coding | u16 length of the value | u48 serial | f64 number | the value
 *
 * each. The text of a message is the form's prefix and the serial. A value is one of a stream (`value-stream.ts`) that
 * begins with the block, or CBOR (`value-codec.ts`).
 *
 * 1. Home checks where messages begin and end (`FormedBlock`), and decodes nothing.
 * 2. A thread is given a block in parts of whole messages, in order, so that it can take turns between them.
 *
 * What is wrong with one value costs that message; and those behind it that rely on what it told of the stream.
 */
import { ProtocolError } from '../errors.js';
import type { ByteWriter } from './bytes.js';
import type { MessageForm } from './message-form.js';
import { freezeMessage } from './portable.js';
import { decodeUntrusted } from './value-codec.js';
import { ValueReader } from './value-reader.js';
import { ValueWriter } from './value-writer.js';

const CODING = { stream: 0, cbor: 1 } as const;

/** Ahead of each value. */
const HEAD_BYTES = 17;
const LENGTH_AT = 1;
const SERIAL_AT = 3;
const SERIAL_BYTES = 6;
const NUMBER_AT = 9;

/** The longest value that a block takes, in bytes. */
export const MAX_FORMED_VALUE_BYTES = 0xffff;

/** Writes the messages of one block after another; each block has a `ByteWriter` of its own. */
export class FormedBlockWriter {
  readonly #values = new ValueWriter();
  #isWriting = false;

  /** A getter in the value that is being written has led back here: nothing else can be written. */
  get isWriting(): boolean {
    return this.#isWriting;
  }

  /** What is added from now on begins a block. */
  restart(): void {
    this.#values.restart();
  }

  /**
   * Adds a message behind what `bytes` holds.
   * @param maxBytes how long `bytes` may become.
   * @returns false, with nothing written, where the value is one for `encodeValue`, or too long.
   */
  add(bytes: ByteWriter, serial: number, number: number, value: unknown, maxBytes: number): boolean {
    const start = bytes.length;
    const { shapes } = this.#values;
    bytes.room(start, HEAD_BYTES);
    bytes.setLength(start + HEAD_BYTES);
    this.#isWriting = true;
    const isWritten = this.#values.write(bytes, value);
    this.#isWriting = false;
    const valueBytes = bytes.length - start - HEAD_BYTES;
    if (isWritten && bytes.length <= maxBytes && valueBytes <= MAX_FORMED_VALUE_BYTES) {
      writeHead(bytes.room(bytes.length, 0), start, CODING.stream, valueBytes, serial, number);
      return true;
    }
    bytes.setLength(start);
    this.#values.undefineFrom(shapes);
    return false;
  }

  /** As `add`, of a value that `encodeValue` has encoded. */
  addEncoded(bytes: ByteWriter, serial: number, number: number, encoded: Uint8Array, maxBytes: number): boolean {
    const start = bytes.length;
    const end = start + HEAD_BYTES + encoded.length;
    if (end > maxBytes || encoded.length > MAX_FORMED_VALUE_BYTES) return false;
    const target = bytes.room(start, end - start);
    writeHead(target, start, CODING.cbor, encoded.length, serial, number);
    target.set(encoded, start + HEAD_BYTES);
    bytes.setLength(end);
    return true;
  }
}

function writeHead(
  bytes: Buffer,
  at: number,
  coding: number,
  valueBytes: number,
  serial: number,
  number: number,
): void {
  bytes[at] = coding;
  bytes.writeUInt16BE(valueBytes, at + LENGTH_AT);
  bytes.writeUIntBE(serial, at + SERIAL_AT, SERIAL_BYTES);
  bytes.writeDoubleBE(number, at + NUMBER_AT);
}

/** A block that came from a peer. */
export class FormedBlock {
  readonly form: MessageForm;
  readonly bytes: Buffer;
  readonly start: number;
  /** How many messages. */
  readonly count: number;

  /**
   * @param start where the messages begin in `bytes`, which end with them.
   * @throws ProtocolError where they do not, or a message has a number that is none. Values are not looked at.
   */
  constructor(form: MessageForm, bytes: Buffer, start: number) {
    this.form = form;
    this.bytes = bytes;
    this.start = start;
    let count = 0;
    for (let at = start; at < bytes.length; at = endOfMessage(bytes, at)) {
      if (bytes.length - at < HEAD_BYTES || endOfMessage(bytes, at) > bytes.length) {
        throw new ProtocolError('truncated', 'a message ends behind its block');
      }
      if (!Number.isFinite(bytes.readDoubleBE(at + NUMBER_AT))) throw new ProtocolError('bad envelope');
      count++;
    }
    if (count === 0) throw new ProtocolError('truncated', 'a block without messages');
    this.count = count;
  }

  /** Where the messages end that begin at `at`, `most` of them at most. */
  endOf(at: number, most: number): number {
    let end = at;
    for (let left = most; left > 0 && end < this.bytes.length; left--) end = endOfMessage(this.bytes, end);
    return end;
  }
}

function endOfMessage(bytes: Buffer, at: number): number {
  return at + HEAD_BYTES + bytes.readUInt16BE(at + LENGTH_AT);
}

/** Takes the messages of blocks, part by part. */
export interface FormedTaker {
  /** @param message frozen. @param bytes what is its own in the block. */
  take(message: object, bytes: number): void;
  /** One message was none. */
  refuse(error: unknown): void;
}

/** Reads one block after another, each in parts of whole messages that have been checked by a `FormedBlock`. */
export class FormedBlockReader {
  readonly #values = new ValueReader();

  /** @param begins whether the part is the first one of its block. */
  read(form: MessageForm, bytes: Buffer, start: number, end: number, begins: boolean, taker: FormedTaker): void {
    if (begins) this.#values.restart();
    for (let at = start; at < end; at = endOfMessage(bytes, at)) {
      let message: object;
      try {
        message = this.#message(form, bytes, at);
      } catch (error) {
        taker.refuse(error);
        continue;
      }
      taker.take(message, endOfMessage(bytes, at) - at);
    }
  }

  #message(form: MessageForm, bytes: Buffer, at: number): object {
    const start = at + HEAD_BYTES;
    const end = endOfMessage(bytes, at);
    const value = bytes[at] === CODING.stream ? this.#streamed(bytes, start, end) : untrusted(bytes, at, start, end);
    const serial = bytes.readUIntBE(at + SERIAL_AT, SERIAL_BYTES);
    const text = (form.definition.prefix ?? '') + serial;
    return form.make(text, bytes.readDoubleBE(at + NUMBER_AT), freezeMessage(value));
  }

  #streamed(bytes: Buffer, start: number, end: number): unknown {
    let value: unknown;
    try {
      value = this.#values.read(bytes, start, end);
    } catch (cause) {
      if (cause instanceof ProtocolError) throw cause;
      throw new ProtocolError('bad value', `value cannot be read: ${String(cause)}`, { cause });
    }
    if (this.#values.at < end) throw new ProtocolError('trailing bytes', 'bytes behind a value');
    return value;
  }
}

function untrusted(bytes: Buffer, at: number, start: number, end: number): unknown {
  if (bytes[at] !== CODING.cbor) throw new ProtocolError('unknown kind', `value of coding ${bytes[at]}`);
  return decodeUntrusted(bytes.subarray(start, end));
}
