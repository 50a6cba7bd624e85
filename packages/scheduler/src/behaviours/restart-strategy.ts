/**
 * What a supervisor does about the end of a child, as pure rules: no clock, no process, nothing awaited.
 * After OTP's `supervisor` ("Supervisor Behaviour" in its design principles).
 *
 *   1. whether the child is started again is its `restart` and the reason of its end;
 *   2. a restart counts; one too many, and the supervisor shuts down;
 *   3. whom a restart takes along is the strategy. Those who are taken along stop in reverse order, and all
 *      start again in order; those who were stopped by hand start with them. A temporary child that is taken
 *      along is forgotten, because it is never started again;
 *   4. a start that fails during a restart is, when it is tried again, one more crash of that child;
 *   5. a restart may have to wait (`waitMs`). Those who are taken along stop before the wait, and whoever fails
 *      meanwhile is decided about by itself; a restart that takes along one that waits ends that wait.
 *
 * Whoever carries the effects out does so in order, and leaves the rest undone when a start fails: the new
 * decision covers it.
 */
import type { ExitReason } from '../exit-reason.js';
import type { ChildSpec } from './child-spec.js';
import { enterRestart, type RestartHistory, type RestartLimit } from './restart-intensity.js';

/**
 * Whom the restart of a child takes along:
 * - `one_for_one`: nobody;
 * - `one_for_all`: all others;
 * - `rest_for_one`: those that started after it;
 * - `simple_one_for_one`: nobody; all children are of one spec and are started by `startChild`.
 */
export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one' | 'simple_one_for_one';

/** When the end of significant children by themselves ends the supervisor. */
export type AutoShutdown = 'never' | 'any_significant' | 'all_significant';

/**
 * - `running`: it has a pid;
 * - `restarting`: it is to be started again: later, or because its last start failed;
 * - `stopped`: its spec is kept.
 */
export type ChildStatus = 'running' | 'restarting' | 'stopped';

export interface Supervised {
  readonly spec: Pick<ChildSpec, 'restart' | 'significant'>;
  readonly status: ChildStatus;
}

export interface Supervision extends RestartLimit {
  readonly strategy: Strategy;
  readonly autoShutdown: AutoShutdown;
  /** By id, in the order of their start. */
  readonly children: ReadonlyMap<string, Supervised>;
  readonly history: RestartHistory;
}

/** `at` is in ms of a monotonic clock; `waitMs` is how long a restart would have to wait, 0 for not at all. */
export type SupervisionEvent =
  /** The child has ended by itself. */
  | {
      readonly type: 'ended';
      readonly id: string;
      readonly reason: ExitReason;
      readonly at: number;
      readonly waitMs: number;
    }
  /** Its last start failed. Like `due` it comes at most once, and not where the child was stopped or started since. */
  | { readonly type: 'retry'; readonly id: string; readonly at: number; readonly waitMs: number }
  /** Its wait is over. */
  | { readonly type: 'due'; readonly id: string };

export type SupervisionEffect =
  | { readonly type: 'stop' | 'start' | 'forget'; readonly id: string }
  /** A `due` is to follow after so many ms, unless the child is stopped or started before. */
  | { readonly type: 'wait'; readonly id: string; readonly waitMs: number }
  /** Stop all children in reverse order, then end with the reason `shutdown`. */
  | { readonly type: 'shutDown'; readonly because: 'intensity' | 'significant' };

export interface Decision {
  readonly history: RestartHistory;
  readonly effects: readonly SupervisionEffect[];
}

export function decide(state: Supervision, event: SupervisionEvent): Decision {
  const child = state.children.get(event.id);
  if (child === undefined) return only(state);
  switch (event.type) {
    case 'ended':
      return isRestarted(child, event.reason)
        ? restart(state, event)
        : only(state, ...endForGood(state, event.id, child));
    case 'retry':
      return restart(state, event);
    case 'due':
      return only(state, ...restartEffects(state, event.id));
    default:
      return event satisfies never;
  }
}

function isRestarted({ spec }: Supervised, reason: ExitReason): boolean {
  return spec.restart === 'permanent' || (spec.restart === 'transient' && !isOrderly(reason));
}

/** Whether a process that ended so did what it was there for. */
function isOrderly(reason: ExitReason): boolean {
  return reason === 'normal' || reason === 'shutdown' || (typeof reason === 'object' && 'shutdown' in reason);
}

function endForGood(state: Supervision, id: string, child: Supervised): SupervisionEffect[] {
  const { restart, significant } = child.spec;
  // The spec of a dynamic child is its supervisor's, and no id would find it again.
  const isForgotten = restart === 'temporary' || state.strategy === 'simple_one_for_one';
  const effects: SupervisionEffect[] = isForgotten ? [{ type: 'forget', id }] : [];
  if (significant && endsSupervisor(state, id)) effects.push({ type: 'shutDown', because: 'significant' });
  return effects;
}

function endsSupervisor({ autoShutdown, children }: Supervision, ended: string): boolean {
  if (autoShutdown !== 'all_significant') return autoShutdown === 'any_significant';
  return [...children].every(([id, { spec, status }]) => id === ended || !spec.significant || status === 'stopped');
}

function restart(state: Supervision, { id, at, waitMs }: Exclude<SupervisionEvent, { type: 'due' }>): Decision {
  const history = enterRestart(state.history, at, state);
  if (history === undefined) return only(state, { type: 'shutDown', because: 'intensity' });
  const effects = restartEffects(state, id);
  if (waitMs === 0) return { history, effects };
  return { history, effects: [...effects.filter(({ type }) => type !== 'start'), { type: 'wait', id, waitMs }] };
}

function restartEffects({ strategy, children }: Supervision, failed: string): SupervisionEffect[] {
  if (strategy === 'one_for_one' || strategy === 'simple_one_for_one') return [{ type: 'start', id: failed }];
  const group = [...children];
  if (strategy === 'rest_for_one')
    group.splice(
      0,
      group.findIndex(([id]) => id === failed),
    );
  const effects: SupervisionEffect[] = [];
  for (const [id, { spec, status }] of group.toReversed()) {
    if (id !== failed && status !== 'stopped') effects.push({ type: 'stop', id });
    if (spec.restart === 'temporary') effects.push({ type: 'forget', id });
  }
  for (const [id, { spec }] of group) if (spec.restart !== 'temporary') effects.push({ type: 'start', id });
  return effects;
}

function only({ history }: Supervision, ...effects: SupervisionEffect[]): Decision {
  return { history, effects };
}
