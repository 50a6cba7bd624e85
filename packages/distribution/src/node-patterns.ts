/**
 * Which node names a node takes: patterns in which `*` stands for any number of characters. Each part between
 * stars is looked for once, from left to right, and never again, so that no pattern makes a long name costly.
 */

/** The longest pattern, in characters; a node name has at most 255. */
const MAX_PATTERN_LENGTH = 255;

const PATTERN = /^[A-Za-z0-9.:_@*-]+$/;

/** What is wrong with a pattern, as the end of a sentence; undefined where it is one. */
export function patternFault(pattern: unknown): string | undefined {
  const isPattern = typeof pattern === 'string' && pattern.length <= MAX_PATTERN_LENGTH && PATTERN.test(pattern);
  // Without either it would fit no name at all: a slip that would shut everybody out.
  if (isPattern && /[@*]/.test(pattern)) return undefined;
  return `must have node names in which * stands for anything, for instance *@10.0.0.5 or shop-*@*, not "${String(pattern).slice(0, MAX_PATTERN_LENGTH)}"`;
}

/** A question whether a name fits one of the patterns. */
export function namesThatFit(patterns: readonly string[]): (name: string) => boolean {
  const all = patterns.map((pattern) => pattern.split('*'));
  return (name) => all.some((parts) => fits(parts, name));
}

/** @param parts what stands between the stars, in order; without a star there is one part. */
function fits(parts: readonly string[], name: string): boolean {
  const first = parts[0] ?? '';
  if (parts.length === 1) return name === first;
  const last = parts.at(-1) ?? '';
  const end = name.length - last.length;
  if (!name.startsWith(first) || !name.endsWith(last) || end < first.length) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
