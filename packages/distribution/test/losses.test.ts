/** Frames whose senders wait, and what a peer is told of frames that it will not get. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Batch } from '../src/batch.js';
import { FRAGMENT_BYTES, FragmentAssembler } from '../src/fragment.js';
import { FrameDecoder, HEADER_BYTES } from '../src/frame.js';
import { FrameType } from '../src/frame-type.js';
import { decodeLosses, LossNotice } from '../src/loss-notice.js';
import { OutboundQueue, type PendingFrame } from '../src/outbound-queue.js';
import { MAX_PENDING_SENDS } from '../src/pending-sends.js';

const TYPE = 48;
const PEER = { maxBodyBytes: 2 ** 20, takesFragments: true };
const LIMITS = { maxControlQueueBytes: 2 ** 20, maxDataQueueBytes: 1_000, maxPendingBytes: 10_000 };

const FLOWS = 3;

/** What a flow has sent, as its receiver should see it: a number for a frame, a text for what is lost there. */
type Sent = number | string;

function body(flow: number, serial: number, bytes: number): Uint8Array {
  const made = Buffer.alloc(Math.max(5, bytes));
  made[0] = flow;
  made.writeUInt32BE(serial, 1);
  return made;
}

function label(flow: number, kind: number): Uint8Array {
  return Buffer.from([flow, kind]);
}

/** Losses next to one another have no order among themselves. */
function inOrder(sent: readonly Sent[]): Sent[][] {
  const runs: Sent[][] = [];
  for (const each of sent) {
    const last = runs.at(-1);
    if (typeof each === 'string' && typeof last?.[0] === 'string') last.push(each);
    else runs.push([each]);
  }
  return runs.map((run) => run.sort());
}

/** What a peer reads, by flow. */
class Reader {
  readonly flows: Sent[][] = Array.from({ length: FLOWS }, () => []);
  readonly #decoder = new FrameDecoder(2 ** 30);
  readonly #assembler = new FragmentAssembler(PEER.maxBodyBytes);

  push({ bytes }: Batch): void {
    this.#decoder.push(bytes, (type, part) => {
      const whole = type === FrameType.FRAGMENT ? this.#assembler.push(part) : { type, body: part };
      if (whole?.type === FrameType.LOST) this.#lost(whole.body);
      else if (whole !== undefined) {
        const frame = Buffer.from(whole.body);
        this.flows[frame[0] as number]?.push(frame.readUInt32BE(1));
      }
      return true;
    });
  }

  #lost(notice: Uint8Array): void {
    for (const {
      type,
      label: [flow = -1, kind],
      count,
    } of decodeLosses(notice)) {
      expect(type).toBe(TYPE);
      for (let n = 0; n < count; n++) this.flows[flow]?.push(`lost ${kind}`);
    }
  }
}

const flow = fc.integer({ min: 0, max: FLOWS - 1 });
const kind = fc.integer({ min: 0, max: 2 });
const bytes = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 5, max: 1_500 }) },
  { weight: 1, arbitrary: fc.integer({ min: FRAGMENT_BYTES, max: 4 * FRAGMENT_BYTES }) },
);
const action = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({ do: fc.constantFrom('send', 'send', 'wait', 'wait', 'signal'), flow, bytes, kind }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('give up'), at: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('take', 'written') }) },
);

