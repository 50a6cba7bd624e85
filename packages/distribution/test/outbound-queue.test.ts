import { join, LongMemory } from '@liminal-node/scheduler';
import { createVirtualEnvironment } from '@liminal-node/scheduler/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Batch } from '../src/batch.js';
import { FRAGMENT_BYTES } from '../src/fragment.js';
import { FrameDecoder, HEADER_BYTES } from '../src/frame.js';
import type { GrowingBody } from '../src/growing-frame.js';
import { BATCH_BYTES, OutboundQueue } from '../src/outbound-queue.js';
import type { Lane } from '../src/session.js';
import { collectGarbage } from './collect-garbage.js';

const limits = { maxControlQueueBytes: 3_000, maxDataQueueBytes: 2_000, maxPendingBytes: 2_000 };

const WIDE = { maxControlQueueBytes: 2 ** 20, maxDataQueueBytes: 2 ** 20, maxPendingBytes: 2 ** 20 };
const PEER = { maxBodyBytes: 2 ** 20, takesFragments: true };
/** Puts no fragments together. */
const OLD_PEER = { ...PEER, takesFragments: false };

const lane = fc.constantFrom<Lane>('control', 'signal', 'data');
const action = fc.oneof(
  { weight: 4, arbitrary: fc.record({ push: lane, bytes: fc.integer({ min: 0, max: 1_500 }) }) },
  { weight: 1, arbitrary: fc.constant('take' as const) },
  { weight: 1, arbitrary: fc.constant('written' as const) },
);

function drain(queue: OutboundQueue): Uint8Array[] {
  const written: Uint8Array[] = [];
  for (let batch = queue.take(); batch !== undefined; batch = queue.take()) {
    written.push(Uint8Array.from(batch.bytes));
    queue.release(batch);
  }
  return written;
}

function framesOf(chunks: readonly Uint8Array[]): { type: number; body: Uint8Array }[] {
  const decoder = new FrameDecoder(2 ** 30);
  const frames: { type: number; body: Uint8Array }[] = [];
  for (const chunk of chunks) decoder.push(chunk, (type, body) => frames.push({ type, body }) > 0);
  return frames;
}

