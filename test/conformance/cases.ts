/** Which statements a test is a case of, which the documents differ from, and the table of what holds. */
import { GROUPS, STATEMENTS, type Statement } from './statements.js';

/** How the cases of a run ended. */
export interface CaseResult {
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'skipped' | 'pending';
}

export type Standing = 'holds' | 'fails' | 'differs' | 'no case';

const IDS = String.raw`[A-Z]\d{1,2}(?:(?:, | and | )[A-Z]\d{1,2})*`;
const IN_FRONT = new RegExp(String.raw`^(${IDS})(?: \(differs\))?(?::| )`);
const BEHIND_THE_WORD = new RegExp(String.raw`\bconformance (${IDS})\b`, 'g');

/** The ids that a test's name begins with, or that stand in it behind the word `conformance`. */
export function idsOf(name: string): string[] {
  const lists = [IN_FRONT.exec(name)?.[1] ?? '', ...[...name.matchAll(BEHIND_THE_WORD)].map(([, ids]) => ids ?? '')];
  return lists.flatMap((ids) => ids.match(/[A-Z]\d{1,2}/g) ?? []);
}

/** The ids in parentheses of the document of differences. */
export function differencesIn(document: string): Set<string> {
  const parentheses = [...document.matchAll(new RegExp(String.raw`\((${IDS})\)`, 'g'))];
  return new Set(parentheses.flatMap(([, ids = '']) => ids.match(/[A-Z]\d{1,2}/g) ?? []));
}

/** What the cases of a run show of a statement. A choice that is documented counts before a case that shows it. */
export function standingOf({ id }: Statement, results: readonly CaseResult[], differences: Set<string>): Standing {
  const cases = results.filter(
    ({ name, state }) => (state === 'passed' || state === 'failed') && idsOf(name).includes(id),
  );
  if (cases.some(({ state }) => state === 'failed')) return 'fails';
  if (differences.has(id)) return 'differs';
  return cases.length > 0 ? 'holds' : 'no case';
}

/** One line a group, and the ids of what fails or has no case. */
export function tableOf(results: readonly CaseResult[], differences: Set<string>): string {
  const named = results.filter(({ name }) => idsOf(name).length > 0);
  const standings = new Map(STATEMENTS.map((statement) => [statement, standingOf(statement, named, differences)]));
  const count = (statements: readonly Statement[], standing: Standing): number =>
    statements.filter((statement) => standings.get(statement) === standing).length;
  const row = (title: string, statements: readonly Statement[]): readonly (string | number)[] => {
    const [far, near] = [statements.filter(isFar), statements.filter((statement) => !isFar(statement))];
    const cells = (['holds', 'differs', 'fails', 'no case'] as const).map((standing) => count(near, standing));
    const farCells = (['holds', 'differs', 'fails'] as const).map((standing) => count(far, standing));
    return [title, statements.length, ...cells, far.length, ...farCells];
  };
  const rows = [
    ['', 'all', 'hold', 'differ', 'fail', 'no case', 'need nodes', 'of them hold', 'differ', 'fail'],
    ...GROUPS.map(({ letter, title, statements }) => row(`${letter} ${title}`, statements)),
    row('all', STATEMENTS),
  ];
  const listed = (['fails', 'no case'] as const).flatMap((standing) => {
    const ids = STATEMENTS.filter((statement) => standings.get(statement) === standing).map(({ id }) => id);
    return ids.length === 0 ? [] : [`${standing === 'fails' ? 'Fail' : 'Have no case'}: ${ids.join(', ')}`];
  });
  return ["Erlang/OTP's statements, by what this run has shown:", ...aligned(rows), ...listed].join('\n');
}

function isFar({ needsDistribution }: Statement): boolean {
  return needsDistribution;
}

function aligned(rows: readonly (readonly (string | number)[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? String(cell).padEnd(widths[0] ?? 0) : String(cell).padStart(widths[column] ?? 0),
      )
      .join('  '),
  );
}
