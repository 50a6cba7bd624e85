import { formatPid, type NodeName, ProtocolError } from '@liminal-node/scheduler';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { NameMessage, ToldClaim } from '../../src/names/name-message.js';
import { decodeMessage, encodeMessage, MAX_NAME_BYTES, NAME_OP } from '../../src/names/wire.js';

const source = { node: 'peer@host' as NodeName, creation: 7 };

const request = fc.nat(0xffffffff);
const time = fc.nat({ max: 2 ** 48 - 1 });
const key = fc
  .tuple(fc.constantFrom('n', 'l'), fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }))
  .map(([kind, name]) => kind + name.slice(0, 60))
  .filter((text) => Buffer.byteLength(text) <= MAX_NAME_BYTES + 1);
const claim: fc.Arbitrary<ToldClaim> = fc.record({
  key,
  pid: fc
    .tuple(fc.nat(0xffffffff), fc.nat({ max: 2 ** 48 - 1 }))
    .map(([thread, serial]) => formatPid({ ...source, thread, serial })),
  time,
  held: fc.boolean(),
});
const type = <T extends string>(name: T): fc.Arbitrary<T> => fc.constant(name);
const message: fc.Arbitrary<NameMessage> = fc.oneof(
  fc.record({
    type: type('snapshot'),
    first: fc.constant(true),
    last: fc.constant(true),
    claims: fc.array(claim, { maxLength: 5 }),
  }),
  fc.record({ type: type('ask'), request, key }),
  fc.record({ type: type('grant'), request, time }),
  fc.record({ type: type('deny'), request, reason: fc.constantFrom('taken', 'busy') }),
  fc.record({ type: type('cancel'), request }),
  fc.record({ type: type('claim'), request, claim }),
  fc.record({ type: type('claimed'), request, agreed: fc.boolean() }),
  fc.record({ type: type('held'), key, time }),
  fc.record({ type: type('release'), key, time }),
  fc.record({ type: type('check'), request, key }),
  fc.record({ type: type('checked'), request }),
);

test('every message comes back as it was', () => {
  fc.assert(
    fc.property(message, (given) => {
      expect(encodeMessage(given).map((bytes) => decodeMessage(bytes, source))).toEqual([given]);
    }),
  );
});

test('a process is of the node whose session told of it, whatever the sender wrote', () => {
  const pid = formatPid({ node: 'third@host' as NodeName, creation: 99, thread: 3, serial: 4 });
  const [bytes] = encodeMessage({ type: 'claim', request: 1, claim: { key: 'nx', pid, time: 1, held: true } });
  expect(decodeMessage(bytes as Uint8Array, source)).toMatchObject({
    claim: { pid: formatPid({ ...source, thread: 3, serial: 4 }) },
  });
});

test('a long snapshot comes in parts of which the first and the last say so', () => {
  const claims = Array.from({ length: 3_000 }, (_, at) => ({
    key: `n${'x'.repeat(200)}${at}`,
    pid: formatPid({ ...source, thread: 1, serial: at }),
    time: at,
    held: true,
  }));
  const frames = encodeMessage({ type: 'snapshot', first: true, last: true, claims });
  expect(Math.max(...frames.map(({ length }) => length))).toBeLessThan(33 * 1024);
  const parts = frames.map((bytes) => decodeMessage(bytes, source) as NameMessage & { type: 'snapshot' });
  expect(parts.flatMap((part) => part.claims)).toEqual(claims);
  expect(parts.map(({ first }) => first)).toEqual(parts.map((_, at) => at === 0));
  expect(parts.map(({ last }) => last)).toEqual(parts.map((_, at) => at === parts.length - 1));
});

test('bytes of a stranger raise nothing but ProtocolError', () => {
  const op = fc.constantFrom(...Object.values(NAME_OP));
  const read = (bytes: Uint8Array): void => {
    try {
      decodeMessage(bytes, source);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  };
  fc.assert(
    fc.property(fc.option(op, { nil: undefined }), fc.uint8Array({ maxLength: 80 }), (first, rest) =>
      read(first === undefined ? rest : Uint8Array.from([first, ...rest])),
    ),
    { numRuns: 5_000 },
  );
  fc.assert(
    fc.property(message, fc.nat(400), fc.nat(255), fc.integer({ min: -20, max: 20 }), (given, at, value, longer) => {
      for (const whole of encodeMessage(given)) {
        const bytes = new Uint8Array(Math.max(0, whole.length + longer));
        bytes.set(whole.subarray(0, bytes.length));
        if (bytes.length > 0) bytes[at % bytes.length] = value;
        read(bytes);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('an operation of a later version is passed over, and a declared count is not believed', () => {
  expect(decodeMessage(Uint8Array.of(200, 1, 2, 3), source)).toBeUndefined();
  expect(() => decodeMessage(Uint8Array.of(NAME_OP.snapshot, 3, 0xff, 0xff, 0xff, 0xff), source)).toThrow(
    expect.objectContaining({ reason: 'bad count' }),
  );
});

// Other nodes run other versions: a number here may be added, never changed and never used again.
test('operations keep their numbers', () => {
  expect(NAME_OP).toEqual({
    snapshot: 1,
    ask: 2,
    grant: 3,
    deny: 4,
    cancel: 5,
    claim: 6,
    claimed: 7,
    held: 8,
    release: 9,
    check: 10,
    checked: 11,
  });
});
