/**
 * Runs `liminal-node` as an OS process for a test: the built CLI, an environment without the caller's
 * `LIMINAL_…` variables, a home of its own, output collected by line, and an end that is sure: by
 * `await using`, and for whatever is left when the test file ends.
 *
 *     await using a = await startNodeProcess();
 *     await using reader = startCli(['subscribe', 'orders', '--connect', a.listen, '--count', '1']);
 *     await reader.stderr.line('subscribed to orders');
 *     const sent = await runCli(['publish', 'orders', '{"id":1}', '--connect', a.listen]);
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { sharedHome } from './home.js';
import { DEADLINE_MS, LineLog, type WaitOptions } from './line-log.js';

export { sharedHome, temporaryHome } from './home.js';
export { DEADLINE_MS, LineLog } from './line-log.js';

/** The repository's root. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What `npx liminal-node` runs. */
export const CLI = fileURLToPath(new URL('../../packages/liminal-node/bin/liminal-node.js', import.meta.url));

export interface CliOptions {
  /** `HOME`, where the cookie is. @default one home for the whole test file */
  readonly home?: string;
  /** Added to the environment; undefined removes. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** @default the repository's root */
  readonly cwd?: string;
  /** For node itself, for instance `['--import', 'tsx']`. */
  readonly nodeArgs?: readonly string[];
  /** Written to stdin, which then ends. Without it stdin stays open until {@link CliProcess.endInput}. */
  readonly input?: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One JSON object that was printed as a line. */
export type JsonLine = Readonly<Record<string, unknown>>;

const running = new Set<CliProcess>();
process.on('exit', () => {
  for (const cli of running) cli.signal('SIGKILL');
});

export class CliProcess implements AsyncDisposable {
  readonly stdout = new LineLog('stdout');
  readonly stderr = new LineLog('stderr');
  /** Resolves when the process has ended and all of its output is here. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  #ended = false;

  constructor(args: readonly string[], options: CliOptions = {}) {
    this.#child = spawn(process.execPath, [...(options.nodeArgs ?? []), CLI, ...args], {
      cwd: options.cwd ?? ROOT,
      env: environment(options),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    running.add(this);
    this.#collect(this.#child.stdout, this.stdout);
    this.#collect(this.#child.stderr, this.stderr);
    // The process may be gone before it read its input; its exit tells the test, not this error.
    this.#child.stdin?.on('error', () => {});
    if (options.input !== undefined) this.#child.stdin?.end(options.input);
    this.exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => {
        this.#ended = true;
        running.delete(this);
        this.stdout.end();
        this.stderr.end();
        resolve({ code, signal });
      });
    });
  }

  /** The id of the OS process. */
  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the process did not start');
    return this.#child.pid;
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  endInput(): void {
    this.#child.stdin?.end();
  }

  /** Closes the reading end of its stdout, as `head` does when it has seen enough. */
  closeOutput(): void {
    this.#child.stdout?.destroy();
  }

  /** The first line of JSON on stdout whose `event` is this and whose other fields equal those of `fields`. */
  event(event: string, fields: JsonLine = {}, options?: WaitOptions): Promise<JsonLine> {
    const wanted = Object.entries({ event, ...fields });
    const matches = (value: JsonLine): boolean => wanted.every(([key, field]) => value[key] === field);
    return this.stdout
      .waitFor(
        `event ${JSON.stringify({ event, ...fields })}`,
        (line) => {
          const value = parseLine(line);
          return value !== undefined && matches(value) ? value : undefined;
        },
        options,
      )
      .catch((error: Error) => {
        throw new Error(`${error.message}\nstderr:\n${this.stderr.text || '(nothing)'}`);
      });
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#ended) this.#child.kill(signal);
  }

  /** Its exit, with a deadline; the error shows the output. */
  async exit(deadlineMs = DEADLINE_MS): Promise<Exit> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`still running after ${deadlineMs} ms\n${this.output}`)), deadlineMs);
    });
    try {
      return await Promise.race([this.exited, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  get output(): string {
    return `stdout:\n${this.stdout.text || '(nothing)'}\nstderr:\n${this.stderr.text || '(nothing)'}`;
  }

  /** SIGKILL: there is no goodbye. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    // A stopped process (SIGSTOP) dies of SIGKILL as well.
    await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #collect(stream: NodeJS.ReadableStream | null, log: LineLog): void {
    stream?.setEncoding('utf8');
    stream?.on('data', (chunk: string) => log.append(chunk));
    stream?.on('end', () => log.end());
  }
}

/** Starts the CLI and returns at once. */
export function startCli(args: readonly string[], options?: CliOptions): CliProcess {
  return new CliProcess(args, options);
}

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the CLI to its end. Stdin is empty unless `input` is given. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  await using cli = new CliProcess(args, { input: '', ...options });
  const { code } = await cli.exit();
  return { code, stdout: cli.stdout.text, stderr: cli.stderr.text };
}

/** A node run by `start --json`, ready. */
export interface NodeProcess extends AsyncDisposable {
  readonly cli: CliProcess;
  readonly name: string;
  /** `host:port` for nodes. */
  readonly listen: string;
  /** `host:port` for HTTP. */
  readonly http: string;
}

/**
 * Starts a node on free ports and waits until it is ready.
 * @param args added after `start --json --listen 127.0.0.1:0 --http 127.0.0.1:0`; the last of a flag counts.
 */
export async function startNodeProcess(args: readonly string[] = [], options?: CliOptions): Promise<NodeProcess> {
  const cli = startCli(['start', '--json', '--listen', '127.0.0.1:0', '--http', '127.0.0.1:0', ...args], options);
  try {
    const ready = await cli.event('ready');
    return {
      cli,
      name: String(ready['name']),
      listen: String(ready['listen']),
      http: String(ready['http']),
      [Symbol.asyncDispose]: () => cli.kill(),
    };
  } catch (error) {
    await cli.kill();
    throw error;
  }
}

/** The JSON object in `line`, or undefined. */
export function parseLine(line: string): JsonLine | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as JsonLine;
  } catch {
    return undefined;
  }
}

function environment({ home, env }: CliOptions): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    // The runner's own settings would change what the CLI prints and how it runs.
    ([name]) => !/^(LIMINAL_|VITEST|NODE_OPTIONS$|NODE_ENV$|NO_COLOR$|FORCE_COLOR$)/.test(name),
  );
  const result = { ...Object.fromEntries(inherited), HOME: home ?? sharedHome(), ...env };
  return Object.fromEntries(Object.entries(result).filter(([, value]) => value !== undefined));
}
