import { expect, test } from 'vitest';
import { ResyncLimit } from '../src/resync-limit.js';

test('a session may ask so often within the time, and afresh when it is over; others are not counted with it', () => {
  const limit = new ResyncLimit(2, 100);
  const session = (id: number) => ({ id, node: 'b@h' as never, creation: 1 });
  const [one, other] = [session(1), session(2)];
  const asks = (at: number) => [limit.admits(one, at), limit.admits(one, at), limit.admits(one, at)];
  expect(asks(0)).toEqual([true, true, false]);
  expect(limit.admits(other, 50)).toBe(true);
  expect(limit.admits(one, 99)).toBe(false);
  expect(asks(100)).toEqual([true, true, false]);
});
