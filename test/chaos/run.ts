/**
 * One chaos run: nodes as OS processes that dial each other through fault-injecting proxies, a schedule of faults,
 * then heal and quiet, and a verdict on what they wrote.
 *
 * 1. Each node has a proxy, whose address it tells its peers. The proxy reads from the first bytes who dials, so
 *    that each pair of nodes has wires of its own, for each direction, whoever has dialled.
 * 2. Where namespaces may be made, each node has a network of its own besides.
 * 3. Faults begin and end as `schedule` says. A killed node starts again under its name, as a new life with a
 *    history of its own.
 * 4. Everything is healed, the load stops, and the nodes are waited for until all views are equal, or a deadline.
 *    Then one is killed for good, and the others are waited for once more: nothing of it may be left in them.
 * 5. Each writes its last word, and `check` judges.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/free-port.js';
import { NodeProcess } from '../support/node-process.js';
import { ProxiedNetwork } from '../support/proxied-network.js';
import type { ChaosCommands } from './chaos-node.js';
import { check, type Verdict } from './checker.js';
import { readLife } from './history.js';
import { Namespaces } from './namespaces.js';
import { type Fault, PAIR_FAULTS, schedule } from './schedule.js';

const MODULE = fileURLToPath(new URL('./chaos-node.ts', import.meta.url));
const COOKIE = 'a cookie for runs of chaos, long enough';

/** Shorter than the longer faults, so that these bring peers down. */
const DISTRIBUTION = {
  heartbeatIntervalMs: 200,
  heartbeatTimeoutMs: 1_000,
  handshakeTimeoutMs: 2_000,
  writeTimeoutMs: 2_000,
  redialMinMs: 50,
  redialMaxMs: 500,
  maxDataQueueBytes: 2 ** 20,
};

/** For everything that is waited for once all is healed. */
const QUIET_MS = 90_000;

export interface ChaosOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly nodes: number;
  /** `auto`: where they may be made. */
  readonly namespaces: 'auto' | 'off';
  /** Where what happens is told. */
  readonly log: (line: string) => void;
}

export interface ChaosReport extends Verdict {
  readonly faults: readonly Fault[];
  /** Whether all views were equal in time. */
  readonly converged: boolean;
  /** Milliseconds from heal to equal views, as far as looking every 50 ms tells; undefined where they were not in time. */
  readonly convergedMs: number | undefined;
  /** The same from the end of the node that is killed last. */
  readonly purgedMs: number | undefined;
  /** Why there were no network namespaces; undefined where there were. */
  readonly withoutNamespaces: string | undefined;
  /** Where the histories are, if anything is wrong. */
  readonly kept: string | undefined;
}

interface Node {
  readonly index: number;
  readonly name: string;
  readonly prefix: readonly string[];
  process: NodeProcess<ChaosCommands> | undefined;
  readonly listen: string;
  lives: number;
}

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const run = new ChaosRun(options);
  try {
    return await run.run();
  } finally {
    await run.close();
  }
}

class ChaosRun {
  readonly #options: ChaosOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), 'liminal-chaos-'));
  readonly #nodes: Node[] = [];
  readonly #startedAt = performance.now();
  /** What is not over yet, for instance a node that starts again. */
  readonly #healing = new Set<Promise<void>>();
  #network: ProxiedNetwork | undefined;
  #namespaces: Namespaces | undefined;
  #withoutNamespaces: string | undefined;

  constructor(options: ChaosOptions) {
    this.#options = options;
  }

