/** The memory of blocks that wait for a peer, which is used again once nobody refers to it. */
import { beforeEach, expect, test } from 'vitest';
import { BLOCK_PLACE_BYTES, BlockMemory, KEPT_BLOCKS_MS, MAX_KEPT_BLOCKS } from '../../src/encoding/block-memory.js';
import { hold, LentBlock, letGo } from '../../src/encoding/long-bytes.js';
import { createVirtualEnvironment, type VirtualEnvironment } from '../../src/testing/virtual-environment.js';

let environment: VirtualEnvironment;
let memory: BlockMemory;
beforeEach(() => {
  environment = createVirtualEnvironment();
  memory = new BlockMemory(environment);
});

const block = (fill: number, length = 16 * 1_024): Uint8Array => new Uint8Array(length).fill(fill);

test('is that of a block before, once all who hold it have let go, and not while one of them has not', () => {
  const first = memory.copy(block(1));
  hold(first);
  letGo(first);
  const second = memory.copy(block(2));
  expect(second.buffer).not.toBe(first.buffer);
  expect(Buffer.from(first).equals(block(1))).toBe(true);
  letGo(first);
  const third = memory.copy(block(3, BLOCK_PLACE_BYTES));
  expect(third.buffer).toBe(first.buffer);
  expect(Buffer.from(third).equals(block(3, BLOCK_PLACE_BYTES))).toBe(true);
  expect(Buffer.from(second).equals(block(2))).toBe(true);
  expect(() => letGo(first)).toThrow('more often');
});

test('is lent with the block alone: what is cut out of it is bytes as any other', () => {
  const cut = memory.copy(block(1)).subarray(5, 9);
  expect(cut).not.toBeInstanceOf(LentBlock);
  expect(Buffer.from(cut).equals(block(1, 4))).toBe(true);
});

test('is not taken for a block that needs less than half of it, or more than there is', () => {
  for (const length of [0, 1, BLOCK_PLACE_BYTES / 2 - 1, BLOCK_PLACE_BYTES + 1]) {
    const source = block(1, length);
    const copy = memory.copy(source);
    source.fill(2);
    expect(copy).not.toBeInstanceOf(LentBlock);
    expect(Buffer.from(copy).equals(block(1, length))).toBe(true);
    letGo(copy);
  }
  expect(memory.keptBytes).toBe(0);
});

test('is kept up to a bound, and until it has not been used for a while', async () => {
  const blocks = Array.from({ length: MAX_KEPT_BLOCKS + 1 }, () => memory.copy(block(1)));
  for (const each of blocks) letGo(each);
  expect(memory.keptBytes).toBe(MAX_KEPT_BLOCKS * BLOCK_PLACE_BYTES);
  await environment.advance(KEPT_BLOCKS_MS / 2);
  letGo(memory.copy(block(2)));
  await environment.advance(KEPT_BLOCKS_MS);
  expect(memory.keptBytes).toBe(MAX_KEPT_BLOCKS * BLOCK_PLACE_BYTES);
  await environment.advance(KEPT_BLOCKS_MS);
  expect(memory.keptBytes).toBe(0);
});
