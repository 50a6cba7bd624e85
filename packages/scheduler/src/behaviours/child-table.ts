/** The children of one supervisor, in the order of their start, found by id, by pid and by monitor. */
import type { ExitReason } from '../exit-reason.js';
import type { Pid, Ref } from '../pid.js';
import type { ChildSpec } from './child-spec.js';
import type { Supervised } from './restart-strategy.js';

/** A life of a child. */
export interface RunningChild {
  readonly pid: Pid;
  readonly monitor: Ref;
  /** What its link has told. A monitor that came too late knows only `noproc`. */
  exitReason?: ExitReason;
}

export class Child implements Supervised {
  /** Within its supervisor. */
  readonly id: string;
  readonly spec: ChildSpec;
  /** Of `spec.start`, with what `startChild` has added. */
  readonly args: readonly unknown[];
  running: RunningChild | undefined;
  /** Its last start failed, and another try is on its way. */
  isRestarting = false;
  /** How often it was started again. */
  restarts = 0;

  constructor(id: string, spec: ChildSpec, args: readonly unknown[]) {
    this.id = id;
    this.spec = spec;
    this.args = args;
  }

  get status(): Supervised['status'] {
    if (this.running !== undefined) return 'running';
    return this.isRestarting ? 'restarting' : 'stopped';
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
    child.isRestarting = false;
    this.#byPid.set(running.pid, child);
    this.#byMonitor.set(running.monitor, child);
  }

  ended(child: Child): void {
    child.isRestarting = false;
    if (child.running === undefined) return;
    this.#byPid.delete(child.running.pid);
    this.#byMonitor.delete(child.running.monitor);
    child.running = undefined;
  }

  ofPid(pid: Pid): Child | undefined {
    return this.#byPid.get(pid);
  }

  ofMonitor(ref: Ref): Child | undefined {
    return this.#byMonitor.get(ref);
  }
}