describe('the outbound queue', () => {
  test('charges each byte to its budget once and gives it back once, whatever the order of events', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const queue = new OutboundQueue(limits, PEER);
        const inFlight: Batch[] = [];
        const accepted = { control: [] as number[], data: [] as number[] };
        const chunks: Uint8Array[] = [];
        const owed = { control: 0, data: 0 };
        let serial = 0;
        const settle = (): void => {
          const batch = inFlight.shift();
          if (batch === undefined) return;
          queue.release(batch);
          owed.control -= batch.controlBytes;
          owed.data -= batch.dataBytes;
        };
        for (const next of actions) {
          if (next === 'take') {
            const batch = queue.take();
            if (batch !== undefined) inFlight.push(batch);
            if (batch !== undefined) chunks.push(Uint8Array.from(batch.bytes));
          } else if (next === 'written') settle();
          else {
            const body = Buffer.alloc(next.bytes + 4);
            body.writeUInt32BE(serial++);
            const size = body.length + HEADER_BYTES;
            const budget = next.push === 'data' ? 'data' : 'control';
            const cap = budget === 'data' ? limits.maxDataQueueBytes : limits.maxControlQueueBytes;
            const fits = owed[budget] === 0 || owed[budget] + size <= cap;
            expect(queue.push(next.push === 'control' ? 1 : 2, body, next.push)).toBe(
              fits ? 'queued' : `over ${budget} budget`,
            );
            if (!fits) continue;
            owed[budget] += size;
            accepted[next.push === 'control' ? 'control' : 'data'].push(serial - 1);
          }
          expect([queue.controlBytes, queue.dataBytes]).toEqual([owed.control, owed.data]);
        }
        while (inFlight.length > 0) settle();
        chunks.push(...drain(queue));
        expect([queue.controlBytes, queue.dataBytes, queue.waitingBytes]).toEqual([0, 0, 0]);
        const got = framesOf(chunks);
        const serials = (type: number): number[] =>
          got.filter((frame) => frame.type === type).map(({ body }) => Buffer.from(body).readUInt32BE());
        expect(serials(1)).toEqual(accepted.control);
        expect(serials(2)).toEqual(accepted.data);
      }),
    );
  });

  test('accounts for every frame when it is cleared: written, dropped, or in a buffer that was under way', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const queue = new OutboundQueue(WIDE, PEER);
        const inFlight: Batch[] = [];
        const frames = { data: 0, all: 0, written: 0 };
        const decoder = new FrameDecoder(2 ** 30);
        const seen = { data: 0, all: 0 };
        for (const next of actions) {
          if (next === 'take') {
            const batch = queue.take();
            if (batch === undefined) continue;
            inFlight.push(batch);
            decoder.push(batch.bytes, (type) => {
              seen.all++;
              if (type === 2) seen.data++;
              return true;
            });
          } else if (next === 'written') {
            const batch = inFlight.shift();
            if (batch === undefined) continue;
            queue.release(batch);
            frames.written += batch.frames;
          } else {
            queue.push(next.push === 'data' ? 2 : 1, Buffer.alloc(next.bytes), next.push);
            frames.all++;
            if (next.push === 'data') frames.data++;
          }
        }
        const { dropped, uncertain } = queue.clear();
        expect(frames.all).toBe(frames.written + dropped + uncertain);
        // The peer can have what was in a buffer and nothing else.
        expect(seen.all).toBe(frames.written + uncertain);
        const { traffic } = queue;
        expect(traffic.queued).toBe(frames.data);
        expect(traffic.written + traffic.uncertain).toBe(seen.data);
        expect(traffic.dropped).toBe(frames.data - seen.data);
        expect(queue.clear()).toEqual({ dropped: 0, uncertain: 0 });
      }),
    );
  });

  test('takes control first, and signals in order with data', () => {
    const queue = new OutboundQueue(limits, PEER);
    queue.push(1, Buffer.alloc(1), 'data');
    queue.push(2, Buffer.alloc(1), 'signal');
    queue.push(3, Buffer.alloc(1), 'data');
    queue.push(4, Buffer.alloc(1), 'control');
    expect(framesOf(drain(queue)).map(({ type }) => type)).toEqual([4, 1, 2, 3]);
  });

  test('cuts a large frame into batches, and lets nothing come between its parts for a peer that takes no fragments', () => {
    const queue = new OutboundQueue(WIDE, OLD_PEER);
    const large = Buffer.from(Array.from({ length: 3 * BATCH_BYTES + 77 }, (_, at) => at % 251));
    expect(queue.push(9, large, 'data')).toBe('queued');
    const first = queue.take();
    expect(first?.bytes.length).toBe(BATCH_BYTES);
    expect(queue.atFrameEnd).toBe(false);
    queue.push(4, Buffer.alloc(3), 'control');
    const frames = framesOf([first?.bytes ?? Buffer.alloc(0), ...drain(queue)]);
    expect(frames.map(({ type }) => type)).toEqual([9, 4]);
    expect(Buffer.compare(frames[0]?.body ?? Buffer.alloc(0), large)).toBe(0);
    expect(queue.atFrameEnd).toBe(true);
  });

  test('writes into memory again that was released, and never into what is still being written', () => {
    const queue = new OutboundQueue(WIDE, OLD_PEER);
    const body = Buffer.alloc(5 * BATCH_BYTES, 7);
    queue.push(9, body, 'data');
    const [first, second] = [queue.take(), queue.take()];
    if (first === undefined || second === undefined) throw new Error('nothing to write');
    expect(second.bytes.buffer).not.toBe(first.bytes.buffer);
    queue.release(first);
    const third = queue.take();
    expect(third?.bytes.buffer).toBe(first.bytes.buffer);
    expect(queue.take()?.bytes.buffer).not.toBe(third?.bytes.buffer);
  });

  test('keeps the memory of a buffer into which nothing may go', () => {
    const queue = new OutboundQueue(WIDE, PEER);
    queue.push(9, Buffer.alloc(5 * BATCH_BYTES), 'data');
    const first = queue.take() as Batch;
    queue.release(first);
    // The rest of a fragment that has begun, which is short.
    queue.release(queue.take(0) as Batch);
    expect(queue.take(0)).toBeUndefined();
    expect(queue.take()?.bytes.buffer).toBe(first.bytes.buffer);
  });

  test('keeps no memory of a buffer that is followed by a short one', () => {
    const queue = new OutboundQueue(WIDE, OLD_PEER);
    const memoryOf = (bytes: number): ArrayBufferLike => {
      queue.push(9, Buffer.alloc(bytes), 'data');
      const batch = queue.take();
      if (batch === undefined) throw new Error('nothing to write');
      queue.release(batch);
      return batch.bytes.buffer;
    };
    const first = memoryOf(100_000);
    expect(memoryOf(100_000)).toBe(first);
    memoryOf(10);
    expect(memoryOf(100_000)).not.toBe(first);
  });

  test('keeps the stream in step wherever a buffer ends in a frame, its header included', () => {
    for (let short = 0; short <= 2 * HEADER_BYTES + 2; short++) {
      const queue = new OutboundQueue(WIDE, OLD_PEER);
      const first = Buffer.alloc(BATCH_BYTES - HEADER_BYTES - short, 1);
      queue.push(40, first, 'data');
      queue.push(41, Buffer.from('second'), 'data');
      queue.push(42, Buffer.alloc(0), 'data');
      const frames = framesOf(drain(queue)).map(({ type, body }) => [type, body.length]);
      expect(frames).toEqual([
        [40, first.length],
        [41, 6],
        [42, 0],
      ]);
      expect([queue.dataBytes, queue.waitingBytes, queue.isPast(queue.mark())]).toEqual([0, 0, true]);
    }
  });

  test('takes one frame of any size where nothing else is paid for', () => {
    const queue = new OutboundQueue(limits, PEER);
    expect(queue.push(9, Buffer.alloc(10_000), 'data')).toBe('queued');
    expect(queue.push(9, Buffer.alloc(0), 'data')).toBe('over data budget');
    expect(queue.push(9, Buffer.alloc(10_000), 'signal')).toBe('queued');
    expect(queue.push(9, Buffer.alloc(0), 'control')).toBe('over control budget');
  });

  test('gives everything back when it is cleared, says how many frames that was, and ignores a late release', () => {
    const queue = new OutboundQueue(limits, PEER);
    queue.push(1, Buffer.alloc(10), 'data');
    const batch = queue.take();
    queue.push(2, Buffer.alloc(10), 'data');
    queue.push(3, Buffer.alloc(10), 'control');
    expect(queue.clear()).toEqual({ dropped: 2, uncertain: 1 });
    if (batch !== undefined) queue.release(batch);
    expect([queue.controlBytes, queue.dataBytes, queue.waitingBytes]).toEqual([0, 0, 0]);
    expect(queue.clear()).toEqual({ dropped: 0, uncertain: 0 });
    expect(queue.take()).toBeUndefined();
  });

  test('a mark is past when all that was queued before it is written, whatever was queued since', () => {
    const queue = new OutboundQueue(limits, PEER);
    expect(queue.isPast(queue.mark())).toBe(true);
    queue.push(1, Buffer.alloc(10), 'data');
    const mark = queue.mark();
    const batch = queue.take();
    queue.push(2, Buffer.alloc(10), 'data');
    expect(queue.isPast(mark)).toBe(false);
    if (batch !== undefined) queue.release(batch);
    expect(queue.isPast(mark)).toBe(true);
    expect(queue.isPast(queue.mark())).toBe(false);
  });

  test('is past a mark only when every flow is, whatever others have written since', () => {
    const queue = new OutboundQueue(WIDE, PEER);
    queue.push(40, Buffer.alloc(5 * FRAGMENT_BYTES), 'data', 1);
    const mark = queue.mark();
    queue.push(41, Buffer.alloc(10), 'data', 2);
    queue.push(42, Buffer.alloc(10), 'data', 3);
    const first = queue.take();
    if (first !== undefined) queue.release(first);
    expect(first?.frames).toBe(2);
    expect(queue.isPast(mark)).toBe(false);
    drain(queue);
    expect(queue.isPast(mark)).toBe(true);
  });
});

