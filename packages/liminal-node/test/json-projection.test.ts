import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { project, toJson } from '../src/cli/json-projection.js';

describe('a payload as JSON', () => {
  it('is itself where it is JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        fc.pre(!hasNegativeZero(value));
        expect(toJson(value)).toBe(JSON.stringify(value));
      }),
    );
  });

  it.each([
    [undefined, { $undefined: true }],
    [
      [1, undefined],
      [1, { $undefined: true }],
    ],
    [{ a: undefined, b: null }, { b: null }],
    [Number.NaN, { $number: 'NaN' }],
    [Number.NEGATIVE_INFINITY, { $number: '-Infinity' }],
    [-0, { $number: '-0' }],
    [2n ** 64n, { $bigint: '18446744073709551616' }],
    [new Map<unknown, unknown>([[{ k: 1n }, 'v']]), { $map: [[{ k: { $bigint: '1' } }, 'v']] }],
    [new Set([1, [2]]), { $set: [1, [2]] }],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [new Date(Number.NaN), { $date: 'invalid' }],
    [/a+/gi, { $regexp: '/a+/gi' }],
    [new Uint8Array([1, 2, 255]), { $binary: 'AQL/', type: 'Uint8Array' }],
    [new Uint16Array([1]).buffer, { $binary: 'AQA=', type: 'ArrayBuffer' }],
    [new Uint8Array([9, 1, 9]).subarray(1, 2), { $binary: 'AQ==', type: 'Uint8Array' }],
  ])('shows %s in words of JSON', (value, shown) => {
    expect(project(value)).toEqual(shown);
    expect(JSON.parse(toJson(value))).toEqual(shown);
  });

  it('shows an error with its code and cause, and without its stack', () => {
    const error = Object.assign(new RangeError('too far', { cause: new Error('why') }), { code: 'E_FAR' });
    expect(project({ error })).toEqual({
      error: {
        $error: {
          name: 'RangeError',
          message: 'too far',
          code: 'E_FAR',
          cause: { $error: { name: 'Error', message: 'why' } },
        },
      },
    });
  });
});

function hasNegativeZero(value: unknown): boolean {
  if (Object.is(value, -0)) return true;
  return typeof value === 'object' && value !== null && Object.values(value).some(hasNegativeZero);
}
