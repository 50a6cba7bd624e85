import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeFrame, FrameDecoder } from '../src/frame.js';
import { FrameType } from '../src/frame-type.js';

type Frame = [number, string];

const frames = fc.array(fc.tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 300 })), {
  maxLength: 20,
});

/** `bytes` in pieces of the given sizes, repeated. */
function pieces(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const cut: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    cut.push(bytes.slice(at, at + size));
    at += size;
  }
  return cut;
}

function decode(chunks: readonly Uint8Array[], maxFrameBytes = 1_000): Frame[] {
  const decoder = new FrameDecoder(maxFrameBytes);
  const got: Frame[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk, (type, body) => {
      got.push([type, Buffer.from(body).toString('hex')]);
      return true;
    });
  }
  return got;
}

describe('frames', () => {
  test('come out as they went in, wherever the bytes are cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 }), (sent, sizes) => {
        const bytes = Buffer.concat(sent.map(([type, body]) => encodeFrame(type, body)));
        const expected = sent.map(([type, body]) => [type, Buffer.from(body).toString('hex')]);
        expect(decode(pieces(bytes, sizes))).toEqual(expected);
      }),
    );
  });

  test('but for fragments, may be kept: their bytes stay as they are while others come', () => {
    const type = fc.constantFrom<number>(FrameType.FRAGMENT, FrameType.SIGNAL);
    const mixed = fc.array(fc.tuple(type, fc.uint8Array({ maxLength: 300 })), { minLength: 5, maxLength: 20 });
    fc.assert(
      fc.property(mixed, fc.integer({ min: 1, max: 400 }), (sent, size) => {
        const decoder = new FrameDecoder(1_000);
        const kept: Uint8Array[] = [];
        for (const piece of pieces(Buffer.concat(sent.map(([of, body]) => encodeFrame(of, body))), [size])) {
          decoder.push(piece, (of, body) => of === FrameType.FRAGMENT || kept.push(body) > 0);
        }
        const expected = sent.filter(([of]) => of !== FrameType.FRAGMENT).map(([, body]) => Buffer.from(body));
        expect(kept.map((body) => Buffer.from(body))).toEqual(expected);
      }),
    );
  });

  test('of fragments that come in pieces are put together in the same memory', () => {
    const memories = new Set<ArrayBufferLike>();
    const decoder = new FrameDecoder(1_000);
    const bytes = Buffer.concat(Array.from({ length: 5 }, () => encodeFrame(FrameType.FRAGMENT, Buffer.alloc(300, 1))));
    for (const piece of pieces(bytes, [100])) decoder.push(piece, (_type, body) => memories.add(body.buffer).size > 0);
    expect(memories.size).toBe(1);
  });

  test('cut at every byte, one stream gives the same frames', () => {
    const bytes = Buffer.concat([
      encodeFrame(1, Buffer.from('one')),
      encodeFrame(2, Buffer.alloc(0)),
      encodeFrame(255, Buffer.alloc(90, 7)),
    ]);
    const whole = decode([bytes]);
    expect(whole).toHaveLength(3);
    for (let at = 0; at <= bytes.length; at++)
      expect(decode([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(whole);
    expect(decode(pieces(bytes, [1]))).toEqual(whole);
  });

  test('a header that asks for 4 GiB is refused with its fourth byte, wherever it is cut', () => {
    for (let at = 0; at <= 4; at++) {
      const header = Buffer.from('ffffffff', 'hex');
      expect(() => decode([header.subarray(0, at), header.subarray(at)], 2 ** 24)).toThrow(
        /4294967295 bytes announced; at most 16777216/,
      );
    }
  });

  test('a frame of exactly the cap passes, one byte more does not, and an empty one does not', () => {
    expect(decode([encodeFrame(9, Buffer.alloc(99))], 100)).toHaveLength(1);
    expect(() => decode([encodeFrame(9, Buffer.alloc(100))], 100)).toThrow('101 bytes announced');
    expect(() => decode([Buffer.alloc(4)], 100)).toThrow('empty frame');
  });

  test('a frame announced but not sent reserves no more than twice what came', () => {
    const before = process.memoryUsage().arrayBuffers;
    const decoders = Array.from({ length: 100 }, () => new FrameDecoder(2 ** 30));
    for (const decoder of decoders) {
      decoder.push(Buffer.from('3fffffff', 'hex'), () => true);
      decoder.push(Buffer.alloc(1_000), () => true);
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 24);
    expect(decoders).toHaveLength(100);
  });

  test('the cap may be raised from within the sink, for the frames that follow in the same chunk', () => {
    const decoder = new FrameDecoder(10);
    const sizes: number[] = [];
    decoder.push(Buffer.concat([encodeFrame(1, Buffer.alloc(5)), encodeFrame(2, Buffer.alloc(500))]), (_type, body) => {
      decoder.maxFrameBytes = 1_000;
      sizes.push(body.length);
      return true;
    });
    expect(sizes).toEqual([5, 500]);
  });

  test('a sink that says no is given no more', () => {
    const decoder = new FrameDecoder(100);
    let given = 0;
    decoder.push(Buffer.concat([encodeFrame(1, Buffer.alloc(5)), encodeFrame(2, Buffer.alloc(5))]), () => ++given > 9);
    expect(given).toBe(1);
  });
});
