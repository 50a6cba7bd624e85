import { describe, expect, test } from 'vitest';
import { SourceLimit, sourceOf } from '../src/source-limit.js';

describe('a source', () => {
  test.each([
    ['127.0.0.1:4000', '127.0.0.1'],
    ['[::ffff:10.0.0.7]:4000', '10.0.0.7'],
    ['[2001:db8:1:2:3:4:5:6]:4000', '2001:db8:1:2::/64'],
    ['[2001:db8::1]:4000', '2001:db8:0:0::/64'],
    ['[2001:db8:1:2::]:4000', '2001:db8:1:2::/64'],
    ['[::1]:4000', '0:0:0:0::/64'],
    ['[fe80::1%eth0]:4000', 'fe80:0:0:0::/64'],
    ['unknown', 'unknow'],
  ])('of %s is %s', (address, source) => {
    expect(sourceOf(address)).toBe(source);
  });

  test('may fail so often a second, whatever its port, and no other is kept out with it', () => {
    const limit = new SourceLimit(3);
    for (let port = 1; port <= 3; port++) {
      expect(limit.admits(`10.0.0.1:${port}`, 0)).toBe(true);
      limit.failed(`10.0.0.1:${port}`, 0);
    }
    expect(limit.admits('10.0.0.1:4', 0)).toBe(false);
    expect(limit.admits('10.0.0.2:4', 0)).toBe(true);
    expect(limit.admits('10.0.0.1:4', 334)).toBe(true);
    limit.failed('10.0.0.1:4', 334);
    expect(limit.admits('10.0.0.1:4', 400)).toBe(false);
  });

  test('is forgotten when it has waited, and there are never more than 1,024', () => {
    const limit = new SourceLimit(1);
    limit.failed('10.0.0.1:1', 0);
    expect([limit.admits('10.0.0.1:1', 2_000), limit.size]).toEqual([true, 0]);
    for (let n = 0; n < 5_000; n++) limit.failed(`10.0.${n >> 8}.${n & 255}:1`, 0);
    expect(limit.size).toBe(1_024);
    expect(limit.admits('10.0.19.135:1', 0)).toBe(false);
  });
});
