/** Examples of a document, as they stand there: written to files, compiled, and run as a user would. */
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
import { expect } from 'vitest';
import { ROOT } from './cli.js';
import { COOKIE } from './cluster.js';
import { sharedHome } from './home.js';
import { DEADLINE_MS } from './line-log.js';

export class Examples implements Disposable {
  readonly #document: string;
  readonly #folder: string;

  /** @param document its path in the repository. */
  constructor(document: string) {
    this.#document = readFileSync(join(ROOT, document), 'utf8');
    // Within the repository's node_modules, so that 'liminal-node' is found as in a program that has installed it.
    const cache = join(ROOT, 'node_modules', '.cache');
    mkdirSync(cache, { recursive: true });
    this.#folder = mkdtempSync(join(cache, 'examples-'));
    writeFileSync(join(this.#folder, 'package.json'), '{ "type": "module" }');
  }

  /** The code block whose first line is `// name`. */
  text(name: string): string {
    const blocks = this.#document.matchAll(/^```ts\n(?<code>[\s\S]*?)^```$/gm);
    const found = [...blocks]
      .map(({ groups }) => groups?.['code'] ?? '')
      .filter((code) => code.startsWith(`// ${name}\n`));
    expect(found, `one block that begins with // ${name}`).toHaveLength(1);
    return found[0] ?? '';
  }

  write(name: string, text = this.text(name)): void {
    writeFileSync(join(this.#folder, name), text);
  }

  /** @returns what the compiler has to say, a line each. */
  compile(...names: readonly string[]): string[] {
    const options: CompilerOptions = {
      strict: true,
      module: ModuleKind.NodeNext,
      moduleResolution: ModuleResolutionKind.NodeNext,
      target: ScriptTarget.ES2022,
      types: ['node'],
      noEmitOnError: true,
    };
    const program = createProgram(
      names.map((name) => join(this.#folder, name)),
      options,
    );
    const { diagnostics } = program.emit();
    return [...getPreEmitDiagnostics(program), ...diagnostics].map(
      ({ file, messageText }) => `${file?.fileName}: ${flattenDiagnosticMessageText(messageText, '\n')}`,
    );
  }

  /** Runs a compiled file to its end. */
  run(name: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [join(this.#folder, name)], {
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

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** What the comments behind each `console.log` promise. */
export function promisedBy(code: string): (string | undefined)[] {
  return [...code.matchAll(/console\.log\(.*\);\s+\/\/ (.*)/g)].map(([, output]) => output);
}
