/**
 * The flow of a signal: a number for its sender. Whatever carries signals keeps the order of one flow, and may
 * let flows pass one another. Two senders with the same number only share an order that nobody promised them.
 */
import { ByteReader } from './encoding/bytes.js';
import { type AnyBytes, headOf } from './encoding/long-bytes.js';
import { MAX_NAME_BYTES, SIGNAL_OP } from './encoding/signal-codec.js';
import type { AnyPid } from './pid.js';

function flow(thread: number, serial: number): number {
  return serial * 1024 + (thread % 1024);
}

/** The flow of what this process sends. */
export function flowOfPid(pid: AnyPid): number {
  const serialAt = pid.lastIndexOf('.') + 1;
  const threadAt = pid.lastIndexOf('.', serialAt - 2) + 1;
  return flow(Number(pid.slice(threadAt, serialAt - 1)), Number(pid.slice(serialAt)));
}

/** The flow of an encoded signal of this node; see `signal-codec.ts` for its head. */
export function flowOfSignal(signal: AnyBytes): number {
  const reader = new ByteReader(headOf(signal));
  const op = reader.u8();
  if (op === SIGNAL_OP.messageToName || op === SIGNAL_OP.monitorName) reader.text(MAX_NAME_BYTES);
  else if (op === SIGNAL_OP.messages) reader.u32();
  else if (op !== SIGNAL_OP.spawn) reader.raw(ADDRESS_BYTES);
  return flow(reader.u32(), reader.u48());
}

const ADDRESS_BYTES = 10;
