/**
 * An envelope as bytes, between nodes:
 *
 *   text channel | u32 thread, u48 serial of the publisher | text id | f64 timestamp | u16 number of parents,
 *   a text each | text trace, empty for none | text content type | the payload
 *
 * The publisher's node and creation are those of the session that carries it, so that a peer cannot publish
 * in another's name. Nobody but a subscriber's own thread decodes the payload: for the way there, head and
 * payload bytes are joined into the bytes of one message.
 */
import {
  type AnyBytes,
  ByteReader,
  ByteWriter,
  encodeValue,
  formatPid,
  join,
  LONG_BYTES,
  type Loan,
  MessageForm,
  type NodeLife,
  ProtocolError,
  parsePid,
  SharedMessage,
} from '@liminal-node/scheduler';
import { type EnvelopeHead, MAX_CHANNEL_BYTES } from './envelope.js';

export const MAX_ID_BYTES = 512;
const MAX_TRACE_BYTES = 1024;
export const MAX_CONTENT_TYPE_BYTES = 255;
/** Ids of parents that an envelope may carry. */
export const MAX_PARENTS = 64;

export function encodePublication(head: EnvelopeHead, payload: Uint8Array): Uint8Array {
  return headOfPublication(head, payload.length).raw(payload).take();
}

/** As `encodePublication`; a payload that is long is not copied. */
export function joinPublication(head: EnvelopeHead, payload: Uint8Array, loan?: Loan): AnyBytes {
  if (payload.length < LONG_BYTES) return encodePublication(head, payload);
  return join(headOfPublication(head, 0).take(), payload, loan);
}

function headOfPublication(head: EnvelopeHead, payloadBytes: number): ByteWriter {
  const publisher = parsePid(head.publisher);
  if (publisher === undefined) throw new TypeError(`"${head.publisher}" is not a pid`);
  const writer = new ByteWriter(256 + payloadBytes)
    .text(head.channel)
    .u32(publisher.thread)
    .u48(publisher.serial)
    .text(head.id)
    .f64(head.timestamp)
    .u16(head.parents.length);
  for (const parent of head.parents) writer.text(parent);
  return writer.text(head.trace ?? '').text(head.contentType);
}

/**
 * What plain envelopes of one publisher on one channel have in common.
 * @param prefix what their ids begin with, in blocks.
 */
export function formOf(head: Pick<EnvelopeHead, 'channel' | 'publisher' | 'contentType'>, prefix: string): MessageForm {
  const { channel, publisher, contentType } = head;
  const parents: readonly string[] = [];
  return new MessageForm({
    fields: { id: '', channel, publisher, timestamp: 0, parents, contentType, payload: null },
    own: { text: 'id', number: 'timestamp', value: 'payload' },
    prefix,
  });
}

/**
 * The payload is a view of `bytes` and has not been checked.
 * @throws ProtocolError
 */
export function decodePublication(bytes: Uint8Array, source: NodeLife): { head: EnvelopeHead; payload: Uint8Array } {
  const reader = new ByteReader(bytes);
  const channel = reader.text(MAX_CHANNEL_BYTES);
  const publisher = formatPid({ ...source, thread: reader.u32(), serial: reader.u48() });
  const id = reader.text(MAX_ID_BYTES);
  const timestamp = reader.f64();
  const parentCount = reader.u16();
  if (parentCount > MAX_PARENTS) throw new ProtocolError('too many parents', `${parentCount}; at most ${MAX_PARENTS}`);
  const parents = Array.from({ length: parentCount }, () => reader.text(MAX_ID_BYTES));
  const trace = reader.text(MAX_TRACE_BYTES);
  const contentType = reader.text(MAX_CONTENT_TYPE_BYTES);
  if (channel === '' || id === '' || !Number.isFinite(timestamp)) throw new ProtocolError('bad envelope');
  const head = { id, channel, publisher, timestamp, parents, ...(trace !== '' && { trace }), contentType };
  return { head, payload: reader.rest() };
}

/** A refusal of the publisher's own node, for what would not arrive. @throws RangeError */
export function checkHead({ parents, trace = '', contentType }: Omit<EnvelopeHead, 'id' | 'publisher'>): void {
  // Half of a surrogate pair would be another character in UTF-8.
  if (![...parents, trace, contentType].every((text) => text.isWellFormed())) {
    throw new RangeError('parents, trace and contentType must be well-formed text');
  }
  if (parents.length > MAX_PARENTS) throw new RangeError(`${parents.length} parents; at most ${MAX_PARENTS}`);
  if (parents.some((id) => Buffer.byteLength(id) > MAX_ID_BYTES))
    throw new RangeError('the id of a parent is too long');
  if (Buffer.byteLength(trace) > MAX_TRACE_BYTES) throw new RangeError(`trace is longer than ${MAX_TRACE_BYTES} bytes`);
  if (Buffer.byteLength(contentType) > MAX_CONTENT_TYPE_BYTES) {
    throw new RangeError(`contentType is longer than ${MAX_CONTENT_TYPE_BYTES} bytes`);
  }
}

/**
 * The bytes of the whole envelope as one value, made without decoding its payload: a CBOR map whose last entry
 * is the payload as it came. Written by hand, because every node that a publish reaches makes them anew.
 */
export function envelopeBytes(head: EnvelopeHead, payload: Uint8Array): Uint8Array {
  return headOfEnvelope(head, payload.length).raw(payload).take();
}

/** The whole envelope as a message; a payload that is long is not copied. */
export function sharedEnvelope(head: EnvelopeHead, payload: Uint8Array, trusted: boolean): SharedMessage {
  if (payload.length < LONG_BYTES) return SharedMessage.ofBytes(envelopeBytes(head, payload), trusted);
  return SharedMessage.ofParts(headOfEnvelope(head, 0).take(), payload, trusted);
}

function headOfEnvelope(head: EnvelopeHead, payloadBytes: number): ByteWriter {
  const { id, channel, publisher, timestamp, parents, trace, contentType } = head;
  const writer = new ByteWriter(256 + payloadBytes).u8(CBOR_MAP + (trace === undefined ? 7 : 8));
  writeText(writer.raw(KEYS.id), id);
  writeText(writer.raw(KEYS.channel), channel);
  writeText(writer.raw(KEYS.publisher), publisher);
  writer.raw(KEYS.timestamp).u8(CBOR_FLOAT64).f64(timestamp);
  writer.raw(KEYS.parents).u8(CBOR_ARRAY16).u16(parents.length);
  for (const parent of parents) writeText(writer, parent);
  if (trace !== undefined) writeText(writer.raw(KEYS.trace), trace);
  writeText(writer.raw(KEYS.contentType), contentType);
  return writer.raw(KEYS.payload);
}

/** First bytes of CBOR items (RFC 8949, appendix B): a map of fewer than 24 entries is this plus their number. */
const CBOR_MAP = 0xa0;
const CBOR_FLOAT64 = 0xfb;
const CBOR_ARRAY16 = 0x99;
const CBOR_TEXT16 = 0x79;

const KEYS = {
  id: encodeValue('id'),
  channel: encodeValue('channel'),
  publisher: encodeValue('publisher'),
  timestamp: encodeValue('timestamp'),
  parents: encodeValue('parents'),
  trace: encodeValue('trace'),
  contentType: encodeValue('contentType'),
  payload: encodeValue('payload'),
};

function writeText(writer: ByteWriter, text: string): void {
  // The codec has a way of its own for text that begins with a byte order mark.
  if (text.startsWith('\uFEFF')) writer.raw(encodeValue(text));
  else writer.u8(CBOR_TEXT16).text(text);
}
