import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteWriter } from '../src/bytes.js';
import {
  type Control,
  type ParcelHandler,
  readBatch,
  writeControl,
  writeInbound,
  writeMessage,
  writeMulticast,
  writeOutbound,
  writeSignal,
} from '../src/parcel.js';
import { MAX_SERIAL, type NodeName, type Pid } from '../src/pid.js';
import { readHead } from '../src/signal-codec.js';
import { decodeValue, encodeValue } from '../src/value-codec.js';

const serial = fc.nat(MAX_SERIAL);
const address = fc.record({ thread: fc.nat(0xffffffff), serial });
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
    body: fc.integer(),
  }),
  fc.record({ type: fc.constant('answered' as const), request: fc.nat(), value: fc.integer() }),
  fc.record({ type: fc.constant('nodeDown' as const), node: fc.constant('a@host' as NodeName), creation: fc.nat() }),
  fc.record({ type: fc.constant('threadDown' as const), thread: fc.nat(), reason: fc.constant('killed') }),
);

/** One parcel: how it is written, and what its reader should be called with. */
interface Parcel {
  readonly write: (writer: ByteWriter) => void;
  readonly read: readonly unknown[];
}

const parcel: fc.Arbitrary<Parcel> = fc.oneof(
  fc.tuple(address, address, bytes).map(([to, from, payload]) => ({
    write: (writer: ByteWriter) => writeMessage(writer, to, from, payload),
    read: ['message', to, [...payload]],
  })),
  bytes
    .filter((signal) => signal.length > 0 && signal[0] !== 1)
    .map((signal) => ({ write: (writer: ByteWriter) => writeSignal(writer, signal), read: ['signal', [...signal]] })),
  fc.tuple(life, bytes).map(([source, signal]) => ({
    write: (writer: ByteWriter) => writeInbound(writer, source, signal),
    read: ['inbound', source, [...signal]],
  })),
  fc.tuple(life, fc.boolean(), bytes).map(([to, mustDeliver, signal]) => ({
    write: (writer: ByteWriter) => writeOutbound(writer, to, mustDeliver, signal),
    read: ['outbound', to, mustDeliver, [...signal]],
  })),
  fc.tuple(fc.array(serial), bytes, fc.boolean()).map(([serials, message, trusted]) => ({
    write: (writer: ByteWriter) => writeMulticast(writer, serials, serials.length, message, trusted),
    read: ['multicast', serials, [...message], trusted],
  })),
  control.map((given) => ({
    write: (writer: ByteWriter) => writeControl(writer, given),
    read: ['control', 5, decodeValue(encodeValue(given))],
  })),
);

function recorder(): { calls: unknown[][]; handler: ParcelHandler } {
  const calls: unknown[][] = [];
  const handler: ParcelHandler = {
    signal(signal) {
      const head = signal[0] === 1 ? readHead(signal) : undefined;
      calls.push(head?.kind === 'message' ? ['message', head.to, [...head.payload]] : ['signal', [...signal]]);
    },
    inbound: (source, signal) => void calls.push(['inbound', source, [...signal]]),
    outbound: (to, mustDeliver, signal) => void calls.push(['outbound', to, mustDeliver, [...signal]]),
    multicast: (serials, message, trusted) => void calls.push(['multicast', serials, [...message], trusted]),
    control: (thread, given) => void calls.push(['control', thread, given]),
  };
  return { calls, handler };
}

test('a batch hands out every parcel as it was written, in order', () => {
  fc.assert(
    fc.property(fc.array(parcel, { maxLength: 20 }), (parcels) => {
      const writer = new ByteWriter();
      for (const { write } of parcels) write(writer);
      const { calls, handler } = recorder();
      readBatch(writer.take(), 5, handler);
      expect(calls).toEqual(parcels.map(({ read }) => read));
    }),
  );
});

test('what is not portable leaves no half parcel in the batch', () => {
  const writer = new ByteWriter();
  const control = (args: readonly unknown[]): Control => ({
    type: 'spawn',
    request: 1,
    module: 'file:///m',
    name: 'n',
    args,
    settings: {},
  });
  expect(() => writeControl(writer, control([() => {}]))).toThrow(
    expect.objectContaining({ code: 'ERR_LIMINAL_NOT_PORTABLE' }),
  );
  writeControl(writer, control(['fine']));
  const { calls, handler } = recorder();
  readBatch(writer.take(), 5, handler);
  expect(calls).toEqual([['control', 5, control(['fine'])]]);
});

test('a parcel of unknown kind is an error', () => {
  expect(() => readBatch(Uint8Array.of(77), 5, recorder().handler)).toThrow(TypeError);
});
