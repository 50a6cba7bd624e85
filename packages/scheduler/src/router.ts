/**
 * Which way a signal goes: to a process of this thread by a call, to another thread as a parcel, to another
 * node through home. What cannot arrive is dropped and counted, or answered for, as the signal asks.
 */
import type { AnyBytes } from './encoding/long-bytes.js';
import { messagesIn } from './encoding/message-block.js';
import {
  encodeMonitorName,
  encodeSignal,
  encodeSpawn,
  joinMessage,
  joinMessageToName,
  MAX_NAME_BYTES,
  type NodeLife,
} from './encoding/signal-codec.js';
import { encodeValue } from './encoding/value-codec.js';
import { MessageTooLargeError, NameError } from './errors.js';
import type { ExitReason } from './exit-reason.js';
import { type BlockHost, MessageBlocks, type Route } from './message-blocks.js';
import { type AnyPid, type NodeName, type Pid, type PidParts, parseNodeName, parsePid, type Ref } from './pid.js';
import { type Via, whereisVia } from './registry.js';
import { HOME, type Runtime } from './runtime.js';
import type { Destination, SendOutcome } from './self.js';
import type { Signal } from './signal.js';
import { someoneAt } from './signals.js';
import { writeInbound, writeMessage, writeOutbound, writeSignal } from './threads/parcel.js';

/** Parsed pids are remembered up to this many; then the memory starts afresh. */
const MAX_REMEMBERED_PIDS = 10_000;

/** Why a message is dropped where another thread has fallen behind; see `SchedulerOptions.threadQueueBytes`. */
export const QUEUE_FULL = 'thread queue full';

interface Known extends PidParts {
  /** Of a process of another node that something was sent to. */
  route: Route | undefined;
}

