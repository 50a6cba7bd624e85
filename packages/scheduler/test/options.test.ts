import { describe, expect, test } from 'vitest';
import { OptionError } from '../src/errors.js';
import { anything, type OptionChecks, oneOf, resolveOptions, wholeNumber } from '../src/options.js';

interface Options {
  readonly size: number;
  readonly mode: string;
  readonly logger: object | undefined;
}
const DEFAULTS: Options = { size: 5, mode: 'fast', logger: undefined };
const CHECKS: OptionChecks<Options> = { size: wholeNumber(1, 10), mode: oneOf('fast', 'safe'), logger: anything };

function refused(given: object): OptionError {
  try {
    resolveOptions(given, DEFAULTS, CHECKS);
  } catch (error) {
    if (error instanceof OptionError) return error;
    throw error;
  }
  throw new Error('was not refused');
}

describe('resolveOptions', () => {
  test('takes the defaults for what is not given, or given as undefined', () => {
    expect(resolveOptions(undefined, DEFAULTS, CHECKS)).toStrictEqual(DEFAULTS);
    expect(resolveOptions({ size: undefined } as object, DEFAULTS, CHECKS)).toStrictEqual(DEFAULTS);
    expect(resolveOptions({ size: 7 }, DEFAULTS, CHECKS)).toStrictEqual({ ...DEFAULTS, size: 7 });
  });

  test('leaves defaults and given options as they were', () => {
    const given = Object.freeze({ size: 7 });
    resolveOptions(given, Object.freeze({ ...DEFAULTS }), CHECKS);
    expect(given).toStrictEqual({ size: 7 });
  });

  test.each([0, 11, 1.5, Number.NaN, Infinity, '5', null, -1, 5n])(
    'refuses %s for a whole number from 1 to 10',
    (size) => {
      const { option, code, message } = refused({ size });
      expect({ option, code }).toEqual({ option: 'size', code: 'ERR_LIMINAL_OPTION' });
      expect(message).toContain('must be a whole number from 1 to 10');
    },
  );

  test.each([1, 10])('takes %s, at the bounds', (size) => {
    expect(resolveOptions({ size }, DEFAULTS, CHECKS).size).toBe(size);
  });

  test('refuses a word that is not among those allowed, and names them', () => {
    expect(refused({ mode: 'slow' }).message).toBe('option mode: must be one of fast, safe, not "slow"');
  });

  test('refuses an option that it does not know, and names those that it does', () => {
    expect(refused({ sizes: 1 }).message).toBe('option sizes: is not known; known are size, mode, logger');
    expect(refused({ toString: 1 }).option).toBe('toString');
    expect(refused(JSON.parse('{"__proto__":1}')).option).toBe('__proto__');
  });

  test('refuses a default that does not pass its own check', () => {
    expect(() => resolveOptions({}, { ...DEFAULTS, size: 99 }, CHECKS)).toThrow(OptionError);
  });
});
