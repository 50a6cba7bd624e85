import { ByteReader, ByteWriter } from '@liminal-node/scheduler';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cutChanges, cutSnapshot } from '../src/frame-cutting.js';
import {
  decodeFrame,
  encodeFrame,
  FRAME_HEADER_BYTES,
  frameTypeOf,
  MAX_FRAME_BYTES,
  PG_RESYNC,
  PG_SNAPSHOT,
  PG_UPDATE,
  type PgFrame,
  readScope,
} from '../src/wire.js';

const u32 = fc.nat({ max: 0xffffffff });
const u48 = fc.nat({ max: 2 ** 48 - 1 });
const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((text) => Buffer.byteLength(text) <= 255);
const member = (fewestJoins: number) =>
  fc.record({ thread: u32, serial: u48, joins: fc.integer({ min: fewestJoins, max: 0xffffffff }) });
const group = fc.record({ group: name, members: fc.array(member(1), { minLength: 1 }) });
const change = fc
  .tuple(name, member(0))
  .map(([groupName, rest]) => ({ group: groupName, thread: rest.thread, serial: rest.serial, joins: rest.joins }));
const frame: fc.Arbitrary<PgFrame> = fc.oneof(
  fc.record({
    type: fc.constant('snapshot' as const),
    version: u48,
    part: u32,
    last: fc.boolean(),
    groups: fc.array(group),
  }),
  fc.record({ type: fc.constant('update' as const), version: u48, changes: fc.array(change) }),
  fc.constant({ type: 'resync' as const }),
  fc.record({
    type: fc.constant('have' as const),
    life: u48,
    held: fc.option(fc.record({ life: u48, version: u48 }), { nil: undefined }),
  }),
  fc.tuple(u48, u48, fc.array(change)).map(([one, other, changes]) => ({
    type: 'resume' as const,
    from: Math.min(one, other),
    version: Math.max(one, other),
    changes,
  })),
);
const longestScope = 's'.repeat(255);

function decode(type: number, body: Uint8Array): { scope: string; frame: PgFrame } {
  const { scope, reader } = readScope(body);
  return { scope, frame: decodeFrame(type, reader, 255) };
}

/** A plain object, so that deep equality does not look at prototypes. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('frames on the wire', () => {
  test('a frame reads back as it was written', () => {
    fc.assert(
      fc.property(name, frame, (scope, sent) => {
        const read = decode(frameTypeOf(sent), encodeFrame(scope, sent));
        expect(plain(read)).toEqual(plain({ scope, frame: sent }));
      }),
    );
  });

  test.for([
    ['groups', PG_SNAPSHOT, () => new ByteWriter().u48(1).u32(0).u8(1).u32(0xffffffff)],
    [
      'members',
      PG_SNAPSHOT,
      () => new ByteWriter().u48(1).u32(0).u8(1).u32(1).text('g').u32(0xffffffff).raw(new Uint8Array(14).fill(1)),
    ],
    ['changes', PG_UPDATE, () => new ByteWriter().u48(1).u32(0xffffffff).raw(new Uint8Array(100))],
  ] as const)(
    'a declared count of %s is held against the bytes that are there before anything is made for it',
    ([, type, body]) => {
      expect(() => decodeFrame(type, new ByteReader(body().take()), 255)).toThrow(
        expect.objectContaining({ reason: 'bad count' }),
      );
    },
  );

  test.for([
    [
      'a group without a name',
      PG_UPDATE,
      'bad group',
      () => new ByteWriter().u48(1).u32(1).text('').raw(new Uint8Array(15)),
    ],
    [
      'a name that is too long',
      PG_UPDATE,
      'too long',
      () => new ByteWriter().u48(1).u32(1).text('g'.repeat(256)).raw(new Uint8Array(14)),
    ],
    [
      'a group without members',
      PG_SNAPSHOT,
      'bad count',
      () => new ByteWriter().u48(1).u32(0).u8(1).u32(1).text('g').u32(0).raw(new Uint8Array(14)),
    ],
    [
      'a member that never joined',
      PG_SNAPSHOT,
      'bad count',
      () => new ByteWriter().u48(1).u32(0).u8(1).u32(1).text('g').u32(1).raw(new Uint8Array(14)),
    ],
    ['a flag that is none', PG_SNAPSHOT, 'bad flag', () => new ByteWriter().u48(1).u32(0).u8(2).u32(0)],
    ['bytes behind the end', PG_RESYNC, 'trailing bytes', () => new ByteWriter().u8(0)],
    ['a type that is not pg’s', 43, 'bad type', () => new ByteWriter()],
  ] as const)('%s is refused', ([, type, reason, body]) => {
    expect(() => decodeFrame(type, new ByteReader(body().take()), 255)).toThrow(expect.objectContaining({ reason }));
  });

  test('a body of 256 KiB is refused before it is looked at', () => {
    expect(() => readScope(new Uint8Array(MAX_FRAME_BYTES))).toThrow(expect.objectContaining({ reason: 'too long' }));
  });
});

describe('cutting', () => {
  const limit = fc.integer({ min: 1024, max: 4096 });

  test('a snapshot of any size goes in parts below the limit that make it whole again', () => {
    fc.assert(
      fc.property(fc.array(group, { size: '+1' }), limit, (groups, maxFrameBytes) => {
        const parts = cutSnapshot(7, groups, maxFrameBytes);
        expect(parts.map(({ part, last }) => [part, last])).toEqual(
          parts.map((_, index) => [index, index === parts.length - 1]),
        );
        for (const part of parts) expect(encodeFrame(longestScope, part).length).toBeLessThan(maxFrameBytes);
        const flat = (all: typeof groups) =>
          all.flatMap((each) => each.members.map((one) => ({ group: each.group, one })));
        expect(flat(parts.flatMap((part) => [...part.groups]) as typeof groups)).toEqual(flat(groups));
      }),
    );
  });

  test('one group with more members than a frame holds goes on in the next part', () => {
    const members = Array.from({ length: 50_000 }, (_, serial) => ({ thread: 0, serial, joins: 1 }));
    const parts = cutSnapshot(1, [{ group: 'g', members }], MAX_FRAME_BYTES);
    expect(parts.length).toBe(3);
    for (const part of parts) expect(encodeFrame(longestScope, part).length).toBeLessThan(MAX_FRAME_BYTES);
    expect(parts.flatMap((part) => part.groups.flatMap((each) => each.members))).toEqual(members);
  });

  test('changes go in order in updates below the limit', () => {
    fc.assert(
      fc.property(fc.array(change, { size: '+2' }), limit, (changes, maxFrameBytes) => {
        const runs = cutChanges(changes, maxFrameBytes);
        expect(runs.flat()).toEqual(changes);
        for (const run of runs) {
          expect(run.length).toBeGreaterThan(0);
          const body = encodeFrame(longestScope, { type: 'update', version: 1, changes: run });
          expect(body.length).toBeLessThan(maxFrameBytes);
        }
      }),
    );
  });

  test('the header is never longer than the room kept for it', () => {
    const heads: PgFrame[] = [
      { type: 'snapshot', version: 1, part: 0, last: true, groups: [] },
      { type: 'update', version: 1, changes: [] },
      { type: 'resume', from: 1, version: 1, changes: [] },
    ];
    const lengths = heads.map((frame) => encodeFrame(longestScope, frame).length);
    expect(Math.max(...lengths)).toBe(FRAME_HEADER_BYTES);
  });
});
