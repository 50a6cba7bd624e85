/**
 * An application: a supervision tree that a program runs as a whole, by its top supervisor.
 *
 *   1. the top supervisor is started, linked to a process that stands for the program, and with it all that it
 *      supervises; a start that fails leaves nothing of it;
 *   2. it runs until it ends by itself, which the program learns from `ended`: what that means is the program's
 *      business. A node ends, as it does in OTP for a permanent application;
 *   3. or until it is stopped: from the leaves up, in the reverse order of the starts, each child within its
 *      shutdown time, and all within the time of `stop`.
 */
import { OptionError } from '../errors.js';
import type { ExitReason } from '../exit-reason.js';
import type { AttachedProcess } from '../self.js';
import { isDown, isExit } from '../signal.js';
import { ApplicationError } from './application-error.js';
import { type ChildSpec, checkChildSpec, child } from './child-spec.js';
import { startChildOf } from './child-start.js';
import type { RunningChild } from './child-table.js';
import { defineSupervisor, type SupervisorDefinition } from './supervisor.js';
import type { SupervisorPid } from './supervisor-request.js';

/**
 * What a program can run as its application:
 * - a supervisor that takes no arguments, made by `defineSupervisor`: it is the top supervisor;
 * - the child spec of a supervisor, with arguments, a name, a thread;
 * - a list of child specs: they get a top supervisor, `one_for_one` with the default intensity.
 *
 * The top supervisor runs on the home thread, unless its spec says where.
 */
export type Application = SupervisorDefinition<[]> | ChildSpec | readonly ChildSpec[];

export interface RunningApplication {
  /** The top supervisor. */
  readonly supervisor: SupervisorPid;
  /** Resolves when the top supervisor has ended, with its reason: by itself, stopped or killed. */
  readonly ended: Promise<ExitReason>;
  /**
   * Stops the tree. A tree that takes longer than `timeoutMs` is left to end by itself, without its top.
   * @returns whether it has stopped in time.
   */
  stop(timeoutMs: number): Promise<boolean>;
}

const listed = defineSupervisor(import.meta.url, 'application', (children: readonly ChildSpec[]) => ({ children }));

/**
 * The spec of the top supervisor of an application.
 * @throws OptionError (`ERR_LIMINAL_OPTION`) for what is no application.
 */
export function applicationSpec(given: unknown): ChildSpec {
  if (Array.isArray(given)) {
    if (given.length === 0) throw new OptionError('app', 'has no children: the list of child specs is empty');
    return child(listed, [given.map(specOf)], { id: 'application', thread: 'home' });
  }
  if (isSupervisor(given)) return child(given, [], { thread: 'home' });
  const spec = specOf(given);
  if (spec.type !== 'supervisor') {
    throw new OptionError('app', `the top of an application is a supervisor: put the child "${spec.id}" into a list`);
  }
  const { start } = spec;
  return { ...spec, start: { ...start, options: { thread: 'home', ...start.options } } };
}

function isSupervisor(given: unknown): given is SupervisorDefinition<[]> {
  return typeof given === 'object' && given !== null && 'kind' in given && given.kind === 'supervisor';
}

function specOf(given: unknown): ChildSpec {
  if (typeof given === 'object' && given !== null && 'start' in given) return checkChildSpec(given as ChildSpec);
  throw new OptionError(
    'app',
    'must be what defineSupervisor makes, a child spec of that, or a list of child specs, made by child',
  );
}

/**
 * Starts an application. Resolves when all that its specs name is ready.
 * Rejects with {@link ApplicationError} (`ERR_LIMINAL_APPLICATION`), which names the child that did not start and
 * why, where nothing is left of it; with the reason of `signal` where that is aborted, and then whatever has
 * started ends without its top supervisor.
 * @param owner a process that traps exits and has no other use; it is closed with the application.
 */
export async function startApplication(
  owner: AttachedProcess,
  spec: ChildSpec,
  signal: AbortSignal,
): Promise<RunningApplication> {
  const outcome = await unlessAborted(startChildOf(owner, spec, spec.start.args), signal).catch((error) => {
    owner.close();
    throw error;
  });
  if (outcome.type === 'started') return new Running(owner, outcome.running);
  owner.close();
  throw new ApplicationError(outcome.type === 'failed' ? outcome.reason : 'ignore');
}

class Running implements RunningApplication {
  readonly supervisor: SupervisorPid;
  readonly ended: Promise<ExitReason>;
  readonly #owner: AttachedProcess;

  constructor(owner: AttachedProcess, { pid, monitor }: RunningChild) {
    this.supervisor = pid;
    this.#owner = owner;
    this.ended = this.#untilDown(monitor);
  }

  async stop(timeoutMs: number): Promise<boolean> {
    const { environment } = this.#owner;
    this.#owner.exitProcess(this.supervisor, 'shutdown');
    return new Promise((resolve) => {
      const timer = environment.setTimer(timeoutMs, () => {
        this.#owner.exitProcess(this.supervisor, 'kill');
        resolve(false);
      });
      void this.ended.then(() => {
        timer.cancel();
        resolve(true);
      });
    });
  }

  async #untilDown(monitor: string): Promise<ExitReason> {
    let linked: ExitReason | undefined;
    for (;;) {
      const message = await this.#owner.receive();
      // A monitor that came too late knows only `noproc`; the exit along the link came before it.
      if (isExit(message) && message.from === this.supervisor) linked = message.reason;
      if (!isDown(message) || message.ref !== monitor) continue;
      this.#owner.close();
      return message.reason === 'noproc' ? (linked ?? message.reason) : message.reason;
    }
  }
}

async function unlessAborted<T>(step: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    step.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
