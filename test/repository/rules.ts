/**
 * The rules of the repository as pure functions: files in, offences out, each as `path:line: what is wrong`.
 * What is allowed where is data, in `repository.test.ts`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { differencesIn, idsOf } from '../conformance/cases.js';
import type { Statement } from '../conformance/statements.js';

/** A file as rules see it; `path` is relative to the repository, with forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Something ambient, and the only files that may touch it. An entry that ends in `/` is a folder. */
export interface AmbientRow {
  readonly what: string;
  /** A pattern in the code, or the modules whose import as a value is meant. */
  readonly token: RegExp | readonly string[];
  readonly allowed: Readonly<Record<string, string>>;
}

const IGNORED = new Set(['node_modules', 'dist', 'coverage', '.git', '.turbo', '.vite']);
const TEXT = /\.(ts|erl|mts|js|mjs|cjs|json|md|yml|yaml|css|html|sh)$/;

/** Every text file below `root` that git would keep. */
export function readRepository(root: string, folder = ''): SourceFile[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (IGNORED.has(entry.name)) return [];
    if (entry.isDirectory()) return readRepository(root, path);
    return TEXT.test(entry.name) ? [{ path, text: readFileSync(join(root, path), 'utf8') }] : [];
  });
}

const SOURCE = /^packages\/([^/]+)\/src\/.*\.ts$/;

function sourcesOf(files: readonly SourceFile[]): { file: SourceFile; name: string }[] {
  return files.flatMap((file) => {
    const name = SOURCE.exec(file.path)?.[1];
    return name === undefined ? [] : [{ file: { path: file.path, text: withoutComments(file.text) }, name }];
  });
}

