/**
 * Registered names of a node: one process a name, one name a process.
 *
 * The home thread decides. Every thread has a copy, so that a lookup costs nothing and a send to a name takes
 * the same way as a send to its pid. A name is granted once every thread knows it. It is freed by the thread
 * of its process, ahead of that process's exit and down signals on each way; whoever hears of the end and asks
 * for the name is therefore granted it, because home first takes in what that thread has posted.
 */
import { Buffer } from 'node:buffer';
import { NameError } from './errors.js';
import { type Pid, parsePid } from './pid.js';
import type { Process } from './process.js';
import type { Runtime } from './runtime.js';
import { MAX_NAME_BYTES } from './signal-codec.js';

/** The home thread's side. */
export class NameAuthority {
  readonly #runtime: Runtime;
  readonly #tellThreads: (name: string, pid: Pid) => Promise<void>;

  /** @param tellThreads resolves when every other thread has entered the name. */
  constructor(runtime: Runtime, tellThreads: (name: string, pid: Pid) => Promise<void>) {
    this.#runtime = runtime;
    this.#tellThreads = tellThreads;
  }

  /** @returns why the name was refused, or undefined where it was granted. */
  async register(name: string, pid: Pid): Promise<string | undefined> {
    const length = Buffer.byteLength(name);
    if (length === 0 || length > MAX_NAME_BYTES) return `a name has 1 to ${MAX_NAME_BYTES} bytes, not ${length}`;
    const { names, mesh } = this.#runtime;
    const holder = names.get(name);
    if (holder !== undefined) mesh.receivePending(parsePid(holder)?.thread ?? -1);
    if (names.has(name)) return `"${name}" is held by ${names.get(name)}`;
    names.set(name, pid);
    await this.#tellThreads(name, pid);
    // Freed meanwhile, with its thread for instance: a thread may have entered it after it had heard so.
    if (names.get(name) !== pid) this.#runtime.freeName(name, pid);
    return undefined;
  }
}

/** Registers a process of this thread with the authority, wherever that is. */
export async function registerProcess(
  runtime: Runtime,
  process: Process,
  name: string,
  ask: (name: string, pid: Pid) => Promise<string | undefined>,
): Promise<void> {
  if (process.registration !== undefined) {
    throw new NameError(`${process.pid} is registered as "${process.registration.name}" already`);
  }
  const registration = { name };
  process.registration = registration;
  const fault = await ask(name, process.pid);
  const isWanted = process.alive && process.registration === registration;
  if (fault !== undefined) {
    if (isWanted) process.registration = undefined;
    throw new NameError(fault);
  }
  if (isWanted) runtime.names.set(name, process.pid);
  // It ended or gave the name up while it was asking: too early to free what was granted only now.
  else runtime.freeName(name, process.pid);
}
