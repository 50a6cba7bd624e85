/**
 * The course of the demo, in steps:
 *
 * 1. Start three nodes; wait until each knows the subscribers of all three; let all publish.
 * 2. Kill one with SIGKILL; wait until the others no longer list its subscriber.
 * 3. Start it again under the same name; wait until all know all again; let it publish.
 * 4. Stop publishing; wait until what was sent has arrived; do the accounts; stop the nodes.
 *
 * Every wait is for a condition, with a deadline; only the time in between is by the clock. Whatever happens,
 * every OS process that it started is ended.
 */
import { randomBytes } from 'node:crypto';
import { type DemoNode, startDemoNode } from './demo-node.js';
import { type DemoView, type NodeRow, short } from './demo-view.js';
import { isSettled, type Life, pairAccounts, total } from './ledger.js';
import type { DemoReport } from './protocol.js';
import { createRates } from './rates.js';
import { size } from './sequence.js';

export interface DemoOptions {
  /** How long is published. */
  readonly seconds: number;
  /** Publishes a second on each node. */
  readonly rate: number;
  /** Ends the demo early. */
  readonly signal: AbortSignal;
  readonly view: DemoView;
}

/** A step of the demo did not come to its end in time, or a node failed. */
export class DemoError extends Error {}

const NAMES = ['a@127.0.0.1', 'b@127.0.0.1', 'c@127.0.0.1'] as const;
/** The one that is killed: neither first nor last, and nobody's only seed. */
const VICTIM = NAMES[1];
const STEP_DEADLINE_MS = 30_000;
const DRAW_INTERVAL_MS = 250;

interface RunningNode {
  readonly node: DemoNode;
  killed: boolean;
  /** How it ended, if it did. */
  ended: number | string | undefined;
  report: DemoReport | undefined;
}

/**
 * @returns whether nothing was lost and nothing duplicated.
 * @throws DemoError; the abort reason of `signal`.
 */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const demo = new Demo(options);
  try {
    return await demo.run();
  } finally {
    await demo.end();
  }
}

class Demo {
  readonly #options: DemoOptions;
  readonly #cookie = randomBytes(32).toString('hex');
  /** Every life, in the order of their starts. */
  readonly #started: RunningNode[] = [];
  readonly #rates = createRates();
  /** Those who wait for a condition on the reports. */
  readonly #waiting = new Set<() => void>();
  #drawing: NodeJS.Timeout | undefined;

  constructor(options: DemoOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => this.#changed(), { once: true });
  }

