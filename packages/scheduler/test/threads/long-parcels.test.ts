/** Messages that are longer than what a way between two threads holds. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inOnePiece, join, LONG_BYTES } from '../../src/encoding/long-bytes.js';
import type { NodeName } from '../../src/pid.js';
import { Inbox } from '../../src/threads/inbox.js';
import { Outbox } from '../../src/threads/outbox.js';
import {
  type ParcelHandler,
  writeControl,
  writeInbound,
  writeMessage,
  writeMulticast,
  writeOutbound,
} from '../../src/threads/parcel.js';
import { NO_FAN_OUT, OneWay, twoEnds } from './thread-way.js';

const LONG = 5 * LONG_BYTES;

/** A message that shows where it was cut wrongly. */
function long(n: number, length = LONG): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 1_000) bytes[at] = n + at / 1_000;
  return bytes;
}

describe('a long message', () => {
  test('comes whole and in order with all others, however they are sent and taken', () => {
    const item = fc.record({
      isLong: fc.boolean(),
      length: fc.integer({ min: LONG_BYTES, max: LONG }),
      sends: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(item, { maxLength: 12 }), (items) => {
        const way = new OneWay(2 ** 14);
        const sent: unknown[] = [];
        const got: unknown[] = [];
        const handler = { message: (serial: number, value: unknown) => got.push([serial, value]) };
        items.forEach(({ isLong, length, sends }, serial) => {
          const value = isLong ? { n: serial, bytes: long(serial, length) } : { n: serial, text: 'short' };
          sent.push([serial, value]);
          writeMessage(way.outbox, serial, value);
          if (sends) way.deliver(handler);
        });
        way.deliver(handler);
        expect(isDeepStrictEqual(got, sent)).toBe(true);
        expect(way.outbox.length).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  test('waits at its sender without a copy, and counts there', () => {
    const way = new OneWay();
    const signal = join(Buffer.from('head'), long(1));
    writeOutbound(way.outbox, { node: 'b@h' as NodeName, creation: 1 }, false, signal);
    expect(way.outbox.length).toBeGreaterThan(LONG);
    expect(way.outbox.writer.length).toBeLessThan(100);
  });

  test('is in memory of its own where it arrives', () => {
    const way = new OneWay();
    const [node, creation] = ['b@h' as NodeName, 7];
    const got: unknown[] = [];
    const bytes = join(Buffer.from('head'), long(3));
    writeOutbound(way.outbox, { node, creation }, true, bytes);
    writeInbound(way.outbox, { node, creation }, bytes);
    writeMulticast(way.outbox, 5, bytes, false);
    writeMessage(way.outbox, 9, long(4));
    writeControl(way.outbox, { type: 'answered', request: 1, value: long(5) });
    way.deliver({
      outbound: (target, mustDeliver, signal) => got.push(['outbound', target, mustDeliver, signal]),
      inbound: (source, signal) => got.push(['inbound', source, inOnePiece(signal)]),
      fanOut: {
        ...NO_FAN_OUT,
        receive: (audience, message) => got.push(['multicast', audience, message]),
      },
      message: (serial, value) => got.push(['message', serial, value]),
      control: (_thread, control) => got.push(['control', control]),
    });
    const whole = new Uint8Array(inOnePiece(bytes));
    const plain = (item: unknown): unknown => (Buffer.isBuffer(item) ? new Uint8Array(item) : item);
    const expected = [
      ['outbound', { node, creation }, true, whole],
      ['inbound', { node, creation }, whole],
      ['multicast', 5, whole],
      ['message', 9, long(4)],
      ['control', { type: 'answered', request: 1, value: long(5) }],
    ];
    expect(
      isDeepStrictEqual(
        got.map((each) => (each as unknown[]).map(plain)),
        expected,
      ),
    ).toBe(true);
    const views = got
      .map((each) => (each as unknown[]).at(-1))
      .filter((item) => ArrayBuffer.isView(item)) as Uint8Array[];
    expect(new Set(views.map(({ buffer }) => buffer)).size).toBe(views.length);
    // A copy of the message would begin where its memory does.
    expect(views.every(({ byteOffset }) => byteOffset > 0)).toBe(true);
  });

  test('leaves the rest for later where its handler has had enough', () => {
    const way = new OneWay();
    let isSated = true;
    const got: number[] = [];
    for (let serial = 0; serial < 3; serial++) writeMessage(way.outbox, serial, long(serial));
    writeMessage(way.outbox, 3, 'short');
    const fanOut = {
      ...NO_FAN_OUT,
      get isSated() {
        return isSated;
      },
    };
    const message = (serial: number): void => void got.push(serial);
    way.deliver({ fanOut, message });
    isSated = false;
    way.deliver({ fanOut, message });
    expect(got).toEqual([0, 1, 2, 3]);
  });

  test('is handed out without what has come behind it where its handler has had enough', () => {
    const [here, there] = twoEnds();
    const [outbox, inbox] = [new Outbox(), new Inbox()];
    writeMessage(outbox, 0, long(0));
    writeMessage(outbox, 1, 'short');
    const got: number[] = [];
    const fanOut = { ...NO_FAN_OUT, isSated: true };
    const handler = { fanOut, message: (serial: number) => void got.push(serial) } as unknown as ParcelHandler;
    while (got.length === 0) {
      outbox.send(here);
      if (inbox.fill(there)) inbox.read(0, handler);
    }
    expect([got, outbox.length, inbox.hasRest]).toEqual([[0], 0, true]);
    fanOut.isSated = false;
    inbox.read(0, handler);
    expect([got, inbox.hasRest]).toEqual([[0, 1], false]);
    here.close();
  });

  test('keeps its place behind much that goes ahead of it', () => {
    const way = new OneWay(2 ** 14);
    const sent: unknown[] = Array.from({ length: 700 }, (_, n) => `${n}`.padEnd(1_000));
    sent.push(long(1), 'short');
    for (const [serial, value] of sent.entries()) writeMessage(way.outbox, serial, value);
    const got: unknown[] = [];
    way.deliver({ message: (_serial, value) => void got.push(value) });
    expect(isDeepStrictEqual(got, sent)).toBe(true);
    way.close();
  });
});
