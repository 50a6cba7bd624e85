/**
 * A supervisor at work: it carries out what `restart-strategy.ts` decides, one thing after another.
 *
 *   1. it traps exits, and starts its children in order, each once the one before is ready;
 *   2. it takes one message at a time: the end of a child, a retry, a request, the exit of its parent. While it
 *      starts or stops a child, everything else waits in its mailbox;
 *   3. a child whose start fails during a restart is tried again by a message to itself, so that the mailbox
 *      gets its turn in between; a restart that has to wait comes as such a message from a timer;
 *   4. it ends by stopping its children in reverse order. If it is killed, their links end them.
 *
 * It ends with its parent, with the parent's reason, and when anybody but a child sends it `shutdown`.
 */
import type { ExitReason } from '../exit-reason.js';
import type { Pid } from '../pid.js';
import type { Self } from '../self.js';
import { type DownMessage, type ExitMessage, isDown, isExit } from '../signal.js';
import type { ChildSpec } from './child-spec.js';
import { startChildOf } from './child-start.js';
import { stopChildren } from './child-stop.js';
import { Child, ChildTable, type RunningChild } from './child-table.js';
import { restartWait } from './restart-back-off.js';
import type { RestartHistory } from './restart-intensity.js';
import { decide, type SupervisionEffect, type SupervisionEvent } from './restart-strategy.js';
import { type SupervisionReport, tell } from './supervision-report.js';
import type { SupervisorInit } from './supervisor-init.js';
import { sendAfter } from './timers.js';

/** What a supervisor tells itself: a start failed, or a wait is over. */
interface PendingMessage {
  readonly supervisor: 'retry' | 'due';
  readonly id: string;
  readonly token: number;
}

/** A report without what is the same in all. */
type ReportOf<Report> = Report extends unknown ? Omit<Report, 'supervisor' | 'name'> : never;

/** A start that came to nothing is undefined where the child asked to be ignored. */
export type Started = { readonly pid: Pid | undefined } | { readonly failed: ExitReason };

export class SupervisorProcess {
  readonly children = new ChildTable();
  readonly init: Readonly<SupervisorInit>;
  /** How often a child was started again. */
  restarts = 0;
  readonly #self: Self;
  readonly #name: string;
  /** Whose end is a reason to end. */
  readonly #parents: ReadonlySet<Pid | undefined>;
  #history: RestartHistory = [];
  #tokens = 0;

  /** @param name of its definition, for the log. */
  constructor(self: Self, name: string, init: Readonly<SupervisorInit>, starter: Pid) {
    this.#self = self;
    this.#name = name;
    this.init = init;
    this.#parents = new Set([self.parent, starter]);
  }

  get isDynamic(): boolean {
    return this.init.strategy === 'simple_one_for_one';
  }

  /** Starts the children. Where one fails, those before it are stopped and the supervisor ends. */
  async startAll(): Promise<void> {
    if (this.isDynamic) return;
    for (const spec of this.init.children) {
      const child = new Child(spec.id, spec, spec.start.args);
      this.children.add(child);
      const started = await this.start(child);
      if ('failed' in started) {
        await this.end({ shutdown: { failedToStartChild: { id: spec.id, reason: started.failed } } });
      }
    }
  }

  /** @param answer handles every message that is not about the children's lives. */
  async run(answer: (message: unknown) => Promise<void>): Promise<never> {
    for (;;) {
      const message = await this.#self.receive();
      if (isExit(message)) await this.#exit(message);
      else if (isDown(message)) await this.#down(message);
      else if (isPending(message)) await this.#pending(message);
      else await answer(message);
    }
  }

  /** Starts a child that does not run. */
  async start(child: Child): Promise<Started> {
    const outcome = await startChildOf(this.#self, child.spec, child.args);
    if (outcome.type === 'failed') return { failed: outcome.reason };
    if (outcome.type === 'ignored') this.children.ended(child);
    else this.children.started(child, outcome.running);
    return { pid: child.running?.pid };
  }

  /** Stops a child, if it runs. Its spec is kept, and nothing follows from its end. */
  async stop(child: Child): Promise<void> {
    const { running, spec } = child;
    if (running !== undefined) await this.#stopAll([running], spec);
    this.children.ended(child);
  }

  /** Stops children of one spec. */
  async #stopAll(running: readonly RunningChild[], spec: ChildSpec): Promise<void> {
    const { shutdown } = spec;
    const killed = await stopChildren(this.#self, running, shutdown, this.#self.environment);
    if (typeof shutdown !== 'number') return;
    for (const { pid } of killed) await this.#tell({ type: 'kill', child: spec.id, pid, shutdownMs: shutdown });
  }

  async end(reason: ExitReason): Promise<never> {
    const children = [...this.children.byId.values()].reverse();
    const [template] = this.init.children;
    if (this.isDynamic && template !== undefined) {
      const running = children.flatMap(({ running }) => (running === undefined ? [] : [running]));
      await this.#stopAll(running, template);
    } else {
      for (const child of children) await this.stop(child);
    }
    return this.#self.exit(reason);
  }

  async #exit({ from, reason }: ExitMessage): Promise<void> {
    const child = this.children.ofPid(from);
    // Its down follows and is what counts: a child that lives can send an exit, too.
    if (child?.running !== undefined) child.running.exitReason = reason;
    else if (this.#parents.has(from) || reason === 'shutdown') await this.end(reason);
  }

  async #down({ ref, reason: told }: DownMessage): Promise<void> {
    const child = this.children.ofMonitor(ref);
    if (child === undefined) return;
    const reason = told === 'noproc' ? (child.running?.exitReason ?? told) : told;
    const at = this.#now();
    child.lastReason = reason;
    const livedMs = at - (child.running?.since ?? at);
    this.children.ended(child);
    await this.#follow({ type: 'ended', id: child.id, reason, at, waitMs: this.#waitMs(child, livedMs) });
  }

