/**
 * One node of the demo: an OS process that runs `liminal-node start --app`, as a user would start it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { DemoCommand, DemoReport } from './protocol.js';

const CLI = fileURLToPath(new URL('../../../bin/liminal-node.js', import.meta.url));
const APP = fileURLToPath(new URL('./demo-app.js', import.meta.url));

/** Longer than a node may take to drain. */
const STOP_MS = 15_000;

export interface DemoNodeOptions {
  readonly name: string;
  readonly seeds: readonly string[];
  readonly cookie: string;
  readonly onReport: (report: DemoReport) => void;
}

export interface DemoNode {
  readonly name: string;
  /** The id of the OS process. */
  readonly pid: number;
  /** Where it listens, once it is ready. Rejects, with what it said on stderr, where it ends before. */
  readonly listen: Promise<string>;
  /** Resolves with how it ended: an exit code, or the name of a signal. */
  readonly ended: Promise<number | string>;
  tell(command: DemoCommand): void;
  /** SIGKILL, and wait until it is dead. */
  kill(): Promise<void>;
  /** SIGTERM, and SIGKILL where that is not enough. @returns how it ended. */
  stop(): Promise<number | string>;
}

export function startDemoNode({ name, seeds, cookie, onReport }: DemoNodeOptions): DemoNode {
  const args = ['start', '--json', '--name', name, '--listen', '127.0.0.1:0', '--http', 'off', '--threads', '1'];
  const seedArgs = seeds.flatMap((seed) => ['--seed', seed]);
  const child = spawn(process.execPath, [CLI, ...args, ...seedArgs, '--app', APP, '--log-level', 'error'], {
    env: environment(cookie),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // A group of its own: Ctrl-C in the terminal is for the demo alone, which then stops its nodes in order.
    detached: true,
  });
  child.on('message', (message) => onReport(message as DemoReport));
  const ended = endOf(child);
  const said = lastLines(child);
  return {
    name,
    pid: child.pid ?? 0,
    listen: Promise.race([
      listenAddress(child),
      ended.then((how) => Promise.reject(new Error(`node ${name} ended (${how}) before it was ready: ${said()}`))),
    ]),
    ended,
    tell: (command) => void (child.connected && child.send(command)),
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      const how = await ended;
      clearTimeout(timer);
      return how;
    },
  };
}

function environment(cookie: string): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([variable]) => !variable.startsWith('LIMINAL_'));
  return { ...Object.fromEntries(inherited), LIMINAL_COOKIE: cookie };
}

function endOf(child: ChildProcess): Promise<number | string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
}

/** From its first line of JSON, as any program that runs `start --json` would learn it. */
async function listenAddress(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no stdout');
  const lines = createInterface({ input: child.stdout });
  return new Promise((resolve) => {
    lines.on('line', (line) => {
      const { event, listen } = JSON.parse(line) as { event?: string; listen?: string };
      if (event === 'ready' && listen !== undefined) resolve(listen);
    });
  });
}

function lastLines(child: ChildProcess): () => string {
  const lines: string[] = [];
  if (child.stderr !== null) {
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      if (lines.length > 10) lines.shift();
    });
  }
  return () => (lines.length === 0 ? 'it said nothing' : lines.join(' | '));
}
