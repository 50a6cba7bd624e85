/**
 * The bodies of GLOBAL_NAMES frames:
 *
 *   u8 operation | rest by operation
 *
 *   key    text, a letter for its kind and the name behind it
 *   claim  key | thread u32 | serial u48 | time u48 | held u8
 *
 * Node and creation of a process are those of the session, so that a peer cannot claim for another node. A snapshot of
 * any size is cut into parts.
 */
import { ByteReader, ByteWriter, formatPid, type NodeLife, ProtocolError, parsePid } from '@liminal-node/scheduler';
import type { NameMessage, ToldClaim } from './name-message.js';

/** Appended to, never renumbered: nodes of different versions meet. */
export const NAME_OP = {
  snapshot: 1,
  ask: 2,
  grant: 3,
  deny: 4,
  cancel: 5,
  claim: 6,
  claimed: 7,
  held: 8,
  release: 9,
  check: 10,
  checked: 11,
} as const;

/** Longest name, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 255;

/** Of a part of a snapshot. */
const MAX_PART_BYTES = 32 * 1_024;

/** What a claim takes beside its key. */
const CLAIM_BYTES = 2 + 4 + 6 + 6 + 1;

const FIRST = 1;
const LAST = 2;
const DENIALS = ['taken', 'busy'] as const;

/** The frames that a message takes: one, but for a long snapshot. */
export function encodeMessage(message: NameMessage): Uint8Array[] {
  if (message.type === 'snapshot') return parts(message.claims).map(encodePart);
  const writer = new ByteWriter(64).u8(NAME_OP[message.type]);
  switch (message.type) {
    case 'ask':
    case 'check':
      writer.u32(message.request).text(message.key);
      break;
    case 'grant':
      writer.u32(message.request).u48(message.time);
      break;
    case 'deny':
      writer.u32(message.request).u8(DENIALS.indexOf(message.reason));
      break;
    case 'cancel':
    case 'checked':
      writer.u32(message.request);
      break;
    case 'claim':
      writeClaim(writer.u32(message.request), message.claim);
      break;
    case 'claimed':
      writer.u32(message.request).u8(message.agreed ? 1 : 0);
      break;
    case 'held':
    case 'release':
      writer.text(message.key).u48(message.time);
      break;
    default:
      message satisfies never;
  }
  return [writer.take()];
}

/**
 * @param source whose session brought it.
 * @returns undefined for an operation of a later version.
 * @throws ProtocolError
 */
export function decodeMessage(bytes: Uint8Array, source: NodeLife): NameMessage | undefined {
  const reader = new ByteReader(bytes);
  const message = decode(reader.u8(), reader, source);
  if (message !== undefined) reader.end();
  return message;
}

function decode(op: number, reader: ByteReader, source: NodeLife): NameMessage | undefined {
  switch (op) {
    case NAME_OP.snapshot: {
      const flags = reader.u8();
      const claims: ToldClaim[] = [];
      for (let left = reader.count(CLAIM_BYTES); left > 0; left--) claims.push(readClaim(reader, source));
      return { type: 'snapshot', first: (flags & FIRST) !== 0, last: (flags & LAST) !== 0, claims };
    }
    case NAME_OP.ask:
      return { type: 'ask', request: reader.u32(), key: readKey(reader) };
    case NAME_OP.grant:
      return { type: 'grant', request: reader.u32(), time: reader.u48() };
    case NAME_OP.deny:
      // Why a later version denies a name does not matter: it is denied.
      return { type: 'deny', request: reader.u32(), reason: DENIALS[reader.u8()] ?? 'taken' };
    case NAME_OP.cancel:
      return { type: 'cancel', request: reader.u32() };
    case NAME_OP.claim:
      return { type: 'claim', request: reader.u32(), claim: readClaim(reader, source) };
    case NAME_OP.claimed:
      return { type: 'claimed', request: reader.u32(), agreed: reader.u8() === 1 };
    case NAME_OP.held:
      return { type: 'held', key: readKey(reader), time: reader.u48() };
    case NAME_OP.release:
      return { type: 'release', key: readKey(reader), time: reader.u48() };
    case NAME_OP.check:
      return { type: 'check', request: reader.u32(), key: readKey(reader) };
    case NAME_OP.checked:
      return { type: 'checked', request: reader.u32() };
    default:
      return undefined;
  }
}

interface Part {
  readonly claims: readonly ToldClaim[];
  readonly flags: number;
}

function parts(claims: readonly ToldClaim[]): Part[] {
  const all: ToldClaim[][] = [[]];
  let left = MAX_PART_BYTES;
  for (const claim of claims) {
    const bytes = CLAIM_BYTES + Buffer.byteLength(claim.key);
    if (bytes > left) {
      all.push([]);
      left = MAX_PART_BYTES;
    }
    left -= bytes;
    all.at(-1)?.push(claim);
  }
  return all.map((some, at) => ({
    claims: some,
    flags: (at === 0 ? FIRST : 0) | (at === all.length - 1 ? LAST : 0),
  }));
}

function encodePart({ claims, flags }: Part): Uint8Array {
  const writer = new ByteWriter(256).u8(NAME_OP.snapshot).u8(flags).u32(claims.length);
  for (const claim of claims) writeClaim(writer, claim);
  return writer.take();
}

function writeClaim(writer: ByteWriter, { key, pid, time, held }: ToldClaim): void {
  const { thread, serial } = parsePid(pid) ?? { thread: 0, serial: 0 };
  writer
    .text(key)
    .u32(thread)
    .u48(serial)
    .u48(time)
    .u8(held ? 1 : 0);
}

function readClaim(reader: ByteReader, source: NodeLife): ToldClaim {
  const key = readKey(reader);
  const pid = formatPid({ ...source, thread: reader.u32(), serial: reader.u48() });
  return { key, pid, time: reader.u48(), held: reader.u8() === 1 };
}

function readKey(reader: ByteReader): string {
  const key = reader.text(MAX_NAME_BYTES + 1);
  if (!/^[nl]./su.test(key))
    throw new ProtocolError('bad name', 'a global name is a letter and at least one character');
  return key;
}