/** The text with comments blanked and its lines kept. */
function withoutComments(text: string): string {
  return text
    .replace(/(^|[\s(,;])\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/(^|\s)\/\/[^\n]*/g, (comment) => (comment.startsWith('\n') ? '\n' : ' '));
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

function offencesIn(
  file: SourceFile,
  pattern: RegExp,
  what: (match: RegExpMatchArray) => string | undefined,
): string[] {
  return [...file.text.matchAll(pattern)].flatMap((match) => {
    const offence = what(match);
    return offence === undefined ? [] : [`${file.path}:${lineOf(file.text, match.index)}: ${offence}`];
  });
}

/** Static imports, exports from elsewhere and imports by call: [1] the clause where there is one, [2] the module. */
const IMPORT = /(?:\b(?:import|export)\s+([\w{*][^;'"]*?)\s+from\s+|\bimport\s*\(?\s*)['"]([^'"]+)['"]/g;

/** Imports that point up or sideways, that reach into another package, or that its package.json does not declare. */
export function importOffences(
  files: readonly SourceFile[],
  allowed: Readonly<Record<string, readonly string[]>>,
): string[] {
  return sourcesOf(files).flatMap(({ file, name }) => {
    const declared = dependenciesOf(files, `packages/${name}/package.json`);
    return offencesIn(file, IMPORT, ([, , specifier = '']) => {
      if (specifier.startsWith('node:')) return undefined;
      if (specifier.startsWith('.')) {
        const target = posix.join(posix.dirname(file.path), specifier);
        return target.startsWith(`packages/${name}/src/`) ? undefined : `${specifier} is outside of src`;
      }
      const [first = '', second = ''] = specifier.split('/');
      const module = first.startsWith('@') ? `${first}/${second}` : first;
      const other = workspaceOf(module);
      if (other === name) return undefined;
      if (other !== undefined && !(allowed[name] ?? []).includes(other)) return `${name} may not import ${other}`;
      return declared.includes(module) ? undefined : `${module} is not in the dependencies of ${name}`;
    });
  });
}

/** The folder of the workspace that a module name means. */
function workspaceOf(module: string): string | undefined {
  return module === 'liminal-node' ? module : /^@liminal-node\/(.+)$/.exec(module)?.[1];
}

interface Manifest {
  readonly [field: string]: unknown;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
}

function manifestOf(file: SourceFile | undefined): Manifest {
  return file === undefined ? {} : (JSON.parse(file.text) as Manifest);
}

function dependenciesOf(files: readonly SourceFile[], path: string): string[] {
  const { dependencies = {} } = manifestOf(files.find((file) => file.path === path));
  return Object.keys(dependencies);
}

const MANIFEST = /^packages\/([^/]+)\/(package|tsconfig)\.json$/;

/** Dependencies in package.json and references in tsconfig.json between packages that may not import one another. */
export function dependencyOffences(
  files: readonly SourceFile[],
  allowed: Readonly<Record<string, readonly string[]>>,
): string[] {
  return files.flatMap((file) => {
    const [, name = '', kind] = MANIFEST.exec(file.path) ?? [];
    if (kind === undefined) return [];
    const names = allowed[name];
    if (names === undefined) return [`${file.path}:1: ${name} is not in the table of packages`];
    const pattern = kind === 'package' ? /"(@liminal-node\/[^"]+|liminal-node)"\s*:/g : /"\.\.\/([^"./]+)"/g;
    return offencesIn(file, pattern, ([, found = '']) => {
      const other = workspaceOf(found) ?? found;
      return other === name || names.includes(other) ? undefined : `${name} may not depend on ${other}`;
    });
  });
}

/** Uses of something ambient in files that the table does not list, and rows of the table that no file needs. */
export function ambientOffences(files: readonly SourceFile[], table: readonly AmbientRow[]): string[] {
  return table.flatMap(({ what, token, allowed }) => {
    const unused = new Set(Object.keys(allowed));
    const offences = sourcesOf(files).flatMap(({ file }) => {
      const found = token instanceof RegExp ? offencesIn(file, token, () => what) : importsOf(file, token, what);
      const row = Object.keys(allowed).find(
        (path) => file.path === path || (path.endsWith('/') && file.path.startsWith(path)),
      );
      if (found.length > 0 && row !== undefined) unused.delete(row);
      return row === undefined ? found : [];
    });
    return [...offences, ...[...unused].map((path) => `${path}:1: is listed for ${what}, which it does not use`)];
  });
}

function importsOf(file: SourceFile, modules: readonly string[], what: string): string[] {
  return offencesIn(file, IMPORT, ([, clause = '', specifier = '']) => {
    const onlyTypes = /^type\s/.test(clause) || /^\{(\s*type\s+\w+(\s+as\s+\w+)?\s*,?)+\s*\}$/.test(clause);
    return modules.includes(specifier) && !onlyTypes ? `${what} (${specifier})` : undefined;
  });
}

/** Source files of more lines than `max`. */
export function lengthOffences(files: readonly SourceFile[], max: number): string[] {
  return files.flatMap(({ path, text }) => {
    const lines = text.trimEnd().split('\n').length;
    return SOURCE.test(path) && lines > max ? [`${path}:${max + 1}: ${lines} lines; at most ${max}`] : [];
  });
}

const CODE = /\bERR_LIMINAL_[A-Z0-9_]*[A-Z0-9]\b/g;

/** Error codes without a heading in the document of errors, and headings without a code in the sources. */
export function errorCodeOffences(files: readonly SourceFile[], document: string): string[] {
  const text = files.find(({ path }) => path === document)?.text;
  if (text === undefined) return [`${document}:1: does not exist`];
  const headings = new Set([...text.matchAll(/^#+\s.*$/gm)].flatMap(([heading]) => heading.match(CODE) ?? []));
  const seen = new Set<string>();
  const undocumented = sourcesOf(files).flatMap(({ file }) =>
    offencesIn(file, CODE, ([code]) => {
      if (seen.has(code)) return undefined;
      seen.add(code);
      return headings.has(code) ? undefined : `${code} has no heading in ${document}`;
    }),
  );
  const unused = offencesIn({ path: document, text }, /^#+\s.*$/gm, ([heading]) => {
    const gone = (heading.match(CODE) ?? []).filter((code) => !seen.has(code));
    return gone.length === 0 ? undefined : `${gone.join(', ')} is in no source`;
  });
  return [...undocumented, ...unused];
}

/** Tests that are singled out, left out or only announced. */
export function focusOffences(files: readonly SourceFile[]): string[] {
  const pattern = /\b(?:test|it|describe|suite|bench)(?:\.\w+)*\.(only|skip|todo|fails)\b/g;
  return files
    .filter(({ path }) => /\.test\.ts$/.test(path))
    .flatMap((file) => offencesIn(file, pattern, ([found]) => found));
}

/** Notes to oneself that belong in an issue. Written so that this file is none of its own offences. */
export function markerOffences(files: readonly SourceFile[]): string[] {
  const pattern = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].join('|')})\\b`, 'g');
  return files.filter(isWritten).flatMap((file) => offencesIn(file, pattern, ([found]) => found));
}

/** Paths that exist on one machine only. */
export function machinePathOffences(files: readonly SourceFile[]): string[] {
  const pattern = /(?<![\w.~$}/*-])(?:\/(?:home|Users|work)\/[\w.-]+|\/(?:root)\b|[A-Z]:\\Users\\)/g;
  return files
    .filter(isWritten)
    .flatMap((file) => offencesIn(file, pattern, ([found]) => `${found} is a path of one machine`));
}

function isWritten({ path }: SourceFile): boolean {
  return path !== 'package-lock.json' && !path.endsWith('CHANGELOG.md');
}

/** Addresses of a registry in the lock file, which another registry would have to ignore. */
export function lockOffences(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => path === 'package-lock.json')
    .flatMap((file) => offencesIn(file, /"resolved":\s*"http[^"]*"/g, ([found]) => found));
}

/** Dependencies of any package.json without a row in a table of the README. */
export function readmeOffences(files: readonly SourceFile[]): string[] {
  const rows = (files.find(({ path }) => path === 'README.md')?.text ?? '')
    .split('\n')
    .filter((line) => /^\s*\|/.test(line));
  return files
    .filter(({ path }) => /^(packages\/[^/]+\/)?package\.json$/.test(path))
    .flatMap((file) => {
      const { dependencies, devDependencies } = manifestOf(file);
      return Object.keys({ ...dependencies, ...devDependencies })
        .filter((name) => workspaceOf(name) === undefined && !rows.some((row) => mentions(row, name)))
        .map(
          (name) =>
            `${file.path}:${lineOf(file.text, file.text.indexOf(`"${name}"`))}: ${name} has no row in README.md`,
        );
    });
}

/** Whether a row of a table names a package as a whole word, so that `pino` is not found in `pino-pretty`. */
function mentions(row: string, name: string): boolean {
  return row.split(/[\s|`[\](),]+/).includes(name);
}

/** Workspaces that lack what publishing needs: a field of package.json, the licence that is copied when it is packed, or a README. */
export function manifestOffences(files: readonly SourceFile[], fields: readonly string[]): string[] {
  const paths = new Set(files.map(({ path }) => path));
  return files
    .filter(({ path }) => /^packages\/[^/]+\/package\.json$/.test(path))
    .flatMap((file) => {
      const manifest = manifestOf(file);
      const lacking = fields.filter((field) => manifest[field] === undefined);
      if (manifest.scripts?.['prepack'] !== 'cp ../../LICENSE LICENSE') lacking.push('licence when it is packed');
      if (!paths.has(file.path.replace('package.json', 'README.md'))) lacking.push('README.md beside it');
      return lacking.map((what) => `${file.path}:1: has no ${what}`);
    });
}

/** The names of tests that a text holds: strings that begin with an id or have the word in them, and `id` fields of tables. */
function caseNames({ text }: SourceFile): { name: string; index: number }[] {
  const pattern = /(\bid: )?(['"`])([A-Z]\d{1,2}\b[^'"`\n]*|[^'"`\n]*\bconformance [A-Z]\d[^'"`\n]*)\2/g;
  return [...text.matchAll(pattern)].map((match) => ({
    name: match[1] === undefined ? (match[3] ?? '') : `${match[3]}:`,
    index: match.index,
  }));
}

/** Tests that name a statement which there is not, and statements of one node with neither a case nor a difference. */
export function conformanceOffences(
  files: readonly SourceFile[],
  statements: readonly Statement[],
  document: string,
): string[] {
  const known = new Set(statements.map(({ id }) => id));
  const differences = differencesIn(files.find(({ path }) => path === document)?.text ?? '');
  const shown = new Set<string>();
  const unknown = files
    .filter(({ path }) => /^(packages|test\/conformance)\/.*\.test\.ts$/.test(path) && !path.endsWith('/cases.test.ts'))
    .flatMap((file) =>
      caseNames(file).flatMap(({ name, index }) =>
        idsOf(name).flatMap((id) => {
          shown.add(id);
          return known.has(id) ? [] : [`${file.path}:${lineOf(file.text, index)}: there is no statement ${id}`];
        }),
      ),
    );
  return [
    ...unknown,
    ...[...differences].filter((id) => !known.has(id)).map((id) => `${document}:1: there is no statement ${id}`),
    ...statements
      .filter(({ id, needsDistribution }) => !needsDistribution && !shown.has(id) && !differences.has(id))
      .map(({ id, says }) => `${document}:1: ${id} has neither a case nor a difference: ${says}`),
  ];
}
