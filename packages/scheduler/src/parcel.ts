/**
 * What threads of one node send each other: batches of parcels, each one of
 *
 *   signal     between two processes of this node
 *   inbound    a signal that came from a peer, for a process of the receiving thread
 *   outbound   a signal for a peer, on its way to the home thread
 *   multicast  one message for many processes of the receiving thread, decoded once for all of them
 *   control    what threads tell each other about themselves: spawns, freed names, lost threads and nodes
 *
 * Batches are trusted: they never leave the OS process.
 */
import { ByteReader, type ByteWriter } from './bytes.js';
import type { ExitReason } from './exit-reason.js';
import type { MailboxBound } from './mailbox.js';
import type { NodeName, Pid, Ref } from './pid.js';
import type { Via } from './registry.js';
import { type Address, type NodeLife, SIGNAL_OP } from './signal-codec.js';
import { decodeValue, encodeValue } from './value-codec.js';

const KIND = { signal: 1, inbound: 2, outbound: 3, multicast: 4, control: 5 } as const;
const ANY_LENGTH = 0xffffffff;

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
  /** To home: the way to that thread is open, and it hears of names that are freed from now on. */
  | { readonly type: 'wayOpen'; readonly thread: number }
  /** To home: the process that this thread was started for has ended. */
  | { readonly type: 'released' }
  | { readonly type: 'nodeDown'; readonly node: NodeName; readonly creation: number }
  | { readonly type: 'threadDown'; readonly thread: number; readonly reason: ExitReason };

/** What threads say to each other about starting processes. */
export type SpawnControl = Extract<Control, { type: 'spawn' | 'spawned' | 'spawnFailed' }>;

/** What a thread asks home for, and is answered. */
export type ServiceControl = Extract<Control, { type: 'request' | 'answered' | 'refused' }>;

export interface ParcelHandler {
  signal(bytes: Uint8Array): void;
  inbound(source: NodeLife, bytes: Uint8Array): void;
  outbound(target: NodeLife, mustDeliver: boolean, bytes: Uint8Array): void;
  multicast(serials: readonly number[], message: Uint8Array, trusted: boolean): void;
  control(thread: number, control: Control): void;
}

/** Writes a message signal straight into the batch, without bytes of its own in between. */
export function writeMessage(writer: ByteWriter, to: Address, from: Address, payload: Uint8Array): void {
  writer
    .u8(KIND.signal)
    .u32(21 + payload.length)
    .u8(SIGNAL_OP.message);
  writer.u32(to.thread).u48(to.serial).u32(from.thread).u48(from.serial).raw(payload);
}

export function writeSignal(writer: ByteWriter, signal: Uint8Array): void {
  writer.u8(KIND.signal).block(signal);
}

export function writeInbound(writer: ByteWriter, source: NodeLife, signal: Uint8Array): void {
  writer.u8(KIND.inbound).text(source.node).u32(source.creation).block(signal);
}

export function writeOutbound(writer: ByteWriter, target: NodeLife, mustDeliver: boolean, signal: Uint8Array): void {
  writer
    .u8(KIND.outbound)
    .text(target.node)
    .u32(target.creation)
    .u8(mustDeliver ? 1 : 0)
    .block(signal);
}

export function writeMulticast(
  writer: ByteWriter,
  serials: Iterable<number>,
  count: number,
  message: Uint8Array,
  trusted: boolean,
): void {
  writer
    .u8(KIND.multicast)
    .u8(trusted ? 1 : 0)
    .u32(count);
  for (const serial of serials) writer.u48(serial);
  writer.block(message);
}

export function writeControl(writer: ByteWriter, control: Control): void {
  // Encoded first: what is not portable must throw before the batch holds half a parcel.
  const bytes = encodeValue(control);
  writer.u8(KIND.control).block(bytes);
}

/** Hands every parcel of a batch to `handler`, in order. */
export function readBatch(batch: Uint8Array, thread: number, handler: ParcelHandler): void {
  const reader = new ByteReader(batch);
  while (reader.left > 0) {
    const kind = reader.u8();
    switch (kind) {
      case KIND.signal:
        handler.signal(reader.block(ANY_LENGTH));
        break;
      case KIND.inbound:
        handler.inbound(readLife(reader), reader.block(ANY_LENGTH));
        break;
      case KIND.outbound: {
        const target = readLife(reader);
        const mustDeliver = reader.u8() === 1;
        handler.outbound(target, mustDeliver, reader.block(ANY_LENGTH));
        break;
      }
      case KIND.multicast: {
        const trusted = reader.u8() === 1;
        const serials = Array.from({ length: reader.count(6) }, () => reader.u48());
        handler.multicast(serials, reader.block(ANY_LENGTH), trusted);
        break;
      }
      case KIND.control:
        handler.control(thread, decodeValue(reader.block(ANY_LENGTH)) as Control);
        break;
      default:
        throw new TypeError(`parcel of unknown kind ${kind}`);
    }
  }
}

function readLife(reader: ByteReader): NodeLife {
  const node = reader.text(ANY_LENGTH) as NodeName;
  return { node, creation: reader.u32() };
}
