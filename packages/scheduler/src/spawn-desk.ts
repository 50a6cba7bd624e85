/**
 * Starting processes for other nodes: the side that is asked, on the home thread; see `remote-spawn.ts`.
 *
 * What a peer may start is the policy's to say, which the layer above fills in: without one, nothing. A request is
 * a peer's bytes: its shape is checked, it is refused while too many others are being started, and each refusal is
 * counted with its reason and told to the asker. Whatever comes of a request ends in one answer, `spawned` ahead of
 * the first instruction of the process.
 */

import { freezeMessage } from './encoding/portable.js';
import type { Incoming, NodeLife } from './encoding/signal-codec.js';
import { decodeUntrusted } from './encoding/value-codec.js';
import { LiminalError, ProtocolError, type SpawnRefusal, SpawnRefusedError } from './errors.js';
import type { MailboxBound, Overflow } from './mailbox.js';
import { formatPid, type NodeName, type Pid } from './pid.js';
import type { Via } from './registry.js';
import type { SpawnCode, SpawnRequest } from './remote-spawn.js';
import type { Runtime } from './runtime.js';
import type { SpawnFault } from './signal.js';
import type { SpawnSettings } from './threads/parcel.js';

/** A definition by module URL and name. */
export interface CodeAddress {
  readonly module: string;
  readonly name: string;
}

/** What other nodes may have started on this one. */
export interface SpawnPolicy {
  /**
   * Where this node has what a peer asks for.
   * @throws SpawnRefusedError where it may not be started, also as a rejection.
   */
  resolve(kind: 'process' | 'registry', code: SpawnCode, asker: NodeName): CodeAddress | Promise<CodeAddress>;
  /** What is registered by that name here, for processes of this node. */
  spec(name: string): CodeAddress | undefined;
}

export interface SpawnDeskCounters {
  /** Processes started for other nodes. */
  started: number;
  /** Requests that failed although they were allowed: the module does not load, the name is taken, … */
  failed: number;
  /** Requests refused, by reason; see `SpawnRefusal`. */
  readonly refused: Record<string, number>;
}

type Start = (
  code: CodeAddress,
  args: readonly unknown[],
  settings: SpawnSettings,
  started: (pid: Pid) => void,
) => Promise<unknown>;

export class SpawnDesk {
  policy: SpawnPolicy | undefined;
  readonly counters: SpawnDeskCounters = { started: 0, failed: 0, refused: {} };
  readonly #runtime: Runtime;
  readonly #start: Start;
  readonly #maxPending: number;
  #pending = 0;

  /**
   * @param start starts a process on any thread, and calls `started` before it runs.
   * @param maxPending processes that may be being started at once.
   */
  constructor(runtime: Runtime, start: Start, maxPending: number) {
    this.#runtime = runtime;
    this.#start = start;
    this.#maxPending = maxPending;
    runtime.onSpawnRequest = (source, request) => void this.#take(source, request);
  }

  /** @throws SpawnRefusedError where nothing is registered by that name. */
  find(spec: string): CodeAddress {
    const found = this.policy?.spec(spec);
    if (found === undefined) throw refusal('no_such_spec', `has registered nothing as "${spec}"`);
    return found;
  }

  async #take(source: NodeLife, { from, ref, request }: Incoming & { kind: 'spawn' }): Promise<void> {
    const asker = formatPid({ ...source, ...from });
    this.#pending++;
    try {
      if (this.#pending > this.#maxPending) throw refusal('busy', `starts ${this.#maxPending} for others already`);
      const { code, args, parent, link, monitor, name, ...rest } = read(request);
      const address = await this.#resolve('process', code, source.node);
      const via = typeof name === 'object' ? await this.#via(name, source.node) : name;
      const settings: SpawnSettings = {
        trapExit: rest.trapExit,
        label: rest.label ?? address.name,
        ...(parent && { parent: asker, link, ...(monitor && { monitor: ref }) }),
        ...(via !== undefined && { name: via }),
        ...(rest.mailbox !== undefined && { mailbox: this.#bounded(rest.mailbox) }),
      };
      await this.#start(address, freezeMessage(args), settings, (pid) => {
        this.counters.started++;
        this.#runtime.signals.send({ type: 'spawned', from: pid, to: asker, ref });
      });
    } catch (error) {
      this.#count(error);
      const fault = faultOf(error);
      this.#runtime.signals.send({ type: 'spawnFailed', from: this.#runtime.root, to: asker, ref, fault });
    } finally {
      this.#pending--;
    }
  }

