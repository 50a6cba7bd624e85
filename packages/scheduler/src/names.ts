/**
 * Registered names of a node: one process a name, one name a process.
 *
 * The home thread decides. Every thread has a copy (`name-table.ts`), so that a lookup costs nothing and a send
 * to a name takes the same way as a send to its pid. A grant is told to every thread as news, which it takes in
 * before anything that can tell of the grant otherwise; so a thread that is blocked delays nobody. A name is
 * freed by the thread of its process, ahead of that process's exit and down signals on each way; whoever hears
 * of the end and asks for the name is therefore granted it, because home first takes in what that thread has
 * posted.
 */
import { Buffer } from 'node:buffer';
import { MAX_NAME_BYTES } from './encoding/signal-codec.js';
import { NameError } from './errors.js';
import type { Registration } from './name-table.js';
import { type Pid, parsePid } from './pid.js';
import type { Process } from './process.js';
import type { Runtime } from './runtime.js';

/** The home thread's side. */
export class NameAuthority {
  readonly #runtime: Runtime;
  readonly #tellThreads: (name: string, pid: Pid, grant: number) => void;
  #grants = 0;

  /** @param tellThreads gives every other thread the news. */
  constructor(runtime: Runtime, tellThreads: (name: string, pid: Pid, grant: number) => void) {
    this.#runtime = runtime;
    this.#tellThreads = tellThreads;
  }

  /** @returns the number of the grant, or why the name was refused. */
  register(name: string, pid: Pid): number | string {
    const length = Buffer.byteLength(name);
    if (length === 0 || length > MAX_NAME_BYTES) return `a name has 1 to ${MAX_NAME_BYTES} bytes, not ${length}`;
    const { names, mesh } = this.#runtime;
    const holder = names.get(name);
    if (holder !== undefined) mesh.receivePending(parsePid(holder)?.thread ?? -1);
    const held = names.get(name);
    // Who asks again for what it holds has given it up meanwhile, and word of that is still on its way.
    if (held !== undefined && held !== pid) return `"${name}" is held by ${held}`;
    const grant = ++this.#grants;
    names.enter(name, pid, grant);
    this.#tellThreads(name, pid, grant);
    return grant;
  }
}

/** Registers a process of this thread with the authority, wherever that is. */
export async function registerProcess(
  runtime: Runtime,
  process: Process,
  name: string,
  ask: (name: string, pid: Pid) => Promise<number | string>,
): Promise<void> {
  if (process.registration !== undefined) {
    throw new NameError(`${process.pid} is registered as "${process.registration.name}" already`);
  }
  const registration: Registration = { name };
  process.registration = registration;
  const answer = await ask(name, process.pid);
  const isWanted = process.alive && process.registration === registration;
  if (typeof answer === 'string') {
    if (isWanted) process.registration = undefined;
    throw new NameError(answer);
  }
  if (isWanted) registration.grant = answer;
  // It ended or gave the name up while it was asking: too early to free what was granted only now.
  else runtime.freeName(name, process.pid, answer);
}