describe('a sender that waits', () => {
  test('whatever is sent, waits, gives up and is lost when: each flow arrives in order with its losses in their places, and every byte is given back', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
        const queue = new OutboundQueue(LIMITS, PEER);
        const reader = new Reader();
        const sent: Sent[][] = Array.from({ length: FLOWS }, () => []);
        const inFlight: Batch[] = [];
        const waiting: { serial: number; flow: number; kind: number; frame: PendingFrame; outcomes: string[] }[] = [];
        const take = (): boolean => {
          const batch = queue.take();
          if (batch !== undefined) inFlight.push(batch);
          if (batch !== undefined) reader.push(batch);
          return batch !== undefined;
        };
        const written = (): void => {
          const batch = inFlight.shift();
          if (batch !== undefined) queue.release(batch);
        };
        actions.forEach((next, serial) => {
          if ('at' in next) {
            const [given] = waiting.splice(next.at % Math.max(1, waiting.length), 1);
            if (given === undefined) return;
            const loss = { type: TYPE, label: label(given.flow, given.kind) };
            const outcome = given.frame.withdraw(loss);
            expect(outcome).toBe(given.outcomes.length > 0 ? undefined : 'queued');
            const its = sent[given.flow] as Sent[];
            if (outcome === 'queued') its[its.indexOf(given.serial)] = `lost ${given.kind}`;
          } else if ('flow' in next) {
            const its = sent[next.flow] as Sent[];
            const made = body(next.flow, serial, next.bytes);
            if (queue.push(TYPE, made, next.do === 'signal' ? 'signal' : 'data', next.flow) === 'queued') {
              its.push(serial);
              return;
            }
            const outcomes: string[] = [];
            const settled = (outcome: string): void => void outcomes.push(outcome);
            const frame = next.do === 'wait' ? queue.pushPending(TYPE, made, next.flow, settled) : undefined;
            if (frame === undefined) {
              its.push(`lost ${next.kind}`);
              expect(queue.lose({ type: TYPE, label: label(next.flow, next.kind) }, next.flow)).toBe('queued');
            } else {
              its.push(serial);
              waiting.push({ serial, flow: next.flow, kind: next.kind, frame, outcomes });
            }
          } else if (next.do === 'take') take();
          else written();
        });
        while (inFlight.length > 0) written();
        while (take()) written();
        expect(reader.flows.map(inOrder)).toEqual(sent.map(inOrder));
        expect([queue.controlBytes, queue.dataBytes, queue.pendingBytes, queue.waitingBytes]).toEqual([0, 0, 0, 0]);
        expect(queue.isPast(queue.mark())).toBe(true);
        for (const { outcomes } of waiting) expect(outcomes).toEqual(['queued']);
        const { traffic } = queue;
        expect(traffic.queued).toBe(traffic.written);
      }),
      { numRuns: 300 },
    );
  });

  test('is admitted when there is room in the budget, oldest first, and is told so', () => {
    const queue = new OutboundQueue({ ...LIMITS, maxDataQueueBytes: 600_000, maxPendingBytes: 600_000 }, PEER);
    for (let n = 0; n < 2; n++) expect(queue.push(TYPE, Buffer.alloc(290_000), 'data')).toBe('queued');
    const told: string[] = [];
    for (const name of ['first', 'second']) {
      queue.pushPending(TYPE, Buffer.alloc(200_000), 0, (outcome) => told.push(`${name} ${outcome}`));
    }
    const written = (): void => {
      const batch = queue.take();
      expect(told).toHaveLength(before);
      if (batch !== undefined) queue.release(batch);
    };
    let before = 0;
    written();
    expect(told).toEqual(['first queued']);
    expect(queue.pendingBytes).toBe(200_000 + HEADER_BYTES);
    before = 1;
    written();
    expect(told).toEqual(['first queued', 'second queued']);
    expect(queue.pendingBytes).toBe(0);
  });

  test('is admitted when its turn has come, whatever others have queued', () => {
    const queue = new OutboundQueue(LIMITS, PEER);
    expect(queue.push(TYPE, Buffer.alloc(900), 'data', 1)).toBe('queued');
    const told: string[] = [];
    for (let n = 0; n < 3; n++) queue.pushPending(TYPE, Buffer.alloc(400), 2, (outcome) => told.push(outcome));
    const batch = queue.take();
    expect(told).toEqual(['queued', 'queued', 'queued']);
    expect([queue.pendingBytes, queue.dataBytes]).toEqual([0, 900 + 3 * 400 + 4 * HEADER_BYTES]);
    if (batch !== undefined) queue.release(batch);
    expect(queue.dataBytes).toBe(0);
  });

  test('has its place in the order of its flow, ahead of what the same sender sends when there is room again', () => {
    const queue = new OutboundQueue({ ...LIMITS, maxDataQueueBytes: 400_000 }, PEER);
    queue.push(TYPE, Buffer.alloc(395_000), 'data', 1);
    const outcomes: string[] = [];
    queue.pushPending(TYPE, body(2, 1, 10_000), 2, (outcome) => outcomes.push(outcome));
    expect(queue.push(TYPE, body(2, 2, 5), 'data', 2)).toBe('queued');
    const reader = new Reader();
    for (let batch = queue.take(); batch !== undefined; batch = queue.take()) {
      reader.push(batch);
      queue.release(batch);
    }
    expect(reader.flows[2]).toEqual([1, 2]);
    expect(outcomes).toEqual(['queued']);
  });

  test('is refused beyond the bound on those that wait, in number and in bytes, and told of the end', () => {
    const queue = new OutboundQueue({ ...LIMITS, maxPendingBytes: 1_000 }, PEER);
    queue.push(TYPE, Buffer.alloc(3_000), 'data');
    const outcomes: string[] = [];
    const wait = (bytesEach: number): boolean =>
      queue.pushPending(TYPE, Buffer.alloc(bytesEach), 0, (outcome) => outcomes.push(outcome)) !== undefined;
    expect([wait(5_000), wait(0)]).toEqual([true, false]);
    queue.clear();
    expect(outcomes).toEqual(['gone']);
    const wide = new OutboundQueue({ ...LIMITS, maxPendingBytes: 2 ** 20 }, PEER);
    wide.push(TYPE, Buffer.alloc(3_000), 'data');
    let taken = 0;
    while (wide.pushPending(TYPE, Buffer.alloc(1), 0, () => {}) !== undefined) taken++;
    expect(taken).toBe(MAX_PENDING_SENDS);
  });

  test('leaves nothing behind where it gives up and the peer is not to be told', () => {
    const queue = new OutboundQueue(LIMITS, PEER);
    queue.push(TYPE, Buffer.alloc(3_000), 'data', 1);
    const pending = queue.pushPending(TYPE, Buffer.alloc(100), 2, () => {});
    expect(pending?.withdraw(undefined)).toBe('queued');
    expect(pending?.withdraw(undefined)).toBeUndefined();
    const first = queue.take();
    if (first !== undefined) queue.release(first);
    queue.push(TYPE, Buffer.alloc(10), 'data', 3);
    expect(queue.take()?.frames).toBe(1);
    expect([queue.pendingBytes, queue.waitingBytes]).toEqual([0, 0]);
  });
});

