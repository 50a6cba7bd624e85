import { expect, test } from 'vitest';
import { PackedMemory } from '../src/packed-memory.js';

test('copies stand in the same memory, overlap nowhere, and outlast what they were made of', () => {
  const memory = new PackedMemory();
  const source = new Uint8Array(1_000);
  const copies = Array.from({ length: 200 }, (_, at) => memory.copy(source.fill(at)));
  source.fill(255);
  for (const [at, copy] of copies.entries()) expect(copy).toEqual(new Uint8Array(1_000).fill(at));
  expect(new Set(copies.map(({ buffer }) => buffer)).size).toBe(Math.ceil(200 / 65));
});

test('takes what is longer than its blocks of memory, and nothing', () => {
  const memory = new PackedMemory();
  const long = Uint8Array.from({ length: 100_000 }, (_, at) => at);
  expect(memory.copy(long)).toEqual(long);
  expect(memory.copy(new Uint8Array(0))).toEqual(new Uint8Array(0));
  expect(memory.copy(Uint8Array.of(1, 2))).toEqual(Uint8Array.of(1, 2));
});

test('gives its memory back', () => {
  const memory = new PackedMemory();
  const first = memory.copy(Uint8Array.of(1));
  memory.clear();
  expect(memory.copy(Uint8Array.of(2)).buffer).not.toBe(first.buffer);
  expect(first[0]).toBe(1);
});
