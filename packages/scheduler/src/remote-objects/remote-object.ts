/**
 * Objects as processes: the methods and properties of an object on one thread, used from any other, and from any
 * node, through a typed comlink proxy.
 *
 *     export const cache = defineObject(import.meta.url, 'cache', (_self, size: number) => new Cache(size));
 *
 *     const pid = await startObject(self, cache, [1_000]);
 *     const remote = wrap(self, pid);
 *     await remote.put('key', { any: 'portable value' });
 *     await remote.get('key');
 *     remote[releaseProxy]();
 *
 * - Every use of the proxy is a promise. Arguments and results are portable values, and copies. A callback, or any
 *   object, is not copied but reached where it is, if it is marked: `await remote.watch(proxy((key) => …))`.
 * - Calls of one proxy begin in the order in which they were made. A method that waits lets the next one begin.
 * - A call fails with `CallTimeoutError` when its time is up; with `CallError` and the reason, at once, when the object's
 *   process ends, is not there, or its node is lost; with what the method throws: an `Error` has its name,
 *   message, stack, code and cause.
 * - A proxy is released by `[releaseProxy]`, by its process's end, or when it is collected.
 */
import type { Remote } from 'comlink';
import {
  beginStart,
  finishStart,
  type StartableDefinition,
  type StartContext,
  type StartOptions,
  startProcess,
} from '../behaviours/server-start.js';
import { defineProcess } from '../definition.js';
import type { Pid } from '../pid.js';
import type { Self } from '../self.js';
import type { Registered } from '../signal.js';
import { ObjectServer, serveMailbox } from './object-server.js';
import { type ObjectOptions, type ProxyOptions, resolveObjectOptions, resolveProxyOptions } from './options.js';
import { type Owner, Proxies } from './proxies.js';

/** The pid of a process that is an object, which knows the object's type. */
export type ObjectPid<T> = Pid & { readonly object?: T };

/**
 * Where an object is reached: its pid, or its name on this node or another. A name is looked up once: the proxy stays
 * with the process that had it. Where nobody has it on another node, calls fail by their deadline.
 */
export type ObjectAddress<T> = ObjectPid<T> | (Registered & { readonly object?: T });

/** An object that any thread can start. Made by {@link defineObject}. */
export interface ObjectDefinition<Args extends readonly unknown[] = readonly unknown[], T = unknown>
  extends StartableDefinition<Args> {
  readonly kind: 'object';
  readonly object?: T;
}

/** What a definition makes, for the address of an object that is known by name: `ObjectAddress<ObjectOf<typeof cache>>`. */
export type ObjectOf<Definition> = Definition extends ObjectDefinition<never, infer T> ? T : never;

/**
 * Defines an object. Throws as `defineProcess` does.
 * @param module the URL of the module that makes this call at its top level: `import.meta.url`.
 * @param name unique in that module.
 * @param make makes the object when its process starts: an instance, a plain object, a function or a class. Where it
 * throws, the start fails.
 */
export function defineObject<Args extends readonly unknown[], T extends object>(
  module: string,
  name: string,
  make: (self: Self, ...args: Args) => T | Promise<T>,
  options?: Partial<ObjectOptions>,
): ObjectDefinition<Args, T> {
  const limits = resolveObjectOptions(options);
  const process = defineProcess<[start: StartContext, ...args: Args]>(module, name, async (self, start, ...args) => {
    beginStart(self, start);
    const object = await make(self, ...args);
    const server = new ObjectServer(self, object, new Proxies(self, limits), limits);
    finishStart(self, start);
    return (message) => server.handle(message);
  });
  return { kind: 'object', module, name, process };
}

/**
 * Starts an object's process and resolves with its pid once the object is made and its name registered.
 * Rejects with `StartError` where making it failed, or the name is held. `stopServer` ends it.
 */
export async function startObject<Args extends readonly unknown[], T>(
  self: Self,
  definition: ObjectDefinition<Args, T>,
  args: Args,
  options?: StartOptions,
): Promise<ObjectPid<T>> {
  return startProcess(self, definition, args, options);
}

/** An object in a mailbox of its own. */
export interface ExposedObject<T> extends AsyncDisposable {
  readonly pid: ObjectPid<T>;
  /** Proxies that it serves. */
  readonly clients: number;
  /** Takes the object back: calls fail with `normal`. */
  close(): void;
}

/**
 * Serves an object from within a running process, or from the program, until `close` or the end of the process.
 * @param owner a `Self`, a `Scheduler` or a node.
 * @throws OptionError (`ERR_LIMINAL_OPTION`).
 */
export function expose<T extends object>(owner: Owner, object: T, options?: Partial<ObjectOptions>): ExposedObject<T> {
  const limits = resolveObjectOptions(options);
  const mailbox = owner.attach({ label: 'exposed object' });
  const server = new ObjectServer(mailbox, object, new Proxies(owner, limits), limits);
  void serveMailbox(mailbox, server);
  return {
    pid: mailbox.pid,
    get clients() {
      return server.clients;
    },
    close: () => mailbox.close(),
    [Symbol.asyncDispose]: async () => mailbox.close(),
  };
}

/**
 * A typed proxy of an object, wherever it is.
 * @param owner who uses it, and with whom it ends: a `Self`, a `Scheduler` or a node.
 * @throws OptionError (`ERR_LIMINAL_OPTION`), and TypeError for an address that is no pid. An object that is not there
 * is no error: calls fail.
 */
export function wrap<T>(owner: Owner, to: ObjectAddress<T>, options?: Partial<ProxyOptions>): Remote<T> {
  const { proxy } = new Proxies(owner, resolveProxyOptions(options)).wrap(to);
  return proxy as Remote<T>;
}
