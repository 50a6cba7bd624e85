/**
 * Looking at single processes of this node, from any of its threads. A question about a process of another thread goes there
 * as a parcel, in order with all that this thread has sent before.
 */
import { ThreadDownError } from '../errors.js';
import { type AnyPid, nodeOf, type Pid } from '../pid.js';
import type { Process } from '../process.js';
import type { Runtime } from '../runtime.js';
import { type ProcessInfo, shortLabel, shortName } from './process-info.js';
import { Tracing } from './tracer.js';

/** Services of every thread. */
const ALIVE = 'liminal.alive';
const INFO = 'liminal.info';
const ANCESTORS = 'liminal.ancestors';

const MAX_ANCESTORS = 32;

export class Inspection {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    new Tracing(runtime);
    const { services } = runtime;
    services.provide(ALIVE, (_from, pid) => runtime.find(pid as Pid) !== undefined);
    services.provide(INFO, (_from, pid) => this.#infoHere(pid as Pid));
    services.provide(ANCESTORS, (_from, pid) => this.#ancestorsHere(pid as Pid));
  }

  /** See `Self.isAlive`. @param from who asks. */
  async isAlive(from: Pid, pid: AnyPid): Promise<boolean> {
    return (await this.#ask<boolean>(from, ALIVE, pid)) ?? false;
  }

  /** See `Scheduler.processInfo`. */
  async processInfo(pid: AnyPid): Promise<ProcessInfo | undefined> {
    const info = await this.#ask<ProcessInfo>(this.#runtime.root, INFO, pid);
    if (info === undefined) return undefined;
    return { ...info, ancestors: await this.#ancestors(info.ancestors) };
  }

  /** @returns undefined where the process is dead, and its thread cannot say so any more. */
  async #ask<Answer>(from: Pid, service: string, pid: AnyPid): Promise<Answer | undefined> {
    const { router, services, options } = this.#runtime;
    const { node, creation, thread } = router.address(pid);
    if (node !== options.node) throw new TypeError(`${pid} is of another node: only that node knows about it`);
    if (creation !== options.creation) return undefined;
    try {
      return (await services.ask(thread, from, service, pid)) as Answer | undefined;
    } catch (error) {
      if (error instanceof ThreadDownError) return undefined;
      throw error;
    }
  }

  /** Goes on from thread to thread where one knows no more; what came before on another node is known there. */
  async #ancestors(known: readonly Pid[]): Promise<readonly Pid[]> {
    const all = [...known];
    const { node } = this.#runtime.options;
    for (let last = all.at(-1); last !== undefined && nodeOf(last) === node && all.length < MAX_ANCESTORS; ) {
      const more = (await this.#ask<readonly Pid[]>(this.#runtime.root, ANCESTORS, last)) ?? [];
      all.push(...more);
      last = more.at(-1);
    }
    return all.slice(0, MAX_ANCESTORS);
  }

  #ancestorsHere(pid: Pid): readonly Pid[] {
    const ancestors: Pid[] = [];
    let parent = this.#runtime.find(pid)?.parent;
    while (parent !== undefined && ancestors.length < MAX_ANCESTORS) {
      ancestors.push(parent);
      parent = this.#runtime.find(parent)?.parent;
    }
    return ancestors;
  }

  #infoHere(pid: Pid): ProcessInfo | undefined {
    const process = this.#runtime.find(pid);
    return process === undefined ? undefined : this.#infoOf(process);
  }

  #infoOf(process: Process): ProcessInfo {
    const { pid, status, definition, parent, trapExit, handled, links, monitors, watchers, registration } = process;
    const { environment, options } = this.#runtime;
    const label = shortLabel(process.label);
    return {
      pid,
      thread: options.thread,
      status,
      current: definition === undefined ? label : shortName(definition),
      label,
      name: registration?.name,
      parent,
      ancestors: this.#ancestorsHere(pid),
      trapExit: trapExit === true,
      mailbox: { messages: process.queuedMessages, bytes: process.queuedBytes, dropped: process.dropped },
      handled,
      links: [...(links ?? [])],
      monitors: [...(monitors?.values() ?? [])].map(({ pid, ...named }) =>
        pid === undefined ? named : { pid, ...named },
      ),
      watchers: watchers?.size ?? 0,
      ageMs: Math.max(0, environment.now() - process.startedAt),
    };
  }
}
