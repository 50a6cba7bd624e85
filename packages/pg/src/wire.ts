/**
 * The bodies of pg's frames. Each begins with the scope (text), because several scopes share a connection.
 * Numbers are big-endian; text is UTF-8 behind a 16-bit length.
 *
 *   PG_SNAPSHOT  scope, version u48, part u32 (counts from 0), last u8 (0 or 1), groups u32,
 *                per group: name text, members u32 (1 or more), per member: thread u32, serial u48, joins u32 (1 or more)
 *   PG_UPDATE    scope, version u48, changes u32, per change: name text, thread u32, serial u48, joins u32 (0: left)
 *   PG_RESYNC    scope
 *   PG_ASK       scope, version u48; whoever does not know it skips it, as PG_ACK
 *   PG_ACK       scope, version u48
 *   PG_HAVE      scope, life u48 of the sender's scope, held u8 (0 or 1); if held: life u48, version u48 of the receiver's that
 *                the sender still holds from an earlier session. Only for a session that resumes, as PG_RESUME
 *   PG_RESUME    scope, from u48, version u48, changes as in PG_UPDATE: leads from a version that the receiver holds to another
 *
 * A member is named by thread and serial alone: node and creation are those of the session that carries the
 * frame, so that a peer can speak only about its own processes. An update without changes announces the version
 * that the receiver should know. Joins are absolute, not increments.
 *
 * Every fault is a `ProtocolError`, and nothing is allocated from a declared count before the bytes for it have been seen.
 */
import { ByteReader, ByteWriter, ProtocolError } from '@liminal-node/scheduler';

/** pg's rows in distribution's table of frame types. */
export const PG_SNAPSHOT = 40;
export const PG_UPDATE = 41;
export const PG_RESYNC = 42;
export const PG_ASK = 168;
export const PG_ACK = 169;
export const PG_HAVE = 170;
export const PG_RESUME = 171;

/** A body of this many bytes or more is neither made nor taken. */
export const MAX_FRAME_BYTES = 256 * 1024;

/** A scope's name in bytes of UTF-8, at most. */
export const MAX_SCOPE_BYTES = 255;

/** One process in a group, as its own node tells it; `joins` is how often it has joined. */
export interface WireMember {
  readonly thread: number;
  readonly serial: number;
  readonly joins: number;
}

export interface WireGroup {
  readonly group: string;
  readonly members: readonly WireMember[];
}

/** How often a process has joined a group from now on; 0: it has left. */
export interface WireChange extends WireMember {
  readonly group: string;
}

/** One part of all that the sender's node has, as of `version`. Takes effect with the last part. */
export interface SnapshotFrame {
  readonly type: 'snapshot';
  readonly version: number;
  readonly part: number;
  readonly last: boolean;
  readonly groups: readonly WireGroup[];
}

/** Changes that make `version` of version - 1; without changes: `version` is what you should know. */
export interface UpdateFrame {
  readonly type: 'update';
  readonly version: number;
  readonly changes: readonly WireChange[];
}

/** Asks for a snapshot. */
export interface ResyncFrame {
  readonly type: 'resync';
}

/** Which life the sender's scope is in, and what it still holds of the receiver's. Asks for all that it lacks. */
export interface HaveFrame {
  readonly type: 'have';
  readonly life: number;
  readonly held: { readonly life: number; readonly version: number } | undefined;
}

/** Changes that make `version` of `from`, which the receiver has said that it holds. */
export interface ResumeFrame {
  readonly type: 'resume';
  readonly from: number;
  readonly version: number;
  readonly changes: readonly WireChange[];
}

/** The frames that carry a membership, or ask for one. */
export type PgFrame = SnapshotFrame | UpdateFrame | ResyncFrame | HaveFrame | ResumeFrame;

export function frameTypeOf(frame: PgFrame): number {
  switch (frame.type) {
    case 'snapshot':
      return PG_SNAPSHOT;
    case 'update':
      return PG_UPDATE;
    case 'resync':
      return PG_RESYNC;
    case 'have':
      return PG_HAVE;
    case 'resume':
      return PG_RESUME;
    default:
      return frame satisfies never;
  }
}

export function encodeFrame(scope: string, frame: PgFrame): Uint8Array {
  const writer = new ByteWriter(expectedBytes(frame)).text(scope);
  switch (frame.type) {
    case 'snapshot':
      writer
        .u48(frame.version)
        .u32(frame.part)
        .u8(frame.last ? 1 : 0)
        .u32(frame.groups.length);
      for (const { group, members } of frame.groups) {
        writer.text(group).u32(members.length);
        for (const member of members) writeMember(writer, member);
      }
      break;
    case 'update':
      writeChanges(writer.u48(frame.version), frame.changes);
      break;
    case 'have':
      writer.u48(frame.life).u8(frame.held === undefined ? 0 : 1);
      if (frame.held !== undefined) writer.u48(frame.held.life).u48(frame.held.version);
      break;
    case 'resume':
      writeChanges(writer.u48(frame.from).u48(frame.version), frame.changes);
      break;
    case 'resync':
      break;
    default:
      frame satisfies never;
  }
  return writer.take();
}

/** About as many as the body will have: it is seldom copied while it grows. */
function expectedBytes(frame: PgFrame): number {
  const items = 'changes' in frame ? frame.changes.length : 'groups' in frame ? frame.groups.length : 0;
  return FRAME_HEADER_BYTES + items * EXPECTED_ITEM_BYTES;
}