  async #pending({ supervisor: type, id, token }: PendingMessage): Promise<void> {
    const child = this.children.byId.get(id);
    if (child?.pending === undefined || child.pending.token !== token) return;
    this.children.notPending(child);
    if (type === 'due') await this.#follow({ type, id });
    else await this.#follow({ type, id, at: this.#now(), waitMs: this.#waitMs(child, 0) });
  }

  /** How long the restart of a child that has failed has to wait, if there is to be one. */
  #waitMs(child: Child, livedMs: number): number {
    const backOff = child.spec.backOff ?? this.init.backOff;
    const { waitMs, failures } = restartWait(backOff, child.failures, livedMs, this.#self.environment.random());
    child.failures = failures;
    return waitMs;
  }

  async #follow(event: SupervisionEvent): Promise<void> {
    const { strategy, autoShutdown, intensity, periodMs } = this.init;
    const { byId: children } = this.children;
    const state = { strategy, autoShutdown, intensity, periodMs, children, history: this.#history };
    const { history, effects } = decide(state, event);
    this.#history = history;
    const failed = children.get(event.id);
    if (failed === undefined) return;
    for (const effect of effects) {
      if (!(await this.#apply(effect, failed))) return;
    }
  }

  /**
   * @param failed the child that the decision is about.
   * @returns false where a start has failed, and what is left of the decision is void.
   */
  async #apply(effect: SupervisionEffect, failed: Child): Promise<boolean> {
    const { spec, lastReason: reason } = failed;
    if (effect.type === 'shutDown') {
      await this.#tell({ type: 'giveUp', child: spec.id, because: effect.because, reason });
      return this.end('shutdown');
    }
    const child = this.children.byId.get(effect.id);
    if (child === undefined) return true;
    switch (effect.type) {
      case 'start':
        return this.#restart(child, failed);
      case 'stop':
        await this.stop(child);
        return true;
      case 'forget':
        this.children.forget(child.id);
        return true;
      case 'wait':
        this.#later('due', child, effect.waitMs);
        void this.#tell({ type: 'wait', child: child.spec.id, reason, waitMs: effect.waitMs });
        return true;
      default:
        return effect satisfies never;
    }
  }

  /** The one place where a child is started again. @returns false where its start has failed. */
  async #restart(child: Child, failed: Child): Promise<boolean> {
    const { lastPid: formerPid, spec } = child;
    const { spec: cause, lastReason: reason } = failed;
    child.restarts++;
    this.restarts++;
    const started = await this.start(child);
    const failure = 'failed' in started ? started.failed : undefined;
    const { running, restarts } = child;
    void this.#tell({
      type: 'restart',
      child: spec.id,
      pid: running?.pid,
      formerPid,
      because: cause.id,
      reason,
      failure,
      restarts,
    });
    if (!('failed' in started)) {
      // No id would ever find a dynamic child that asked to be ignored.
      if (started.pid === undefined && this.isDynamic) this.children.forget(child.id);
      return true;
    }
    child.lastReason = started.failed;
    this.#later('retry', child);
    return false;
  }

  #later(what: PendingMessage['supervisor'], child: Child | undefined, waitMs?: number): void {
    if (child === undefined) return;
    const { pid } = this.#self;
    const token = this.#tokens++;
    const message: PendingMessage = { supervisor: what, id: child.id, token };
    this.children.notPending(child);
    const timer = waitMs === undefined ? undefined : sendAfter(this.#self, waitMs, pid, message);
    if (timer === undefined) this.#self.send(pid, message);
    child.pending = { token, timer };
  }

  #tell(report: ReportOf<SupervisionReport>): Promise<void> {
    return tell(this.#self, { ...report, supervisor: this.#self.pid, name: this.#name } as SupervisionReport);
  }

  #now(): number {
    return this.#self.environment.now();
  }
}

function isPending(message: unknown): message is PendingMessage {
  if (typeof message !== 'object' || message === null || !('supervisor' in message)) return false;
  return message.supervisor === 'retry' || message.supervisor === 'due';
}
