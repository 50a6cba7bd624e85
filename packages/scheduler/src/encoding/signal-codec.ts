/**
 * Signals as bytes, one format for the way to another thread and to another node:
 *
 *   u8 op | target: u32 thread, u48 serial, or a name | source: u32 thread, u48 serial | rest by op
 *
 * Node and creation are not in it: the port or the session that carries a signal implies the source's, and
 * the end that receives it is the target's. So a peer cannot even express a signal from a third node.
 */

import { ProtocolError } from '../errors.js';
import { type ExitReason, portableReason } from '../exit-reason.js';
import { type AnyPid, formatPid, type NodeName, type Pid, type PidParts, parsePid, type Ref } from '../pid.js';
import type { Signal, SpawnFault } from '../signal.js';
import { ByteReader, ByteWriter } from './bytes.js';
import { type AnyBytes, headOf, JoinedBytes, join, LONG_BYTES } from './long-bytes.js';
import { freezeMessage } from './portable.js';
import { decodeUntrusted, decodeValue, encodeValue } from './value-codec.js';

/** Appended to, never renumbered: nodes of different versions meet. */
export const SIGNAL_OP = {
  message: 1,
  messageToName: 2,
  link: 3,
  unlink: 4,
  monitor: 5,
  demonitor: 6,
  exit: 7,
  down: 8,
  offer: 9,
  unlinked: 10,
  monitorName: 11,
  monitored: 12,
  /** A notice of the node, not of a process: one of its threads has ended. */
  threadDown: 13,
  /** Asks the node that it is sent to for a process; see `remote-spawn.ts`. */
  spawn: 14,
  spawned: 15,
  spawnFailed: 16,
  /** Many messages of one process; see `message-block.ts`. */
  messages: 17,
} as const;

/** A process within its node. */
export interface Address {
  readonly thread: number;
  readonly serial: number;
}

/** One life of a node, whose processes a carrier implies. */
export interface NodeLife {
  readonly node: NodeName;
  readonly creation: number;
}

/** Longest registered name, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 255;
/** The least that a message takes in a block. */
const MIN_BLOCKED_BYTES = 7;
const MAX_REF_BYTES = 512;
const MAX_CODE_BYTES = 64;
const MAX_FAULT_BYTES = 2_048;

export function encodeMessage(to: Address, from: Address, payload: Uint8Array): Uint8Array {
  const writer = new ByteWriter(21 + payload.length).u8(SIGNAL_OP.message);
  return writeAddress(writeAddress(writer, to), from).raw(payload).take();
}

const NO_PAYLOAD = new Uint8Array(0);

/** As `encodeMessage`; a payload that is long is not copied. */
export function joinMessage(to: Address, from: Address, payload: Uint8Array): AnyBytes {
  if (payload.length < LONG_BYTES) return encodeMessage(to, from, payload);
  return join(encodeMessage(to, from, NO_PAYLOAD), payload);
}

/** As `encodeMessageToName`; a payload that is long is not copied. */
export function joinMessageToName(name: string, from: Address, payload: Uint8Array): AnyBytes {
  if (payload.length < LONG_BYTES) return encodeMessageToName(name, from, payload);
  return join(encodeMessageToName(name, from, NO_PAYLOAD), payload);
}

export function encodeMessageToName(name: string, from: Address, payload: Uint8Array): Uint8Array {
  const writer = new ByteWriter(64 + payload.length).u8(SIGNAL_OP.messageToName).text(name);
  return writeAddress(writer, from).raw(payload).take();
}

/** Asks the node that it is sent to for a monitor of whoever holds the name there. */
export function encodeMonitorName(name: string, from: Address, ref: Ref): Uint8Array {
  const writer = new ByteWriter(64).u8(SIGNAL_OP.monitorName).text(name);
  return writeAddress(writer, from).text(ref).take();
}

/** Asks the node that it is sent to for a process, in the name of `from`. */
export function encodeSpawn(from: Address, ref: Ref, request: Uint8Array): Uint8Array {
  const writer = new ByteWriter(64 + request.length).u8(SIGNAL_OP.spawn);
  return writeAddress(writer, from).text(ref).raw(request).take();
}

