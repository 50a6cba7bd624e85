import { expect, test } from 'vitest';
import { SharedMessage } from '../../src/encoding/shared-message.js';
import { encodeValue } from '../../src/encoding/value-codec.js';
import { ProtocolError } from '../../src/errors.js';

test('a value is encoded once, and only when bytes are asked for', () => {
  let reads = 0;
  const value = {
    get field() {
      reads++;
      return 1;
    },
  };
  const message = SharedMessage.ofValue(value);
  expect([message.value, message.knownBytes, reads]).toEqual([value, 0, 0]);
  const { bytes } = message;
  const readsOfOne = reads;
  expect(message.bytes).toBe(bytes);
  expect(message.knownBytes).toBe(bytes.length);
  expect([readsOfOne > 0, reads]).toEqual([true, readsOfOne]);
});

test('bytes are decoded once: every receiver gets the same frozen object', () => {
  const message = SharedMessage.ofBytes(encodeValue({ deep: [1, 2] }), true);
  const value = message.value as { deep: number[] };
  expect(value).toEqual({ deep: [1, 2] });
  expect(message.value).toBe(value);
  expect([Object.isFrozen(value), Object.isFrozen(value.deep)]).toEqual([true, true]);
});

test('undefined is a value like any other', () => {
  const message = SharedMessage.ofBytes(encodeValue(undefined), false);
  expect([message.value, message.value]).toEqual([undefined, undefined]);
});

test('both forms are taken as they are', () => {
  const value = { a: 1 };
  const bytes = encodeValue(value);
  const message = SharedMessage.ofBoth(value, bytes);
  expect(message.value).toBe(value);
  expect(message.bytes).toBe(bytes);
});

test('bytes of a peer are checked', () => {
  expect(() => SharedMessage.ofBytes(Uint8Array.of(0xff), false).value).toThrow(ProtocolError);
});
