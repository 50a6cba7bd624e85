import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeValue, encodeValue } from '../../src/encoding/value-codec.js';
import { MAX_SERIAL, type NodeName, type Pid } from '../../src/pid.js';
import type { Outbox } from '../../src/threads/outbox.js';
import {
  type Control,
  type ParcelHandler,
  writeControl,
  writeInbound,
  writeMember,
  writeMessage,
  writeMulticast,
  writeOutbound,
  writeSignal,
} from '../../src/threads/parcel.js';
import { NO_FAN_OUT, OneWay } from './thread-way.js';

const serial = fc.nat(MAX_SERIAL);
const audience = fc.nat(2 ** 32 - 1);
/** Of both codecs: a RegExp is none of the common kinds. */
const message = fc.oneof(
  fc.jsonValue(),
  fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.string({ unit: 'binary-ascii', maxLength: 40 }), {
    noNullPrototype: true,
  }),
  fc.constant([/a+b/g, { a: 1 }]),
);
const life = fc.record({
  node: fc.constantFrom('a@host', 'b@127.0.0.1') as fc.Arbitrary<NodeName>,
  creation: fc.nat(0xffffffff),
});
const bytes = fc.uint8Array({ maxLength: 100 });
const pid = fc.constant('a@host#1.2.3' as Pid);

const control: fc.Arbitrary<Control> = fc.oneof(
  fc.record({
    type: fc.constant('spawn' as const),
    request: fc.nat(),
    module: fc.webUrl(),
    name: fc.string({ unit: 'grapheme' }),
    args: fc.array(fc.oneof(fc.integer(), fc.boolean())),
    settings: fc.record({ link: fc.boolean(), trapExit: fc.boolean(), label: fc.constant('label') }),
  }),
  fc.record({ type: fc.constant('spawned' as const), request: fc.nat(), pid }),
  fc.record({ type: fc.constant('nameFreed' as const), name: fc.constant('name'), pid, grant: fc.nat() }),
  fc.record({ type: fc.constant('wayOpen' as const), thread: fc.nat() }),
  fc.constant({ type: 'released' as const }),
  fc.record({
    type: fc.constant('request' as const),
    request: fc.nat(),
    from: pid,
    service: fc.constant('s'),
    body: fc.oneof(fc.integer(), fc.uint8Array(), fc.constant(/a/u)),
  }),
  fc.record({ type: fc.constant('answered' as const), request: fc.nat(), value: fc.integer() }),
  fc.record({ type: fc.constant('nodeDown' as const), node: fc.constant('a@host' as NodeName), creation: fc.nat() }),
  fc.record({ type: fc.constant('threadDown' as const), thread: fc.nat(), reason: fc.constant('killed') }),
);

/** One parcel: how it is written, and what its reader should be called with. */
interface Parcel {
  readonly write: (outbox: Outbox) => void;
  readonly read: readonly unknown[];
}

const parcel: fc.Arbitrary<Parcel> = fc.oneof(
  fc.tuple(serial, message).map(([to, value]) => ({
    write: (outbox: Outbox) => writeMessage(outbox, to, value),
    read: ['message', to, value],
  })),
  bytes.map((signal) => ({ write: (outbox: Outbox) => writeSignal(outbox, signal), read: ['signal', [...signal]] })),
  fc.tuple(life, bytes).map(([source, signal]) => ({
    write: (outbox: Outbox) => writeInbound(outbox, source, signal),
    read: ['inbound', source, [...signal]],
  })),
  fc.tuple(life, fc.boolean(), bytes).map(([to, mustDeliver, signal]) => ({
    write: (outbox: Outbox) => writeOutbound(outbox, to, mustDeliver, signal),
    read: ['outbound', to, mustDeliver, [...signal]],
  })),
  fc.tuple(audience, bytes, fc.boolean()).map(([to, message, trusted]) => ({
    write: (outbox: Outbox) => writeMulticast(outbox, to, message, trusted),
    read: ['multicast', to, [...message], trusted],
  })),
  fc.tuple(audience, serial, fc.boolean()).map(([of, member, isMember]) => ({
    write: (outbox: Outbox) => writeMember(outbox, of, member, isMember),
    read: ['member', of, member, isMember],
  })),
  control.map((given) => ({
    write: (outbox: Outbox) => writeControl(outbox, given),
    read: ['control', 5, decodeValue(encodeValue(given))],
  })),
);

