/**
 * Cutting a membership of any size into frames of a bounded size. A group whose members do not fit in what is
 * left of one part goes on in the next under the same name.
 */
import {
  changeBytes,
  FRAME_HEADER_BYTES,
  groupHeaderBytes,
  SNAPSHOT_MEMBER_BYTES,
  type SnapshotFrame,
  type WireChange,
  type WireGroup,
  type WireMember,
} from './wire.js';

/** Of a UTF-16 code unit in UTF-8, at most. */
const LONGEST_CHARACTER_BYTES = 3;

/** The parts of one snapshot, each of fewer than `maxFrameBytes` bytes; at least one, which may be empty. */
export function cutSnapshot(version: number, all: Iterable<WireGroup>, maxFrameBytes: number): SnapshotFrame[] {
  const parts: WireGroup[][] = [];
  let groups: WireGroup[] = [];
  let left = maxFrameBytes - FRAME_HEADER_BYTES;
  const nextPart = (): void => {
    parts.push(groups);
    groups = [];
    left = maxFrameBytes - FRAME_HEADER_BYTES;
  };
  for (const each of all) {
    const { group, members } = each;
    // Mostly all of them fit, and no name need be measured.
    const most = longestHeader(group) + members.length * SNAPSHOT_MEMBER_BYTES;
    if (most < left) {
      groups.push(each);
      left -= most;
      continue;
    }
    const header = groupHeaderBytes(group);
    for (let from = 0; from < members.length; ) {
      if (groups.length > 0 && left <= header + SNAPSHOT_MEMBER_BYTES) nextPart();
      const fitting = Math.max(1, Math.floor((left - header - 1) / SNAPSHOT_MEMBER_BYTES));
      const some: readonly WireMember[] = members.slice(from, from + fitting);
      groups.push({ group, members: some });
      left -= header + some.length * SNAPSHOT_MEMBER_BYTES;
      from += some.length;
    }
  }
  nextPart();
  return parts.map((part, index) => ({
    type: 'snapshot',
    version,
    part: index,
    last: index === parts.length - 1,
    groups: part,
  }));
}

/** `changes` in order, in runs that each fit an update of fewer than `maxFrameBytes` bytes; none for no changes. */
export function cutChanges(changes: readonly WireChange[], maxFrameBytes: number): (readonly WireChange[])[] {
  if (
    changes.length > 0 &&
    changes.length * changeBytes('') + longestNames(changes) < maxFrameBytes - FRAME_HEADER_BYTES
  ) {
    return [changes];
  }
  const runs: WireChange[][] = [];
  let run: WireChange[] = [];
  let left = 0;
  for (const change of changes) {
    const bytes = changeBytes(change.group);
    if (run.length === 0 || left <= bytes) {
      run = [];
      runs.push(run);
      left = maxFrameBytes - FRAME_HEADER_BYTES;
    }
    run.push(change);
    left -= bytes;
  }
  return runs;
}

/** What a group costs besides its members, at most. */
function longestHeader(group: string): number {
  return groupHeaderBytes('') + group.length * LONGEST_CHARACTER_BYTES;
}

/** What the names take at most: mostly that fits, and no name need be measured. */
function longestNames(changes: readonly WireChange[]): number {
  let bytes = 0;
  for (const { group } of changes) bytes += group.length * LONGEST_CHARACTER_BYTES;
  return bytes;
}
