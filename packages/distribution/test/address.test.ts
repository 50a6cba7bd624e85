import fc from 'fast-check';
import { expect, test } from 'vitest';
import { advertisedAddress, canonicalAddress, formatAddress, parseAddress } from '../src/address.js';

test.each([
  ['127.0.0.1:4000', { host: '127.0.0.1', port: 4_000 }],
  ['[::1]:4000', { host: '::1', port: 4_000 }],
  ['[FE80::1%eth0]:65535', { host: 'fe80::1%eth0', port: 65_535 }],
  ['Node-1.Example.org:1', { host: 'node-1.example.org', port: 1 }],
  ['localhost:04000', { host: 'localhost', port: 4_000 }],
])('%s is an address', (text, address) => {
  expect(parseAddress(text)).toEqual(address);
  expect(parseAddress(formatAddress(address))).toEqual(address);
});

test.each([
  '',
  ':',
  'localhost',
  'localhost:',
  ':4000',
  'localhost:0',
  'localhost:65536',
  'localhost:-1',
  'localhost:4e3',
  'localhost: 4000',
  '::1:4000',
  '[::1]',
  '[]:4000',
  '[127.0.0.1]:4000',
  'a b:4000',
  'http://a:4000',
  '-a:4000',
  `${'a'.repeat(300)}:4000`,
])('%j is none', (text) => {
  expect(() => parseAddress(text)).toThrow(TypeError);
  expect(canonicalAddress(text)).toBeUndefined();
});

test('any text is an address with one spelling, or a TypeError', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((host) => `${host}:4000`),
        fc.ipV6().map((ip) => `[${ip}]:1`),
      ),
      (text) => {
        const spelling = canonicalAddress(text);
        if (spelling !== undefined) expect(canonicalAddress(spelling)).toBe(spelling);
      },
    ),
  );
});

test('a node that listens on all interfaces tells others the host of its name', () => {
  expect(advertisedAddress('0.0.0.0', 4_000, 'a@10.0.0.7')).toBe('10.0.0.7:4000');
  expect(advertisedAddress('::', 4_000, 'a@host.example:9')).toBe('host.example:4000');
  expect(advertisedAddress('127.0.0.1', 4_000, 'a@10.0.0.7')).toBe('127.0.0.1:4000');
  expect(advertisedAddress('::1', 4_000, 'a@x')).toBe('[::1]:4000');
});
