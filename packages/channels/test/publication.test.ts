import { isDeepStrictEqual } from 'node:util';
import {
  ByteReader,
  decodeUntrusted,
  decodeValue,
  encodeValue,
  formatPid,
  inOnePiece,
  type JoinedBytes,
  LONG_BYTES,
  MAX_SERIAL,
  ProtocolError,
  parseNodeName,
} from '@liminal-node/scheduler';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EnvelopeHead } from '../src/envelope.js';
import {
  checkHead,
  decodePublication,
  encodePublication,
  envelopeBytes,
  joinPublication,
  MAX_PARENTS,
  sharedEnvelope,
} from '../src/publication.js';

const source = { node: parseNodeName('b@127.0.0.1'), creation: 77 };

/** Well-formed text of 1 to `maxBytes` bytes. */
const text = (maxBytes: number): fc.Arbitrary<string> =>
  fc.string({ unit: 'binary', minLength: 1, maxLength: maxBytes / 4 });

const heads: fc.Arbitrary<EnvelopeHead> = fc
  .record(
    {
      id: text(512),
      channel: text(255),
      publisher: fc
        .record({ thread: fc.nat({ max: 0xffffffff }), serial: fc.maxSafeNat().map((serial) => serial % MAX_SERIAL) })
        .map((parts) => formatPid({ ...source, ...parts })),
      timestamp: fc.double({ noNaN: true, noDefaultInfinity: true }),
      parents: fc.array(text(512), { maxLength: MAX_PARENTS }),
      trace: text(1024),
      contentType: text(255),
    },
    { requiredKeys: ['id', 'channel', 'publisher', 'timestamp', 'parents', 'contentType'] },
  )
  // Made by a literal, as every head is: the codec takes no other objects.
  .map((head) => ({ ...head }));

const example: EnvelopeHead = {
  id: 'b@127.0.0.1/1/0',
  channel: 'orders',
  publisher: formatPid({ ...source, thread: 1, serial: 2 }),
  timestamp: 1_700_000_000_000,
  parents: ['one', 'two'],
  trace: '00-trace-01',
  contentType: 'application/cbor',
};

