/** Tables as aligned columns, for terminals and logs. */
import Table from 'cli-table3';

export interface PlainTable {
  push(row: readonly string[]): void;
  /** Without trailing spaces, so that it can be compared and copied. */
  toString(): string;
}

/** Columns with two spaces between them, and no lines. */
export function plainTable(head: readonly string[], align: readonly ('left' | 'right')[] = []): PlainTable {
  const parts = ['top', 'bottom', 'left', 'right', 'mid'];
  const corners = ['left', 'right', 'top', 'bottom'].flatMap((side) => [
    `${side}-mid`,
    `${side}-left`,
    `${side}-right`,
  ]);
  const none = Object.fromEntries([...parts, ...corners, 'mid-mid'].map((part) => [part, '']));
  const table = new Table({
    head: [...head],
    colAligns: [...align],
    chars: { ...none, middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  });
  return {
    push: (row) => void table.push([...row]),
    toString: () =>
      table
        .toString()
        .split('\n')
        .map((line) => line.trimEnd())
        .join('\n'),
  };
}