/** A body that grows by so many bytes at a time. */
class Growing implements GrowingBody {
  readonly #bytes: number[] = [];

  get length(): number {
    return this.#bytes.length;
  }

  add(byte: number, count = 10): this {
    this.#bytes.push(...new Array<number>(count).fill(byte));
    return this;
  }

  upTo(end: number): Uint8Array {
    return Uint8Array.from(this.#bytes.slice(0, end));
  }
}

describe('a frame that grows', () => {
  test('keeps no more memory than it has bytes once another waits behind it, and arrives as it was', () => {
    const queue = new OutboundQueue(WIDE, PEER);
    const frames = 2_000;
    const memory = (): number => {
      collectGarbage();
      // The memory of what was collected is given back behind it.
      collectGarbage();
      return process.memoryUsage().arrayBuffers;
    };
    const before = memory();
    for (let at = 0; at < frames; at++) {
      const room = new Uint8Array(4_096).fill(at);
      queue.pushGrowing(9, { length: 200, upTo: (end) => room.subarray(0, end) });
    }
    expect(memory() - before).toBeLessThan(2 * frames * 200);
    const arrived = framesOf(drain(queue)).map(({ body }) => body);
    expect(arrived.every((body) => body.length === 200 && body.every((byte) => byte === body[0]))).toBe(true);
    expect(arrived.map((body) => body[0])).toEqual(Array.from({ length: frames }, (_, at) => at % 256));
  });

  test('is one frame of all that it took, and counts as so many messages', () => {
    const queue = new OutboundQueue(WIDE, PEER);
    const body = new Growing().add(1);
    const frame = queue.pushGrowing(9, body, 5);
    if (frame === undefined) throw new Error('refused');
    for (const byte of [2, 3]) {
      body.add(byte);
      expect(queue.mayGrow(frame)).toBe(true);
      expect(queue.grow(frame)).toBe('queued');
    }
    expect([queue.waitingBytes, queue.dataBytes]).toEqual([HEADER_BYTES + 30, HEADER_BYTES + 30]);
    expect(queue.traffic.queued).toBe(3);
    const batch = queue.take();
    expect(batch).toMatchObject({ frames: 1, messages: 3, dataMessages: 3, dataBytes: HEADER_BYTES + 30 });
    expect(framesOf([batch?.bytes ?? Buffer.alloc(0)])).toEqual([{ type: 9, body: Buffer.from(body.upTo(30)) }]);
    if (batch !== undefined) queue.release(batch);
    expect([queue.waitingBytes, queue.dataBytes, queue.traffic.written]).toEqual([0, 0, 3]);
  });

  test('takes no more once it is taken, is not the last of its flow, or a flush was asked for', () => {
    const grow = (close: (queue: OutboundQueue) => void): unknown[] => {
      const queue = new OutboundQueue(WIDE, PEER);
      const body = new Growing().add(1);
      const frame = queue.pushGrowing(9, body, 5);
      if (frame === undefined) throw new Error('refused');
      close(queue);
      body.add(2);
      const outcome = [queue.mayGrow(frame), queue.grow(frame)];
      expect(queue.traffic.queued).toBeLessThan(3);
      for (const each of framesOf(drain(queue))) if (each.type === 9) expect(each.body).toHaveLength(10);
      return outcome;
    };
    const closed = [false, 'closed'];
    expect(grow((queue) => queue.take())).toEqual(closed);
    expect(grow((queue) => queue.push(1, Buffer.alloc(1), 'data', 5))).toEqual(closed);
    expect(grow((queue) => queue.push(1, Buffer.alloc(1), 'signal', 5))).toEqual(closed);
    expect(grow((queue) => queue.pushPending(1, Buffer.alloc(1), 5, () => {}))).toEqual(closed);
    expect(grow((queue) => queue.lose({ type: 40, label: Buffer.alloc(1) }, 5))).toEqual(closed);
    expect(grow((queue) => queue.mark())).toEqual(closed);
    expect(grow((queue) => queue.clear())).toEqual(closed);
  });

  test('goes on beside other flows and control frames', () => {
    const queue = new OutboundQueue(WIDE, PEER);
    const body = new Growing().add(1);
    const frame = queue.pushGrowing(9, body, 5);
    if (frame === undefined) throw new Error('refused');
    queue.push(1, Buffer.alloc(1), 'data', 6);
    queue.push(2, Buffer.alloc(1), 'control');
    body.add(2);
    expect(queue.grow(frame)).toBe('queued');
    expect(framesOf(drain(queue)).map(({ type, body: { length } }) => [type, length])).toEqual([
      [2, 1],
      [9, 20],
      [1, 1],
    ]);
  });

  test('takes what the budget has room for, and nothing of what was refused', () => {
    const queue = new OutboundQueue(limits, PEER);
    const body = new Growing().add(1, 1_000);
    const frame = queue.pushGrowing(9, body, 5);
    if (frame === undefined) throw new Error('refused');
    body.add(2, 900);
    expect(queue.grow(frame)).toBe('queued');
    body.add(3, 200);
    expect(queue.grow(frame)).toBe('over data budget');
    expect(queue.pushGrowing(9, new Growing().add(4, 100), 6)).toBeUndefined();
    expect([queue.dataBytes, queue.traffic.queued]).toEqual([HEADER_BYTES + 1_900, 2]);
    expect(framesOf(drain(queue)).map(({ body: { length } }) => length)).toEqual([1_900]);
  });

  test('is dropped with all of its messages, or may have arrived with all of them', () => {
    for (const isTaken of [false, true]) {
      const queue = new OutboundQueue(WIDE, PEER);
      const body = new Growing().add(1);
      const frame = queue.pushGrowing(9, body, 5);
      if (frame === undefined) throw new Error('refused');
      body.add(2);
      queue.grow(frame);
      if (isTaken) queue.take();
      const [dropped, uncertain] = isTaken ? [0, 2] : [2, 0];
      expect(queue.clear()).toEqual({ dropped, uncertain });
      expect(queue.traffic).toEqual({ queued: 2, written: 0, dropped, uncertain });
    }
  });
});

describe('bytes whose memory is lent', () => {
  const LENT_BYTES = 3 * FRAGMENT_BYTES;

  const lent = () => {
    const memory = new LongMemory(createVirtualEnvironment());
    const { bytes, loan } = memory.encode(new Uint8Array(LENT_BYTES).fill(7));
    return { memory, loan, body: join(Buffer.from('head'), bytes, loan) };
  };

  test('are let go of when the last of them is in a buffer, by the last of the queues, and no sooner', () => {
    for (const peer of [PEER, OLD_PEER]) {
      const { memory, loan, body } = lent();
      const queues = [new OutboundQueue(WIDE, peer), new OutboundQueue(WIDE, peer)];
      for (const queue of queues) expect(queue.push(70, body, 'data', 1)).toBe('queued');
      loan?.letGo();
      for (const queue of queues) {
        // One fragment at a time, and the last piece cut between two buffers.
        queue.push(71, new Uint8Array(BATCH_BYTES - FRAGMENT_BYTES), 'control');
        while (queue.waitingBytes > 0) {
          expect(memory.keptBytes).toBe(0);
          queue.release(queue.take(1) as Batch);
        }
      }
      expect(memory.keptBytes).toBeGreaterThanOrEqual(LENT_BYTES);
    }
  });

  test('are held for a sender that waits, and not let go of where it is withdrawn or the queue cleared', () => {
    const { memory, loan, body } = lent();
    const queue = new OutboundQueue({ ...WIDE, maxDataQueueBytes: 2_000 }, PEER);
    queue.push(70, new Uint8Array(100), 'data', 1);
    const pending = queue.pushPending(70, body, 1, () => {});
    loan?.letGo();
    expect([pending === undefined, memory.keptBytes]).toEqual([false, 0]);
    drain(queue);
    expect(memory.keptBytes).toBeGreaterThanOrEqual(LENT_BYTES);
    for (const giveUp of ['withdraw', 'clear']) {
      const other = lent();
      const full = new OutboundQueue({ ...WIDE, maxDataQueueBytes: 2_000 }, PEER);
      full.push(70, new Uint8Array(100), 'data', 1);
      const waiting = full.pushPending(70, other.body, 1, () => {});
      other.loan?.letGo();
      if (giveUp === 'clear') full.clear();
      else waiting?.withdraw(undefined);
      drain(full);
      expect(other.memory.keptBytes).toBe(0);
    }
  });
});
