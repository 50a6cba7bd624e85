/**
 * Checking options: one function that merges what was given with the defaults and names what it refuses.
 */
import { OptionError } from './errors.js';

/** Returns what is wrong with a value, as the end of a sentence, or undefined. */
export type OptionCheck = (value: unknown) => string | undefined;

/** A check for each option that may be given. */
export type OptionChecks<T> = { readonly [K in keyof T]-?: OptionCheck };

/** A whole number from `min` to `max`, both included. */
export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): OptionCheck {
  return (value) =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
      ? undefined
      : `must be a whole number from ${min} to ${max}, not ${show(value)}`;
}

export function oneOf(...allowed: readonly string[]): OptionCheck {
  return (value) =>
    allowed.includes(value as string) ? undefined : `must be one of ${allowed.join(', ')}, not ${show(value)}`;
}

/** Milliseconds: a whole number of at least `min`, or `Infinity` for never. */
export function milliseconds(min: number): OptionCheck {
  const check = wholeNumber(min);
  return (value) => (value === Number.POSITIVE_INFINITY ? undefined : check(value));
}

/** An object of options, each of which may be missing. */
export function partly<T extends object>(checks: OptionChecks<T>): OptionCheck {
  return (value) => {
    if (typeof value !== 'object' || value === null) return `must be an object, not ${show(value)}`;
    for (const [option, given] of Object.entries(value)) {
      if (!Object.hasOwn(checks, option)) return `${option} is not known; known are ${Object.keys(checks).join(', ')}`;
      const fault = given === undefined ? undefined : checks[option as keyof T](given);
      if (fault !== undefined) return `${option} ${fault}`;
    }
    return undefined;
  };
}

/** Takes any value: for options whose type alone says enough. */
export const anything: OptionCheck = () => undefined;

/**
 * `defaults` overlaid with what `given` sets (a value of undefined sets nothing), every value checked.
 * @throws OptionError for an unknown option and for a refused value.
 */
export function resolveOptions<T extends object>(
  given: Partial<T> | undefined,
  defaults: T,
  checks: OptionChecks<T>,
): Readonly<T> {
  const resolved = { ...defaults } as T & Record<string, unknown>;
  for (const [option, value] of Object.entries(given ?? {})) {
    if (value === undefined) continue;
    if (!Object.hasOwn(checks, option)) {
      throw new OptionError(option, `is not known; known are ${Object.keys(checks).join(', ')}`);
    }
    Object.assign(resolved, { [option]: value });
  }
  for (const [option, check] of Object.entries<OptionCheck>(checks)) {
    const fault = check(resolved[option]);
    if (fault !== undefined) throw new OptionError(option, fault);
  }
  return resolved;
}

function show(value: unknown): string {
  return typeof value === 'string' ? `"${value}"` : String(value);
}
