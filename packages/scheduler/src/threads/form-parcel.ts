/**
 * Parcels about messages of forms (`message-form.ts`), behind their kind:
 *
 *   form     u16 number | its definition as a value: what has that number from now on
 *   formed   u8 trusted | u32 audience | u16 number of the form | f64 number | u16 length, text | the value
 *   block    u8 whether it begins one | u32 audience | u16 number of the form | messages of a block (`formed-block.ts`)
 */
import { ByteReader, type ByteWriter } from '../encoding/bytes.js';
import type { FormedBlock } from '../encoding/formed-block.js';
import { type FormDefinition, FormedMessage, MessageForm } from '../encoding/message-form.js';
import { decodeValue, encodeValue } from '../encoding/value-codec.js';

/** Forms that a thread knows at once. */
export const MAX_FORMS = 1_000;

/** Of `formed`, to its text. */
const HEAD_BYTES = 17;

export function writeFormBody(writer: ByteWriter, number: number, form: MessageForm): void {
  writer.u16(number).raw(encodeValue(form.definition));
}

export function readFormBody(body: Uint8Array): { readonly number: number; readonly form: MessageForm } {
  const reader = new ByteReader(body);
  return { number: reader.u16(), form: new MessageForm(decodeValue(reader.rest()) as FormDefinition) };
}

export function writeFormedBody(writer: ByteWriter, audience: number, form: number, message: FormedMessage): void {
  const { bytes, textAt, textEnd, valueAt, valueEnd, number, trusted } = message;
  writer
    .u8(trusted ? 1 : 0)
    .u32(audience)
    .u16(form)
    .f64(number)
    .u16(textEnd - textAt)
    .part(bytes, textAt, textEnd)
    .part(bytes, valueAt, valueEnd);
}

/** Of `block`, to its messages. */
const BLOCK_HEAD_BYTES = 7;

/** @param start which messages of the block. */
export function writeBlockBody(
  writer: ByteWriter,
  audience: number,
  form: number,
  { bytes, start: first }: FormedBlock,
  start: number,
  end: number,
): void {
  writer
    .u8(start === first ? 1 : 0)
    .u32(audience)
    .u16(form)
    .part(bytes, start, end);
}

/** What a `block` says ahead of its messages, the first of which is at `messagesAt`. */
export function readBlockHead(
  bytes: Buffer,
  at: number,
): { readonly begins: boolean; readonly form: number; readonly messagesAt: number } {
  return { begins: bytes[at] === 1, form: bytes.readUInt16BE(at + 5), messagesAt: at + BLOCK_HEAD_BYTES };
}

export function readAudience(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at + 1);
}

/** Reads on every delivery from another node, so without a reader. The message refers to `bytes`. */
export function readFormedBody(bytes: Buffer, at: number, end: number, forms: readonly MessageForm[]): FormedMessage {
  const form = forms[bytes.readUInt16BE(at + 5)] as MessageForm;
  const textAt = at + HEAD_BYTES;
  const textEnd = textAt + bytes.readUInt16BE(at + 15);
  return new FormedMessage(form, bytes, textAt, textEnd, bytes.readDoubleBE(at + 7), textEnd, end, bytes[at] === 1);
}
