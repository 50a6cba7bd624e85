/**
 * Holds the page of limits to the code, in both directions: every option that is a number, and every constant that
 * is a limit, has one row with its value; no row is of something else; and each row names the test that shows it.
 */
import type { SourceFile } from './rules.js';

/** Numbers that an object of options has by default, by option; a nested one as `mailbox.maxItems`. */
export type Defaults = ReadonlyMap<string, number>;

/** One heading of the page, and the defaults that the tables below it list. */
export type Sections = Readonly<Record<string, Defaults>>;

/** Flattens the options of a package. What is no plain object or number is left out. */
export function numbersIn(options: object, prefix = ''): [option: string, value: number][] {
  return Object.entries(options).flatMap(([name, value]: [string, unknown]) => {
    if (typeof value === 'number') return [[prefix + name, value] satisfies [string, number]];
    const isPlain = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
    return isPlain ? numbersIn(value, `${prefix}${name}.`) : [];
  });
}

const UNITS: Readonly<Record<string, number>> = {
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  µs: 1,
  ms: 1,
  s: 1_000,
  h: 3_600_000,
};

/** `16 MiB`, `2.5 s` or `1,000` as the number that the code has; undefined for a sentence. */
export function quantityOf(text: string): number | undefined {
  const [, digits = '', unit] = /^([\d.,]+)(?: (KiB|MiB|µs|ms|s|h))?$/.exec(text) ?? [];
  return digits === '' ? undefined : Number(digits.replaceAll(',', '')) * (unit === undefined ? 1 : (UNITS[unit] ?? 1));
}

interface Row {
  readonly line: number;
  readonly section: string;
  readonly cells: readonly string[];
}

function rowsOf({ text }: SourceFile): Row[] {
  let section = '';
  return text.split('\n').flatMap((content, index) => {
    section = /^#+ (.*)$/.exec(content)?.[1] ?? section;
    if (!/^\| `/.test(content)) return [];
    return [
      {
        line: index + 1,
        section,
        cells: content
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      },
    ];
  });
}

const unquoted = (cell: string | undefined): string => /^`([^`]*)`/.exec(cell ?? '')?.[1] ?? '';

/** Options of `sections` without a right row, rows without an option, and rows whose test does not show them. */
export function optionOffences(files: readonly SourceFile[], document: string, sections: Sections): string[] {
  const page = files.find(({ path }) => path === document);
  if (page === undefined) return [`${document}:1: does not exist`];
  const missing = new Map(Object.entries(sections).map(([name, defaults]) => [name, new Set(defaults.keys())]));
  const offences = rowsOf(page).flatMap(({ line, section, cells }) => {
    const defaults = sections[section];
    if (defaults === undefined) return [];
    const option = unquoted(cells[0]);
    const wanted = defaults.get(option);
    missing.get(section)?.delete(option);
    const shown = quantityOf(cells[1] ?? '');
    const fault =
      wanted === undefined
        ? `${section} has no option ${option}`
        : shown !== wanted && !isOfTheMachine(cells[1])
          ? `${option} is ${wanted} by default, not ${cells[1]}`
          : testFault(files, option, cells);
    return fault === undefined ? [] : [`${document}:${line}: ${fault}`];
  });
  const lacking = [...missing].flatMap(([section, options]) =>
    [...options].map((option) => `${document}:1: has no row for ${option} of ${section}`),
  );
  return [...offences, ...lacking];
}

/** A default that every machine has its own number for. */
function isOfTheMachine(cell = ''): boolean {
  return quantityOf(cell) === undefined && cell.includes('processors');
}

/** A test shows an option whose name it has, or the word that the row gives behind the path, or a reason that is counted. */
function testFault(files: readonly SourceFile[], option: string, cells: readonly string[]): string | undefined {
  const cell = cells[4] ?? '';
  const path = unquoted(cell);
  const test = files.find((file) => file.path === path);
  if (test === undefined) return `there is no test ${path}`;
  const given = /^`[^`]*`: (.*)$/.exec(cell)?.[1];
  const words = given === undefined ? [option.slice(option.lastIndexOf('.') + 1)] : [given];
  return words.some((word) => test.text.includes(word)) ? undefined : `${path} does not mention ${words.join()}`;
}

const CONSTANT = /^(?:export )?const (MAX_[A-Z_]+) = ([\d_]+(?: \* [\d_]+)*);$/gm;

/** Constants that begin with MAX and have no row with their value, and rows of constants that are gone. */
export function constantOffences(
  files: readonly SourceFile[],
  document: string,
  section: string,
  excepted: Readonly<Record<string, string>>,
): string[] {
  const page = files.find(({ path }) => path === document);
  if (page === undefined) return [`${document}:1: does not exist`];
  const rows = new Map(
    rowsOf(page)
      .filter((row) => row.section === section)
      .map(({ line, cells }) => [
        `packages/${unquoted(cells[2])} ${unquoted(cells[0])}`,
        { line, shown: cells[1] ?? '' },
      ]),
  );
  const offences = files
    .filter(({ path }) => /^packages\/[^/]+\/src\/(?!cli\/).*\.ts$/.test(path))
    .flatMap(({ path, text }) =>
      [...text.matchAll(CONSTANT)].flatMap(([, name = '', product = '']) => {
        const row = rows.get(`${path} ${name}`);
        rows.delete(`${path} ${name}`);
        if (excepted[name] !== undefined) return [];
        if (row === undefined) return [`${path}:1: ${name} has no row in ${document}`];
        const value = product.split('*').reduce((all, factor) => all * Number(factor.replaceAll('_', '')), 1);
        return quantityOf(row.shown) === value
          ? []
          : [`${document}:${row.line}: ${name} is ${value}, not ${row.shown}`];
      }),
    );
  return [...offences, ...[...rows].map(([key, { line }]) => `${document}:${line}: there is no ${key}`)];
}

/** Metrics that the page names, each with the reason in braces, if it has one. */
export function metricsIn({ text }: SourceFile): { name: string; reason: string | undefined }[] {
  return [...text.matchAll(/`(liminal_\w+)(?:\{([^}`]*)\})?`/g)].map(([, name = '', reason]) => ({ name, reason }));
}

/** Reasons that the page names and no source gives. */
export function reasonOffences(files: readonly SourceFile[], document: string): string[] {
  const page = files.find(({ path }) => path === document);
  if (page === undefined) return [`${document}:1: does not exist`];
  const sources = files.filter(({ path }) => /^packages\/[^/]+\/src\//.test(path));
  return metricsIn(page).flatMap(({ name, reason }) => {
    if (reason === undefined || sources.some(({ text }) => text.includes(`'${reason}'`) || text.includes(`${reason}:`)))
      return [];
    return [`${document}:1: no source counts ${name} as ${reason}`];
  });
}
