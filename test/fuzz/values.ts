/** Random messages of the portable set, and the shapes that Liminal's own messages have. */
import type { Chance } from './inputs.js';

export function anyValue(chance: Chance, depth = 0): unknown {
  const leaf = depth > 4 || !chance.isOneIn(3);
  if (leaf) return anyLeaf(chance);
  const nested = (): unknown => anyValue(chance, depth + 1);
  switch (chance.below(5)) {
    case 0:
      return chance.list(6, nested);
    case 1:
      return new Map(chance.list(4, () => [nested(), nested()]));
    case 2:
      return new Set(chance.list(4, nested));
    case 3:
      return error(chance.text(), nested());
    default:
      return record(chance, nested);
  }
}

function anyLeaf(chance: Chance): unknown {
  return chance.pick<() => unknown>([
    () => chance.number(32),
    () => -0,
    () => chance.number(48) / 7,
    () => chance.text(40),
    () => chance.isOneIn(2),
    () => null,
    () => undefined,
    () => BigInt(chance.number(48)) ** 4n,
    () => new Date(chance.number(32)),
    () => /a+/g,
    () => chance.bytes(40),
    () => new Float64Array(chance.below(4)),
  ])();
}

/** Its stack is the same wherever this runs, and so are the bytes. */
function error(message: string, cause: unknown): Error {
  return Object.assign(new RangeError(message, { cause }), { stack: 'RangeError: at home' });
}

function record(chance: Chance, value: () => unknown): Record<string, unknown> {
  const keys = chance.list(5, () => chance.text()).filter((key) => key !== '__proto__' && !key.startsWith('\ufeff'));
  return Object.fromEntries(keys.map((key) => [key, value()]));
}

/** A record that has the fields of `shape`, of which now and then one is missing, or anything. */
export function nearly(chance: Chance, shape: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(shape)
      .filter(() => !chance.isOneIn(30))
      .map(([key, value]) => [key, chance.isOneIn(20) ? anyValue(chance) : value]),
  );
}
