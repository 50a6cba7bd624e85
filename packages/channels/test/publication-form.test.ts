import {
  decodeUntrusted,
  encodeValue,
  FormedMessage,
  formatPid,
  inOnePiece,
  type JoinedBytes,
  LONG_BYTES,
  MAX_SERIAL,
  type Pid,
  ProtocolError,
  parseNodeName,
  systemEnvironment,
} from '@liminal-node/scheduler';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EnvelopeHead } from '../src/envelope.js';
import { decodePublication, encodePublication, envelopeBytes } from '../src/publication.js';
import { PublicationReader, PublicationWriter } from '../src/publications.js';

const source = { node: parseNodeName('b@127.0.0.1'), creation: 77 };

const text = (maxBytes: number): fc.Arbitrary<string> =>
  fc.string({ unit: 'binary', minLength: 1, maxLength: maxBytes / 4 });

const publishers: fc.Arbitrary<Pid> = fc
  .record({ thread: fc.nat({ max: 0xffffffff }), serial: fc.maxSafeNat().map((serial) => serial % MAX_SERIAL) })
  .map((parts) => formatPid({ ...source, ...parts }));

/** Plain ones, and others. */
const heads: fc.Arbitrary<EnvelopeHead> = fc
  .record(
    {
      id: fc.oneof(fc.constant('b@127.0.0.1/1/0'), text(512)),
      channel: text(255),
      publisher: publishers,
      timestamp: fc.double({ noNaN: true, noDefaultInfinity: true }),
      parents: fc.oneof(fc.constant([]), fc.array(text(512), { maxLength: 2 })),
      trace: text(1024),
      contentType: text(255),
    },
    { requiredKeys: ['id', 'channel', 'publisher', 'timestamp', 'parents', 'contentType'] },
  )
  .map((head) => ({ ...head }));

const example: EnvelopeHead = {
  id: 'b@127.0.0.1/1/0',
  channel: 'orders',
  publisher: formatPid({ ...source, thread: 1, serial: 2 }),
  timestamp: 1_700_000_000_000,
  parents: [],
  contentType: 'application/cbor',
};

const payloads = fc.jsonValue().filter((value) => !JSON.stringify(value).includes('__proto__'));

/** What a subscriber is given by the long way, or the reason of the refusal. */
function theLongWay(bytes: Uint8Array): unknown {
  return outcomeOf(() => {
    const { head, payload } = decodePublication(bytes, source);
    return decodeUntrusted(envelopeBytes(head, payload));
  });
}

function outcomeOf(decode: () => unknown): unknown {
  try {
    return { value: decode() };
  } catch (error) {
    if (error instanceof ProtocolError) return { refused: error.reason };
    throw error;
  }
}

describe('a publication on its way out', () => {
  it('is in bytes what the long way makes of it, and for subscribers here what it says', () => {
    const time = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(publishers, text(255), text(255), time, payloads, (publisher, channel, contentType, now, payload) => {
        const writer = new PublicationWriter(source, { ...systemEnvironment, wallNow: () => now });
        const encoded = encodeValue(payload);
        for (let number = 0; number < 12; number++) {
          const publication = writer.publication(
            channel,
            { bytes: encoded, loan: undefined },
            { contentType },
            publisher,
          );
          const id = `b@127.0.0.1/25/${number}`;
          const head = { id, channel, publisher, timestamp: now, parents: [], contentType };
          expect(Buffer.compare(inOnePiece(publication.encode()), encodePublication(head, encoded))).toBe(0);
          expect(publication.message).toBeInstanceOf(FormedMessage);
          expect(publication.message.value).toEqual({ ...head, payload });
        }
      }),
    );
  });

  it('keeps its number however long that is', () => {
    const writer = new PublicationWriter(source, systemEnvironment);
    const ids = Array.from({ length: 1_001 }, () => {
      const bytes = writer
        .publication('orders', { bytes: encodeValue(1), loan: undefined }, {}, example.publisher)
        .encode();
      return decodePublication(inOnePiece(bytes), source).head.id;
    });
    expect(ids).toEqual(Array.from({ length: 1_001 }, (_, number) => `b@127.0.0.1/25/${number}`));
  });

  it('with a content type that would not arrive is refused', () => {
    const writer = new PublicationWriter(source, systemEnvironment);
    const publish = (contentType: string) => () =>
      writer.publication('orders', { bytes: encodeValue(1), loan: undefined }, { contentType }, example.publisher);
    expect(publish('é'.repeat(128))).toThrow(RangeError);
    expect(publish('\uD800')).toThrow(RangeError);
    const long = encodeValue(new Uint8Array(LONG_BYTES));
    const publishLong = () =>
      writer.publication('orders', { bytes: long, loan: undefined }, { contentType: '\uD800' }, example.publisher);
    expect(publishLong).toThrow(RangeError);
  });

  it('that is long is of no form, and its payload is not copied', () => {
    const writer = new PublicationWriter(source, systemEnvironment);
    const long = encodeValue(new Uint8Array(LONG_BYTES));
    const publication = writer.publication('orders', { bytes: long, loan: undefined }, {}, example.publisher);
    expect(publication.message).not.toBeInstanceOf(FormedMessage);
    expect((publication.encode() as JoinedBytes).tail).toBe(long);
  });
});

