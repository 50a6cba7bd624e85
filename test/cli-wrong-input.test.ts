/**
 * Every wrong input of the command line: one sentence on stderr that names cause and remedy, nothing on
 * stdout, no stack trace, and the documented exit code.
 */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CliOptions,
  type CliResult,
  type NodeProcess,
  ROOT,
  runCli,
  startNodeProcess,
  temporaryHome,
} from './support/cli.js';
import { freePort } from './support/free-port.js';

const COOKIE = 'the cookie of this test';

/** What every refusal has in common. */
async function refusal(args: readonly string[], options?: CliOptions): Promise<CliResult> {
  const result = await runCli(args, options);
  expect(result.stdout).toBe('');
  expect(result.stderr).toMatch(/^liminal-node: \S.*\n?$/);
  expect(result.stderr).not.toMatch(/^\s+at /m);
  return result;
}

describe('the command line refuses', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['an unknown command, and suggests one', ['strat'], ["unknown command 'strat'", 'did you mean start?']],
    [
      'an unknown flag, and suggests one',
      ['start', '--lisen', 'x'],
      ["unknown option '--lisen'", 'did you mean --listen?'],
    ],
    ['a flag without its value', ['start', '--name'], ['--name <name@host>', 'argument missing']],
    ['an address without a port', ['start', '--listen', '127.0.0.1'], ['--listen', "'127.0.0.1'", '127.0.0.1:4370']],
    ['an address with an impossible host', ['start', '--http', '300.0.0.1:80'], ['--http', 'neither an IP address']],
    ['an address with an impossible port', ['nodes', '--connect', 'localhost:99999'], ['--connect', 'from 1 to 65535']],
    ['an IPv6 address without brackets', ['start', '--seed', '::1:4370'], ['--seed', '[::1]:4370']],
    ['a name that is none', ['start', '--name', 'a'], ['--name', 'NAME@HOST', 'a@127.0.0.1']],
    ['a number that is none', ['start', '--threads', 'many'], ['--threads', 'whole number from 0 to 256']],
    ['a count of nothing', ['subscribe', 'orders', '--count', '0'], ['--count', 'whole number from 1']],
    ['a log level that is none', ['start', '--log-level', 'loud'], ['--log-level', 'trace, debug, info']],
    [
      'one port for two purposes',
      ['start', '--listen', 'localhost:4999', '--http', 'localhost:4999'],
      ['localhost:4999', '--http off'],
    ],
    ['a certificate without its key', ['start', '--tls-cert', 'node.pem'], ['missing: --tls-key, --tls-ca']],
    [
      'TLS files that are not there',
      ['nodes', '--tls-cert', 'no.pem', '--tls-key', 'no-key.pem', '--tls-ca', 'no-ca.pem'],
      ['the TLS file no.pem cannot be read'],
    ],
    ['a missing argument', ['publish', 'orders'], ["missing required argument 'json'"]],
    ['an argument too many', ['nodes', 'now'], ['too many arguments']],
    ['a channel without a name', ['subscribe', ''], ['channel', '1 to 255 bytes']],
    [
      'a payload that is no JSON',
      ['publish', 'orders', '{id:1}'],
      ['not JSON', 'column 2', 'double quotes', '\'{"id":1}\''],
    ],
  ])('%s', async (_what, args, words) => {
    const { code, stderr } = await refusal(args);
    expect(code).toBe(2);
    for (const word of words) expect(stderr).toContain(word);
  });

  it.each<[string, Record<string, string>, readonly string[]]>([
    ['a variable with a bad value', { LIMINAL_LISTEN: 'here' }, ['LIMINAL_LISTEN', 'HOST:PORT']],
    ['a misspelt variable', { LIMINAL_LISTN: '127.0.0.1:0' }, ['LIMINAL_LISTN', 'LIMINAL_LISTEN']],
    ['a switch that is neither on nor off', { LIMINAL_JSON: 'maybe' }, ['LIMINAL_JSON', '1 or to 0']],
  ])('%s', async (_what, env, words) => {
    const { code, stderr } = await refusal(['start'], { env });
    expect(code).toBe(2);
    for (const word of words) expect(stderr).toContain(word);
  });

  it('to start without a command, and shows the help on stderr', async () => {
    const { code, stdout, stderr } = await runCli([]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('npx liminal-node start');
  });
});

