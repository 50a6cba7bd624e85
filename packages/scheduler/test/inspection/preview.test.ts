import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_PREVIEW_CHARS, preview } from '../../src/inspection/preview.js';

describe('a preview', () => {
  test.each([
    ['text "quoted"', '"text \\"quoted\\""'],
    [-0, '-0'],
    [12n, '12n'],
    [10n ** 400_000n, '(a large bigint)'],
    [undefined, 'undefined'],
    [null, 'null'],
    [[], '[]'],
    [[1, [2, [3, [4, [5]]]]], '[1, [2, [3, [4, […]]]]]'],
    [{}, '{}'],
    [{ a: 1, 'b c': { d: true } }, '{ a: 1, "b c": { d: true } }'],
    [new Set(['x']), 'Set(1) { "x" }'],
    [new Map([[{ k: 1 }, 2]]), 'Map(1) { { k: 1 } => 2 }'],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [new Date(Number.NaN), 'an invalid Date'],
    [/a+/g, '/a+/g'],
    [new Uint16Array(3), 'Uint16Array(6 bytes)'],
    [new ArrayBuffer(8), 'ArrayBuffer(8 bytes)'],
    [new RangeError('too far'), 'RangeError: too far'],
    [() => 1, '(a function)'],
  ])('of %o is short and telling', (value, shown) => {
    expect(preview(value)).toBe(shown);
  });

  test('is bounded, well formed and never throws, whatever the value', () => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withDate: true,
          withMap: true,
          withSet: true,
          withTypedArray: true,
          withSparseArray: true,
          withNullPrototype: true,
        }),
        (value) => {
          const shown = preview(value);
          expect(shown.length).toBeLessThanOrEqual(MAX_PREVIEW_CHARS);
          expect(shown.isWellFormed()).toBe(true);
        },
      ),
    );
  });

  test('of something large says that something was left out, and reads no more than it shows', () => {
    let read = 0;
    class Endless extends Set<number> {
      override *[Symbol.iterator](): SetIterator<number> {
        for (;;) yield read++;
      }
    }
    expect(preview(new Endless())).toMatch(/^Set\(0\) \{ 0, 1, .*…$/);
    expect(read).toBeLessThan(MAX_PREVIEW_CHARS);
    expect(preview('x'.repeat(1e6))).toHaveLength(MAX_PREVIEW_CHARS);
  });

  test('runs no code of the value', () => {
    const trap = (): never => {
      throw new Error('run');
    };
    expect(
      preview({
        get secret() {
          return trap();
        },
      }),
    ).toBe('{ secret: (a getter) }');
    expect(preview(new Proxy({}, { ownKeys: trap, getPrototypeOf: trap }))).toBe('(cannot be shown)');
  });
});
