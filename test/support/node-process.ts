/**
 * A node in an OS process of its own: forked, told over IPC what to do (`answerCalls`), and ended for sure, by
 * `await using` and for whatever is left when the test file ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Answer } from './answer-calls.js';
import { DEADLINE_MS, LineLog } from './line-log.js';

/** For `node --import`, so that a module in TypeScript loads on every thread. */
export const LOADER = new URL('./load-typescript.mjs', import.meta.url).href;

const running = new Set<{ signal(signal: NodeJS.Signals): void }>();
process.on('exit', () => {
  for (const node of running) node.signal('SIGKILL');
});

/** What can be asked of such a process. */
// biome-ignore lint/suspicious/noExplicitAny: each command has arguments of its own.
export type CommandTable = Readonly<Record<string, (...args: any[]) => unknown>>;

type Result<Commands extends CommandTable, Name extends keyof Commands> = Awaited<ReturnType<Commands[Name]>>;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export interface NodeProcessOptions {
  /** The path of its program. */
  readonly module: string;
  readonly env: NodeJS.ProcessEnv;
  /** A command that runs the one that is appended, for instance in another namespace. @default none */
  readonly prefix?: readonly string[];
}

export class NodeProcess<Commands extends CommandTable> implements AsyncDisposable {
  /** What errors call it. */
  name = '';
  readonly stderr = new LineLog('stderr');
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  readonly #child: ChildProcess;
  readonly #loaded: Promise<void>;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  #ended = false;

  constructor({ module, env, prefix = [] }: NodeProcessOptions) {
    const [command = '', ...args] = [...prefix, process.execPath, '--import', LOADER, module];
    this.#child = spawn(command, args, {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env,
    });
    running.add(this);
    this.#child.stderr?.setEncoding('utf8').on('data', (chunk: string) => this.stderr.append(chunk));
    this.#loaded = new Promise((resolve, reject) => {
      this.#child.on('message', (message: Answer | { readonly loaded: true }) => {
        if ('loaded' in message) resolve();
        else this.#take(message);
      });
      this.#child.once('close', () => reject(new Error(`the node's OS process ended\n${this.stderr.text}`)));
    });
    this.#loaded.catch(() => {});
    // A call on its way when the process ends fails by the exit, below.
    this.#child.on('error', () => {});
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        this.#ended = true;
        running.delete(this);
        for (const { reject } of this.#waiting.values()) {
          reject(new Error(`${this.name} ended (${signal ?? code})\n${this.stderr.text}`));
        }
        this.#waiting.clear();
        resolve({ code, signal });
      });
    });
  }

  /** The id of the OS process. */
  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the process did not start');
    return this.#child.pid;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Resolves when its OS process has loaded all of its code and only waits to be started. */
  async loaded(): Promise<this> {
    await this.#loaded;
    return this;
  }

  call<Name extends keyof Commands & string>(
    command: Name,
    ...args: Parameters<Commands[Name]>
  ): Promise<Result<Commands, Name>> {
    return new Promise<unknown>((resolve, reject) => {
      if (this.#ended) throw new Error(`${this.name} has ended`);
      const call = this.#calls++;
      const late = setTimeout(() => {
        this.#waiting.delete(call);
        reject(new Error(`${this.name} did not answer ${command} within ${DEADLINE_MS} ms\n${this.stderr.text}`));
      }, DEADLINE_MS);
      const settled =
        <T>(settle: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(late);
          settle(value);
        };
      this.#waiting.set(call, { resolve: settled(resolve), reject: settled(reject) });
      this.#child.send({ call, command, args });
    }) as Promise<Result<Commands, Name>>;
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#ended) this.#child.kill(signal);
  }

  /** SIGKILL: there is no goodbye. A stopped process dies of it as well. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #take(answer: Answer): void {
    const waiting = this.#waiting.get(answer.call);
    this.#waiting.delete(answer.call);
    if (answer.ok) waiting?.resolve(answer.value);
    else waiting?.reject(new Error(`${this.name}: ${answer.error}`));
  }
}
