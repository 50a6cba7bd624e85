/** Fair turns between senders, and long frames in pieces that a peer puts together again. */
import { JoinedBytes } from '@liminal-node/scheduler';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type QueuedFrame, queuedFrame } from '../src/flow.js';
import { FlowQueue, type Piece } from '../src/flow-queue.js';
import { FRAGMENT_BYTES, FragmentAssembler, fragmentHead } from '../src/fragment.js';
import { FrameType } from '../src/frame-type.js';
import { collectGarbage } from './collect-garbage.js';

const MAX_BODY_BYTES = 10 * FRAGMENT_BYTES;
const peer = { maxBodyBytes: MAX_BODY_BYTES, takesFragments: true };

function frame(bytes: number, fill = 0): QueuedFrame {
  return queuedFrame(40, Buffer.alloc(bytes, fill), 'data', 0);
}

/** What the peer reads off the wire. */
function wireOf({ head, part }: Piece): Uint8Array {
  return Buffer.concat([head, part]);
}

function piecesOf(queue: FlowQueue): Piece[] {
  const pieces: Piece[] = [];
  for (let piece = queue.shift(); piece !== undefined; piece = queue.shift()) pieces.push(piece);
  return pieces;
}

describe('turns', () => {
  test('a sender with little is served after one quantum of a sender with much', () => {
    const queue = new FlowQueue(peer);
    for (let n = 0; n < 1000; n++) queue.push(1, frame(1024, 1));
    queue.push(2, frame(10, 2));
    const at = piecesOf(queue).findIndex(({ part }) => part[0] === 2);
    expect(at).toBe(FRAGMENT_BYTES / 1024);
  });

  test('frames of others come between the pieces of a long one', () => {
    const queue = new FlowQueue(peer);
    queue.push(1, frame(MAX_BODY_BYTES, 1));
    for (let n = 0; n < 5; n++) queue.push(2 + n, frame(10, 2));
    const order = piecesOf(queue).map(({ part }) => part[0]);
    expect(order.slice(0, 8)).toEqual([1, 2, 2, 2, 2, 2, 1, 1]);
    expect(order).toHaveLength(15);
  });

  test('a long frame waits while those that are open hold as many bytes as the peer will', () => {
    const queue = new FlowQueue(peer);
    for (let sender = 1; sender <= 4; sender++) queue.push(sender, frame(MAX_BODY_BYTES, sender));
    const open = new Set<number>();
    let most = 0;
    for (const { part, isLast } of piecesOf(queue)) {
      const sender = part[0] as number;
      open.add(sender);
      most = Math.max(most, open.size);
      if (isLast) open.delete(sender);
    }
    expect([most, open.size]).toEqual([2, 0]);
  });

  test('a long frame whose head stands apart arrives in one piece', () => {
    const bytes = Buffer.alloc(3 * FRAGMENT_BYTES, 'head and tail');
    const joined = new JoinedBytes(bytes.subarray(0, 20), bytes.subarray(20));
    for (const takesFragments of [true, false]) {
      const queue = new FlowQueue({ ...peer, takesFragments });
      queue.push(1, queuedFrame(40, joined, 'data', 0));
      const assembler = new FragmentAssembler(MAX_BODY_BYTES);
      let body: Uint8Array | undefined;
      for (const piece of piecesOf(queue)) {
        body = takesFragments ? assembler.push(wireOf(piece))?.body : piece.part;
      }
      expect(Buffer.compare(body ?? Buffer.alloc(0), bytes)).toBe(0);
    }
  });

  test('a peer that takes no fragments gets whole frames', () => {
    const queue = new FlowQueue({ ...peer, takesFragments: false });
    queue.push(1, frame(MAX_BODY_BYTES));
    const [piece] = piecesOf(queue);
    expect([piece?.type, piece?.part.length, piece?.isLast]).toEqual([40, MAX_BODY_BYTES, true]);
  });
});

test('whatever is queued when, each flow arrives whole and in order, and the peer finds no fault', () => {
  const action = fc.record({
    flow: fc.integer({ min: 0, max: 4 }),
    bytes: fc.oneof(
      fc.integer({ min: 0, max: 2_000 }),
      fc.integer({ min: FRAGMENT_BYTES - 1, max: FRAGMENT_BYTES + 1 }),
      fc.integer({ min: 0, max: MAX_BODY_BYTES }),
    ),
    takes: fc.integer({ min: 0, max: 4 }),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 25 }), (actions) => {
      const queue = new FlowQueue(peer);
      const assembler = new FragmentAssembler(MAX_BODY_BYTES);
      const sent: number[][] = [[], [], [], [], []];
      const got: number[][] = [[], [], [], [], []];
      const arrive = (piece: Piece | undefined): void => {
        if (piece === undefined) return;
        const wire = wireOf(piece);
        const whole = piece.type === FrameType.FRAGMENT ? assembler.push(wire) : { type: piece.type, body: wire };
        if (whole === undefined) return;
        const { body } = whole;
        const flow = body[0] as number;
        // The serial stands at both ends, so that a body of the wrong parts shows.
        expect(body.at(-1)).toBe(body[1]);
        got[flow]?.push(body[1] as number, body.length);
      };
      actions.forEach(({ flow, bytes, takes }, serial) => {
        const body = Buffer.alloc(Math.max(3, bytes));
        body[0] = flow;
        body[1] = serial;
        body[body.length - 1] = serial;
        queue.push(flow, queuedFrame(40, body, 'data', 0));
        sent[flow]?.push(serial, body.length);
        for (let take = 0; take < takes; take++) arrive(queue.shift());
      });
      for (const piece of piecesOf(queue)) arrive(piece);
      expect(got).toEqual(sent);
      expect(assembler.heldBytes).toBe(0);
    }),
    { numRuns: 200 },
  );
});

