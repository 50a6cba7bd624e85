/**
 * Four nodes of Erlang/OTP as a player of group scenarios: an `erl` each, and an `epmd` of their own on a port that is
 * free, so that no node outside sees them. A node that is killed is killed by its pid.
 */
import { type ChildProcess, type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../../support/free-port.js';
import {
  type GroupPlayer,
  type GroupStep,
  type Members,
  NODES,
  type NodeLabel,
  sortedGroups,
  type View,
} from './scenario.js';

const SOURCE = fileURLToPath(new URL('./oracle_groups.erl', import.meta.url));
const run = promisify(execFile);

/** Nothing is connected, and nothing disconnected, but by a step. */
const QUIET = [
  ...['-noshell', '-start_epmd', 'false', '-setcookie', 'oracle', '-connect_all', 'false'],
  ...['-kernel', 'logger_level', 'none', 'dist_auto_connect', 'never', 'prevent_overlapping_partitions', 'false'],
  ...['inet_dist_use_interface', '{127,0,0,1}'],
];

export class OtpCluster implements GroupPlayer {
  readonly #folder: string;
  readonly #epmd: ChildProcess;
  readonly #env: NodeJS.ProcessEnv;
  readonly #nodes = new Map<NodeLabel, ErlNode>();
  readonly #homes = new Map<string, NodeLabel>();
  /** By key, what the scenario calls a process. */
  readonly #names = new Map<string, string>();

  private constructor(folder: string, epmd: ChildProcess, env: NodeJS.ProcessEnv) {
    this.#folder = folder;
    this.#epmd = epmd;
    this.#env = env;
  }

  static async start(): Promise<OtpCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'liminal-groups-'));
    await run('erlc', ['-o', folder, SOURCE]);
    const port = String(await freePort());
    const env = { ...process.env, ERL_EPMD_PORT: port, ERL_EPMD_ADDRESS: '127.0.0.1', ERL_CRASH_DUMP_SECONDS: '0' };
    const epmd = spawn('epmd', [], { env, stdio: 'ignore' });
    const cluster = new OtpCluster(folder, epmd, env);
    try {
      await cluster.#registryIsUp();
      await Promise.all(NODES.map((node) => cluster.#start(node)));
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  async perform(step: GroupStep): Promise<string> {
    switch (step[0]) {
      case 'spawn': {
        const [, process, node] = step;
        this.#names.set(await this.#node(node).ask(`{spawn, ${process}}`), process);
        this.#homes.set(process, node);
        return 'ok';
      }
      case 'join':
      case 'leave': {
        const [op, group, ...processes] = step;
        return this.#homeOf(processes[0] ?? '').ask(`{${op}, ${group}, [${processes}]}`);
      }
      case 'end':
        return this.#homeOf(step[1]).ask(`{'end', ${step[1]}}`);
      case 'connect': {
        const said = await this.#node(step[1]).ask(`{connect, ${fullName(step[2])}}`);
        return said === 'true' ? 'ok' : said;
      }
      case 'disconnect':
        await this.#node(step[1]).ask(`{disconnect, ${fullName(step[2])}}`);
        // Were the two connected again before both ends had noticed, some members would be missing for ever.
        return this.#node(step[2]).ask(`{gone, ${fullName(step[1])}}`);
      case 'kill':
        await this.#node(step[1]).end();
        this.#nodes.delete(step[1]);
        return 'ok';
      case 'start':
        await this.#start(step[1]);
        return 'ok';
      case 'barrier':
        return 'ok';
    }
  }

  async view(node: NodeLabel): Promise<View> {
    const parts = (await this.#node(node).ask('view')).split('|');
    const [members = {}, local = {}, groups = {}, heard = {}] = parts.map((part) => this.#read(part));
    return { members: filled(members), local: filled(local), groups: Object.keys(groups).sort(), heard: filled(heard) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#nodes.values()].map((node) => node.end()));
    if (this.#epmd.exitCode === null && this.#epmd.signalCode === null) {
      this.#epmd.kill('SIGKILL');
      await once(this.#epmd, 'exit');
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #registryIsUp(): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        await run('epmd', ['-names'], { env: this.#env });
        return;
      } catch (error) {
        if (tries > 300) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async #start(label: NodeLabel): Promise<void> {
    const flags = ['-sname', fullName(label), '-pa', this.#folder, ...QUIET, '-s', 'oracle_groups', 'main'];
    // The name of a node that was killed is free once its registry has noticed.
    for (let tries = 0; ; tries++) {
      const node = new ErlNode(spawn('erl', flags, { env: this.#env }));
      try {
        await node.isUp;
        this.#nodes.set(label, node);
        return;
      } catch (error) {
        if (tries >= 20) throw error;
      }
    }
  }

  #node(label: NodeLabel): ErlNode {
    const node = this.#nodes.get(label);
    if (node === undefined) throw new Error(`${label} does not run`);
    return node;
  }

  #homeOf(process: string): ErlNode {
    return this.#node(this.#homes.get(process) ?? 'n1');
  }

  #read(part: string): Record<string, string[]> {
    const groups = part === '' ? [] : part.split(';').map((text) => text.split('='));
    return Object.fromEntries(
      groups.map(([group = '', keys = '']) => [
        group,
        keys === '' ? [] : keys.split(',').map((key) => this.#names.get(key) ?? key),
      ]),
    );
  }
}

function filled(groups: Members): Record<string, string[]> {
  return sortedGroups(new Map(Object.entries(groups)));
}

function fullName(label: NodeLabel): string {
  return `${label}@localhost`;
}

/** One `erl`: a term goes in, a line comes out. */
class ErlNode {
  readonly isUp: Promise<unknown>;
  readonly #erl: ChildProcessWithoutNullStreams;
  readonly #waiting: { resolve(line: string): void; reject(error: Error): void }[] = [];
  readonly #exited: Promise<unknown>;
  #stderr = '';

  constructor(erl: ChildProcessWithoutNullStreams) {
    this.#erl = erl;
    this.isUp = this.#next();
    createInterface({ input: erl.stdout }).on('line', (line) => this.#waiting.shift()?.resolve(line));
    erl.stderr.on('data', (chunk: Buffer) => {
      this.#stderr += chunk;
    });
    this.#exited = new Promise((resolve) => {
      erl.once('exit', (code, signal) => {
        for (const { reject } of this.#waiting.splice(0))
          reject(new Error(`erl ended with ${code ?? signal}: ${this.#stderr}`));
        resolve(undefined);
      });
    });
    erl.stdin.on('error', () => {});
  }

  ask(term: string): Promise<string> {
    const answer = this.#next();
    this.#erl.stdin.write(`${term}.\n`);
    return answer;
  }

  async end(): Promise<void> {
    this.#erl.kill('SIGKILL');
    await this.#exited;
  }

  #next(): Promise<string> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }
}