export function encodeSignal(signal: Signal): Uint8Array {
  const writer = new ByteWriter(64).u8(SIGNAL_OP[signal.type]);
  writeAddress(writeAddress(writer, addressOf(signal.to)), addressOf(signal.from));
  switch (signal.type) {
    case 'link':
    case 'unlink':
    case 'unlinked':
      break;
    case 'monitor':
    case 'demonitor':
    case 'monitored':
    case 'spawned':
      writer.text(signal.ref);
      break;
    case 'spawnFailed':
      writer.text(signal.ref);
      writeFault(writer, signal.fault);
      break;
    case 'exit':
      writer.u8(signal.linked ? 1 : 0).raw(encodeReason(signal.reason));
      break;
    case 'down':
      writer.text(signal.ref).raw(encodeReason(signal.reason));
      break;
    case 'offer':
      writer.raw(encodeValue(signal.message));
      break;
    default:
      signal satisfies never;
  }
  return writer.take();
}

/** Whether the bytes may be dropped, and their sender waits to hear of it: an offer, or a request for a process. */
export function isAnswered(signal: AnyBytes): boolean {
  return headOf(signal)[0] === SIGNAL_OP.offer || isSpawn(signal);
}

/** Whether the bytes are a request for a process. */
export function isSpawn(signal: AnyBytes): boolean {
  return headOf(signal)[0] === SIGNAL_OP.spawn;
}

/** Tells peers of a thread that has ended: u8 op | u32 thread | reason. */
export function encodeThreadDown(thread: number, reason: ExitReason): Uint8Array {
  return new ByteWriter(64).u8(SIGNAL_OP.threadDown).u32(thread).raw(encodeReason(reason)).take();
}

/** A signal as its carrier sees it: where it goes, and the rest still encoded. */
export type Incoming =
  | { readonly kind: 'message'; readonly to: Address; readonly count: 1; readonly payload: Uint8Array }
  | { readonly kind: 'messages'; readonly to: { readonly thread: number }; readonly count: number }
  | { readonly kind: 'messageToName'; readonly name: string; readonly payload: Uint8Array }
  | { readonly kind: 'monitorName'; readonly name: string; readonly from: Address; readonly ref: Ref }
  | { readonly kind: 'threadDown'; readonly thread: number; readonly reason: Uint8Array }
  | { readonly kind: 'spawn'; readonly from: Address; readonly ref: Ref; readonly request: Uint8Array }
  | { readonly kind: 'signal'; readonly to: Address };

/** Reads the head only, to find the thread that a signal belongs to. */
export function readHead(bytes: AnyBytes): Incoming {
  const reader = new ByteReader(headOf(bytes));
  const payload = (): Uint8Array => (bytes instanceof JoinedBytes ? bytes.tail : reader.rest());
  const op = reader.u8();
  switch (op) {
    case SIGNAL_OP.message: {
      const to = readAddress(reader);
      readAddress(reader);
      return { kind: 'message', to, count: 1, payload: payload() };
    }
    case SIGNAL_OP.messages: {
      const { to, count } = readBlockHead(reader);
      return { kind: 'messages', to, count };
    }
    case SIGNAL_OP.messageToName: {
      const name = reader.text(MAX_NAME_BYTES);
      readAddress(reader);
      return { kind: 'messageToName', name, payload: payload() };
    }
    case SIGNAL_OP.monitorName: {
      const name = reader.text(MAX_NAME_BYTES);
      const from = readAddress(reader);
      const ref = readRef(reader);
      reader.end();
      return { kind: 'monitorName', name, from, ref };
    }
    case SIGNAL_OP.threadDown:
      return { kind: 'threadDown', thread: reader.u32(), reason: reader.rest() };
    case SIGNAL_OP.spawn:
      return { kind: 'spawn', from: readAddress(reader), ref: readRef(reader), request: reader.rest() };
    case SIGNAL_OP.link:
    case SIGNAL_OP.unlink:
    case SIGNAL_OP.monitor:
    case SIGNAL_OP.demonitor:
    case SIGNAL_OP.monitored:
    case SIGNAL_OP.exit:
    case SIGNAL_OP.down:
    case SIGNAL_OP.offer:
    case SIGNAL_OP.unlinked:
    case SIGNAL_OP.spawned:
    case SIGNAL_OP.spawnFailed:
      return { kind: 'signal', to: readAddress(reader) };
    default:
      throw new ProtocolError('unknown signal', `signal operation ${op}`);
  }
}

/**
 * Reads a whole signal other than one to a name, and other than a message.
 * @param trusted false where the bytes came from a peer.
 */