describe('a notice of losses', () => {
  test('is one for any number of losses in one place, of as many channels as there are', () => {
    const queue = new OutboundQueue({ ...LIMITS, maxControlQueueBytes: 10_000 }, PEER);
    queue.push(TYPE, body(0, 1, 3_000), 'data');
    for (let n = 0; n < 100_000; n++) queue.lose({ type: TYPE, label: label(0, n % 5) });
    expect(queue.controlBytes).toBeLessThan(200);
    queue.push(TYPE, body(0, 2, 10), 'signal');
    queue.lose({ type: TYPE, label: label(0, 1) });
    const batch = queue.take() as Batch;
    const told: number[] = [];
    new FrameDecoder(2 ** 30).push(batch.bytes, (type, part) => {
      told.push(type === FrameType.LOST ? decodeLosses(part).reduce((sum, { count }) => sum + count, 0) : 0);
      return true;
    });
    expect(told).toEqual([0, 100_000, 0, 1]);
  });

  test('is followed by another where it has too many labels, each label in one of them', () => {
    const queue = new OutboundQueue(LIMITS, PEER);
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 2_000; n++) queue.lose({ type: TYPE, label: Buffer.alloc(100, String(n).padStart(4, '0')) });
    }
    // 2,000 labels of 100 bytes, however often.
    expect(queue.controlBytes).toBeLessThan(2_000 * 120);
    const counts: number[] = [];
    for (let batch = queue.take(); batch !== undefined; batch = queue.take()) {
      new FrameDecoder(2 ** 30).push(batch.bytes, (_type, part) => {
        for (const { count } of decodeLosses(part)) counts.push(count);
        return part.length <= FRAGMENT_BYTES;
      });
    }
    expect(counts).toEqual(new Array(2_000).fill(3));
  });

  test('that cannot be told any more is over the control budget', () => {
    const queue = new OutboundQueue({ ...LIMITS, maxControlQueueBytes: 100 }, PEER);
    expect(queue.lose({ type: TYPE, label: Buffer.alloc(60) })).toBe('queued');
    expect(queue.lose({ type: TYPE, label: Buffer.alloc(61) })).toBe('over control budget');
  });

  test('does not grow without end where those that wait give up again and again', () => {
    const queue = new OutboundQueue({ ...LIMITS, maxControlQueueBytes: 5_000 }, PEER);
    queue.push(TYPE, body(0, 1, 3_000), 'data');
    const loss = { type: TYPE, label: label(0, 1) };
    for (let n = 0; n < 2_000; n++) {
      const first = queue.pushPending(TYPE, Buffer.alloc(10), 0, () => {});
      queue.lose(loss);
      const second = queue.pushPending(TYPE, Buffer.alloc(10), 0, () => {});
      expect([second?.withdraw(loss), first?.withdraw(loss)]).toEqual(['queued', 'queued']);
    }
    expect(queue.controlBytes).toBeLessThan(100);
    expect(decodeLosses(lastBody(queue))).toEqual([expect.objectContaining({ type: TYPE, count: 6_000 })]);
  });

  test('that a peer made up is refused, whatever is wrong with it', () => {
    const notice = new LossNotice();
    notice.add({ type: TYPE, label: Buffer.from('orders') }, 7);
    const good = notice.encode();
    expect(decodeLosses(good)).toEqual([{ type: TYPE, label: expect.anything(), count: 7 }]);
    const refused = (bytesOf: Uint8Array): unknown => {
      try {
        return decodeLosses(bytesOf);
      } catch (error) {
        return (error as { code?: string }).code;
      }
    };
    for (let cut = 0; cut < good.length; cut++) {
      expect(refused(good.subarray(0, cut))).toBe('ERR_LIMINAL_PROTOCOL');
    }
    expect(refused(Buffer.concat([good, Buffer.alloc(1)]))).toBe('ERR_LIMINAL_PROTOCOL');
    const none = Buffer.from(good);
    none.fill(0, 3, 9);
    expect(refused(none)).toBe('ERR_LIMINAL_PROTOCOL');
  });
});

/** The body of the last frame that waits. */
function lastBody(queue: OutboundQueue): Uint8Array {
  let last: Uint8Array = new Uint8Array(0);
  const decoder = new FrameDecoder(2 ** 30);
  for (let batch = queue.take(); batch !== undefined; batch = queue.take()) {
    decoder.push(batch.bytes, (_type, part) => {
      last = part;
      return true;
    });
  }
  return last;
}
