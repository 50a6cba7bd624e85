/**
 * One run of a simulated cluster: a plan is carried out, then every fault ends, and once the cluster is quiet what
 * every node knows is compared with what there is.
 */

import type { NodeName, Pid } from '@liminal-node/scheduler';
import { randomFrom } from '../../packages/scheduler/src/testing/random.js';
import { type Actor, actorProcess, enter, type Stage } from './actors.js';
import type { Api } from './api.js';
import { startEcho } from './echo.js';
import { inject } from './faults.js';
import { lastWords, unheard } from './last-words.js';
import { restingBooks, uncountedLosses } from './ledger.js';
import { Life } from './life.js';
import { Network } from './network.js';
import { closingDifferences, differences, flapping, isAlive } from './quiet.js';
import type { Fault, Load, Plan, Step } from './schedule.js';
import { drive, Loop, Timeline } from './timeline.js';

/** After the end of the faults the cluster has so long to come to rest, in ms. */
const SETTLE_MS = 20_000;

const LOOK_MS = 250;

/** What is sent after the faults has so long to arrive, in ms, */
const ARRIVE_MS = 600;

/** and where updates of groups may be dropped, so long to be found missing as well. */
const REPAIR_MS = 1_600;

export interface Outcome {
  /** What must not be, the first that was seen; undefined for a good run. */
  readonly violation: string | undefined;
  readonly steps: number;
  /** The whole run, line by line, where it was asked for. */
  readonly log: readonly string[];
}

/** Carries out a plan. */
export async function run(api: Api, plan: Plan, withLog = false): Promise<Outcome> {
  const cluster = new Cluster(api, plan, withLog);
  enter(cluster);
  try {
    await drive(cluster.timeline, () => {
      cluster.check();
      return cluster.isOver;
    });
    if (!cluster.isOver) cluster.fail('nothing can happen any more, and the run is not at its end');
  } catch (error) {
    cluster.fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    enter(undefined);
  }
  return { violation: cluster.violation, steps: cluster.timeline.steps, log: cluster.log };
}

export class Cluster implements Stage {
  readonly api: Api;
  readonly plan: Plan;
  readonly timeline = new Timeline();
  readonly network: Network;
  /** Of the run itself. */
  readonly loop: Loop;
  readonly random: () => number;
  readonly lives: Life[] = [];
  /** The life that each host has now. */
  readonly current: (Life | undefined)[] = [];
  readonly actors = new Map<number, Actor>();
  readonly byPid = new Map<Pid, Actor>();
  /** Steps that an actor was told of and has not taken. */
  readonly outstanding = new Map<number, Actor>();
  readonly bonds = new Map<string, number>();
  readonly log: string[] = [];
  readonly isLogged: boolean;
  violation: string | undefined;
  isOver = false;
  /** Ends the faults that last. */
  readonly undo = new Set<() => void>();
  readonly #checks: (() => void)[] = [];
  #settleBy = 0;
  #isHealed = false;

