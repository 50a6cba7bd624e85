import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeSignal,
  encodeMessage,
  encodeMessageToName,
  encodeMonitorName,
  encodeSignal,
  encodeSpawn,
  MAX_NAME_BYTES,
  readHead,
  SIGNAL_OP,
} from '../../src/encoding/signal-codec.js';
import type { ExitReason } from '../../src/exit-reason.js';
import { formatPid, formatRef, MAX_SERIAL, type NodeName, type Pid, type Ref } from '../../src/pid.js';
import type { Signal } from '../../src/signal.js';

const source = { node: 'from@host' as NodeName, creation: 11 };
const target = { node: 'to@host' as NodeName, creation: 22 };

const address = fc.record({ thread: fc.nat(0xffffffff), serial: fc.nat(MAX_SERIAL) });
const from = address.map((at) => formatPid({ ...source, ...at }));
const to = address.map((at) => formatPid({ ...target, ...at }));
const ref = fc.tuple(fc.nat(), fc.nat()).map(([thread, serial]) => formatRef(source.node, 11, thread, serial));
const reason: fc.Arbitrary<ExitReason> = fc.oneof(
  fc.constantFrom<ExitReason>('normal', 'shutdown', 'kill', 'killed', 'noproc', 'noconnection'),
  fc.record({ error: fc.record({ name: fc.string(), message: fc.string() }) }),
  fc.record({ shutdown: fc.array(fc.oneof(fc.string(), fc.integer(), fc.boolean())) }),
);

const text = fc.string({ maxLength: 20 });
const fault = fc.record({ code: text, reason: text, message: text });

const signal: fc.Arbitrary<Signal> = fc.oneof(
  fc.record({ type: fc.constant('link' as const), from, to }),
  fc.record({ type: fc.constant('unlink' as const), from, to }),
  fc.record({ type: fc.constant('monitor' as const), from, to, ref }),
  fc.record({ type: fc.constant('demonitor' as const), from, to, ref }),
  fc.record({ type: fc.constant('monitored' as const), from, to, ref }),
  fc.record({ type: fc.constant('exit' as const), from, to, reason, linked: fc.boolean() }),
  fc.record({ type: fc.constant('down' as const), from, to, ref, reason }),
  fc.record({ type: fc.constant('spawned' as const), from, to, ref }),
  fc.record({ type: fc.constant('spawnFailed' as const), from, to, ref, fault }),
);

describe('every signal comes back as it was', () => {
  test.each([true, false])('where the bytes are trusted: %s', (trusted) => {
    fc.assert(
      fc.property(signal, (given) => {
        const bytes = encodeSignal(given);
        expect(decodeSignal(bytes, source, target, trusted)).toEqual(given);
      }),
    );
  });

  test('and its head names its target without reading the rest', () => {
    fc.assert(
      fc.property(signal, (given) => {
        const head = readHead(encodeSignal(given));
        expect(head.kind).toBe('signal');
        if (head.kind === 'signal') expect(formatPid({ ...target, ...head.to })).toBe(given.to);
      }),
    );
  });

  test('a message by pid or by name', () => {
    fc.assert(
      fc.property(address, address, fc.string({ maxLength: 60 }), fc.uint8Array(), (at, by, name, payload) => {
        const direct = readHead(encodeMessage(at, by, payload));
        expect({ ...direct, payload: [...(direct as { payload: Uint8Array }).payload] }).toEqual({
          kind: 'message',
          to: at,
          count: 1,
          payload: [...payload],
        });
        const named = readHead(encodeMessageToName(name, by, payload));
        expect({ ...named, payload: [...(named as { payload: Uint8Array }).payload] }).toEqual({
          kind: 'messageToName',
          name,
          payload: [...payload],
        });
      }),
    );
  });
});

test('a monitor of a name comes back as it was', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), address, ref, (name, by, given) => {
      expect(readHead(encodeMonitorName(name, by, given))).toEqual({ kind: 'monitorName', name, from: by, ref: given });
    }),
  );
});