describe('an app that does not load', () => {
  const SERVER = `import { child, defineServer, defineSupervisor } from 'liminal-node';
    const db = defineServer(import.meta.url, 'db', { init() { throw new Error('no database'); } });`;
  const home = temporaryHome();
  mkdirSync(join(home, 'node_modules'));
  symlinkSync(join(ROOT, 'packages', 'liminal-node'), join(home, 'node_modules', 'liminal-node'));
  const app = (name: string, text: string): string => {
    writeFileSync(join(home, name), text);
    return name;
  };
  const start = (file: string): Promise<CliResult> =>
    refusal(['start', '--listen', '127.0.0.1:0', '--http', 'off', '--log-level', 'silent', '--app', file], {
      home,
      cwd: home,
    });

  it.each<[string, string, readonly string[]]>([
    ['no.mjs', '', ['default export is missing', 'export default']],
    ['five.mjs', 'export default 5', ['default export must be what defineSupervisor makes', 'export default']],
    ['returns.mjs', 'export default () => 5', ['returned must be what defineSupervisor makes', 'The node was stopped']],
    ['empty.mjs', 'export default []', ['default export has no children']],
    ['worker.mjs', `${SERVER} export default child(db, [])`, ['put the child "db" into a list']],
    ['id.mjs', `${SERVER} export default [{ ...child(db, []), id: 5 }]`, ['child spec that is refused', 'option id']],
    [
      'child.mjs',
      `${SERVER} const inner = defineSupervisor(import.meta.url, 'inner', () => ({ children: [child(db, [])] }));
      export default () => [child(inner, [])]`,
      ['its child "inner/db" did not start: Error: no database', 'child.mjs:2:', 'The node was stopped'],
    ],
    ['syntax.mjs', 'export default (', ['SyntaxError']],
    ['import.mjs', "import 'not-installed-anywhere'", ["Cannot find package 'not-installed-anywhere'"]],
    ['throws.mjs', 'throw new RangeError("boom")', ['RangeError: boom', 'throws.mjs:1:7']],
    ['typed.tsx', 'export default 5', ['Unknown file extension', 'Compile it to JavaScript', 'tsx']],
    ['rejects.mjs', 'export default async () => { throw new Error("no database") }', ['no database', 'rejects.mjs:1']],
  ])('(%s) ends with exit code 6 and the cause', async (name, text, words) => {
    const { code, stderr } = await start(app(name, text));
    expect(code).toBe(6);
    for (const word of [name, ...words]) expect(stderr).toContain(word);
  });

  it('because it is not there names the path that was looked at', async () => {
    const { code, stderr } = await start('absent.mjs');
    expect(code).toBe(6);
    expect(stderr).toContain(join(home, 'absent.mjs'));
  });
});

