/** How a supervisor answers calls: one at a time, in the order that they arrive. */
import { reasonOfThrown } from '../exit-reason.js';
import { isPid, type Pid } from '../pid.js';
import type { ChildSpec } from './child-spec.js';
import { Child } from './child-table.js';
import { StartError } from './server-start.js';
import { SupervisorError } from './supervisor-error.js';
import { checkSupervisedSpec } from './supervisor-init.js';
import type { SupervisorProcess } from './supervisor-process.js';
import type { ChildCounts, ChildInfo, SupervisorHandlers, SupervisorReply } from './supervisor-request.js';

const handlers: SupervisorHandlers<SupervisorProcess> = {
  async startChild(supervisor, what) {
    const { children, isDynamic } = supervisor;
    const child = isDynamic ? dynamicChild(supervisor, what) : childOfSpec(supervisor, what);
    const pid = await start(supervisor, child);
    // What is to be ignored has no life whose end would ever forget it.
    if (pid !== undefined || (child.spec.restart !== 'temporary' && !isDynamic)) children.add(child);
    return pid;
  },

  async terminateChild(supervisor, name) {
    const { children, isDynamic } = supervisor;
    const child = toTerminate(supervisor, name);
    await supervisor.stop(child);
    if (child.spec.restart === 'temporary' || isDynamic) children.forget(child.id);
    return undefined;
  },

  restartChild: (supervisor, id) => start(supervisor, stoppedChild(supervisor, id)),

  async deleteChild(supervisor, id) {
    supervisor.children.forget(stoppedChild(supervisor, id).id);
    return undefined;
  },

  async whichChildren({ children, isDynamic }) {
    return [...children.byId.values()].map((child) => infoOf(child, isDynamic));
  },

  async countChildren({ children, isDynamic, restarts }) {
    return { ...count([...children.byId.values()], isDynamic), restarts };
  },
};

/**
 * Carries a call out. Whatever a stranger asks, the supervisor lives.
 * @returns undefined where there is no such call.
 */
export async function replyTo(
  supervisor: SupervisorProcess,
  name: string,
  args: readonly unknown[],
): Promise<SupervisorReply<unknown> | undefined> {
  if (!Object.hasOwn(handlers, name)) return undefined;
  const handler = handlers[name as keyof typeof handlers] as (...args: readonly unknown[]) => Promise<unknown>;
  try {
    return { value: await handler(supervisor, ...args) };
  } catch (error) {
    if (error instanceof SupervisorError) return { refused: error.reason, pid: error.pid };
    if (error instanceof StartError) return { failed: error.reason };
    if (error instanceof Error) return { failed: reasonOfThrown(error) };
    throw error;
  }
}

async function start(supervisor: SupervisorProcess, child: Child): Promise<Pid | undefined> {
  const started = await supervisor.start(child);
  if ('failed' in started) throw new StartError(child.id, started.failed);
  return started.pid;
}

function dynamicChild({ init, children }: SupervisorProcess, extra: unknown): Child {
  const [template] = init.children;
  if (!Array.isArray(extra) || template === undefined) throw new SupervisorError('simple_one_for_one');
  return new Child(children.freeId(), template, [...template.start.args, ...extra]);
}

function childOfSpec({ init, children }: SupervisorProcess, given: unknown): Child {
  const spec = checkSupervisedSpec(given as ChildSpec, init.autoShutdown);
  const holder = children.byId.get(spec.id);
  if (holder?.running !== undefined) throw new SupervisorError('already_started', holder.running.pid);
  if (holder !== undefined) throw new SupervisorError('already_present');
  return new Child(spec.id, spec, spec.start.args);
}

function toTerminate({ children, isDynamic }: SupervisorProcess, name: string): Child {
  if (isDynamic && !isPid(name)) throw new SupervisorError('simple_one_for_one');
  const child = isDynamic && isPid(name) ? (children.ofPid(name) ?? children.ofLastPid(name)) : children.byId.get(name);
  if (child === undefined) throw new SupervisorError('not_found');
  return child;
}

function stoppedChild({ children, isDynamic }: SupervisorProcess, id: string): Child {
  if (isDynamic) throw new SupervisorError('simple_one_for_one');
  const child = children.byId.get(id);
  if (child === undefined) throw new SupervisorError('not_found');
  if (child.status !== 'stopped') throw new SupervisorError(child.status);
  return child;
}

function infoOf({ id, running, status, spec, restarts }: Child, isDynamic: boolean): ChildInfo {
  return { id: isDynamic ? undefined : id, pid: running?.pid, status, type: spec.type, restarts };
}

function count(children: readonly Child[], isDynamic: boolean): Omit<ChildCounts, 'restarts'> {
  const supervisors = children.filter(({ spec }) => spec.type === 'supervisor').length;
  return {
    specs: isDynamic ? 1 : children.length,
    active: children.filter(({ running }) => running !== undefined).length,
    supervisors,
    workers: children.length - supervisors,
  };
}