test('a request for a process comes back as it was, and a fault that is too long is cut', () => {
  fc.assert(
    fc.property(address, ref, fc.uint8Array(), (by, given, request) => {
      const head = readHead(encodeSpawn(by, given, request));
      expect({ ...head, request: [...(head as { request: Uint8Array }).request] }).toEqual({
        kind: 'spawn',
        from: by,
        ref: given,
        request: [...request],
      });
    }),
  );
  const message = '\u{1f4a5}'.repeat(5_000);
  const [at] = fc.sample(fc.record({ from, to, ref }), 1) as [{ from: Pid; to: Pid; ref: Ref }];
  const long = encodeSignal({ type: 'spawnFailed', ...at, fault: { code: 'x'.repeat(900), reason: '', message } });
  const read = decodeSignal(long, source, target, false) as Signal & { type: 'spawnFailed' };
  expect(message.startsWith(read.fault.message.slice(0, 600))).toBe(true);
  expect(read.fault.code).toMatch(/^x{21}$/);
});

describe('what may not travel', () => {
  test('a reason that is no portable value is replaced, because the end must be told all the same', () => {
    const bytes = encodeSignal({
      type: 'exit',
      from: formatPid({ ...source, thread: 0, serial: 1 }),
      to: formatPid({ ...target, thread: 0, serial: 1 }),
      reason: { why: () => {} },
      linked: true,
    });
    expect(decodeSignal(bytes, source, target, true)).toMatchObject({ reason: { error: { name: 'NotPortable' } } });
  });

  test('the node and the life of either end: the carrier implies them', () => {
    const bytes = encodeSignal({
      type: 'link',
      from: formatPid({ node: 'third@host' as NodeName, creation: 99, thread: 3, serial: 4 }),
      to: formatPid({ node: 'fourth@host' as NodeName, creation: 98, thread: 1, serial: 2 }),
    });
    expect(decodeSignal(bytes, source, target, false)).toEqual({
      type: 'link',
      from: formatPid({ ...source, thread: 3, serial: 4 }),
      to: formatPid({ ...target, thread: 1, serial: 2 }),
    });
  });
});

describe('bytes of a stranger', () => {
  test('an operation of a later version is refused by name', () => {
    for (const attempt of [
      () => readHead(Uint8Array.of(99)),
      () => decodeSignal(Uint8Array.from([99, ...new Uint8Array(20)]), source, target, false),
    ]) {
      expect(attempt).toThrow(expect.objectContaining({ reason: 'unknown signal' }));
    }
  });

  test('bytes behind the end are refused', () => {
    const link = encodeSignal({
      type: 'link',
      from: formatPid({ ...source, thread: 0, serial: 1 }),
      to: formatPid({ ...target, thread: 0, serial: 1 }),
    });
    const longer = Uint8Array.from([...link, 0]);
    expect(() => decodeSignal(longer, source, target, false)).toThrow(
      expect.objectContaining({ reason: 'trailing bytes' }),
    );
  });

  test('a name longer than names can be is refused', () => {
    const at = { thread: 0, serial: 1 };
    const bytes = encodeMessageToName('n'.repeat(MAX_NAME_BYTES + 1), at, new Uint8Array());
    expect(() => readHead(bytes)).toThrow(expect.objectContaining({ reason: 'too long' }));
  });
});

test('operations keep their numbers', () => {
  expect(SIGNAL_OP).toEqual({
    message: 1,
    messageToName: 2,
    link: 3,
    unlink: 4,
    monitor: 5,
    demonitor: 6,
    exit: 7,
    down: 8,
    offer: 9,
    unlinked: 10,
    monitorName: 11,
    monitored: 12,
    threadDown: 13,
    spawn: 14,
    spawned: 15,
    spawnFailed: 16,
    messages: 17,
  });
});
