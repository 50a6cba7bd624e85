/** Long frames go to a peer no faster than it says that it reads them, and what is short does not wait for them. */
import type { AnyBytes } from '@liminal-node/scheduler';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { queuedFrame } from '../src/flow.js';
import { FlowQueue } from '../src/flow-queue.js';
import { FRAGMENT_BYTES } from '../src/fragment.js';
import { FragmentPace, MIN_WINDOW_BYTES } from '../src/fragment-pace.js';
import { FrameType } from '../src/frame-type.js';
import type { LiveSession } from '../src/live-session.js';
import { OutboundQueue } from '../src/outbound-queue.js';
import type { Session } from '../src/session.js';
import { encodeFragmentsRead } from '../src/session-message.js';
import { createCluster, sessionWith, TEST_FRAME } from './cluster.js';

const LONG_BYTES = 8 * MIN_WINDOW_BYTES;

/** The window that a connection of so many bytes a millisecond, each of which takes `wayMs` there and back, ends with. */
function windowOf(bytesPerMs: number, wayMs: number): number {
  const pace = new FragmentPace();
  const answers: { at: number; bytes: number }[] = [];
  let sent = 0;
  let free = 0;
  for (let now = 0; now < 100 * wayMs; now++) {
    while (answers[0] !== undefined && answers[0].at <= now) pace.told(answers.shift()?.bytes as number, now);
    while (pace.room >= 1) {
      sent += FRAGMENT_BYTES;
      pace.sent(FRAGMENT_BYTES, now);
      free = Math.max(free, now) + FRAGMENT_BYTES / bytesPerMs;
      answers.push({ at: free + wayMs, bytes: sent });
    }
  }
  return pace.room + sent - (answers[0] === undefined ? sent : answers[0].bytes - FRAGMENT_BYTES);
}

describe('the window', () => {
  test('grows to what a long way carries, and to no more than twice that', () => {
    const carried = 100_000 * 100;
    expect(windowOf(100_000, 100)).toBeGreaterThan(carried);
    expect(windowOf(100_000, 100)).toBeLessThan(2.2 * carried);
  });

  test('is the least where the way is short or slow', () => {
    expect(windowOf(100_000, 2)).toBe(MIN_WINDOW_BYTES);
    expect(windowOf(100, 50)).toBe(MIN_WINDOW_BYTES);
  });

  test('takes nothing from a peer that says it has read what was never sent, or less than before', () => {
    const pace = new FragmentPace();
    pace.sent(100, 0);
    expect(() => pace.told(101, 1)).toThrow('bytes of fragments read');
    pace.told(60, 1);
    expect(() => pace.told(59, 1)).toThrow('bytes of fragments read');
    expect(pace.room).toBe(MIN_WINDOW_BYTES - 40);
  });
});

test('what is short passes the fragments that may not go, whoever has sent what', () => {
  const sender = fc.record({ long: fc.boolean(), before: fc.integer({ min: 0, max: 3 }) });
  fc.assert(
    fc.property(fc.array(sender, { maxLength: 8 }), fc.integer({ min: 0, max: 5 }), (senders, taken) => {
      const queue = new FlowQueue({ maxBodyBytes: 2 ** 20, takesFragments: true });
      let short = 0;
      senders.forEach(({ long, before }, flow) => {
        for (let n = 0; n < before; n++) queue.push(flow, queuedFrame(40, Buffer.alloc(FRAGMENT_BYTES), 'data', 0));
        if (long) queue.push(flow, queuedFrame(40, Buffer.alloc(2 * FRAGMENT_BYTES), 'data', 0));
        short += before;
      });
      for (let n = 0; n < taken; n++) if (queue.shift()?.isLast && short > 0) short--;
      let passed = 0;
      for (let piece = queue.shift(false); piece !== undefined; piece = queue.shift(false)) {
        expect(piece.type).toBe(40);
        passed++;
      }
      expect(passed).toBeGreaterThanOrEqual(short);
      while (queue.shift() !== undefined);
    }),
  );
});

