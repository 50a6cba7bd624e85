/**
 * What the supervisors of a thread let be seen of their children, without being asked by message: they may be busy
 * starting one, and there may be thousands of them.
 */
import type { Restart } from '../behaviours/child-spec.js';
import type { ChildStatus, Strategy } from '../behaviours/restart-strategy.js';
import type { Pid } from '../pid.js';
import type { Self } from '../self.js';

export interface ChildView {
  readonly id: string;
  readonly spec: { readonly id: string; readonly restart: Restart; readonly type: 'worker' | 'supervisor' };
  readonly running: { readonly pid: Pid } | undefined;
  readonly status: ChildStatus;
  /** How often its supervisor tried to start it again. */
  readonly restarts: number;
}

export interface SupervisorView {
  readonly init: { readonly strategy: Strategy };
  /** Restarts of all children that it has had. */
  readonly restarts: number;
  /** In the order of their start. They may be read in pieces while they come and go. */
  readonly children: { readonly byId: ReadonlyMap<string, ChildView> };
}

const views = new Map<Pid, SupervisorView>();

/** Shows a supervisor of this thread, until it ends. */
export function showSupervisor({ pid, signal }: Pick<Self, 'pid' | 'signal'>, view: SupervisorView): void {
  views.set(pid, view);
  signal.addEventListener('abort', () => {
    if (views.get(pid) === view) views.delete(pid);
  });
}

/** The supervisors of this JavaScript thread; those of other schedulers on it are among them. */
export function shownSupervisors(): ReadonlyMap<Pid, SupervisorView> {
  return views;
}