  constructor(api: Api, plan: Plan, isLogged: boolean) {
    this.api = api;
    this.plan = plan;
    this.isLogged = isLogged;
    this.random = randomFrom(plan.seed ^ 0x5bd1e995);
    this.loop = new Loop(this.timeline, 'run');
    this.network = new Network(this.timeline, randomFrom(plan.seed ^ 0x1b873593), () => {});
    if (isLogged) {
      this.timeline.onStep = (at, loop, isTimer) =>
        this.note(() => `${at.toFixed(3)} ${loop.name}${isTimer ? ' timer' : ''}`);
    }
    for (let host = 0; host < plan.hosts; host++)
      this.timeline.after(this.random() * 5, this.loop, () => this.boot(host));
    for (const [at, step] of plan.steps.entries())
      this.timeline.after(10 + step.at, this.loop, () => this.#take(step, at));
    this.timeline.after(10 + plan.endMs, this.loop, () => this.#heal());
  }

  get steps(): readonly Load[] {
    return this.plan.steps as readonly Load[];
  }

  fail(what: string): void {
    this.note(() => `VIOLATION ${what}`);
    this.violation ??= what;
    this.isOver = true;
  }

  later(check: () => void): void {
    this.#checks.push(check);
  }

  /** Takes the checks of the last step. */
  check(): void {
    if (this.#checks.length > 0) for (const check of this.#checks.splice(0)) check();
  }

  /** Says what happens; what nobody reads is not put into words, which took a tenth of a run. */
  note(what: () => string): void {
    if (this.isLogged) this.log.push(what());
  }

  lifeOf(node: NodeName, creation: number): Life {
    return this.lives.find((life) => life.name === node && life.creation === creation) as Life;
  }

  /** Starts the next life of a host, where none is. */
  boot(host: number): void {
    if (this.current[host] !== undefined) return;
    const { api, plan, timeline, network } = this;
    const others = Array.from({ length: plan.hosts }, (_, other) => other).filter((other) => other !== host);
    const life = new Life({
      api,
      timeline,
      network,
      host,
      creation: this.lives.length + 1,
      seed: Math.floor(this.random() * 2 ** 32),
      threads: plan.threads,
      seeds: plan.isMeshKnown ? others : others.filter((other) => other === 0),
      tuning: {
        heartbeatIntervalMs: 600,
        heartbeatTimeoutMs: 1_200,
        handshakeTimeoutMs: 1_000,
        writeTimeoutMs: 1_500,
        leaveTimeoutMs: 500,
        closeTimeoutMs: 300,
        redialMinMs: 20,
        redialMaxMs: 1_000,
        stableAfterMs: 500,
        ...(plan.dataBudget !== undefined && { maxDataQueueBytes: plan.dataBudget }),
        ...(plan.controlBudget !== undefined && { maxControlQueueBytes: plan.controlBudget }),
      },
      // So that who comes back is told sometimes what it missed, and sometimes everything.
      groups: {
        maxLoggedChanges: 4,
        ...(plan.heldBudget !== undefined && { burstBytes: 200, maxHeldBytes: plan.heldBudget }),
      },
      scheduler: {},
      fail: (what) => this.fail(what),
      note: (what) => this.note(what),
    });
    this.lives.push(life);
    this.current[host] = life;
    this.note(() => `${life.name}/${life.creation} begins`);
    const started = life.start().then(() => {
      if (plan.steps.some((step) => step.do === 'call')) startEcho(api, life);
    });
    started.catch((error: unknown) => {
      if (life.isLiving) this.fail(`${life.name} does not start: ${error}`);
    });
  }

  /** Lives that run. */
  get living(): readonly Life[] {
    return this.current.filter((life): life is Life => life?.isRunning === true);
  }

  #take(step: Step, at: number): void {
    this.note(() => JSON.stringify(step));
    switch (step.do) {
      case 'spawn':
        return this.#spawn(step);
      case 'kill': {
        const actor = this.actors.get(step.actor);
        if (actor?.life.isRunning === true) actor.life.scheduler.exitProcess(actor.pid, 'kill');
        return;
      }
      default:
        if ('actor' in step) return this.#command(step.actor, at);
        return inject(this, step as Fault);
    }
  }

  #spawn({ actor, host, place }: Load & { do: 'spawn' }): void {
    const life = this.current[host];
    if (life?.isRunning !== true) return;
    const thread = place === 'home' ? place : life.scheduler.threads[place - 1];
    const trapExit = actor % 4 !== 3;
    const options = { trapExit, ...(thread !== undefined && { thread }) };
    life.scheduler.spawn(actorProcess(this.api), [actor], options).catch(() => {});
  }

  #command(key: number, step: number): void {
    const actor = this.actors.get(key);
    if (actor?.life.isRunning !== true) return;
    this.outstanding.set(step, actor);
    actor.life.scheduler.send(actor.pid, { step });
  }

  #heal(): void {
    this.note(() => 'every fault ends');
    for (const undo of [...this.undo]) undo();
    this.network.heal();
    for (let host = 0; host < this.plan.hosts; host++) this.boot(host);
    this.#isHealed = true;
    this.#settleBy = this.timeline.now + SETTLE_MS;
    this.#look();
  }

  get isHealed(): boolean {
    return this.#isHealed;
  }

  /** Looks again and again, until the cluster is at rest and stays so: what was sent last may yet be under way. */
  #look(wasAtRest = false): void {
    const found = differences(this);
    if (found === undefined && wasAtRest) return this.#lastWords();
    if (this.timeline.now >= this.#settleBy) return this.fail(`after ${SETTLE_MS} ms of peace: ${found}`);
    this.timeline.after(LOOK_MS, this.loop, () => this.#look(found === undefined));
  }

  /** Everything works: what is sent now arrives, and each end that comes now is told to whoever waits for it. */
  #lastWords(): void {
    this.note(() => 'at rest');
    const expected = lastWords(this);
    const arriveMs = this.plan.heldBudget === undefined ? ARRIVE_MS : REPAIR_MS;
    this.timeline.after(arriveMs, this.loop, () => {
      const found = differences(this) ?? unheard(this, expected) ?? restingBooks(this) ?? flapping(this);
      if (found !== undefined) return this.fail(`after it was at rest: ${found}`);
      for (const actor of this.actors.values()) {
        if (actor.key % 2 === 0 && isAlive(actor, this.living)) actor.life.scheduler.exitProcess(actor.pid, 'kill');
      }
      this.timeline.after(arriveMs, this.loop, () => this.#lookOnceMore());
    });
  }

  /** The ends themselves may use up a budget of what must be delivered, and cost a session. */
  #lookOnceMore(): void {
    const found = differences(this);
    if (found === undefined) return this.#close();
    if (this.plan.controlBudget === undefined || this.timeline.now >= this.#settleBy) {
      return this.fail(`after the last ends: ${found}`);
    }
    this.timeline.after(LOOK_MS, this.loop, () => this.#lookOnceMore());
  }

  /** Stops every node: nothing is left behind. */
  #close(): void {
    const closing = async (): Promise<string | undefined> => {
      const uncounted = await uncountedLosses(this);
      await Promise.all(this.living.map((life) => life.stop()));
      return uncounted ?? closingDifferences(this);
    };
    closing().then(
      (found) => {
        if (found !== undefined) this.fail(found);
        this.isOver = true;
      },
      (error: unknown) => this.fail(`a node does not stop: ${error}`),
    );
  }
}