describe('with a node running', () => {
  let node: NodeProcess;
  beforeAll(async () => {
    node = await startNodeProcess([], { env: { LIMINAL_COOKIE: COOKIE } });
  });
  afterAll(() => node[Symbol.asyncDispose]());

  it('a second one on its port is refused, and the port is named', async () => {
    const { code, stderr } = await refusal(['start', '--listen', node.listen, '--http', 'off'], {
      env: { LIMINAL_COOKIE: COOKIE },
    });
    expect(code).toBe(3);
    for (const word of [node.listen, 'taken', '--listen']) expect(stderr).toContain(word);
  });

  it('a second one on its HTTP port is refused, and the port is named', async () => {
    const { code, stderr } = await refusal(['start', '--listen', '127.0.0.1:0', '--http', node.http], {
      env: { LIMINAL_COOKIE: COOKIE },
    });
    expect(code).toBe(3);
    for (const word of [node.http, 'taken', '--http']) expect(stderr).toContain(word);
  });

  it('an address of another machine cannot be listened on', async () => {
    const { code, stderr } = await refusal(['start', '--listen', '192.0.2.1:0', '--http', 'off'], {
      env: { LIMINAL_COOKIE: COOKIE },
    });
    expect(code).toBe(3);
    expect(stderr).toContain('192.0.2.1');
  });

  it.each([
    ['nodes', []],
    ['publish', ['orders', '1']],
    ['subscribe', ['orders']],
  ])('%s with another cookie is refused, and both sides say why', async (command, args) => {
    const after = node.cli.stderr.length;
    const { code, stderr } = await refusal([command, ...args, '--connect', node.listen], {
      env: { LIMINAL_COOKIE: 'quite another cookie' },
    });
    expect(code).toBe(5);
    for (const word of [node.listen, 'cookie', 'LIMINAL_COOKIE']) expect(stderr).toContain(word);
    expect(stderr).not.toContain('quite another cookie');
    // The node says it once a minute for each address at most, so only the first of these is sure to be logged.
    if (command === 'nodes') await node.cli.stderr.line('cookie', { after });
    expect(node.cli.stderr.text).not.toContain(COOKIE);
  });
});

it('a node with another cookie does not join, and both nodes say why', async () => {
  await using node = await startNodeProcess([], { env: { LIMINAL_COOKIE: COOKIE } });
  await using other = await startNodeProcess(['--name', 'stranger@127.0.0.1', '--seed', node.listen], {
    env: { LIMINAL_COOKIE: 'quite another cookie' },
  });
  for (const { cli } of [node, other]) {
    const said = await cli.stderr.line('do not have the same cookie');
    for (const name of [node.name, other.name]) expect(said).toContain(name);
    expect(cli.output).not.toMatch(/quite another cookie|the cookie of this test/);
  }
  const ready = await fetch(`http://${other.http}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.text()).toContain('cookie');
});

describe('without a node', () => {
  it.each([
    ['nodes', []],
    ['publish', ['orders', '1']],
    ['subscribe', ['orders']],
  ])('%s says where it found none, and how to start one', async (command, args) => {
    const address = `127.0.0.1:${await freePort()}`;
    const { code, stderr } = await refusal([command, ...args, '--connect', address]);
    expect(code).toBe(4);
    for (const word of [address, 'nothing listens', 'liminal-node start']) expect(stderr).toContain(word);
  });
});

describe('the cookie', () => {
  it('that was made silently does not serve beyond this machine', async () => {
    const home = temporaryHome();
    for (const address of ['0.0.0.0:0', '[::]:0']) {
      const { code, stderr } = await refusal(['start', '--listen', address, '--http', 'off'], { home });
      expect(code).toBe(5);
      for (const word of ['other machines', '.liminal/cookie', '--cookie-file']) expect(stderr).toContain(word);
    }
  });

  it('that others may read is refused with the command that helps', async () => {
    const home = temporaryHome();
    mkdirSync(join(home, '.liminal'));
    const path = join(home, '.liminal', 'cookie');
    writeFileSync(path, COOKIE);
    chmodSync(path, 0o644);
    const { code, stderr } = await refusal(['start', '--listen', '127.0.0.1:0', '--http', 'off'], { home });
    expect(code).toBe(5);
    expect(stderr).toContain(`chmod 600 ${path}`);
    expect(stderr).not.toContain(COOKIE);
  });

  it('that is short is refused', async () => {
    const { code, stderr } = await refusal(['start', '--http', 'off'], { env: { LIMINAL_COOKIE: 'secret' } });
    expect(code).toBe(5);
    expect(stderr).toContain('too short');
  });
});