describe('a publication of a peer', () => {
  it('is read as the long way reads it, be it the first of its publisher or not', () => {
    fc.assert(
      fc.property(heads, fc.array(payloads, { maxLength: 3 }), (head, values) => {
        const reader = new PublicationReader();
        for (const value of [0, ...values]) {
          const bytes = encodePublication(head, encodeValue(value));
          const { channel, message } = reader.read(source, bytes);
          expect(channel).toBe(head.channel);
          expect({ value: message.value }).toEqual(theLongWay(bytes));
        }
      }),
    );
  });

  it('that is damaged is taken or refused as the long way does, also where one like it came before', () => {
    const valid = encodePublication(example, encodeValue({ id: 1 }));
    const reader = new PublicationReader();
    reader.read(source, valid);
    expect(reader.read(source, valid).message).toBeInstanceOf(FormedMessage);
    const compare = (bytes: Uint8Array): void => {
      reader.read(source, valid);
      expect(outcomeOf(() => reader.read(source, bytes).message.value)).toEqual(theLongWay(bytes));
    };
    const changes = fc.array(fc.tuple(fc.nat({ max: valid.length - 1 }), fc.nat({ max: 255 })), { maxLength: 4 });
    const damaged = changes.map((all) => {
      const bytes = Uint8Array.from(valid);
      for (const [at, byte] of all) bytes[at] = byte;
      return bytes;
    });
    fc.assert(fc.property(damaged, compare), { numRuns: 2_000 });
    for (let length = 0; length < valid.length; length++) compare(valid.subarray(0, length));
    for (const timestamp of [Number.NaN, Number.POSITIVE_INFINITY, -0]) {
      compare(encodePublication({ ...example, timestamp }, encodeValue(1)));
    }
  });

  it('is of the life of the node whose session it came on, whatever came on others', () => {
    const reader = new PublicationReader();
    const later = { ...source, creation: 78 };
    const bytes = encodePublication(example, encodeValue(1));
    for (const session of [source, source, later, later, source]) {
      const { publisher } = reader.read(session, bytes).message.value as EnvelopeHead;
      expect(publisher).toBe(formatPid({ ...session, thread: 1, serial: 2 }));
    }
  });

  it('of several content types in turn is read as it is, and so are those on their way out', () => {
    const reader = new PublicationReader();
    const writer = new PublicationWriter(source, { ...systemEnvironment, wallNow: () => 5 });
    for (let number = 0; number < 9; number++) {
      const contentType = ['application/cbor', 'text/plain', 'application/json'][number % 3] as string;
      const { publisher } = example;
      const publication = writer.publication(
        'orders',
        { bytes: encodeValue(number), loan: undefined },
        { contentType },
        publisher,
      );
      const head = { channel: 'orders', publisher, timestamp: 5, parents: [], contentType };
      const envelope = { id: `b@127.0.0.1/25/${number}`, ...head, payload: number };
      expect(publication.message.value).toEqual(envelope);
      const { message } = reader.read(source, inOnePiece(publication.encode()));
      expect(message.value).toEqual(envelope);
      expect(message instanceof FormedMessage).toBe(number > 0 && number % 3 === 0);
    }
  });

  it('is told from others of many publishers, and of many channels', () => {
    const reader = new PublicationReader();
    for (let round = 0; round < 2; round++) {
      for (let serial = 0; serial < 1_200; serial++) {
        const head = { ...example, channel: `c${serial % 7}`, publisher: formatPid({ ...source, thread: 1, serial }) };
        const { message } = reader.read(source, encodePublication(head, encodeValue(serial)));
        expect(message.value).toEqual({ ...head, payload: serial });
      }
    }
  });
});
