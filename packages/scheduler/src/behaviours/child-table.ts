/** The children of one supervisor, in the order of their start, found by id, by pid and by monitor. */
import type { ExitReason } from '../exit-reason.js';
import type { Pid, Ref } from '../pid.js';
import type { ChildSpec } from './child-spec.js';
import type { Supervised } from './restart-strategy.js';
import type { MessageTimer } from './timers.js';

/** A life of a child. */
export interface RunningChild {
  readonly pid: Pid;
  readonly monitor: Ref;
  /** In ms of a monotonic clock. */
  readonly since: number;
  /** What its link has told. A monitor that came too late knows only `noproc`. */
  exitReason?: ExitReason;
}

/** A restart that a message of the supervisor to itself will bring on; only the message with this number counts. */
export interface PendingRestart {
  readonly token: number;
  /** Undefined where the message was sent at once. */
  readonly timer: MessageTimer | undefined;
}

export class Child implements Supervised {
  /** Within its supervisor. */
  readonly id: string;
  readonly spec: ChildSpec;
  /** Of `spec.start`, with what `startChild` has added. */
  readonly args: readonly unknown[];
  running: RunningChild | undefined;
  /** It is to be started again; undefined where that is not on its way. */
  pending: PendingRestart | undefined;
  /** Of its last life; under `simple_one_for_one` it still names the child while it is `pending`. */
  lastPid: Pid | undefined;
  /** Why its last life ended, or its last start failed. */
  lastReason: ExitReason = 'normal';
  /** How often it was started again. */
  restarts = 0;
  /** Failures in a row, for the back-off. */
  failures = 0;

  constructor(id: string, spec: ChildSpec, args: readonly unknown[]) {
    this.id = id;
    this.spec = spec;
    this.args = args;
  }

  get status(): Supervised['status'] {
    if (this.running !== undefined) return 'running';
    return this.pending === undefined ? 'stopped' : 'restarting';
  }
}

export class ChildTable {
  readonly byId = new Map<string, Child>();
  readonly #byPid = new Map<Pid, Child>();
  readonly #byMonitor = new Map<Ref, Child>();
  #dynamic = 0;

  /** An id for a child whose spec gives it none of its own. */
  freeId(): string {
    return `${this.#dynamic++}`;
  }

  add(child: Child): void {
    this.byId.set(child.id, child);
  }

  /** Forgets a child that does not run. */
  forget(id: string): void {
    this.byId.delete(id);
  }

  started(child: Child, running: RunningChild): void {
    child.running = running;
    child.lastPid = running.pid;
    this.#byPid.set(running.pid, child);
    this.#byMonitor.set(running.monitor, child);
  }

  ended(child: Child): void {
    this.notPending(child);
    if (child.running === undefined) return;
    this.#byPid.delete(child.running.pid);
    this.#byMonitor.delete(child.running.monitor);
    child.running = undefined;
  }

  /** What was to start the child again shall not. */
  notPending(child: Child): void {
    child.pending?.timer?.cancel();
    child.pending = undefined;
  }

  /** The child that has this pid, or had it in its last life. */
  ofLastPid(pid: Pid): Child | undefined {
    for (const child of this.byId.values()) if (child.lastPid === pid) return child;
    return undefined;
  }

  ofPid(pid: Pid): Child | undefined {
    return this.#byPid.get(pid);
  }

  ofMonitor(ref: Ref): Child | undefined {
    return this.#byMonitor.get(ref);
  }
}
