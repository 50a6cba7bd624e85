/**
 * The body of MISSING: nodes missed: count u16, per node: name text; then nodes held apart: the same. It replaces what
 * the same peer has said before. The frame is optional, and what a later version may append is skipped.
 */
import { ByteReader, ByteWriter, type NodeName, ProtocolError, parseNodeName } from '@liminal-node/scheduler';
import type { Absence } from './overlapping-partitions.js';

/** The most names in a list; of more, the first by name are told. */
const MAX_NAMES = 1_024;

const MAX_NAME_BYTES = 255;

export function encodeMissing({ missed, apart }: Absence): Uint8Array {
  const writer = new ByteWriter();
  for (const all of [missed, apart]) {
    const names = all.slice(0, MAX_NAMES);
    writer.u16(names.length);
    for (const name of names) writer.text(name);
  }
  return writer.take();
}

/** @throws ProtocolError */
export function decodeMissing(body: Uint8Array): Absence {
  const reader = new ByteReader(body);
  const missed = readNames(reader);
  return { missed, apart: readNames(reader) };
}

function readNames(reader: ByteReader): NodeName[] {
  const count = reader.u16();
  if (count > MAX_NAMES) throw new ProtocolError('bad count', `${count} missing nodes in one list`);
  const names: NodeName[] = [];
  for (let left = count; left > 0; left--) names.push(nodeName(reader.text(MAX_NAME_BYTES)));
  return names;
}

function nodeName(text: string): NodeName {
  try {
    return parseNodeName(text);
  } catch {
    throw new ProtocolError('bad name', 'a missing node without a name of one');
  }
}