describe('fragments from a peer that lies', () => {
  const FIRST = 1;
  const LAST = 2;
  function fragment(stream: number, flags: number, part: number, announced?: number, type = 40): Uint8Array {
    const head = Buffer.alloc(announced === undefined ? 5 : 10);
    head.writeUInt32BE(stream);
    head[4] = flags;
    if (announced !== undefined) {
      head[5] = type;
      head.writeUInt32BE(announced, 6);
    }
    return Buffer.concat([head, Buffer.alloc(part)]);
  }
  const refusals: [string, Uint8Array[], string][] = [
    ['go on with a stream that was never opened', [fragment(1, 0, 5)], 'bad fragment'],
    ['open a stream twice', [fragment(1, FIRST, 5, 20), fragment(1, FIRST, 5, 20)], 'bad fragment'],
    ['send more than announced', [fragment(1, FIRST, 5, 9), fragment(1, 0, 5)], 'bad fragment'],
    ['end too early', [fragment(1, FIRST | LAST, 5, 9)], 'bad fragment'],
    ['do not end', [fragment(1, FIRST, 9, 9)], 'bad fragment'],
    ['are empty', [fragment(1, FIRST, 0, 9)], 'bad fragment'],
    ['are cut in the head', [fragment(1, FIRST, 0)], 'truncated'],
    ['hide a frame of the session itself', [fragment(1, FIRST, 5, 9, FrameType.LEAVE)], 'bad fragment'],
    ['announce more than the node takes', [fragment(1, FIRST, 5, MAX_BODY_BYTES + 1)], 'frame too long'],
    [
      'announce more at once than the node holds',
      [1, 2, 3].map((stream) => fragment(stream, FIRST, 5, MAX_BODY_BYTES)),
      'too many streams',
    ],
    [
      'open too many streams',
      Array.from({ length: 65 }, (_, stream) => fragment(stream, FIRST, 1, 100)),
      'too many streams',
    ],
  ];
  test.each(refusals)('that %s are refused', (_, fragments, reason) => {
    const assembler = new FragmentAssembler(MAX_BODY_BYTES);
    const last = fragments.pop() as Uint8Array;
    for (const each of fragments) assembler.push(each);
    expect(() => assembler.push(last)).toThrow(expect.objectContaining({ reason }));
  });

  test('of any length are the body again, in order, though their own memory changes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 3_000 })), { minLength: 2 }),
        fc.integer({ min: 0, max: 255 }),
        (lengths, seed) => {
          const bytes = lengths.reduce((sum, length) => sum + length);
          const body = Buffer.from(Array.from({ length: bytes }, (_, at) => at * 7 + (at >> 8) + seed));
          const assembler = new FragmentAssembler(bytes);
          let end = 0;
          const whole = lengths.map((length) => {
            const start = end;
            end += length;
            const wire = Buffer.concat([fragmentHead(1, 40, body, start, end), body.subarray(start, end)]);
            const pushed = assembler.push(wire);
            wire.fill(0);
            return pushed;
          });
          expect(whole.slice(0, -1).every((each) => each === undefined)).toBe(true);
          expect(Buffer.compare(whole.at(-1)?.body as Uint8Array, body)).toBe(0);
        },
      ),
    );
  });

  test('of a byte each take no more than three times what has come, and a block', () => {
    const count = 100_000;
    const assembler = new FragmentAssembler(100 * count);
    const memory = (): number => {
      collectGarbage();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const before = memory();
    assembler.push(fragment(1, FIRST, 1, 100 * count));
    const next = fragment(1, 0, 1);
    for (let n = 1; n < count; n++) assembler.push(next);
    // A megabyte is what the test itself, and code that is compiled, may take.
    expect(memory() - before).toBeLessThan(3 * count + FRAGMENT_BYTES + 2 ** 20);
    expect(assembler.heldBytes).toBe(count);
  });

  test('make nothing throw but a ProtocolError, and nothing be held that did not arrive', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }), (fragments) => {
        const assembler = new FragmentAssembler(100);
        let arrived = 0;
        for (const each of fragments) {
          arrived += each.length;
          try {
            assembler.push(each);
          } catch (error) {
            expect(error).toMatchObject({ code: 'ERR_LIMINAL_PROTOCOL' });
            return;
          }
          expect(assembler.heldBytes).toBeLessThanOrEqual(arrived);
        }
      }),
    );
  });
});