describe('a publication', () => {
  it('is on the other node what it was on the publisher’s', () => {
    fc.assert(
      fc.property(heads, fc.uint8Array({ maxLength: 100 }), (head, payload) => {
        const decoded = decodePublication(encodePublication(head, payload), source);
        expect(decoded.head).toEqual(head);
        expect(new Uint8Array(decoded.payload)).toEqual(payload);
      }),
    );
  });

  it('keeps a byte order mark, which is text like any other', () => {
    const head = { ...example, channel: '\uFEFForders' };
    expect(decodePublication(encodePublication(head, new Uint8Array()), source).head).toEqual(head);
  });

  it('is of the node and the life that its session proves, whatever the publisher’s pid says', () => {
    const stranger = formatPid({ node: parseNodeName('c@127.0.0.1'), creation: 1, thread: 1, serial: 2 });
    const bytes = encodePublication({ ...example, publisher: stranger }, new Uint8Array());
    expect(decodePublication(bytes, source).head.publisher).toBe(example.publisher);
  });

  it('lets nothing out but a ProtocolError, whatever the bytes', () => {
    const decode = (bytes: Uint8Array): void => {
      try {
        const { head, payload } = decodePublication(bytes, source);
        decodeUntrusted(envelopeBytes(head, payload));
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), decode));
    const valid = encodePublication(example, encodeValue({ id: 1 }));
    const damaged = fc
      .array(fc.tuple(fc.nat({ max: valid.length - 1 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 })
      .map((changes) => {
        // A copy: `slice` of a Buffer would be a view.
        const bytes = Uint8Array.from(valid);
        for (const [at, byte] of changes) bytes[at] = byte;
        return bytes;
      });
    fc.assert(fc.property(damaged, decode), { numRuns: 1_000 });
    for (let length = 0; length < valid.length; length++) decode(valid.subarray(0, length));
  });

  it.each([
    ['no channel', { channel: '' }, 'bad envelope'],
    ['no id', { id: '' }, 'bad envelope'],
    ['a timestamp that is no number', { timestamp: Number.NaN }, 'bad envelope'],
    ['more parents than it may have', { parents: Array(MAX_PARENTS + 1).fill('p') }, 'too many parents'],
    ['a longer channel than there can be', { channel: 'c'.repeat(256) }, 'too long'],
    ['a longer content type than there can be', { contentType: 'c'.repeat(256) }, 'too long'],
  ])('with %s is refused', (_what, change, reason) => {
    const bytes = encodePublication({ ...example, ...change }, new Uint8Array());
    expect(() => decodePublication(bytes, source)).toThrow(expect.objectContaining({ reason }));
  });
});

/** What JSON can say, without the one key that is refused at the encoding. */
const payloads = fc.jsonValue().filter((value) => !JSON.stringify(value).includes('__proto__'));

describe('the bytes of an envelope', () => {
  it('are those of the head and the payload as one value', () => {
    fc.assert(
      fc.property(heads, payloads, (head, payload) => {
        const envelope = decodeValue(envelopeBytes(head, encodeValue(payload)));
        expect(envelope).toEqual({ ...head, payload });
      }),
    );
  });

  it('carry every kind of payload', () => {
    for (const payload of [undefined, null, -0, 2n ** 70n, new Map([[1, new Set(['a'])]]), new Uint8Array([1]), '']) {
      expect(decodeValue(envelopeBytes(example, encodeValue(payload)))).toEqual({ ...example, payload });
    }
  });
});

describe('a payload that is long', () => {
  const payload = { before: 1, bytes: new Uint8Array(LONG_BYTES).fill(7), after: [2] };
  const encoded = encodeValue(payload);

  it('is not copied behind a head, and gives the same bytes', () => {
    const joined = joinPublication(example, encoded) as JoinedBytes;
    expect(joined.tail).toBe(encoded);
    expect(Buffer.compare(inOnePiece(joined), encodePublication(example, encoded))).toBe(0);
  });

  it('is in an envelope that is the same as one in one piece, from here and from a peer', () => {
    for (const trusted of [true, false]) {
      const shared = sharedEnvelope(example, encoded, trusted);
      expect((shared.bytes as JoinedBytes).tail).toBe(encoded);
      expect(isDeepStrictEqual(shared.value, { ...example, payload })).toBe(true);
      expect(Buffer.compare(inOnePiece(shared.bytes), envelopeBytes(example, encoded))).toBe(0);
    }
  });

  it('is checked where it came from a peer', () => {
    const bad = encodeValue(new Uint8Array(LONG_BYTES));
    bad[2] = 0xff;
    expect(() => sharedEnvelope(example, bad, false).value).toThrow(ProtocolError);
  });
});

describe('the head of a publish', () => {
  it.each([
    ['more parents than an envelope may carry', { parents: Array(MAX_PARENTS + 1).fill('p') }],
    ['the id of a parent that is too long', { parents: ['p'.repeat(513)] }],
    ['a trace that is too long', { trace: 't'.repeat(1025) }],
    ['a content type that is too long', { contentType: 'é'.repeat(128) }],
    ['text that would be another on the other node', { parents: ['\uD800'] }],
  ])('with %s is refused where it is published', (_what, change) => {
    expect(() => checkHead({ ...example, ...change })).toThrow(RangeError);
  });

  it('that is taken is taken by every other node', () => {
    const longest = {
      ...example,
      channel: 'c'.repeat(255),
      parents: Array(MAX_PARENTS).fill('p'.repeat(512)),
      trace: 't'.repeat(1024),
      contentType: 'c'.repeat(255),
    };
    expect(() => checkHead(longest)).not.toThrow();
    const bytes = encodePublication(longest, new Uint8Array());
    expect(decodePublication(bytes, source).head).toEqual(longest);
    expect(new ByteReader(bytes).text(255)).toBe(longest.channel);
  });
});
