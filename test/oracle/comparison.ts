/** What a scenario on both runtimes says, and the table of it. */
import type { Difference, Observation } from './scenario.js';

export interface Comparison {
  readonly name: string;
  readonly verdict: 'same' | Difference['verdict'];
  /** The id of the documented difference. */
  readonly because?: string;
  /** How many scenarios it stands for. */
  readonly scenarios: number;
}

declare module 'vitest' {
  interface TaskMeta {
    /** Of a test that compared scenarios with Erlang/OTP. */
    oracle?: Comparison;
  }
}

/** What OTP's observation is on Liminal where only the documented difference is between them. */
export function translated(theirs: Observation, differs: Difference | undefined): Observation {
  return theirs.map((line) => differs?.lines[line] ?? line);
}

/** The row of the document that names the id: what happens here, and why. */
export function rowOf(document: string, id: string): { readonly here: string; readonly why: string } | undefined {
  const row = document
    .split('\n')
    .find((line) => line.startsWith('|') && new RegExp(`\\([^)]*\\b${id}\\b[^)]*\\)`).test(line));
  const [, , here, why] = row?.split('|').map((cell) => cell.trim()) ?? [];
  return here === undefined || why === undefined ? undefined : { here, why };
}

/** Counts by verdict, then each difference with its reason. */
export function comparisonTable(comparisons: readonly Comparison[], document: string): string {
  const count = (verdict: Comparison['verdict']): number =>
    comparisons.filter((one) => one.verdict === verdict).reduce((sum, { scenarios }) => sum + scenarios, 0);
  const counts = (['same', 'stricter', 'different'] as const).map((verdict) => `${count(verdict)} ${verdict}`);
  const rows = comparisons
    .filter(({ verdict }) => verdict !== 'same')
    .map(({ name, verdict, because = '' }) => {
      const { here = '', why = '' } = rowOf(document, because) ?? {};
      return `  ${verdict.padEnd(9)}  ${name}\n             here: ${here}${why === '' ? '' : ` (${why})`}`;
    });
  return [`Scenarios on Erlang/OTP and here: ${counts.join(', ')}`, ...rows].join('\n');
}
