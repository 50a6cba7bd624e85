import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RingReader, RingWriter, ringMemory } from '../../src/threads/ring.js';

const CAPACITY = 16;

function ring(capacity = CAPACITY): { writer: RingWriter; reader: RingReader; memory: SharedArrayBuffer } {
  const memory = ringMemory(capacity);
  return { memory, writer: new RingWriter(memory), reader: new RingReader(memory) };
}

function read(reader: RingReader, length: number): number[] {
  const target = new Uint8Array(length + 2).fill(255);
  reader.read(target, 1, length);
  expect([target[0], target.at(-1)]).toEqual([255, 255]);
  return [...target.subarray(1, -1)];
}

describe('a ring', () => {
  test('gives back what was written, in order, whatever the pieces', () => {
    const piece = fc.nat(2 * CAPACITY);
    fc.assert(
      fc.property(fc.array(fc.record({ write: piece, read: piece }), { maxLength: 100 }), (steps) => {
        const { writer, reader } = ring();
        let written = 0;
        const taken: number[] = [];
        for (const step of steps) {
          const bytes = Uint8Array.from({ length: step.write + 3 }, (_, index) => (written + index - 3) % 251);
          const room = writer.room;
          const now = writer.write(bytes, 3, bytes.length);
          expect(now).toBe(Math.min(step.write, room));
          written += now;
          taken.push(...read(reader, Math.min(step.read, reader.length)));
          expect([writer.room + reader.length, reader.length]).toEqual([CAPACITY, written - taken.length]);
        }
        taken.push(...read(reader, reader.length));
        expect(taken).toEqual(Array.from({ length: written }, (_, index) => index % 251));
      }),
    );
  });

  test('goes on where its counters begin anew', () => {
    const { memory } = ring(64);
    const counters = new Int32Array(memory);
    // Written and taken, 40 bytes before 2^31 and then before 2^32.
    for (const count of [0x7fffffff - 40, -40]) {
      for (const at of [0, 16]) Atomics.store(counters, at, count);
      const [writer, reader] = [new RingWriter(memory), new RingReader(memory)];
      for (let round = 0; round < 4; round++) {
        const bytes = Uint8Array.from({ length: 50 }, (_, index) => round + index);
        expect([writer.write(bytes, 0, 50), writer.room, reader.length]).toEqual([50, 14, 50]);
        expect(read(reader, 50)).toEqual([...bytes]);
      }
    }
  });

  test('can be read to its end by whoever comes late', () => {
    const { writer, memory } = ring();
    writer.write(Uint8Array.of(1, 2, 3), 0, 3);
    const late = new RingReader(memory);
    expect(read(late, late.length)).toEqual([1, 2, 3]);
  });

  test('tells once that its reader rests, and not after it woke', () => {
    const { writer, reader } = ring();
    expect(writer.takeResting()).toBe(false);
    reader.rest();
    expect([writer.takeResting(), writer.takeResting()]).toEqual([true, false]);
    reader.rest();
    reader.wake();
    expect(writer.takeResting()).toBe(false);
  });

  test('tells once that its writer wants room', () => {
    const { writer, reader } = ring();
    expect(reader.takeRoomRequest()).toBe(false);
    writer.wantRoom();
    expect([reader.takeRoomRequest(), reader.takeRoomRequest()]).toEqual([true, false]);
  });

  test('has a capacity that is a power of two', () => {
    expect(() => ringMemory(100)).toThrow(RangeError);
  });
});
