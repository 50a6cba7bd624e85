/** The README's example, as it stands there: compiled, and run beside a node with a subscriber. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CompilerOptions,
  createProgram,
  flattenDiagnosticMessageText,
  getPreEmitDiagnostics,
  ModuleKind,
  ModuleResolutionKind,
  ScriptTarget,
} from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from './support/cli.js';
import { COOKIE, startClusterNode } from './support/cluster.js';
import { sharedHome } from './support/home.js';
import { DEADLINE_MS } from './support/line-log.js';

/** Where the README says that the other node listens. */
const README_SEED = '127.0.0.1:4371';

let folder: string;
beforeAll(() => {
  // Within the repository's node_modules, so that 'liminal-node' is found as in a program that has installed it.
  const cache = join(ROOT, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, 'readme-'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The code block whose first line is `// name`. */
function exampleFile(name: string): string {
  const blocks = readFileSync(join(ROOT, 'README.md'), 'utf8').matchAll(/^```ts\n(?<code>[\s\S]*?)^```$/gm);
  const found = [...blocks]
    .map(({ groups }) => groups?.['code'] ?? '')
    .filter((code) => code.startsWith(`// ${name}\n`));
  expect(found, `one block that begins with // ${name}`).toHaveLength(1);
  return found[0] ?? '';
}

/** @returns what the compiler has to say, a line each. */
function compile(...names: readonly string[]): string[] {
  const options: CompilerOptions = {
    strict: true,
    module: ModuleKind.NodeNext,
    moduleResolution: ModuleResolutionKind.NodeNext,
    target: ScriptTarget.ES2022,
    types: ['node'],
    noEmitOnError: true,
  };
  const program = createProgram(
    names.map((name) => join(folder, name)),
    options,
  );
  const { diagnostics } = program.emit();
  return [...getPreEmitDiagnostics(program), ...diagnostics].map(
    ({ file, messageText }) => `${file?.fileName}: ${flattenDiagnosticMessageText(messageText, '\n')}`,
  );
}

/** Runs a compiled file to its end. */
function run(name: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(folder, name)], {
      env: { PATH: process.env['PATH'], HOME: sharedHome(), LIMINAL_COOKIE: COOKIE },
      timeout: DEADLINE_MS,
      killSignal: 'SIGKILL',
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => {
      output.stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output.stderr += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...output }));
  });
}

describe('the example of the README', () => {
  it('compiles, reaches a subscriber on another node, and ends by itself', async () => {
    await using b = await startClusterNode({ name: 'b@127.0.0.1' });
    const subscription = await b.call('subscribe', 'orders');
    const main = exampleFile('main.ts');
    expect(main.split(README_SEED)).toHaveLength(2);
    writeFileSync(join(folder, 'greeter.ts'), exampleFile('greeter.ts'));
    writeFileSync(join(folder, 'main.ts'), main.replace(README_SEED, b.listen));
    expect(compile('greeter.ts', 'main.ts')).toEqual([]);
    const { code, stdout, stderr } = await run('main.js');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    // What the comments behind each console.log promise.
    const promised = [...main.matchAll(/console\.log\(.*\);\s+\/\/ (.*)/g)].map(([, output]) => output);
    expect(promised).toEqual(['Hello, Ada!', '{ local: 1, nodes: 1, dropped: 0 }', '{ id: 1 }']);
    expect(stdout.trim().split('\n')).toEqual(promised);
    expect(await b.received(subscription, 1)).toEqual([{ id: 1 }]);
    await b.connectedTo();
  });

  it('of a supervision tree compiles, says what its comments say, and ends by itself', async () => {
    const main = exampleFile('run.ts');
    writeFileSync(join(folder, 'app.ts'), exampleFile('app.ts'));
    writeFileSync(join(folder, 'run.ts'), main);
    expect(compile('app.ts', 'run.ts')).toEqual([]);
    const { code, stdout, stderr } = await run('run.js');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const promised = [...main.matchAll(/console\.log\(.*\);\s+\/\/ (.*)/g)].map(([, output]) => output);
    expect(promised).toEqual(['42', 'ERR_LIMINAL_CALL']);
    expect(stdout.trim().split('\n')).toEqual(promised);
  });
});

describe('the example of objects in the README', () => {
  it('compiles, calls an object on another thread, is called back, and ends by itself', async () => {
    for (const name of ['stock.ts', 'shop.ts']) writeFileSync(join(folder, name), exampleFile(name));
    expect(compile('stock.ts', 'shop.ts')).toEqual([]);
    const { code, stdout, stderr } = await run('shop.js');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trim().split('\n')).toEqual(['3', 'no more pears', '0']);
  });
});
