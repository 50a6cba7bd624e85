/** Erlang/OTP as a player of scenarios: one `erl` that is fed terms and answers lines. */
import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Observation, type Scenario, toErlang } from './scenario.js';

const SOURCES = fileURLToPath(new URL('./erlang/', import.meta.url));
const run = promisify(execFile);

interface Waiting {
  readonly lines: string[];
  readonly resolve: (lines: Observation) => void;
  readonly reject: (error: Error) => void;
}

export class Otp implements AsyncDisposable {
  readonly #erl: ChildProcessWithoutNullStreams;
  readonly #folder: string;
  readonly #waiting: Waiting[] = [];
  #scenarios = 0;
  #stderr = '';

  private constructor(erl: ChildProcessWithoutNullStreams, folder: string) {
    this.#erl = erl;
    this.#folder = folder;
    createInterface({ input: erl.stdout }).on('line', (line) => this.#take(line));
    erl.stderr.on('data', (chunk: Buffer) => {
      this.#stderr += chunk;
    });
    erl.on('exit', (code) => {
      for (const { reject, lines } of this.#waiting.splice(0)) {
        reject(new Error(`erl ended with ${code}: ${this.#stderr}\n${lines.join('\n')}`));
      }
    });
  }

  /** Its release, or undefined where there is no `erl` on this machine. */
  static async release(): Promise<string | undefined> {
    try {
      const { stdout } = await run('erl', [
        '-noshell',
        '-eval',
        'io:put_chars(erlang:system_info(otp_release)), halt().',
      ]);
      return stdout;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Compiles the player and starts it. */
  static async start(): Promise<Otp> {
    const folder = await mkdtemp(join(tmpdir(), 'liminal-oracle-'));
    const sources = (await readdir(SOURCES)).filter((file) => file.endsWith('.erl')).map((file) => join(SOURCES, file));
    await run('erlc', ['-o', folder, ...sources]);
    return new Otp(
      spawn('erl', ['-noshell', '-pa', folder, '-kernel', 'logger_level', 'none', '-s', 'oracle', 'main'], {
        env: { ...process.env, ERL_CRASH_DUMP_SECONDS: '0' },
      }),
      folder,
    );
  }

  play({ steps }: Scenario): Promise<Observation> {
    return new Promise((resolve, reject) => {
      if (this.#erl.exitCode !== null) return reject(new Error(`erl has ended: ${this.#stderr}`));
      this.#waiting.push({ lines: [], resolve, reject });
      this.#erl.stdin.write(toErlang(this.#scenarios++, steps));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#erl.once('exit', resolve));
    this.#erl.stdin.end();
    if (this.#erl.exitCode === null) await ended;
    await rm(this.#folder, { recursive: true, force: true });
  }

  #take(line: string): void {
    const [first] = this.#waiting;
    if (!/^end \d+$/.test(line)) {
      first?.lines.push(line);
      return;
    }
    this.#waiting.shift();
    first?.resolve(first.lines);
  }
}
