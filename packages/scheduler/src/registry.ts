/**
 * Registries of names besides the node's own, after OTP's `{via, Module, Name}`: `{ via: registry, name }` stands
 * wherever a registered name can.
 *
 *     export const phonebook = defineRegistry(import.meta.url, 'phonebook', {
 *       register: (self, name) => call(self, { name: 'phonebook' }, 'register', [name, self.pid]),
 *       unregister: (self, name) => call(self, { name: 'phonebook' }, 'unregister', [name, self.pid]),
 *       whereis: (name) => entries.get(name),
 *     });
 *
 *     await startServer(self, counter, [40], { name: { via: phonebook, name: 'ada' } });
 *     await call(self, { via: phonebook, name: 'ada' }, 'add', [2]);
 *
 * - A registry is data, a module and a name, so that it can be named in spawn options and child specs. Its functions
 *   run on the thread that asks; whoever asks for a name must have imported its module there. A spawn imports it.
 * - A send may not wait, so `whereis` answers from what its thread knows: a registry keeps a copy on each thread,
 *   derives its names from the node's own, or has home list them on every thread (`Scheduler.list`).
 * - A registry frees the names of processes that have ended; it monitors them. Until it has, its answer is a pid
 *   that is dead, which everybody who gets one can bear.
 */
import { type Definition, define, definitionOf, loadDefinition } from './definition.js';
import { NameError } from './errors.js';
import type { NodeName, Pid } from './pid.js';
import type { Self } from './self.js';

/** The names that the node itself registers, for a registry that derives its own from them. */
export interface LocalNames {
  readonly node: NodeName;
  whereis(name: string): Pid | undefined;
  /** What home has listed by that key, with `Scheduler.list`. */
  listed(key: string): Pid | undefined;
}

export interface RegistryFunctions {
  /** Gives the process `self` the name, before its first instruction where it is spawned with it. @returns false where another has it. */
  register(self: Self, name: string): boolean | Promise<boolean>;
  /** Takes the name from the process `self`, where that has it. */
  unregister(self: Self, name: string): void | Promise<void>;
  /** Who has the name, as far as this thread knows. It may be a process of another node. */
  whereis(name: string, local: LocalNames): Pid | undefined;
}

/** Made by {@link defineRegistry}. Portable. */
export interface Registry {
  readonly kind: 'registry';
  readonly module: string;
  readonly name: string;
  /** By what every node knows it, wherever its module is there. */
  readonly spec?: string;
}

/** A name of a registry. Portable. */
export interface Via {
  readonly via: Registry;
  readonly name: string;
}

interface RegistryDefinition extends Registry, Definition {
  readonly kind: 'registry';
  readonly functions: RegistryFunctions;
}

/**
 * Defines a registry. Throws as `defineProcess` does.
 * @param module the URL of the module that makes this call at its top level: `import.meta.url`.
 * @param name unique in that module.
 * @param spec by what every node knows it, for `spawn` on another node; without one it has to be below the application root.
 */
export function defineRegistry(module: string, name: string, functions: RegistryFunctions, spec?: string): Registry {
  define<RegistryDefinition>({ kind: 'registry', module, name, functions });
  return { kind: 'registry', module, name, ...(spec !== undefined && { spec }) };
}

/** @throws NameError where the registry's module was not imported on this thread. */
export function whereisVia({ via, name }: Via, local: LocalNames): Pid | undefined {
  const found = definitionOf('registry', via.module, via.name) as RegistryDefinition | undefined;
  if (found === undefined) throw new NameError(`this thread does not know ${show(via)}: import its module`);
  return found.functions.whereis(name, local);
}

/** Rejects with NameError where the name is taken, with SpawnError where the registry's module does not load. */
export async function registerVia(self: Self, { via, name }: Via): Promise<void> {
  const { functions } = await load(via);
  if (!(await functions.register(self, name))) throw new NameError(`"${name}" is held in ${show(via)}`);
}

export async function unregisterVia(self: Self, { via, name }: Via): Promise<void> {
  const { functions } = await load(via);
  await functions.unregister(self, name);
}

async function load({ module, name }: Registry): Promise<RegistryDefinition> {
  return (await loadDefinition('registry', module, name)) as RegistryDefinition;
}

function show({ module, name }: Registry): string {
  return `registry "${name}" of ${module}`;
}
