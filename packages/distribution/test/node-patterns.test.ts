import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { namesThatFit, patternFault } from '../src/node-patterns.js';

/** The same question, asked of the engine for regular expressions. */
function fitsByRegExp(pattern: string, name: string): boolean {
  const literal = (part: string): string => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${pattern.split('*').map(literal).join('.*')}$`, 's').test(name);
}

describe('patterns of node names', () => {
  test.each([
    [['*'], 'a@h', true],
    [['a@h'], 'a@h', true],
    [['a@h'], 'aa@h', false],
    [['*@10.0.0.5'], 'shop@10.0.0.5', true],
    [['*@10.0.0.5'], 'shop@10.0.0.50', false],
    [['shop-*@*'], 'shop-7@anywhere', true],
    [['shop-*@*'], 'shop@anywhere', false],
    [['ab*ba'], 'aba', false],
    [['a@h', 'b@*'], 'b@x', true],
    [[], 'a@h', false],
  ])('%j and %s: %s', (patterns, name, fits) => {
    expect(namesThatFit(patterns)(name)).toBe(fits);
  });

  test('fit what a regular expression would', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
    const name = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 });
    fc.assert(
      fc.property(text, name, (pattern, candidate) => {
        expect(namesThatFit([pattern])(candidate)).toBe(fitsByRegExp(pattern, candidate));
      }),
      { numRuns: 2_000 },
    );
  });

  test('are refused where they could not be of names', () => {
    expect(['*', 'a@h', 'a-*_9@*.h:1'].map(patternFault)).toEqual([undefined, undefined, undefined]);
    for (const wrong of ['', 'a', 'a b@h', 'a|b@h', '(a+)+@h', 7, `${'a'.repeat(255)}@h`])
      expect(patternFault(wrong)).toMatch(/must/);
  });
});
