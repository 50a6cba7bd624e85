/**
 * Code that runs in a process is named, not captured: module URL, name, arguments, as in Erlang's
 * module-function-arguments, because it must start on another thread.
 *
 * `defineProcess` and `defineTask` register under (module, name) when their module is evaluated; a thread
 * that is asked to start one imports the module, which registers it there, and then looks it up.
 */
import { SpawnError } from './errors.js';
import type { Self } from './self.js';

/** Handles one message of its process. Runs to its end before the process's next message. */
export type MessageHandler = (message: never) => void;

/**
 * What a process does. An async body runs until it returns, which ends the process with `normal`. A body
 * that returns a function becomes a handler process: the function is called with each message, in order,
 * which is the fastest and smallest kind of process.
 */
export type ProcessBody<Args extends readonly unknown[]> = (
  self: Self,
  ...args: Args
) => void | MessageHandler | Promise<void | MessageHandler>;

/** A process that any thread can start. Made by {@link defineProcess}. */
export interface ProcessDefinition<Args extends readonly unknown[] = readonly unknown[]> {
  readonly kind: 'process';
  readonly module: string;
  readonly name: string;
  readonly body: ProcessBody<Args>;
}

/** Blocking work that the pool can run. Made by {@link defineTask}. */
export interface TaskDefinition<Args extends readonly unknown[] = readonly unknown[], Result = unknown> {
  readonly kind: 'task';
  readonly module: string;
  readonly name: string;
  readonly run: (...args: Args) => Result | Promise<Result>;
}

/** Anything that is found by its kind, its module and its name. */
export interface Definition {
  readonly kind: 'process' | 'task' | 'registry';
  readonly module: string;
  readonly name: string;
}

interface Kinds {
  // biome-ignore lint/suspicious/noExplicitAny: holds definitions whatever their arguments
  readonly process: ProcessDefinition<any>;
  // biome-ignore lint/suspicious/noExplicitAny: holds definitions whatever their arguments
  readonly task: TaskDefinition<any, any>;
  /** `registry.ts` knows what else it has. */
  readonly registry: Definition;
}

const MAKERS = { process: 'defineProcess', task: 'defineTask', registry: 'defineRegistry' } as const;

const definitions = new Map<string, Definition>();

/** Enters a definition. @throws TypeError for what is no module URL, and for a name that the module has used already. */
export function define<D extends Definition>(definition: D): D {
  if (!/^(file|data|node):/.test(definition.module)) {
    throw new TypeError(`"${definition.module}" is not a module URL: pass import.meta.url`);
  }
  const key = `${definition.kind} ${definition.module} ${definition.name}`;
  if (definitions.has(key))
    throw new TypeError(`${definition.module} defines ${definition.kind} "${definition.name}" twice`);
  definitions.set(key, definition);
  return definition;
}

/**
 * Makes `body` a process that can be spawned on any thread.
 * @param module the URL of the module that makes this call at its top level: `import.meta.url`.
 * @param name unique in that module.
 * @throws TypeError for a name that the module has used already.
 */
export function defineProcess<Args extends readonly unknown[]>(
  module: string,
  name: string,
  body: ProcessBody<Args>,
): ProcessDefinition<Args> {
  return define({ kind: 'process', module, name, body });
}

/**
 * Makes `run` a piece of blocking work for `self.block`: it may take as long as it wants, because it runs in
 * the pool and not on a scheduler thread. Arguments and result are structured-cloned.
 */
export function defineTask<Args extends readonly unknown[], Result>(
  module: string,
  name: string,
  run: (...args: Args) => Result | Promise<Result>,
): TaskDefinition<Args, Result> {
  return define({ kind: 'task', module, name, run });
}

/** Modules that are being imported for a process or a task. A simulation waits for them. */
export const modulesLoading = new Set<Promise<unknown>>();

/** Takes a process back, as if it had never been defined. */
export function forgetProcess({ kind, module, name }: ProcessDefinition<never>): void {
  definitions.delete(`${kind} ${module} ${name}`);
}

/** Finds a definition in this thread, where its module was imported. */
export function definitionOf(kind: Definition['kind'], module: string, name: string): Definition | undefined {
  return definitions.get(`${kind} ${module} ${name}`);
}

/** Whether this thread has imported a module that defines that. */
export function isDefined(kind: Definition['kind'], module: string, name: string): boolean {
  return definitionOf(kind, module, name) !== undefined;
}

/**
 * Finds a definition in this thread, importing its module where that has not happened yet.
 * @throws SpawnError where the module does not load or does not define it.
 */
export async function loadDefinition<K extends keyof Kinds>(kind: K, module: string, name: string): Promise<Kinds[K]> {
  const key = `${kind} ${module} ${name}`;
  if (!definitions.has(key)) {
    const loading = import(module);
    modulesLoading.add(loading);
    try {
      await loading;
    } catch (cause) {
      throw new SpawnError(`module ${module} does not load: ${cause instanceof Error ? cause.message : cause}`, {
        cause,
      });
    } finally {
      modulesLoading.delete(loading);
    }
  }
  const definition = definitions.get(key);
  if (definition === undefined) {
    const call = MAKERS[kind];
    throw new SpawnError(
      `module ${module} defines no ${kind} "${name}": call ${call}(import.meta.url, '${name}', …) at its top level`,
    );
  }
  return definition as Kinds[K];
}