  async run(): Promise<ChaosReport> {
    const { seed, seconds, nodes } = this.#options;
    this.#openNamespaces();
    for (let index = 0; index < nodes; index++) this.#nodes.push(await this.#createNode(index));
    const to = (index: number): string => this.#nodes[index]?.listen ?? '';
    this.#network = await ProxiedNetwork.start({ nodes, seed, to, host: this.#namespaces?.gateway ?? '127.0.0.1' });
    await Promise.all(this.#nodes.map((node) => this.#startNode(node)));
    const durationMs = seconds * 1_000;
    const faults = schedule({ seed, durationMs, nodes, networks: this.#namespaces !== undefined });
    const begunAt = performance.now();
    for (const fault of faults) {
      await until(begunAt + fault.at);
      this.#begin(fault, begunAt + fault.at + fault.lasts);
    }
    await until(begunAt + durationMs);
    await Promise.all(this.#healing);
    await Promise.all(this.#nodes.map(({ process }) => process?.call('quiet')));
    const convergedMs = await this.#settle();
    const doomed = seed % nodes;
    await this.#nodes[doomed]?.process?.kill();
    const purgedMs = await this.#settle(doomed);
    const converged = convergedMs !== undefined && purgedMs !== undefined;
    await Promise.all(this.#nodes.map(({ index, process }) => (index === doomed ? undefined : process?.call('end'))));
    const verdict = this.#judge();
    const isClean = converged && verdict.violations.length === 0;
    if (isClean) rmSync(this.#folder, { recursive: true, force: true });
    const kept = isClean ? undefined : this.#folder;
    return { ...verdict, faults, converged, convergedMs, purgedMs, withoutNamespaces: this.#withoutNamespaces, kept };
  }

  get #proxied(): ProxiedNetwork {
    if (this.#network === undefined) throw new Error('the proxies have not been started');
    return this.#network;
  }

  async close(): Promise<void> {
    for (const { process } of this.#nodes) await process?.kill();
    await this.#network?.[Symbol.asyncDispose]();
    this.#namespaces?.[Symbol.dispose]();
  }

  #openNamespaces(): void {
    if (this.#options.namespaces === 'off') this.#withoutNamespaces = 'not asked for';
    else {
      try {
        this.#namespaces = Namespaces.create(this.#options.nodes);
      } catch (error) {
        this.#withoutNamespaces = error instanceof Error ? error.message.replaceAll('\n', ' ') : String(error);
      }
    }
  }

  async #createNode(index: number): Promise<Node> {
    const host = this.#namespaces?.host(index) ?? '127.0.0.1';
    const name = `n${index}@${host}`;
    return {
      index,
      name,
      // Known before, since peers are told of the proxy: alone in its network, or on a port that is free.
      listen: `${host}:${this.#namespaces === undefined ? await freePort() : 4_000}`,
      prefix: this.#namespaces?.prefix(index) ?? [],
      process: undefined,
      lives: 0,
    };
  }

  async #startNode(node: Node): Promise<void> {
    const env = { PATH: process.env['PATH'], HOME: this.#folder, LIMINAL_COOKIE: COOKIE };
    const life = node.lives++;
    const started = new NodeProcess<ChaosCommands>({ module: MODULE, env, prefix: node.prefix });
    started.name = node.name;
    node.process = started;
    // The first two are where everybody begins; the others are learned from them.
    const seeds = [0, 1].filter((other) => other !== node.index).map((other) => this.#proxied.address(other));
    await (await started.loaded()).call(
      'start',
      {
        name: node.name,
        listen: node.listen,
        http: '127.0.0.1:0',
        cookie: COOKIE,
        seeds,
        distribution: { ...DISTRIBUTION, advertise: this.#proxied.address(node.index) },
      },
      join(this.#folder, `${node.index}-${life}.ndjson`),
      this.#options.seed * 1_000 + node.index * 100 + life,
      this.#nodes.map(({ name }) => name),
    );
  }

  #begin(fault: Fault, endsAt: number): void {
    const { kind, node, peer, lasts } = fault;
    const at = `${((performance.now() - this.#startedAt) / 1_000).toFixed(1)} s`;
    this.#options.log(
      `${at}  ${kind} n${node}${PAIRED.has(kind) ? ` n${peer}` : ''}${lasts > 0 ? ` for ${lasts} ms` : ''}`,
    );
    const heal = this.#inject(fault);
    const healed = until(endsAt).then(heal);
    this.#healing.add(healed);
    void healed.finally(() => this.#healing.delete(healed)).catch(() => {});
  }

  /** @returns what heals it. */
  #inject({ kind, node: index, peer }: Fault): () => void | Promise<void> {
    const node = this.#nodes[index];
    const network = this.#proxied;
    const there = network.wire(index, peer);
    const back = network.wire(peer, index);
    if (node === undefined) throw new RangeError(`there is no node ${index}`);
    switch (kind) {
      case 'kill':
        node.process?.signal('SIGKILL');
        return async () => {
          await node.process?.exited;
          await this.#startNode(node);
        };
      case 'freeze':
        node.process?.signal('SIGSTOP');
        return () => node.process?.signal('SIGCONT');
      case 'partition':
        return network.part(
          [index],
          this.#nodes.filter((other) => other !== node).map((other) => other.index),
        );
      case 'bridge':
        return network.part([index], [peer]);
      case 'oneWay':
        return network.partOneWay(index, peer);
      case 'stall':
        return network.partOneWay(index, peer, 'stall');
      case 'reset':
      case 'close':
        network.cut(kind === 'reset' ? 'reset' : 'fin', index, peer);
        return () => {};
      case 'corrupt':
        there.corruptNext();
        // What the peer was told wrong goes with the session: nothing else could tell.
        return () => network.cut('reset', index, peer);
      case 'bandwidth':
        there.bytesPerSecond = 20_000;
        back.bytesPerSecond = 20_000;
        return () => {
          there.bytesPerSecond = Number.POSITIVE_INFINITY;
          back.bytesPerSecond = Number.POSITIVE_INFINITY;
        };
      case 'split':
        there.splits = true;
        return () => {
          there.splits = false;
        };
      case 'lateEnd':
        there.finDelayMs = 1_000;
        return () => {
          there.finDelayMs = 0;
        };
      case 'cutOff':
      case 'mute':
      case 'deaf':
      case 'slowLine':
        this.#namespaces?.[kind](index, true);
        return () => this.#namespaces?.[kind](index, false);
      default:
        return kind satisfies never;
    }
  }

  /** Waits until every node sees what every other has, and nothing else. @returns after how many milliseconds. */
  async #settle(without?: number): Promise<number | undefined> {
    const living = this.#nodes.filter(({ index }) => index !== without);
    const begunAt = performance.now();
    let equalAt = 0;
    let last = '';
    while (performance.now() < begunAt + QUIET_MS) {
      const states = await Promise.all(living.map(async ({ process }) => process?.call('state')));
      const now = JSON.stringify(states);
      const isWhole = states.every((state, index) => {
        const others = states.filter((_, other) => other !== index);
        return (
          state?.sessions.length === others.length &&
          Object.keys(state.views).length === others.length &&
          state.sessions.every(({ traffic }) => traffic.written === traffic.queued) &&
          others.every((other) => {
            const name = living[states.indexOf(other)]?.name ?? '';
            return sorted(state.views[name]) === sorted(other?.own);
          })
        );
      });
      // Twice the same: nothing is on its way any more.
      if (isWhole && now === last) return equalAt - begunAt;
      last = now;
      equalAt = performance.now();
      await until(performance.now() + 50);
    }
    return undefined;
  }

  #judge(): Verdict {
    const lives = readdirSync(this.#folder)
      .filter((file) => file.endsWith('.ndjson'))
      .flatMap((file) => readLife(join(this.#folder, file)) ?? []);
    const nameOf = (index: number): string => this.#nodes[index]?.name ?? '';
    const flips = this.#proxied.flips().map(({ from, to, count }) => ({ from: nameOf(from), to: nameOf(to), count }));
    return check(lives, flips);
  }
}

const PAIRED: ReadonlySet<string> = new Set(PAIR_FAULTS);

function sorted(members: object | undefined): string {
  return JSON.stringify(Object.entries(members ?? {}).sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** Resolves at that time of `performance.now()`. */
function until(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, time - performance.now())));
}

/** The verdict in lines. */
export function reportLines(report: ChaosReport, { seed }: ChaosOptions): string[] {
  const { account, lives, sessions, faults, converged, convergedMs, purgedMs, withoutNamespaces, violations } = report;
  const byKind = new Map<string, number>();
  for (const { kind } of faults) byKind.set(kind, (byKind.get(kind) ?? 0) + 1);
  return [
    `seed ${seed}: ${faults.length} faults (${[...byKind].map(([kind, count]) => `${kind} ${count}`).join(', ')})`,
    `network namespaces: ${withoutNamespaces === undefined ? 'used' : `not used: ${withoutNamespaces}`}`,
    `${lives} lives, ${sessions} ends of sessions`,
    `${account.sent} messages sent = ${account.delivered} delivered + ${account.droppedByBudget} refused by the budget` +
      ` + ${account.droppedWithSession} dropped with their session + ${account.inFlight} in flight when it went down` +
      ` + ${account.lostWithSender} lost with their sender + ${account.damaged} lost to a flipped bit`,
    convergedMs === undefined
      ? 'the views did not become equal in time'
      : `all views equal ${Math.round(convergedMs)} ms after heal`,
    purgedMs === undefined
      ? 'what a killed node had did not go in time'
      : `nothing left of a killed node ${Math.round(purgedMs)} ms after its end`,
    ...(violations.length === 0 && converged ? ['no violation'] : []),
    ...violations.slice(0, 50).map((each) => `VIOLATION ${each}`),
    ...(violations.length > 50 ? [`and ${violations.length - 50} more`] : []),
    ...(report.kept === undefined ? [] : [`histories: ${report.kept}`, `repeat it with --seed ${seed}`]),
  ];
}
