/**
 * What threads of one node send each other: parcels, each behind its length in 32 bits, and each one of
 *
 *   message    from one process of this node to another
 *   signal     between two processes of this node
 *   inbound    a signal that came from a peer, for a process of the receiving thread
 *   outbound   a signal for a peer, on its way to the home thread
 *   multicast  one message for an audience, decoded once for all of its members on the receiving thread
 *   form       what messages for audiences have in common, and its number; see `form-parcel.ts`
 *   formed     one message of such a form for an audience
 *   block      several, that came together
 *   member     a process of the receiving thread is a member of an audience from now on, or is none any more
 *   control    what threads tell each other about themselves: spawns, freed names, lost threads and nodes
 *
 * Parcels are trusted: they never leave the OS process.
 */
import { ByteReader, type ByteWriter } from '../encoding/bytes.js';
import type { FormedBlock } from '../encoding/formed-block.js';
import { type AnyBytes, JoinedBytes, LONG_BYTES } from '../encoding/long-bytes.js';
import type { FormedMessage, MessageForm } from '../encoding/message-form.js';
import type { NodeLife } from '../encoding/signal-codec.js';
import { decodeValue, encodeValue } from '../encoding/value-codec.js';
import type { ValueReader } from '../encoding/value-reader.js';
import type { ExitReason } from '../exit-reason.js';
import type { MailboxBound } from '../mailbox.js';
import type { NodeName, Pid, Ref } from '../pid.js';
import type { Via } from '../registry.js';
import { readFormBody, writeBlockBody, writeFormBody, writeFormedBody } from './form-parcel.js';
import type { Outbox } from './outbox.js';

const KIND = {
  message: 1,
  codedMessage: 2,
  signal: 3,
  inbound: 4,
  outbound: 5,
  multicast: 6,
  control: 7,
  member: 8,
  form: 9,
  formed: 10,
  codedControl: 11,
  block: 12,
} as const;
const ANY_LENGTH = 0xffffffff;

/** In front of each parcel: its length, without these bytes. */
export const PREFIX_BYTES = 4;

/** Of a message: kind and serial. */
const MESSAGE_HEAD_BYTES = 7;

/** How a process is to be started; portable. */
export interface SpawnSettings {
  readonly parent?: Pid;
  readonly link?: boolean;
  readonly monitor?: Ref;
  readonly trapExit?: boolean;
  readonly name?: string | Via;
  readonly label?: string;
  readonly mailbox?: Partial<MailboxBound>;
}

export type Control =
  | {
      readonly type: 'spawn';
      readonly request: number;
      readonly module: string;
      readonly name: string;
      readonly args: readonly unknown[];
      readonly settings: SpawnSettings;
    }
  | { readonly type: 'spawned'; readonly request: number; readonly pid: Pid }
  | { readonly type: 'spawnFailed'; readonly request: number; readonly error: Error }
  | {
      readonly type: 'request';
      readonly request: number;
      readonly from: Pid;
      readonly service: string;
      readonly body: unknown;
    }
  | { readonly type: 'answered'; readonly request: number; readonly value: unknown }
  | { readonly type: 'refused'; readonly request: number; readonly error: Error }
  /** That grant of the name to that process has ended, and those before it. */
  | { readonly type: 'nameFreed'; readonly name: string; readonly pid: Pid; readonly grant: number }
  /** From home: turn the event loop once, and show that it turns. */
  | { readonly type: 'ping' }
  /** To home: the way to that thread is open, and it hears of names that are freed from now on. */
  | { readonly type: 'wayOpen'; readonly thread: number }
  /** To home: the process that this thread was started for has ended. */
  | { readonly type: 'released' }
  | { readonly type: 'nodeDown'; readonly node: NodeName; readonly creation: number }
  | {
      readonly type: 'peerThreadDown';
      readonly node: NodeName;
      readonly creation: number;
      readonly thread: number;
      readonly reason: ExitReason;
    }
  | { readonly type: 'threadDown'; readonly thread: number; readonly reason: ExitReason };

/** What threads say to each other about starting processes. */
export type SpawnControl = Extract<Control, { type: 'spawn' | 'spawned' | 'spawnFailed' }>;