  async run(): Promise<boolean> {
    const { view, seconds, rate } = this.#options;
    await view.tell('starting three nodes, each an OS process with a publisher and a subscriber', 'starting');
    await this.#start(NAMES[0], []);
    const seed = await this.#living(NAMES[0]).node.listen;
    await Promise.all(NAMES.slice(1).map((name) => this.#start(name, [seed])));
    await this.#until('all nodes know all subscribers', () => NAMES.every((name) => this.#sees(name, NAMES)));
    await view.tell(`all three know each other's subscribers; each publishes ${rate} messages a second`, 'flowing');
    for (const name of NAMES) this.#living(name).node.tell({ type: 'publish', ratePerSecond: rate });
    this.#drawing = setInterval(() => void view.table(this.#rows()), DRAW_INTERVAL_MS);

    await this.#pause(seconds * 0.35);
    await this.#killVictim();
    await this.#pause(seconds * 0.2);
    await this.#bringBack(seed);
    await this.#pause(seconds * 0.45);
    return this.#account();
  }

  /** Ends every OS process that is left. */
  async end(): Promise<void> {
    clearInterval(this.#drawing);
    const left = this.#started.filter((running) => !running.killed);
    await Promise.all(left.map(({ node }) => node.stop()));
  }

  async #killVictim(): Promise<void> {
    const { view } = this.#options;
    const victim = this.#living(VICTIM);
    await view.tell(`killing ${VICTIM} with SIGKILL`, 'killed', { node: VICTIM });
    victim.killed = true;
    const killedAt = performance.now();
    await victim.node.kill();
    const survivors = NAMES.filter((name) => name !== VICTIM);
    await this.#until(`the subscriber of ${VICTIM} vanishes`, () =>
      survivors.every((name) => this.#sees(name, survivors)),
    );
    const ms = Math.round(performance.now() - killedAt);
    await view.tell(
      `the subscriber of ${short(VICTIM)} has vanished from the tables of ${survivors.map(short).join(' and ')} (seen after ${ms} ms)`,
      'vanished',
      { node: VICTIM, afterMs: ms },
    );
  }

  async #bringBack(seed: string): Promise<void> {
    const { view, rate } = this.#options;
    await view.tell(`starting ${VICTIM} again`, 'restarting', { node: VICTIM });
    await this.#start(VICTIM, [seed]);
    await this.#until(`all nodes know all subscribers again`, () => NAMES.every((name) => this.#sees(name, NAMES)));
    this.#living(VICTIM).node.tell({ type: 'publish', ratePerSecond: rate });
    await view.tell(`${VICTIM} is back, everything flows again`, 'restarted', { node: VICTIM });
  }

  async #account(): Promise<boolean> {
    const { view } = this.#options;
    const living = NAMES.map((name) => this.#living(name));
    for (const { node } of living) node.tell({ type: 'finish' });
    await this.#until('the publishers stop', () => living.every(({ report }) => report?.finished === true));
    // What is still missing at the deadline is lost, and that is for the accounts to tell.
    await this.#until('everything arrives', () => isSettled(this.#lives())).catch((error: unknown) => {
      if (!(error instanceof DemoError)) throw error;
    });
    clearInterval(this.#drawing);
    await view.table(this.#rows());
    const accounts = pairAccounts(this.#lives());
    const { lost, duplicated } = total(accounts);
    const clean = lost === 0 && duplicated === 0;
    await view.summary(
      accounts,
      clean ? 'Nothing was lost, nothing was duplicated.' : `${lost} lost, ${duplicated} duplicated: that must not be.`,
    );
    await view.tell('stopping the nodes', 'stopping');
    for (const { node } of living) {
      const how = await node.stop();
      if (how !== 0) throw new DemoError(`node ${node.name} did not stop in order, but with ${how}`);
    }
    return clean;
  }

  async #start(name: string, seeds: readonly string[]): Promise<void> {
    const running: RunningNode = {
      node: startDemoNode({
        name,
        seeds,
        cookie: this.#cookie,
        onReport: (report) => {
          running.report = report;
          this.#rates.record(report.life, receivedByNode(report), performance.now());
          this.#changed();
        },
      }),
      killed: false,
      ended: undefined,
      report: undefined,
    };
    this.#started.push(running);
    await running.node.listen.catch((error: unknown) => {
      throw new DemoError(error instanceof Error ? error.message : String(error));
    });
    void running.node.ended.then((how) => {
      running.ended = how;
      this.#changed();
    });
  }

  #living(name: string): RunningNode {
    const running = this.#started.findLast(({ node, killed }) => node.name === name && !killed);
    if (running === undefined) throw new DemoError(`node ${name} is not running`);
    return running;
  }

  #sees(name: string, expected: readonly string[]): boolean {
    const sees = this.#living(name).report?.sees ?? [];
    return sees.length === expected.length && expected.every((other) => sees.includes(other));
  }

  #lives(): readonly Life[] {
    return this.#started.flatMap(({ node, killed, report }) =>
      report === undefined ? [] : [{ node: node.name, killed, report }],
    );
  }

  #rows(): readonly NodeRow[] {
    return NAMES.map((name) => {
      const running = this.#started.findLast(({ node }) => node.name === name);
      const { report, killed = true } = running ?? {};
      if (report === undefined) return { name, pid: running?.node.pid, sees: [], from: {} };
      const rates = this.#rates.of(report.life, performance.now());
      const from = Object.entries(receivedByNode(report)).map(([publisher, received]) => [
        publisher,
        { received, perSecond: killed ? 0 : (rates[publisher] ?? 0) },
      ]);
      return { name, pid: killed ? undefined : running?.node.pid, sees: report.sees, from: Object.fromEntries(from) };
    });
  }

  #changed(): void {
    for (const look of [...this.#waiting]) look();
  }

  #until(what: string, condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        finish();
      };
      const look = (): void => {
        const fallen = this.#started.find(({ killed, ended }) => !killed && ended !== undefined);
        if (this.#options.signal.aborted) settle(() => reject(this.#options.signal.reason));
        else if (fallen !== undefined) {
          settle(() => reject(new DemoError(`node ${fallen.node.name} ended by itself (${fallen.ended})`)));
        } else if (condition()) settle(resolve);
      };
      const timer = setTimeout(
        () => settle(() => reject(new DemoError(`not within ${STEP_DEADLINE_MS / 1000} s: ${what}`))),
        STEP_DEADLINE_MS,
      );
      this.#waiting.add(look);
      look();
    });
  }

  #pause(seconds: number): Promise<void> {
    const end = performance.now() + seconds * 1000;
    const timer = setTimeout(() => this.#changed(), seconds * 1000 + 1);
    return this.#until('the pause ends', () => performance.now() >= end).finally(() => clearTimeout(timer));
  }
}

/** How many messages a subscriber has of each publishing node, over all lives of that node. */
function receivedByNode({ received }: DemoReport): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const [publisher, { ranges }] of Object.entries(received)) {
    const node = publisher.slice(0, publisher.lastIndexOf('#'));
    counts[node] = (counts[node] ?? 0) + size(ranges);
  }
  return counts;
}