export function decodeSignal(bytes: Uint8Array, source: NodeLife, target: NodeLife, trusted: boolean): Signal {
  const reader = new ByteReader(bytes);
  const op = reader.u8();
  const to = formatPid({ ...target, ...readAddress(reader) });
  const from = formatPid({ ...source, ...readAddress(reader) });
  const signal = decodeRest(op, from, to, reader, trusted);
  reader.end();
  return signal;
}

function decodeRest(op: number, from: Pid, to: Pid, reader: ByteReader, trusted: boolean): Signal {
  const reason = (): ExitReason =>
    (trusted ? decodeValue(reader.rest()) : decodeUntrusted(reader.rest())) as ExitReason;
  switch (op) {
    case SIGNAL_OP.link:
      return { type: 'link', from, to };
    case SIGNAL_OP.unlink:
      return { type: 'unlink', from, to };
    case SIGNAL_OP.unlinked:
      return { type: 'unlinked', from, to };
    case SIGNAL_OP.monitor:
      return { type: 'monitor', from, to, ref: readRef(reader) };
    case SIGNAL_OP.demonitor:
      return { type: 'demonitor', from, to, ref: readRef(reader) };
    case SIGNAL_OP.monitored:
      return { type: 'monitored', from, to, ref: readRef(reader) };
    case SIGNAL_OP.exit:
      return { type: 'exit', from, to, linked: reader.u8() === 1, reason: reason() };
    case SIGNAL_OP.offer: {
      const bytes = reader.rest();
      const message = freezeMessage(trusted ? decodeValue(bytes) : decodeUntrusted(bytes));
      return { type: 'offer', from, to, message, bytes: bytes.length };
    }
    case SIGNAL_OP.down:
      return { type: 'down', from, to, ref: readRef(reader), reason: reason() };
    case SIGNAL_OP.spawned:
      return { type: 'spawned', from, to, ref: readRef(reader) };
    case SIGNAL_OP.spawnFailed:
      return { type: 'spawnFailed', from, to, ref: readRef(reader), fault: readFault(reader) };
    default:
      throw new ProtocolError('unknown signal', `signal operation ${op}`);
  }
}

/** The reason in a notice of a peer. @throws ProtocolError where it is none. */
export function decodeReason(bytes: Uint8Array): ExitReason {
  return portableReason(decodeUntrusted(bytes) as ExitReason);
}

function encodeReason(reason: ExitReason): Uint8Array {
  try {
    return encodeValue(reason);
  } catch {
    // Whoever waits for the end must hear of it, even where the reason itself cannot travel.
    return encodeValue({ error: { name: 'NotPortable', message: 'the exit reason cannot be sent' } });
  }
}

/** A text that is too long is cut: what failed must be told all the same. */
function writeFault(writer: ByteWriter, { code, reason, message }: SpawnFault): void {
  writer.text(cut(code, MAX_CODE_BYTES)).text(cut(reason, MAX_CODE_BYTES)).text(cut(message, MAX_FAULT_BYTES));
}

function readFault(reader: ByteReader): SpawnFault {
  return {
    code: reader.text(MAX_CODE_BYTES),
    reason: reader.text(MAX_CODE_BYTES),
    message: reader.text(MAX_FAULT_BYTES),
  };
}

function cut(text: string, maxBytes: number): string {
  return Buffer.byteLength(text) <= maxBytes ? text : text.slice(0, Math.floor(maxBytes / 3));
}

function writeAddress(writer: ByteWriter, { thread, serial }: Address): ByteWriter {
  return writer.u32(thread).u48(serial);
}

function readAddress(reader: ByteReader): Address {
  return { thread: reader.u32(), serial: reader.u48() };
}

/** See `message-block.ts`. */
function readBlockHead(reader: ByteReader): { readonly to: { readonly thread: number }; readonly count: number } {
  const to = { thread: reader.u32() };
  readAddress(reader);
  const count = reader.count(MIN_BLOCKED_BYTES);
  if (count === 0) throw new ProtocolError('bad count', 'a block without messages');
  return { to, count };
}

function readRef(reader: ByteReader): Ref {
  return reader.text(MAX_REF_BYTES) as Ref;
}

function addressOf(pid: AnyPid): PidParts {
  const parts = parsePid(pid);
  if (parts === undefined) throw new TypeError(`"${pid}" is not a pid`);
  return parts;
}
