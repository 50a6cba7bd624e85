/**
 * The bodies of a session's own small frames. What a later version may append to them is skipped.
 *
 *   HEARTBEAT      number u32, and u48 bytes that its sender has read of the connection, for the peer's write deadline
 *   HEARTBEAT_ACK  number u32
 *   FRAGMENTS_READ u48 bytes of fragments that its sender has taken in, in all
 *   CLOSE          reason text
 */
import { ByteReader, ByteWriter } from '@liminal-node/scheduler';
import { printable } from './handshake-message.js';

/** The longest reason that a CLOSE is sent with, in characters. */
const MAX_REASON_CHARACTERS = 256;

/** The longest that is taken, in bytes. */
const MAX_REASON_BYTES = 1_024;

/** Of the number that says how much was read; the first versions did not send it. */
const READ_BYTES = 6;

export interface HeartbeatMessage {
  readonly sequence: number;
  readonly readBytes?: number;
}

export function encodeHeartbeat({ sequence, readBytes }: HeartbeatMessage): Uint8Array {
  const writer = new ByteWriter(4 + READ_BYTES).u32(sequence);
  return (readBytes === undefined ? writer : writer.u48(readBytes)).take();
}

/** @throws ProtocolError */
export function decodeHeartbeat(body: Uint8Array): HeartbeatMessage {
  const reader = new ByteReader(body);
  const sequence = reader.u32();
  return reader.left < READ_BYTES ? { sequence } : { sequence, readBytes: reader.u48() };
}

export function encodeFragmentsRead(bytes: number): Uint8Array {
  return new ByteWriter(READ_BYTES).u48(bytes).take();
}

/** @throws ProtocolError */
export function decodeFragmentsRead(body: Uint8Array): number {
  return new ByteReader(body).u48();
}

export function encodeClose(reason: string): Uint8Array {
  return new ByteWriter().text(reason.slice(0, MAX_REASON_CHARACTERS)).take();
}

/** The reason, fit for a log line. @throws ProtocolError */
export function decodeClose(body: Uint8Array): string {
  return printable(new ByteReader(body).text(MAX_REASON_BYTES));
}
