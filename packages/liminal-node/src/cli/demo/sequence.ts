/**
 * Sets of sequence numbers as ranges: which numbers a publisher sent, which a subscriber received. A stream
 * without gaps is one range however long it is.
 */

/** First and last number, both included. */
export type Range = readonly [first: number, last: number];

export interface SequenceSet {
  /** @returns false where the number was in the set already. */
  add(number: number): boolean;
  /** In rising order; they neither overlap nor touch. */
  ranges(): readonly Range[];
}

export function createSequenceSet(): SequenceSet {
  const ranges: [number, number][] = [];
  return {
    add(number) {
      // From the end: numbers nearly always come in order.
      let index = ranges.length - 1;
      while (index >= 0 && (ranges[index]?.[0] ?? 0) > number) index -= 1;
      const before = ranges[index];
      const after = ranges[index + 1];
      if (before !== undefined && before[1] >= number) return false;
      const joinsBefore = before?.[1] === number - 1;
      const joinsAfter = after?.[0] === number + 1;
      if (before !== undefined && joinsBefore && after !== undefined && joinsAfter) {
        before[1] = after[1];
        ranges.splice(index + 1, 1);
      } else if (before !== undefined && joinsBefore) before[1] = number;
      else if (after !== undefined && joinsAfter) after[0] = number;
      else ranges.splice(index + 1, 0, [number, number]);
      return true;
    },
    ranges: () => ranges.map(([first, last]) => [first, last] as const),
  };
}

/** How many numbers there are in `ranges`. */
export function size(ranges: readonly Range[]): number {
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

/** The numbers of `from` that are not in `without`; both in rising order. */
export function difference(from: readonly Range[], without: readonly Range[]): readonly Range[] {
  const left: Range[] = [];
  for (const [first, last] of from) {
    let next = first;
    for (const [start, end] of without) {
      if (end < next) continue;
      if (start > last) break;
      if (start > next) left.push([next, start - 1]);
      next = end + 1;
    }
    if (next <= last) left.push([next, last]);
  }
  return left;
}