export class Router implements BlockHost {
  readonly #runtime: Runtime;
  readonly #remembered = new Map<string, Known>();
  readonly #blocks = new MessageBlocks(this);

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** @throws NotPortableError, MessageTooLargeError, NameError, TypeError as `Self.send`. */
  send(from: Pid, to: Destination<never>, message: unknown): SendOutcome {
    if (typeof to !== 'string') {
      if ('via' in to) return this.send(from, this.named(to), message);
      return this.#sendToName(from, to.name, to.node, message);
    }
    const process = this.#runtime.find(to);
    if (process !== undefined) return process.deliver(this.#runtime.prepare(message), 0) ? 'sent' : 'full';
    const target = this.#known(to);
    const { mesh, options } = this.#runtime;
    if (target.node !== options.node) return this.#sendToNode(from, target, this.#runtime.prepare(message));
    const outbox = mesh.outbox(target.thread);
    if (outbox !== undefined && target.creation === options.creation && !mesh.isFull(outbox)) {
      writeMessage(outbox, target.serial, this.#runtime.prepare(message));
      mesh.written(outbox);
      return 'sent';
    }
    // What is not portable is refused wherever it goes.
    encodeValue(this.#runtime.prepare(message));
    const fault = this.#isGone(target);
    if (fault !== undefined) return this.#lost(fault, 'noproc');
    return outbox === undefined ? this.#lost('no such thread', 'noproc') : this.#lost(QUEUE_FULL, 'full');
  }

  /** Offers a message to a process of this thread. @returns false where it has to wait, or is not here. */
  offerHere(to: AnyPid, message: unknown): boolean {
    return this.#runtime.find(to)?.accept(this.#runtime.prepare(message), 0) === true;
  }

  offer(from: Pid, to: Pid, message: unknown): void {
    this.#runtime.signals.send({ type: 'offer', from, to, message: this.#runtime.prepare(message), bytes: 0 });
  }

  /** Who has a name of this node, or of a registry. */
  whereis(name: string | Via): Pid | undefined {
    if (typeof name === 'string') return this.#runtime.names.get(name);
    const { options, names, listed } = this.#runtime;
    return whereisVia(name, {
      node: options.node,
      whereis: (local) => names.get(local),
      listed: (key) => listed.get(key),
    });
  }

  /** @throws NameError where nobody has the name. */
  named(name: string | Via): Pid {
    const pid = this.whereis(name);
    if (pid !== undefined) return pid;
    if (typeof name === 'string') throw new NameError(`no process is registered as "${name}" on this node`);
    throw new NameError(`no process is registered as "${name.name}" in registry "${name.via.name}"`);
  }

  sendAway(signal: Signal): void {
    const target = this.address(signal.to);
    if (this.#isGone(target) !== undefined) return this.#runtime.signals.answerFor(signal, 'noproc');
    if (target.node !== this.#runtime.options.node) {
      // A message is not worth a connection; its sender is told where there is no room for it.
      if (!this.#toNode(target, encodeSignal(signal), signal.type !== 'offer'))
        this.#runtime.signals.answerFor(signal, 'noconnection');
      return;
    }
    const outbox = this.#runtime.mesh.outbox(target.thread);
    if (outbox === undefined) return this.#runtime.signals.answerFor(signal, 'noproc');
    const source = this.address(signal.from);
    // The bytes do not name the node that a signal comes from: between threads it is this one, unless they say so.
    if (source.node === this.#runtime.options.node) writeSignal(outbox, encodeSignal(signal));
    else writeInbound(outbox, source, encodeSignal(signal));
    this.#runtime.mesh.written(outbox);
  }

  /** Asks another node for a process. @returns false where there is certainly no way to it now. */
  requestSpawn(from: Pid, ref: Ref, node: NodeName, request: Uint8Array): boolean {
    return this.#toNode({ node, creation: 0 }, encodeSpawn(this.address(from), ref, request), false);
  }

  /** Asks another node for a monitor of whoever holds the name there. */
  monitorName(from: Pid, ref: Ref, name: string, node: NodeName): void {
    const answer = (reason: ExitReason): void =>
      this.#runtime.signals.send({ type: 'down', from: someoneAt(node), to: from, ref, reason });
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) return answer('noproc');
    const bytes = encodeMonitorName(name, this.address(from), ref);
    if (!this.#toNode({ node, creation: 0 }, bytes, true)) answer('noconnection');
  }

  /** Where a process is, within its node. @throws TypeError for what is no pid. */
  address(pid: AnyPid): PidParts {
    return this.#known(pid);
  }

  /** Sends what has been put together for other nodes. */
  flush(): void {
    this.#blocks.flush();
  }

  sendBlock(target: NodeLife, block: Uint8Array): void {
    const { mesh } = this.#runtime;
    const outbox = mesh.outbox(HOME);
    if (outbox === undefined) return this.#runtime.countDropped('no such thread', messagesIn(block));
    writeOutbound(outbox, target, false, block);
    mesh.written(outbox);
  }

  #known(pid: AnyPid): Known {
    const known = this.#remembered.get(pid);
    if (known !== undefined) return known;
    const parts = parsePid(pid);
    if (parts === undefined)
      throw new TypeError(`"${pid}" is not a pid; send to a registered name as { name: "${pid}" }`);
    if (this.#remembered.size >= MAX_REMEMBERED_PIDS) this.#remembered.clear();
    const { node, creation, thread, serial } = parts;
    const remembered = { node, creation, thread, serial, route: undefined };
    this.#remembered.set(pid, remembered);
    return remembered;
  }

  #sendToName(from: Pid, name: string, node: NodeName | undefined, message: unknown): SendOutcome {
    if (node === undefined) return this.send(from, this.named(name), message);
    if (node === this.#runtime.options.node) {
      const pid = this.#runtime.names.get(name);
      return pid === undefined ? this.#lost('no such name', 'noproc') : this.send(from, pid, message);
    }
    parseNodeName(node);
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) return this.#lost('no such name', 'noproc');
    const bytes = joinMessageToName(name, this.address(from), encodeValue(this.#runtime.prepare(message)));
    return this.#toNode({ node, creation: 0 }, bytes, false) ? 'sent' : 'noconnection';
  }

  #sendToNode(from: Pid, target: Known, message: unknown): SendOutcome {
    const { options, mesh } = this.#runtime;
    target.route ??= this.#blocks.route(target);
    if (options.thread !== HOME) {
      const outbox = mesh.outbox(HOME);
      if (outbox !== undefined && !mesh.isFull(outbox)) {
        if (this.#blocks.add(target.route, from, target.serial, message, this.#maxRemoteBytes)) {
          mesh.flushSoon();
          return 'sent';
        }
      }
    }
    const block = this.#blocks.alone(target.route, from, target.serial, message, this.#maxRemoteBytes);
    const bytes = block ?? joinMessage(target, this.address(from), encodeValue(message));
    return this.#toNode(target, bytes, false) ? 'sent' : 'noconnection';
  }

  #lost(reason: string, outcome: SendOutcome): SendOutcome {
    this.#runtime.countDropped(reason);
    return outcome;
  }

  /** @returns false where there is certainly no connection. @throws MessageTooLargeError for what may be dropped. */
  #toNode(target: NodeLife, bytes: AnyBytes, mustDeliver: boolean): boolean {
    const maxBytes = this.#maxRemoteBytes;
    if (!mustDeliver && bytes.length > maxBytes) throw new MessageTooLargeError(bytes.length, maxBytes);
    this.#blocks.close(target.node);
    if (this.#runtime.options.thread === HOME) {
      if (this.#runtime.remote?.send(target.node, target.creation, bytes, mustDeliver)) return true;
      this.#runtime.countDropped('no connection');
      return false;
    }
    const outbox = this.#runtime.mesh.outbox(HOME);
    if (outbox === undefined) return false;
    if (!mustDeliver && this.#runtime.mesh.isFull(outbox)) {
      this.#runtime.countDropped(QUEUE_FULL);
      return false;
    }
    writeOutbound(outbox, target, mustDeliver, bytes);
    this.#runtime.mesh.written(outbox);
    return true;
  }

  get #maxRemoteBytes(): number {
    return this.#runtime.options.maxRemoteMessageBytes ?? Number.POSITIVE_INFINITY;
  }

  /** Why a process of this node is certainly not there, or undefined where it may be. */
  #isGone(target: PidParts): string | undefined {
    if (target.node !== this.#runtime.options.node) return undefined;
    if (target.creation !== this.#runtime.options.creation) return 'pid of an earlier life';
    return target.thread === this.#runtime.options.thread ? 'no such process' : undefined;
  }
}
