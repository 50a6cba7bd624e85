/**
 * What a supervisor knows of a child: which definition to start with which arguments, when to start it again
 * and how to stop it. A spec is data, so that it can be sent to a supervisor on any thread.
 *
 * Words and values are those of OTP's `supervisor`, except that a time is in milliseconds everywhere and an
 * `id` is a text.
 */
import type { BackOff } from '../back-off.js';
import type { ProcessDefinition } from '../definition.js';
import { checkPortable } from '../encoding/portable.js';
import { OptionError } from '../errors.js';
import { anything, type OptionChecks, oneOf, resolveOptions } from '../options.js';
import type { SpawnOptions } from '../self.js';
import { backOffCheck } from './restart-back-off.js';
import type { StartableDefinition } from './server-start.js';

/**
 * When a child that has ended by itself is started again:
 * - `permanent`: always;
 * - `transient`: unless its reason was `normal`, `shutdown` or `{ shutdown: … }`;
 * - `temporary`: never, and its spec is forgotten.
 */
export type Restart = 'permanent' | 'transient' | 'temporary';

/**
 * How a child is stopped: it is sent `shutdown` and has so many ms to end before it is killed, or as long as it
 * needs (`infinity`), or it is killed at once (`brutal_kill`).
 */
export type Shutdown = number | 'brutal_kill' | 'infinity';

/** What a child is started with, besides its arguments. Its links, monitors and trap exit are the business of supervisor and child. */
export type ChildSpawnOptions = Pick<SpawnOptions, 'name' | 'label' | 'mailbox' | 'thread' | 'resourceLimits'>;

/** Made by {@link child} and {@link childTemplate}. Portable. */
export interface ChildSpec {
  readonly id: string;
  readonly start: {
    readonly module: string;
    readonly name: string;
    readonly args: readonly unknown[];
    readonly options: ChildSpawnOptions;
  };
  readonly restart: Restart;
  readonly shutdown: Shutdown;
  /** Undefined: that of its supervisor. */
  readonly backOff: BackOff | undefined;
  /** Its end by itself can end the supervisor; see `autoShutdown`. */
  readonly significant: boolean;
  readonly type: 'worker' | 'supervisor';
  /** It tells when it is ready, as servers and supervisors do. Any other process has started once it exists. */
  readonly tellsReady: boolean;
}

/** A process, a server or a supervisor. */
export type ChildDefinition<Args extends readonly unknown[]> = ProcessDefinition<Args> | StartableDefinition<Args>;

export interface ChildOptions extends ChildSpawnOptions {
  /** Names the child within its supervisor. @default the name of its definition */
  readonly id?: string;
  /** @default 'permanent' */
  readonly restart?: Restart;
  /** @default 5000 ms for a worker, 'infinity' for a supervisor, whose children need what they need */
  readonly shutdown?: Shutdown;
  /**
   * Wait before it is started again after a failure: longer each time, up to `maxMs`, until it has lived for
   * `maxMs`. Restarts count towards the intensity as without. @default that of its supervisor
   */
  readonly backOff?: BackOff;
  /** Only for a child that is not permanent, under a supervisor with `autoShutdown`. @default false */
  readonly significant?: boolean;
}

/** `Args`, or the first of them. */
export type FirstOf<Args extends readonly unknown[]> = Args extends readonly [...infer First, unknown]
  ? Args | FirstOf<First>
  : Args;

const WORKER_SHUTDOWN_MS = 5_000;

/**
 * The spec of a child that runs `definition` with `args`.
 * @throws OptionError (`ERR_LIMINAL_OPTION`) for an option that is refused.
 * @throws NotPortableError (`ERR_LIMINAL_NOT_PORTABLE`) for arguments that cannot be sent.
 */
export function child<Args extends readonly unknown[]>(
  definition: ChildDefinition<Args>,
  args: NoInfer<Args>,
  options?: ChildOptions,
): ChildSpec {
  return specOf(definition, args, options);
}

/**
 * The spec of the children of a `simple_one_for_one` supervisor: `startChild` appends the arguments that are
 * missing. Throws as {@link child} does.
 */
export function childTemplate<Args extends readonly unknown[]>(
  definition: ChildDefinition<Args>,
  args: FirstOf<NoInfer<Args>>,
  options?: ChildOptions,
): ChildSpec {
  return specOf(definition, args, options);
}

function specOf<Args extends readonly unknown[]>(
  definition: ChildDefinition<Args>,
  args: readonly unknown[],
  options: ChildOptions = {},
): ChildSpec {
  const { module, name, kind } = definition;
  const type = kind === 'supervisor' ? 'supervisor' : 'worker';
  const { id = name, restart = 'permanent', shutdown, backOff, significant = false, ...spawn } = options;
  return checkChildSpec({
    id,
    start: { module, name, args, options: spawn },
    restart,
    shutdown: shutdown ?? (type === 'worker' ? WORKER_SHUTDOWN_MS : 'infinity'),
    backOff,
    significant,
    type,
    tellsReady: kind !== 'process',
  });
}

const CHECKS: OptionChecks<ChildSpec> = {
  id: (id) => (typeof id === 'string' && id !== '' ? undefined : 'must be a text that is not empty'),
  start: (start) => (isStart(start) ? undefined : 'must have module, name, args and options'),
  restart: oneOf('permanent', 'transient', 'temporary'),
  shutdown: (shutdown) =>
    shutdown === 'brutal_kill' || shutdown === 'infinity' || (Number.isSafeInteger(shutdown) && Number(shutdown) >= 0)
      ? undefined
      : `must be a whole number of ms, 'brutal_kill' or 'infinity', not ${String(shutdown)}`,
  backOff: backOffCheck,
  significant: anything,
  type: oneOf('worker', 'supervisor'),
  tellsReady: anything,
};

/** Checks a spec, wherever it came from. Throws as {@link child} does. */
export function checkChildSpec(given: ChildSpec): ChildSpec {
  const spec = resolveOptions(given, given, CHECKS);
  if (spec.significant && spec.restart === 'permanent') {
    throw new OptionError('significant', 'a permanent child never ends for good, so it cannot be significant');
  }
  checkPortable(spec);
  return spec;
}

function isStart(start: unknown): boolean {
  if (typeof start !== 'object' || start === null) return false;
  const { module, name, args, options } = start as Partial<ChildSpec['start']>;
  const hasTexts = typeof module === 'string' && typeof name === 'string';
  return hasTexts && Array.isArray(args) && typeof options === 'object' && options !== null;
}