/** What a thread asks home for, and is answered. */
export type ServiceControl = Extract<Control, { type: 'request' | 'answered' | 'refused' }>;

/** See `fan-out.ts`. */
export interface FanOutHandler {
  /** It has enough for now: the next parcel waits until it is asked to take one again. */
  readonly isSated: boolean;
  /** The bytes change with the next parcel. */
  receive(audience: number, message: Uint8Array, trusted: boolean): void;
  member(audience: number, serial: number, isMember: boolean): void;
  form(number: number, form: MessageForm): void;
  /** A `formed` parcel, behind its kind. */
  receiveFormed(bytes: Buffer, at: number, end: number): void;
  /** A `block` parcel, behind its kind. */
  receiveBlock(bytes: Buffer, at: number, end: number): void;
}

export interface ParcelHandler {
  /** @param bytes what it took on its way. */
  message(serial: number, value: unknown, bytes: number): void;
  /** The bytes that these and `outbound` are given change with the next parcel, where they are not given away. */
  signal(bytes: Uint8Array): void;
  inbound(source: NodeLife, bytes: Uint8Array): void;
  readonly fanOut: FanOutHandler;
  outbound(target: NodeLife, mustDeliver: boolean, bytes: Uint8Array): void;
  control(thread: number, control: Control): void;
}

/** @throws NotPortableError, and then nothing is written. */
export function writeMessage(outbox: Outbox, serial: number, message: unknown): void {
  const { writer } = outbox;
  const start = writer.length;
  begin(writer, KIND.message).u48(serial);
  if (outbox.writeValue(message)) return end(writer, start);
  writer.setLength(start);
  // It may read the message again, and a getter in it write something else first.
  writeCodedMessage(outbox, serial, encodeValue(message));
}

function writeCodedMessage(outbox: Outbox, serial: number, payload: Uint8Array): void {
  const { writer } = outbox;
  const start = writer.length;
  begin(writer, KIND.codedMessage).u48(serial);
  endWith(outbox, start, payload);
}

/** The bytes that these four are given must not change any more where they are long. */
export function writeSignal(outbox: Outbox, signal: Uint8Array): void {
  const { writer } = outbox;
  const start = writer.length;
  begin(writer, KIND.signal);
  endWith(outbox, start, signal);
}

export function writeInbound(outbox: Outbox, source: NodeLife, signal: AnyBytes): void {
  const { writer } = outbox;
  const start = writer.length;
  begin(writer, KIND.inbound).text(source.node).u32(source.creation);
  endWith(outbox, start, signal);
}

export function writeOutbound(outbox: Outbox, target: NodeLife, mustDeliver: boolean, signal: AnyBytes): void {
  const { writer } = outbox;
  const start = writer.length;
  begin(writer, KIND.outbound).text(target.node).u32(target.creation);
  writer.u8(mustDeliver ? 1 : 0);
  endWith(outbox, start, signal);
}

export function writeMulticast(outbox: Outbox, audience: number, message: AnyBytes, trusted: boolean): void {
  const { writer } = outbox;
  const start = writer.length;
  begin(writer, KIND.multicast)
    .u8(trusted ? 1 : 0)
    .u32(audience);
  endWith(outbox, start, message);
}

export function writeMember({ writer }: Outbox, audience: number, serial: number, isMember: boolean): void {
  const start = writer.length;
  begin(writer, KIND.member)
    .u8(isMember ? 1 : 0)
    .u32(audience)
    .u48(serial);
  end(writer, start);
}

export function writeForm({ writer }: Outbox, number: number, form: MessageForm): void {
  const start = writer.length;
  writeFormBody(begin(writer, KIND.form), number, form);
  end(writer, start);
}

export function writeFormed({ writer }: Outbox, audience: number, form: number, message: FormedMessage): void {
  const start = writer.length;
  writeFormedBody(begin(writer, KIND.formed), audience, form, message);
  end(writer, start);
}

/** The messages of the block from `from` to `to`. */
export function writeFormedBlock(
  { writer }: Outbox,
  audience: number,
  form: number,
  block: FormedBlock,
  from: number,
  to: number,
): void {
  const start = writer.length;
  writeBlockBody(begin(writer, KIND.block), audience, form, block, from, to);
  end(writer, start);
}

