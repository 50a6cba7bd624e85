/**
 * The rules of the repository. The tables come first: which package may import which, and which files may
 * touch the world outside. A row gives its reason; a row that is no longer needed is an offence as well.
 */
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { resolveChannelsOptions } from '../packages/channels/dist/options.js';
import { DEFAULTS as DISTRIBUTION } from '../packages/distribution/dist/options.js';
import { resolveNodeOptions } from '../packages/liminal-node/dist/options.js';
import { DEFAULTS as GROUPS } from '../packages/pg/dist/options.js';
import { resolveObjectOptions } from '../packages/scheduler/dist/remote-objects/options.js';
import { resolveSchedulerOptions } from '../packages/scheduler/dist/scheduler-options.js';
import { DEFAULT_WATCHDOG } from '../packages/scheduler/dist/threads/watchdog.js';
import { STATEMENTS } from './conformance/statements.js';
import {
  constantOffences,
  numbersIn,
  optionOffences,
  quantityOf,
  reasonOffences,
  type Sections,
} from './repository/limits.js';
import {
  type AmbientRow,
  ambientOffences,
  conformanceOffences,
  dependencyOffences,
  errorCodeOffences,
  focusOffences,
  importOffences,
  lengthOffences,
  lockOffences,
  machinePathOffences,
  manifestOffences,
  markerOffences,
  readmeOffences,
  readRepository,
  type SourceFile,
} from './repository/rules.js';

/** What each package may import. Imports point down; see ARCHITECTURE.md. */
const ALLOWED_IMPORTS: Readonly<Record<string, readonly string[]>> = {
  scheduler: [],
  distribution: ['scheduler'],
  pg: ['distribution', 'scheduler'],
  channels: ['scheduler'],
  'cluster-sync': ['scheduler', 'distribution', 'pg', 'channels'],
  'liminal-node': ['scheduler', 'distribution', 'pg', 'channels', 'cluster-sync'],
};

const ENVIRONMENT = { 'packages/scheduler/src/environment.ts': 'the one adapter of clock, timers and randomness' };
const CLI = { 'packages/liminal-node/src/cli/': 'a program of its own, which no simulation runs' };
const ATTACHMENT = {
  'packages/liminal-node/src/remote-node.ts': 'a short attachment for the command line, with deadlines of its own',
};