  #resolve(kind: 'process' | 'registry', code: SpawnCode, asker: NodeName): CodeAddress | Promise<CodeAddress> {
    if (this.policy === undefined) throw refusal('not_allowed', 'starts nothing for other nodes');
    return this.policy.resolve(kind, code, asker);
  }

  async #via({ via, name }: { via: SpawnCode; name: string }, asker: NodeName): Promise<Via> {
    return { via: { kind: 'registry', ...(await this.#resolve('registry', via, asker)) }, name };
  }

  /** A peer may ask for less than the bounds of this node, and not for more. */
  #bounded({ maxItems, maxBytes, overflow }: Partial<MailboxBound>): MailboxBound {
    const { mailbox } = this.#runtime.options;
    return {
      maxItems: Math.min(maxItems ?? mailbox.maxItems, mailbox.maxItems),
      maxBytes: Math.min(maxBytes ?? mailbox.maxBytes, mailbox.maxBytes),
      overflow: overflow ?? mailbox.overflow,
    };
  }

  #count(error: unknown): void {
    if (!(error instanceof SpawnRefusedError)) this.counters.failed++;
    else this.counters.refused[error.reason] = (this.counters.refused[error.reason] ?? 0) + 1;
  }
}

function refusal(reason: SpawnRefusal, what: string): SpawnRefusedError {
  return new SpawnRefusedError(`the node ${what}`, { reason });
}

function faultOf(error: unknown): SpawnFault {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof LiminalError ? error.code : 'ERR_LIMINAL_SPAWN';
  return { code, reason: error instanceof SpawnRefusedError ? error.reason : '', message };
}

const OVERFLOWS: readonly Overflow[] = ['drop-newest', 'drop-oldest', 'exit'];
const MAX_TEXT = 1_024;

/** @throws SpawnRefusedError where the bytes are no request. */
function read(bytes: Uint8Array): SpawnRequest {
  const value = decoded(bytes);
  if (isSpawnRequest(value)) return value;
  throw refusal('malformed', 'does not understand the request');
}

function decoded(bytes: Uint8Array): unknown {
  try {
    return decodeUntrusted(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** Whether a peer's value has the shape of a request. */
export function isSpawnRequest(value: unknown): value is SpawnRequest {
  if (!isRecord(value)) return false;
  const { code, args, parent, link, monitor, trapExit, label, name, mailbox } = value;
  const areFlags = [parent, link, monitor, trapExit].every((flag) => typeof flag === 'boolean');
  if (!areFlags || !isCode(code) || !Array.isArray(args)) return false;
  if (label !== undefined && !isText(label)) return false;
  const isName = name === undefined || isText(name) || (isRecord(name) && isCode(name['via']) && isText(name['name']));
  return isName && (mailbox === undefined || isBound(mailbox));
}

function isCode(value: unknown): value is SpawnCode {
  if (!isRecord(value)) return false;
  return 'spec' in value ? isText(value['spec']) : isText(value['module']) && isText(value['name']);
}

function isBound(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { maxItems, maxBytes, overflow } = value;
  const areCounts = [maxItems, maxBytes].every(
    (count) => count === undefined || (typeof count === 'number' && count >= 0),
  );
  return areCounts && (overflow === undefined || OVERFLOWS.includes(overflow as Overflow));
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TEXT;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
