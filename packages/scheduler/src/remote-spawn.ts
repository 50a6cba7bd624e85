/**
 * Starting processes on other nodes: the side that asks. After OTP's `spawn_request`.
 *
 *   1. The asker's thread sends `spawn`: what to run, its arguments and options, and a ref. It may be dropped, where
 *      there is no connection or no room on it, and is then answered from here.
 *   2. The other node (`spawn-desk.ts`) makes the process, with its link and monitor to the asker in place, answers
 *      `spawned` in the name of that process, and only then lets it run; or answers `spawnFailed`.
 *   3. The asker's thread enters its own end of the bonds. Signals of the new process follow its `spawned` on the
 *      same flow, so they find them.
 *
 * The asker has exactly one result. A connection that is lost before the answer makes it `noconnection`, and then
 * nobody knows whether there is a process. One that comes into being all the same, and was to be linked, ends with
 * `noconnection`: from its own node, where that finds the connection gone, or from here, where its `spawned` comes
 * over a later connection and nobody waits for it.
 *
 * Modules are named by the rest of their URL below the application root, which may be another folder on each node.
 */

import { reviveError } from './encoding/portable-error.js';
import { encodeValue } from './encoding/value-codec.js';
import { SpawnError, SpawnRefusedError } from './errors.js';
import type { MailboxBound } from './mailbox.js';
import { type NodeName, nodeOf, type Pid, type Ref } from './pid.js';
import type { Process } from './process.js';
import type { Runtime } from './runtime.js';
import type { Signal, SpawnFault } from './signal.js';

/** Something that a node has registered, so that others can have it started by that name alone. */
export interface SpecName {
  readonly spec: string;
}

/** What another node is to run, in words that it understands. */
export type SpawnCode =
  | SpecName
  /** `module` is the rest of its URL below the application root. */
  | { readonly module: string; readonly name: string };

/** What travels; portable. */
export interface SpawnRequest {
  readonly code: SpawnCode;
  readonly args: readonly unknown[];
  /** Whether a process asks, and not a program. */
  readonly parent: boolean;
  readonly link: boolean;
  /** The ref of the request is that of the monitor. */
  readonly monitor: boolean;
  readonly trapExit: boolean;
  readonly label?: string;
  readonly name?: string | { readonly via: SpawnCode; readonly name: string };
  readonly mailbox?: Partial<MailboxBound>;
}

export type SpawnAnswer = Extract<Signal, { type: 'spawned' | 'spawnFailed' }>;

interface Asked {
  readonly node: NodeName;
  readonly parent: Process | undefined;
  readonly link: boolean;
  readonly monitor: boolean;
  readonly resolve: (pid: Pid) => void;
  readonly reject: (error: Error) => void;
}

/** Enters the asker's end of the bonds with a process that was started for it. */
type Bond = (parent: Process, child: Pid, link: boolean, monitor: Ref | undefined) => void;

export class RemoteSpawns {
  readonly #runtime: Runtime;
  readonly #bond: Bond;
  readonly #asked = new Map<Ref, Asked>();

  constructor(runtime: Runtime, bond: Bond) {
    this.#runtime = runtime;
    this.#bond = bond;
    runtime.onSpawnAnswer = (answer) => this.#answered(answer);
    runtime.onNodeDown = (node) => this.#nodeDown(node);
  }

  /** @param ref of the request, and of the monitor where one is asked for. */
  ask(parent: Process | undefined, node: NodeName, ref: Ref, request: Omit<SpawnRequest, 'parent'>): Promise<Pid> {
    const from = parent?.pid ?? this.#runtime.root;
    const bytes = encodeValue({ ...request, parent: parent !== undefined } satisfies SpawnRequest);
    if (this.#asked.has(ref)) throw new TypeError('a ref is for one monitor: make another');
    return new Promise((resolve, reject) => {
      const { link, monitor } = request;
      this.#asked.set(ref, { node, parent, link, monitor, resolve, reject });
      if (this.#runtime.router.requestSpawn(from, ref, node, bytes)) return;
      this.#asked.delete(ref);
      reject(errorOf(noConnectionTo(node)));
    });
  }

  #answered(answer: SpawnAnswer): void {
    const { from, ref } = answer;
    const asked = this.#asked.get(ref);
    if (asked === undefined || asked.node !== nodeOf(from)) {
      this.#runtime.countDropped('spawn answered too late');
      return this.#runtime.signals.answerFor(answer, 'noconnection');
    }
    this.#asked.delete(ref);
    if (answer.type === 'spawnFailed') return asked.reject(errorOf(answer.fault));
    const { parent, link, monitor, resolve } = asked;
    if (parent !== undefined) this.#bond(parent, from, link, monitor ? ref : undefined);
    resolve(from);
  }

  #nodeDown(node: NodeName): void {
    for (const [ref, asked] of this.#asked) {
      if (asked.node !== node) continue;
      this.#asked.delete(ref);
      asked.reject(errorOf(noConnectionTo(node)));
    }
  }
}

/**
 * What another node is told to run.
 * @throws SpawnError for a module that no other node could find.
 */
export function codeOf(
  definition: { readonly module: string; readonly name: string; readonly spec?: string } | SpecName,
  applicationRoot: string | undefined,
): SpawnCode {
  if (definition.spec !== undefined) return { spec: definition.spec };
  const { module, name } = definition as { module: string; name: string };
  if (applicationRoot !== undefined && module.startsWith(applicationRoot)) {
    return { module: module.slice(applicationRoot.length), name };
  }
  const root = applicationRoot === undefined ? 'this node has no application root' : `that is ${applicationRoot}`;
  throw new SpawnError(`another node cannot find ${module}: it is not below the application root (${root})`);
}

export function noConnectionTo(node: NodeName): SpawnFault {
  const message = `no connection to ${node}, or it was lost before it had answered`;
  return { code: 'ERR_LIMINAL_SPAWN_REFUSED', reason: 'noconnection', message };
}

/** A code that this program does not know is one of a later version: the spawn has failed in any case. */
function errorOf({ code, reason, message }: SpawnFault): Error {
  const error = reviveError(Object.assign(new Error(message, { cause: reason }), { code }));
  if (error instanceof SpawnRefusedError) return error;
  // What the other node's module threw stays there; its message says what it was.
  return CODES.has(code) ? reviveError(Object.assign(new Error(message), { code })) : new SpawnError(message);
}

const CODES = new Set(['ERR_LIMINAL_SPAWN', 'ERR_LIMINAL_NAME', 'ERR_LIMINAL_THREAD_DOWN']);