/** The body of PG_ASK and PG_ACK. */
export function encodeVersion(scope: string, version: number): Uint8Array {
  return new ByteWriter().text(scope).u48(version).take();
}

/**
 * What follows the scope in such a body.
 * @throws ProtocolError
 */
export function decodeVersion(reader: ByteReader): number {
  const version = reader.u48();
  reader.end();
  return version;
}

const MEMBER_BYTES = 4 + 6 + 4;
const EXPECTED_ITEM_BYTES = 32;
const SHORTEST_NAME = 2 + 1;

/** What a group costs in a snapshot besides its members, in bytes. */
export function groupHeaderBytes(group: string): number {
  return 2 + Buffer.byteLength(group) + 4;
}

/** What one member of a group costs in a snapshot, in bytes. */
export const SNAPSHOT_MEMBER_BYTES = MEMBER_BYTES;

/** What one change costs in an update, in bytes. */
export function changeBytes(group: string): number {
  return 2 + Buffer.byteLength(group) + MEMBER_BYTES;
}

/** What a frame's fields before its items cost at most, in bytes. */
export const FRAME_HEADER_BYTES = 2 + MAX_SCOPE_BYTES + 6 + 6 + 4;

/**
 * The scope that a body is for, and a reader that stands behind it.
 * @throws ProtocolError
 */
export function readScope(body: Uint8Array): { scope: string; reader: ByteReader } {
  if (body.length >= MAX_FRAME_BYTES) throw new ProtocolError('too long', `pg frame of ${body.length} bytes`);
  const reader = new ByteReader(body);
  return { scope: reader.text(MAX_SCOPE_BYTES), reader };
}

/**
 * What follows the scope in a body of that frame type.
 * @throws ProtocolError
 */
export function decodeFrame(type: number, reader: ByteReader, maxGroupBytes: number): PgFrame {
  const frame = readFrame(type, reader, maxGroupBytes);
  reader.end();
  return frame;
}

function readFrame(type: number, reader: ByteReader, maxGroupBytes: number): PgFrame {
  switch (type) {
    case PG_SNAPSHOT:
      return readSnapshot(reader, maxGroupBytes);
    case PG_UPDATE:
      return readUpdate(reader, maxGroupBytes);
    case PG_RESYNC:
      return { type: 'resync' };
    case PG_HAVE:
      return readHave(reader);
    case PG_RESUME:
      return readResume(reader, maxGroupBytes);
    default:
      throw new ProtocolError('bad type', `frame type ${type} is not pg's`);
  }
}

function readSnapshot(reader: ByteReader, maxGroupBytes: number): SnapshotFrame {
  const version = reader.u48();
  const part = reader.u32();
  const last = reader.u8();
  if (last > 1) throw new ProtocolError('bad flag', `last is ${last}`);
  const groups: WireGroup[] = [];
  for (let left = reader.count(SHORTEST_NAME + 4 + MEMBER_BYTES); left > 0; left--) {
    const group = readGroupName(reader, maxGroupBytes);
    const members: WireMember[] = [];
    const count = reader.count(MEMBER_BYTES);
    if (count === 0) throw new ProtocolError('bad count', 'a group without members');
    for (let member = 0; member < count; member++) members.push(readMember(reader, 1));
    groups.push({ group, members });
  }
  return { type: 'snapshot', version, part, last: last === 1, groups };
}

function readUpdate(reader: ByteReader, maxGroupBytes: number): UpdateFrame {
  return { type: 'update', version: reader.u48(), changes: readChanges(reader, maxGroupBytes) };
}

function readHave(reader: ByteReader): HaveFrame {
  const life = reader.u48();
  const isHeld = reader.u8();
  if (isHeld > 1) throw new ProtocolError('bad flag', `held is ${isHeld}`);
  return { type: 'have', life, held: isHeld === 0 ? undefined : { life: reader.u48(), version: reader.u48() } };
}

function readResume(reader: ByteReader, maxGroupBytes: number): ResumeFrame {
  const from = reader.u48();
  const version = reader.u48();
  if (version < from) throw new ProtocolError('bad version', `from version ${from} on to ${version}`);
  return { type: 'resume', from, version, changes: readChanges(reader, maxGroupBytes) };
}

function readChanges(reader: ByteReader, maxGroupBytes: number): WireChange[] {
  const changes: WireChange[] = [];
  let last = '';
  for (let left = reader.count(SHORTEST_NAME + MEMBER_BYTES); left > 0; left--) {
    let group = readGroupName(reader, maxGroupBytes);
    // One string for changes of one group in a row: it is looked up by its text once, and kept once.
    if (group === last) group = last;
    else last = group;
    changes.push({ group, thread: reader.u32(), serial: reader.u48(), joins: reader.u32() });
  }
  return changes;
}

function readGroupName(reader: ByteReader, maxGroupBytes: number): string {
  const group = reader.text(maxGroupBytes);
  if (group === '') throw new ProtocolError('bad group', 'a group without a name');
  return group;
}

function readMember(reader: ByteReader, fewestJoins: number): WireMember {
  const thread = reader.u32();
  const serial = reader.u48();
  const joins = reader.u32();
  if (joins < fewestJoins) throw new ProtocolError('bad count', 'a member that never joined');
  return { thread, serial, joins };
}

function writeMember(writer: ByteWriter, { thread, serial, joins }: WireMember): void {
  writer.u32(thread).u48(serial).u32(joins);
}

function writeChanges(writer: ByteWriter, changes: readonly WireChange[]): void {
  writer.u32(changes.length);
  for (const change of changes) writeMember(writer.text(change.group), change);
}
