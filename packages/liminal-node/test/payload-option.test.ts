import { expect, test } from 'vitest';
import { resolveNodeOptions } from '../src/options.js';

test('a payload may be half as long as a frame, however long frames may be, and no longer', () => {
  const MIB = 2 ** 20;
  const resolved = (maxPayloadBytes: number, maxFrameBytes?: number): unknown => {
    const distribution = maxFrameBytes === undefined ? {} : { maxFrameBytes };
    return resolveNodeOptions({ maxPayloadBytes, distribution }).maxPayloadBytes;
  };
  const refused = expect.objectContaining({ code: 'ERR_LIMINAL_OPTION', option: 'maxPayloadBytes' });
  expect([resolved(8 * MIB), resolved(64 * MIB, 128 * MIB)]).toEqual([8 * MIB, 64 * MIB]);
  expect(() => resolved(8 * MIB + 1)).toThrow(refused);
  expect(() => resolved(64 * MIB + 1, 128 * MIB)).toThrow(refused);
});
