import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findJsonFault } from '../src/cli/json-fault.js';

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('the search for the place where a text stops being JSON', () => {
  it('finds none in JSON, however it is spaced', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(undefined, 1, '\t'), (json, space) => {
        expect(findJsonFault(JSON.stringify(JSON.parse(json), undefined, space))).toBeUndefined();
      }),
    );
  });

  it('agrees with JSON.parse on JSON that was damaged anywhere', () => {
    const damage = fc.tuple(
      fc.json(),
      fc.nat(),
      fc.nat(3),
      fc.constantFrom('', '"', ',', '}', ']', ':', '\\', '0', 'e', ' ', '\n', '\u0007', 'é'),
    );
    fc.assert(
      fc.property(damage, ([json, at, cut, insert]) => {
        const position = at % (json.length + 1);
        const text = json.slice(0, position) + insert + json.slice(position + cut);
        const fault = findJsonFault(text);
        expect(fault === undefined).toBe(isJson(text));
        if (fault !== undefined) {
          expect(fault.position).toBeLessThanOrEqual(text.length);
          // What stands before the fault is not to blame: some end makes JSON of it, or the fault is in a string.
          expect(fault.what).not.toBe('');
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['{"a":x}', 5, '"x" stands where a value should'],
    ['{a:1}', 1, '"a" stands where a key in double quotes should'],
    ['{"a" 1}', 5, '"1" stands where ":" after the key should'],
    ['[1,2', 4, 'it ends where "," or "]" should follow'],
    ['"abc', 4, 'it ends within a string'],
    ['"a\\q"', 2, 'the string has an escape that JSON does not know'],
    ['{"a":1}}', 7, '"}" stands where the end should'],
    ['', 0, 'it ends where a value should follow'],
    ['01', 1, '"1" stands where the end should'],
  ])('in %j points at position %i', (text, position, what) => {
    expect(findJsonFault(text)).toEqual({ position, what });
  });

  it('goes to any depth', () => {
    expect(findJsonFault('['.repeat(200_000) + ']'.repeat(200_000))).toBeUndefined();
    expect(findJsonFault('['.repeat(200_000))?.position).toBe(200_000);
  });
});