/** @throws NotPortableError, and then nothing is written. */
export function writeControl(outbox: Outbox, control: Control): void {
  const { writer } = outbox;
  const start = writer.length;
  begin(writer, KIND.control);
  if (outbox.writeValue(control)) return end(writer, start);
  writer.setLength(start);
  writeCodedControl(outbox, encodeValue(control));
}

function writeCodedControl(outbox: Outbox, control: Uint8Array): void {
  const { writer } = outbox;
  const start = writer.length;
  begin(writer, KIND.codedControl);
  endWith(outbox, start, control);
}

function begin(writer: ByteWriter, kind: number): ByteWriter {
  return writer.u32(0).u8(kind);
}

function end(writer: ByteWriter, start: number, more = 0): void {
  writer.patchU32(start, writer.length - start - PREFIX_BYTES + more);
}

/** Ends a parcel with `bytes`, of which what is long is not copied. */
function endWith(outbox: Outbox, start: number, bytes: AnyBytes): void {
  const { writer } = outbox;
  const isJoined = bytes instanceof JoinedBytes;
  if (isJoined) writer.raw(bytes.head);
  const tail = isJoined ? bytes.tail : bytes;
  if (tail.length < LONG_BYTES) {
    writer.raw(tail);
    end(writer, start);
  } else {
    end(writer, start, tail.length);
    outbox.writeLong(tail);
  }
}

/** How long the parcel at `at` is; 0 where that is not there. @param stop where the bytes that are there end. */
export function bytesOfParcel(bytes: Buffer, at: number, stop: number): number {
  return stop - at < PREFIX_BYTES ? 0 : PREFIX_BYTES + readU32(bytes, at);
}

/**
 * Hands a parcel to `handler`.
 * @param values reads what the other thread's outbox has written.
 */
export function readParcel(
  bytes: Buffer,
  at: number,
  end: number,
  thread: number,
  values: ValueReader,
  handler: ParcelHandler,
): void {
  const body = at + PREFIX_BYTES;
  const kind = bytes[body];
  if (kind === KIND.message) {
    const serial = readU16(bytes, body + 1) * 0x100000000 + readU32(bytes, body + 3);
    handler.message(serial, values.read(bytes, body + MESSAGE_HEAD_BYTES, end), end - body);
    return;
  }
  if (kind === KIND.control) return handler.control(thread, values.read(bytes, body + 1, end) as Control);
  if (kind === KIND.formed) return handler.fanOut.receiveFormed(bytes, body + 1, end);
  if (kind === KIND.block) return handler.fanOut.receiveBlock(bytes, body + 1, end);
  const reader = new ByteReader(bytes.subarray(body + 1, end));
  switch (kind) {
    case KIND.codedMessage: {
      const serial = reader.u48();
      handler.message(serial, decodeValue(reader.rest()), end - body);
      break;
    }
    case KIND.signal:
      handler.signal(reader.rest());
      break;
    case KIND.inbound:
      handler.inbound(readLife(reader), reader.rest());
      break;
    case KIND.outbound: {
      const target = readLife(reader);
      const mustDeliver = reader.u8() === 1;
      handler.outbound(target, mustDeliver, reader.rest());
      break;
    }
    case KIND.multicast: {
      const trusted = reader.u8() === 1;
      const audience = reader.u32();
      handler.fanOut.receive(audience, reader.rest(), trusted);
      break;
    }
    case KIND.member: {
      const isMember = reader.u8() === 1;
      const audience = reader.u32();
      handler.fanOut.member(audience, reader.u48(), isMember);
      break;
    }
    case KIND.form: {
      const { number, form } = readFormBody(reader.rest());
      handler.fanOut.form(number, form);
      break;
    }
    case KIND.codedControl:
      handler.control(thread, decodeValue(reader.rest()) as Control);
      break;
    default:
      throw new TypeError(`parcel of unknown kind ${kind}`);
  }
}

function readLife(reader: ByteReader): NodeLife {
  const node = reader.text(ANY_LENGTH) as NodeName;
  return { node, creation: reader.u32() };
}

function readU32(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at) * 0x10000 + readU16(bytes, at + 2);
}

function readU16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}