test('a queue gives no more fragments than there is room for, and what is short all the same', () => {
  const limits = { maxControlQueueBytes: 2 ** 24, maxDataQueueBytes: 2 ** 24, maxPendingBytes: 0 };
  const queue = new OutboundQueue(limits, { maxBodyBytes: 2 ** 24, takesFragments: true });
  queue.push(TEST_FRAME, Buffer.alloc(2 ** 20), 'data', 1);
  expect(queue.take(FRAGMENT_BYTES)?.fragmentBytes).toBe(FRAGMENT_BYTES + 10);
  expect(queue.take(0)).toBeUndefined();
  queue.push(TEST_FRAME, Buffer.from('short'), 'data', 2);
  expect(queue.take(-5)).toMatchObject({ dataMessages: 1, fragmentBytes: 0 });
  expect(queue.take(0)).toBeUndefined();
});

/** Has a node keep to itself what it has read of fragments. @returns how to say it after all. */
function muffle(session: Session): () => void {
  const live = session as LiveSession;
  const send = live.send.bind(live);
  let kept: AnyBytes | undefined;
  live.send = (type, body, ...rest) => {
    if (type !== FrameType.FRAGMENTS_READ) return send(type, body, ...rest);
    kept = body;
    return 'queued';
  };
  return () => {
    live.send = send;
    if (kept !== undefined) send(FrameType.FRAGMENTS_READ, kept, 'control');
  };
}

describe('a peer that does not say what it has read', () => {
  test('is written a window of a long frame and everything that is short, and the rest when it says so', async () => {
    const { environment, start } = createCluster();
    const a = await start('a');
    const b = await start('b', { seeds: [a.address] });
    await environment.advance(0);
    const speak = muffle(sessionWith(a, 'b'));
    const session = sessionWith(b, 'a');
    b.send(session, TEST_FRAME, Buffer.alloc(LONG_BYTES, 'x'), 'data', 1);
    await environment.advance(10);
    b.send(session, TEST_FRAME, Buffer.from('short'), 'data', 2);
    await environment.advance(10);
    expect(a.frames).toEqual(['b@h:short']);
    expect(b.counters.bytesOut).toBeGreaterThan(MIN_WINDOW_BYTES);
    expect(b.counters.bytesOut).toBeLessThan(MIN_WINDOW_BYTES + 2 * FRAGMENT_BYTES);
    speak();
    await environment.advance(10);
    expect(a.frames.map((frame) => frame.length)).toEqual(['b@h:short'.length, 'b@h:'.length + LONG_BYTES]);
  });

  test('is down when the write deadline is over', async () => {
    const { environment, start } = createCluster();
    const a = await start('a', { heartbeatIntervalMs: 1e6, heartbeatTimeoutMs: 1e7 });
    const b = await start('b', { seeds: [a.address], writeTimeoutMs: 5_000 });
    await environment.advance(0);
    muffle(sessionWith(a, 'b'));
    b.send(sessionWith(b, 'a'), TEST_FRAME, Buffer.alloc(LONG_BYTES), 'data', 1);
    await environment.advance(4_900);
    expect(b.events).toEqual(['up a@h']);
    await environment.advance(200);
    expect(b.events.slice(0, 2)).toEqual(['up a@h', 'down a@h write timeout']);
  });

  test('is up as long as its heartbeats say that it reads', async () => {
    const { environment, start } = createCluster();
    const a = await start('a', { heartbeatIntervalMs: 1_000 });
    const b = await start('b', { seeds: [a.address], writeTimeoutMs: 5_000 });
    await environment.advance(0);
    muffle(sessionWith(a, 'b'));
    const session = sessionWith(b, 'a');
    b.send(session, TEST_FRAME, Buffer.alloc(LONG_BYTES), 'data', 1);
    for (let second = 0; second < 15; second++) {
      b.send(session, TEST_FRAME, Buffer.alloc(10_000), 'data', 2);
      await environment.advance(1_000);
    }
    expect(b.events).toEqual(['up a@h']);
  });
});

test('a peer that says it has read what was never sent loses its session', async () => {
  const { environment, start } = createCluster();
  const a = await start('a');
  const b = await start('b', { seeds: [a.address] });
  await environment.advance(0);
  a.send(sessionWith(a, 'b'), FrameType.FRAGMENTS_READ, encodeFragmentsRead(1), 'control');
  await environment.advance(0);
  expect(b.events.slice(0, 2)).toEqual(['up a@h', 'down a@h protocol error: bad fragment']);
});