/** Who may touch what a simulation must be able to replace. Modules count where they are imported as values. */
const AMBIENT: readonly AmbientRow[] = [
  {
    what: 'the clock',
    token: /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b/g,
    allowed: { ...ENVIRONMENT, ...CLI },
  },
  { what: 'randomness', token: /\bMath\.random\b|\brandomUUID\b/g, allowed: { ...ENVIRONMENT } },
  {
    what: 'a bare timer',
    token: /(?<![.\w#])set(?:Timeout|Interval|Immediate)\(/g,
    allowed: {
      ...ENVIRONMENT,
      ...CLI,
      ...ATTACHMENT,
    },
  },
  {
    what: 'the network',
    token: ['node:net', 'node:tls', 'node:dgram', 'node:dns', 'node:dns/promises', 'node:http', 'node:https'],
    allowed: {
      ...CLI,
      'packages/distribution/src/dns-resolver.ts':
        'the adapter of the domain name system behind the resolver interface',
      'packages/distribution/src/net-transport.ts': 'the adapter of TCP behind the transport interface',
      'packages/distribution/src/tls-transport.ts': 'the adapter of TLS behind the transport interface',
      'packages/distribution/src/tls-files.ts': 'checks certificates with their keys',
      'packages/liminal-node/src/http-server.ts': 'the HTTP server of health, metrics and console',
    },
  },
  {
    what: 'the file system',
    token: ['node:fs', 'node:fs/promises'],
    allowed: {
      ...CLI,
      'packages/liminal-node/src/cookie.ts': 'reads and makes the cookie file',
      'packages/liminal-node/src/spawn/application-root.ts': 'finds modules and follows symbolic links',
      'packages/distribution/src/tls-files.ts': 'reads certificates and keys',
    },
  },
  {
    what: 'threads',
    token: ['node:worker_threads'],
    allowed: {
      'packages/scheduler/src/threads/thread-worker.ts': 'the entry of a scheduler thread',
      'packages/scheduler/src/threads/worker-threads.ts': 'starts, joins and ends worker threads',
      'packages/scheduler/src/threads/mesh-port.ts': 'reads the ports between threads',
    },
  },
  { what: 'other OS processes', token: ['node:child_process', 'node:cluster'], allowed: { ...CLI } },
  { what: 'the end of the OS process', token: /(?<![.#\w])process\.(?:exit|abort|kill)\b/g, allowed: { ...CLI } },
  { what: 'the console', token: /\bconsole\./g, allowed: {} },
  {
    what: 'environment variables',
    token: /(?<![.#\w])process\.env\b/g,
    allowed: {
      ...CLI,
      'packages/liminal-node/src/cookie.ts': 'LIMINAL_COOKIE, where no cookie is given',
      'packages/scheduler/src/scheduler-options.ts': 'NODE_ENV decides whether messages are checked',
    },
  },
];

const LIMITS = 'docs/limits.md';

/** `creation` is a random number, and no bound. */
const numbers = (options: object): Map<string, number> =>
  new Map(numbersIn(options).filter(([option]) => option !== 'creation'));

/** What the page of limits lists under each of its headings. */
const OPTIONS: Sections = {
  scheduler: numbers({ ...resolveSchedulerOptions(), watchdog: DEFAULT_WATCHDOG, environment: {}, logger: {} }),
  distribution: numbers({ ...DISTRIBUTION, environment: {}, transport: {}, logger: {} }),
  groups: numbers({ ...GROUPS, environment: {}, logger: {} }),
  channels: numbers(resolveChannelsOptions(undefined)),
  node: numbers(resolveNodeOptions(undefined)),
  'Options of a remote object': numbers(resolveObjectOptions()),
};

/** Constants with such a name that bound nothing that grows. */
const NO_LIMITS: Readonly<Record<string, string>> = {
  MAX_SECONDS_DATE: 'says which of two encodings a date has',
  MAX_POOLED_BYTES: 'says where small bytes are copied to',
  MAX_SMALL: 'room that is kept ahead of a number',
  MAX_SHORT_TEXT: 'says which of two encodings a text has',
  MAX_MESSAGES_PER_CLOCK_READ: 'how often a clock is read',
  MAX_FAILURES: 'how often staying awake may be in vain',
  MAX_PAUSE_MS: 'how long it is then not tried',
  MAX_DOUBLINGS: 'how often a wait is made twice as long',
  MAX_RESTART_DELAY_MS: 'the longest wait before a lost thread is replaced',
};

const MAX_LINES = 400;
const ERRORS = 'docs/errors.md';
const DIFFERENCES = 'docs/differences-from-otp.md';
const MANIFEST_FIELDS = ['license', 'engines', 'exports'];

describe('the repository', () => {
  const files = readRepository(fileURLToPath(new URL('..', import.meta.url)));

  const rules: readonly [rule: string, offences: () => string[]][] = [
    ['imports only downwards, and only what it declares', () => importOffences(files, ALLOWED_IMPORTS)],
    ['depends only downwards', () => dependencyOffences(files, ALLOWED_IMPORTS)],
    ['touches the world outside in the listed files only', () => ambientOffences(files, AMBIENT)],
    [`has no source file of more than ${MAX_LINES} lines`, () => lengthOffences(files, MAX_LINES)],
    ['documents every error code, and no other', () => errorCodeOffences(files, ERRORS)],
    [
      'shows each statement of one node, or says how it differs',
      () => conformanceOffences(files, STATEMENTS, DIFFERENCES),
    ],
    [
      'states every limit that is an option, with its default and its test',
      () => optionOffences(files, LIMITS, OPTIONS),
    ],
    ['states every limit that is a constant', () => constantOffences(files, LIMITS, 'Constants', NO_LIMITS)],
    ['counts what it says that it counts at a limit', () => reasonOffences(files, LIMITS)],
    ['runs every test', () => focusOffences(files)],
    ['holds no notes to oneself', () => markerOffences(files)],
    ['names no path of one machine', () => machinePathOffences(files)],
    ['locks versions and no registry', () => lockOffences(files)],
    ['explains every dependency in the README', () => readmeOffences(files)],
    ['gives every package what publishing needs', () => manifestOffences(files, MANIFEST_FIELDS)],
  ];

  test.each(rules)('%s', (_, offences) => {
    expect(offences().join('\n')).toBe('');
  });

  test('is read as a whole', () => {
    expect(files.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['package.json', 'package-lock.json', 'packages/scheduler/src/index.ts']),
    );
  });
});

describe('a rule', () => {
  const at = (path: string, ...lines: string[]): SourceFile => ({ path, text: lines.join('\n') });
  const source = (...lines: string[]) => at('packages/pg/src/a.ts', ...lines);
  const manifest = (dependencies: object, more: object = {}) =>
    at('packages/pg/package.json', JSON.stringify({ name: 'pg', dependencies, ...more }, undefined, 1));

  test('finds an import that points up, sideways, into another package or to nothing declared', () => {
    const files = [
      manifest({ '@liminal-node/scheduler': '1', '@liminal-node/channels': '1', pino: '1' }),
      source(
        "import { a } from '@liminal-node/scheduler';",
        "import { type b } from '@liminal-node/channels';",
        "export * from 'liminal-node';",
        "import '../../scheduler/src/pid.js';",
        "const later = await import('comlink/dist/x.js');",
        "import {\n  c,\n} from 'node:net';",
        "// import { d } from '@liminal-node/channels';",
        "import pino from 'pino';",
        "import './b.js';",
      ),
    ];
    expect(importOffences(files, ALLOWED_IMPORTS)).toEqual([
      'packages/pg/src/a.ts:2: pg may not import channels',
      'packages/pg/src/a.ts:3: pg may not import liminal-node',
      'packages/pg/src/a.ts:4: ../../scheduler/src/pid.js is outside of src',
      'packages/pg/src/a.ts:5: comlink is not in the dependencies of pg',
    ]);
  });

  test('finds a dependency or a reference that points up', () => {
    const references = at(
      'packages/pg/tsconfig.json',
      '{ "references": [',
      '{ "path": "../channels" },',
      '{ "path": "../scheduler" }',
    );
    expect(dependencyOffences([manifest({ '@liminal-node/channels': '1' }), references], ALLOWED_IMPORTS)).toEqual([
      'packages/pg/package.json:4: pg may not depend on channels',
      'packages/pg/tsconfig.json:2: pg may not depend on channels',
    ]);
    expect(dependencyOffences([at('packages/common/package.json', '{}')], ALLOWED_IMPORTS)).toHaveLength(1);
  });

  test('finds what is ambient outside of the listed files, and rows that nothing needs', () => {
    const used = source(
      'const now = Date.now();',
      'const never = new Date(5); // Date.now()',
      'setTimeout(later, 5);',
      'environment.setImmediate(later);',
      "import { type Socket } from 'node:net';",
      "import { connect, type Server } from 'node:net';",
      'process.exit(1); console.log(Math.random(), process.env.A);',
      "import { Worker } from 'node:worker_threads';",
      "import { readFile } from 'node:fs/promises';",
      "import { spawn } from 'node:child_process';",
    );
    const bare = AMBIENT.map((row) => ({ ...row, allowed: {} }));
    expect(ambientOffences([used], bare).map((offence) => offence.replace('packages/pg/src/a.ts', ''))).toEqual([
      ':1: the clock',
      ':7: randomness',
      ':3: a bare timer',
      ':6: the network (node:net)',
      ':9: the file system (node:fs/promises)',
      ':8: threads (node:worker_threads)',
      ':10: other OS processes (node:child_process)',
      ':7: the end of the OS process',
      ':7: the console',
      ':7: environment variables',
    ]);
    const listed = AMBIENT.map((row) => ({ ...row, allowed: { 'packages/pg/src/': 'a reason' } }));
    expect(ambientOffences([used], listed)).toEqual([]);
    expect(ambientOffences([source('')], listed.slice(0, 1))).toEqual([
      'packages/pg/src/:1: is listed for the clock, which it does not use',
    ]);
  });

  test('finds limits that the page lacks, has wrong, has too many of, or that no test shows', () => {
    const page = at(
      LIMITS,
      '### groups',
      '| option | default | at the limit | counted as | shown by |',
      '| `maxGroups` | 1,000 | refused | `liminal_pg_refused_total{over limit}` | `packages/pg/test/a.test.ts` |',
      '| `burstBytes` | 4 MiB | waits | none | `packages/pg/test/a.test.ts`: paces |',
      '| `gone` | 1 | | | `packages/pg/test/a.test.ts` |',
      '| `maxJoins` | 5 s | | | `packages/pg/test/b.test.ts` |',
      '| `box.maxItems` | many | | | `packages/pg/test/a.test.ts` |',
      '### Constants',
      '| `MAX_A` | 256 KiB | `pg/src/a.ts` | |',
      '| `MAX_GONE` | 1 | `pg/src/a.ts` | |',
    );
    const tests = at('packages/pg/test/a.test.ts', 'maxGroups; maxItems');
    const options = { maxGroups: 1_000, burstBytes: 2 ** 22, maxJoins: 5_000, box: { maxItems: 3 }, maxNew: 7 };
    const sections: Sections = { groups: new Map(numbersIn(options)) };
    expect(optionOffences([page, tests], LIMITS, sections)).toEqual([
      `${LIMITS}:4: packages/pg/test/a.test.ts does not mention paces`,
      `${LIMITS}:5: groups has no option gone`,
      `${LIMITS}:6: there is no test packages/pg/test/b.test.ts`,
      `${LIMITS}:7: box.maxItems is 3 by default, not many`,
      `${LIMITS}:1: has no row for maxNew of groups`,
    ]);
    const constants = source('const MAX_A = 2 * 1_024;', 'export const MAX_B = 7;', 'const MAX_C = 1;');
    expect(constantOffences([page, constants], LIMITS, 'Constants', { MAX_C: 'is none' })).toEqual([
      `${LIMITS}:9: MAX_A is 2048, not 256 KiB`,
      `packages/pg/src/a.ts:1: MAX_B has no row in ${LIMITS}`,
      `${LIMITS}:10: there is no packages/pg/src/a.ts MAX_GONE`,
    ]);
    expect(reasonOffences([page, constants], LIMITS)).toEqual([
      `${LIMITS}:1: no source counts liminal_pg_refused_total as over limit`,
    ]);
    expect(optionOffences([], LIMITS, sections)).toEqual([`${LIMITS}:1: does not exist`]);
    expect(['2.5 s', '200 µs', '1 h', '1,000,000', 'none'].map(quantityOf)).toEqual([
      2_500,
      200,
      3_600_000,
      1_000_000,
      undefined,
    ]);
  });

  test('finds a file that is too long', () => {
    expect(lengthOffences([source(...Array.from({ length: 401 }, () => 'a'))], 400)).toEqual([
      'packages/pg/src/a.ts:401: 401 lines; at most 400',
    ]);
    expect(lengthOffences([source(...Array.from({ length: 400 }, () => 'a'), '')], 400)).toEqual([]);
  });

  test('finds a code without documentation, documentation without a code, and none at all', () => {
    const code = source('', "code = 'ERR_LIMINAL_NEW';", "again = 'ERR_LIMINAL_NEW'; other = 'ERR_LIMINAL_OLD';");
    const document = at(
      ERRORS,
      '# Errors',
      '## `ERR_LIMINAL_OLD`',
      '## ERR_LIMINAL_GONE',
      'ERR_LIMINAL_NEW in passing',
    );
    expect(errorCodeOffences([code, document], ERRORS)).toEqual([
      'packages/pg/src/a.ts:2: ERR_LIMINAL_NEW has no heading in docs/errors.md',
      'docs/errors.md:3: ERR_LIMINAL_GONE is in no source',
    ]);
    expect(errorCodeOffences([code], ERRORS)).toEqual(['docs/errors.md:1: does not exist']);
  });

  test('finds tests that do not run, or that run alone', () => {
    const marks = ['only', 'skip', 'todo'];
    const tests = at(
      'packages/pg/test/a.test.ts',
      ...marks.map((mark) => `test.${mark}('x');`),
      "describe.skipIf(a)('y')",
    );
    expect(focusOffences([tests])).toEqual(
      marks.map((mark, line) => `packages/pg/test/a.test.ts:${line + 1}: test.${mark}`),
    );
  });

  test('finds notes to oneself', () => {
    const mark = ['TO', 'DO'].join('');
    expect(markerOffences([at('docs/a.md', 'a', `b ${mark}: c`)])).toEqual([`docs/a.md:2: ${mark}`]);
    expect(markerOffences([at('package-lock.json', mark)])).toEqual([]);
  });

  test('finds paths of one machine', () => {
    const home = ['', 'home', 'ada'].join('/');
    expect(machinePathOffences([at('docs/a.md', `see \`${home}/x\``, 'https://a.example/home/x', './home/x')])).toEqual(
      [`docs/a.md:1: ${home} is a path of one machine`],
    );
  });

  test('finds a registry in the lock file', () => {
    const resolved = '"resolved": "https://registry.example/a.tgz"';
    expect(lockOffences([at('package-lock.json', '{', resolved)])).toEqual([`package-lock.json:2: ${resolved}`]);
  });

  test('finds a dependency that the README does not explain', () => {
    const readme = at('README.md', '| `pino-pretty` | logs |', 'pino is not a row');
    const files = [readme, manifest({ pino: '1', 'pino-pretty': '1', '@liminal-node/scheduler': '1' })];
    expect(readmeOffences(files)).toEqual(['packages/pg/package.json:4: pino has no row in README.md']);
  });

  test('finds a case of a statement that there is not, and a statement without a case or a documented difference', () => {
    const statement = (id: string, needsDistribution = false) => ({ id, says: `says ${id}`, needsDistribution });
    const statements = ['A1', 'A2', 'A3', 'A4', 'A5'].map((id) => statement(id));
    const tests = at(
      'packages/pg/test/a.test.ts',
      "test('A1: first', show);",
      "test('keeps order (conformance A2 and A9)', show);",
      "const rules = [{ id: 'A3' }];",
      "world.gate('A4');",
    );
    const document = at(DIFFERENCES, '| a rule (A5, B7) | another | a reason |', 'A4 in passing');
    expect(conformanceOffences([tests, document], [...statements, statement('A6', true)], DIFFERENCES)).toEqual([
      'packages/pg/test/a.test.ts:2: there is no statement A9',
      `${DIFFERENCES}:1: there is no statement B7`,
      `${DIFFERENCES}:1: A4 has neither a case nor a difference: says A4`,
    ]);
  });

  test('finds a package without a licence, engines, exports or a README', () => {
    const whole = { license: 'MIT', engines: {}, exports: {}, scripts: { prepack: 'cp ../../LICENSE LICENSE' } };
    const readme = at('packages/pg/README.md', 'Groups');
    expect(manifestOffences([manifest({}, whole), readme], MANIFEST_FIELDS)).toEqual([]);
    expect(manifestOffences([manifest({}, { license: 'MIT', engines: {} })], MANIFEST_FIELDS)).toEqual([
      'packages/pg/package.json:1: has no exports',
      'packages/pg/package.json:1: has no licence when it is packed',
      'packages/pg/package.json:1: has no README.md beside it',
    ]);
  });
});