function recorder(): { calls: unknown[][]; handler: ParcelHandler } {
  const calls: unknown[][] = [];
  const handler: ParcelHandler = {
    message: (to, value) => void calls.push(['message', to, value]),
    signal: (signal) => void calls.push(['signal', [...signal]]),
    inbound: (source, signal) => void calls.push(['inbound', source, [...signal]]),
    outbound: (to, mustDeliver, signal) => void calls.push(['outbound', to, mustDeliver, [...signal]]),
    fanOut: {
      isSated: false,
      receive: (to, value, trusted) => void calls.push(['multicast', to, [...value], trusted]),
      form: (number, { definition }) => void calls.push(['form', number, definition]),
      receiveFormed: (each, at, end) => void calls.push(['formed', [...each.subarray(at, end)]]),
      receiveBlock: (each, at, end) => void calls.push(['block', [...each.subarray(at, end)]]),
      member: (of, member, isMember) => void calls.push(['member', of, member, isMember]),
    },
    control: (thread, given) => void calls.push(['control', thread, given]),
  };
  return { calls, handler };
}

test('parcels arrive as they were written, in order, in whatever pieces', () => {
  fc.assert(
    fc.property(fc.array(parcel, { maxLength: 20 }), fc.constantFrom(16, 64, 1024), (parcels, ringBytes) => {
      const way = new OneWay(ringBytes);
      for (const { write } of parcels) write(way.outbox);
      const { calls, handler } = recorder();
      way.deliver(handler, 5);
      way.close();
      expect(calls).toEqual(parcels.map(({ read }) => read));
    }),
  );
});

test('a handler that is sated is given the next parcel when it is asked again, and what came meanwhile behind it', () => {
  const way = new OneWay();
  const heard: unknown[] = [];
  const fanOut = { ...NO_FAN_OUT, isSated: true };
  const handler = { fanOut, message: (_to: number, value: unknown): void => void heard.push(value) };
  for (const value of [1, 2, 3]) writeMessage(way.outbox, 7, value);
  way.deliver(handler);
  expect(heard).toEqual([1]);
  writeMessage(way.outbox, 7, 4);
  way.deliver(handler);
  expect(heard).toEqual([1, 2]);
  fanOut.isSated = false;
  way.deliver(handler);
  way.deliver(handler);
  expect(heard).toEqual([1, 2, 3, 4]);
  way.close();
});

const spawn = (args: readonly unknown[]): Control => ({
  type: 'spawn',
  request: 1,
  module: 'file:///m',
  name: 'n',
  args,
  settings: {},
});
const refused = expect.objectContaining({ code: 'ERR_LIMINAL_NOT_PORTABLE' });

test('what is not portable leaves no half parcel behind', () => {
  const way = new OneWay();
  expect(() => writeControl(way.outbox, spawn([() => {}]))).toThrow(refused);
  expect(() => writeMessage(way.outbox, 1, { a: 1, b: [() => {}] })).toThrow(refused);
  writeControl(way.outbox, spawn(['fine']));
  const messages = [
    { b: 2, a: 1 },
    { a: 1, b: 2 },
    { b: 3, a: 4 },
    { a: 5, b: 6 },
  ];
  for (const value of messages) writeMessage(way.outbox, 1, value);
  const { calls, handler } = recorder();
  way.deliver(handler, 5);
  way.close();
  expect(calls).toEqual([['control', 5, spawn(['fine'])], ...messages.map((value) => ['message', 1, value])]);
});

test('a message that a getter sends follows the one that it is read for', () => {
  const way = new OneWay();
  const outer = { a: 1, get b() { writeMessage(way.outbox, 2, 'inner'); return 2; }, c: 3 }; // biome-ignore format: one line
  writeMessage(way.outbox, 1, { a: 1, b: 2, c: 3 });
  writeMessage(way.outbox, 1, outer);
  writeMessage(way.outbox, 3, 'last');
  const { calls, handler } = recorder();
  way.deliver(handler);
  way.close();
  expect(calls).toEqual([
    ['message', 1, { a: 1, b: 2, c: 3 }],
    ['message', 1, { a: 1, b: 2, c: 3 }],
    ['message', 2, 'inner'],
    ['message', 3, 'last'],
  ]);
});

test('what comes while a parcel is handled is handled inside, where it is wanted, and only once', () => {
  const way = new OneWay();
  for (const value of ['a', 'b', 'c']) writeMessage(way.outbox, 1, value);
  const handled: unknown[] = [];
  const handler = {
    message(_serial: number, value: unknown): void {
      handled.push(`${value} begins`);
      if (value === 'a') {
        writeMessage(way.outbox, 1, 'd');
        way.deliver(handler);
      }
      handled.push(`${value} ends`);
    },
  };
  way.deliver(handler);
  way.close();
  const inside = ['b', 'c', 'd'].flatMap((value) => [`${value} begins`, `${value} ends`]);
  expect(handled).toEqual(['a begins', ...inside, 'a ends']);
});

test('a parcel of unknown kind is an error', () => {
  const way = new OneWay();
  way.outbox.writer.u32(1).u8(77);
  expect(() => way.deliver(recorder().handler)).toThrow(TypeError);
  way.close();
});
