/**
 * Many processes of one node, kept by thread, so that a message for all of them crosses to each thread once. Each thread
 * is told of its own members; see `fan-out.ts`.
 */
import { type AnyPid, parsePid } from './pid.js';

/** Who tells threads of the members of audiences. */
export interface AudienceHost {
  /** The process of that serial is a member from now on, or is none any more. */
  tellMember(thread: number, audience: number, serial: number, isMember: boolean): void;
}

/** Made by `Scheduler.createAudience`. One without members costs nothing, and needs no end. */
export class Audience {
  /** Which audience of the node it is. */
  readonly id: number;
  readonly #host: AudienceHost;
  readonly #threads = new Map<number, Map<number, AnyPid>>();
  #size = 0;

  constructor(id: number, host: AudienceHost) {
    this.id = id;
    this.#host = host;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a pid of this node; adding it again changes nothing. */
  add(pid: AnyPid): void {
    const { thread, serial } = addressOf(pid);
    const members = this.#threads.get(thread) ?? new Map<number, AnyPid>();
    if (members.has(serial)) return;
    this.#threads.set(thread, members);
    members.set(serial, pid);
    this.#size++;
    this.#host.tellMember(thread, this.id, serial, true);
  }

  delete(pid: AnyPid): void {
    const { thread, serial } = addressOf(pid);
    const members = this.#threads.get(thread);
    if (!members?.delete(serial)) return;
    this.#size--;
    if (members.size === 0) this.#threads.delete(thread);
    this.#host.tellMember(thread, this.id, serial, false);
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
