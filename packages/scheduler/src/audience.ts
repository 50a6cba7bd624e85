/**
 * Many processes of one node, kept by thread, so that a message for all of them crosses to each thread once.
 */
import { type AnyPid, parsePid } from './pid.js';

export class Audience {
  readonly #threads = new Map<number, Map<number, AnyPid>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds a pid of this node; adding it again changes nothing. */
  add(pid: AnyPid): void {
    const { thread, serial } = addressOf(pid);
    const members = this.#threads.get(thread) ?? new Map<number, AnyPid>();
    this.#threads.set(thread, members);
    if (!members.has(serial)) this.#size++;
    members.set(serial, pid);
  }

  delete(pid: AnyPid): void {
    const { thread, serial } = addressOf(pid);
    const members = this.#threads.get(thread);
    if (!members?.delete(serial)) return;
    this.#size--;
    if (members.size === 0) this.#threads.delete(thread);
  }

  /** The members on each thread: serial to pid. */
  get threads(): ReadonlyMap<number, ReadonlyMap<number, AnyPid>> {
    return this.#threads;
  }
}

function addressOf(pid: AnyPid): { thread: number; serial: number } {
  const parts = parsePid(pid);
  if (parts === undefined) throw new TypeError(`"${pid}" is not a pid`);
  return parts;
}
