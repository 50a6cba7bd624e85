/**
 * What comes as bytes, from another thread or from a peer: given to the process that it is for, passed on to the
 * thread of that process, answered for, or refused.
 *
 * Home reads no more of a peer's signal than where it goes. The thread that it goes to reads the rest, so that what is
 * wrong with one signal costs that thread a counted refusal, and no connection.
 */
import { type AnyBytes, inOnePiece } from './encoding/long-bytes.js';
import { readBlock } from './encoding/message-block.js';
import { SharedMessage } from './encoding/shared-message.js';
import { decodeSignal, type Incoming, joinMessage, type NodeLife, readHead } from './encoding/signal-codec.js';
import { ValueReader } from './encoding/value-reader.js';
import { ProtocolError } from './errors.js';
import { formatPid } from './pid.js';
import type { Process } from './process.js';
import { QUEUE_FULL } from './router.js';
import { HOME, type Runtime } from './runtime.js';
import { writeInbound } from './threads/parcel.js';

/** What a value of a peer may have too much of; each is counted by itself. */
const LIMITS: ReadonlySet<string> = new Set(['too deep', 'too many objects', 'too long']);

export class Receiver {
  readonly #runtime: Runtime;
  readonly #life: NodeLife;
  readonly #blockValues = new ValueReader();

  constructor(runtime: Runtime) {
    const { node, creation } = runtime.options;
    this.#runtime = runtime;
    this.#life = { node, creation };
  }

  /** A signal between processes of this node. */
  signal(bytes: Uint8Array): void {
    this.#receive(this.#life, bytes, true);
  }

  /** A signal from a peer, for a process of this thread. */
  inbound(source: NodeLife, bytes: AnyBytes): void {
    try {
      this.#receive(source, bytes, false);
    } catch (error) {
      this.refuse(error);
    }
  }

  /** A signal from a peer, on the home thread. @throws ProtocolError where it is none. */
  fromPeer(source: NodeLife, bytes: AnyBytes): void {
    const runtime = this.#runtime;
    const head = readHead(bytes);
    if (head.kind === 'messageToName') {
      const pid = runtime.names.get(head.name);
      if (pid === undefined) return runtime.countDropped('no such name');
      const target = runtime.router.address(pid);
      return this.fromPeer(source, joinMessage(target, { thread: HOME, serial: 0 }, head.payload));
    }
    if (head.kind === 'monitorName') return this.#monitorName(source, head);
    if (head.kind === 'spawn') return runtime.onSpawnRequest(source, head);
    if (head.kind === 'threadDown') return runtime.losses.toldByPeer(source, head.thread, head.reason);
    if (head.to.thread === HOME) return this.inbound(source, bytes);
    const outbox = runtime.mesh.outbox(head.to.thread);
    const messages = head.kind === 'signal' ? 0 : head.count;
    if (outbox !== undefined) {
      if (messages > 0 && runtime.mesh.isFull(outbox)) return runtime.countDropped(QUEUE_FULL, messages);
      writeInbound(outbox, source, bytes);
      runtime.mesh.written(outbox);
    } else if (messages > 0) runtime.countDropped('no such thread', messages);
    else runtime.signals.answerFor(decodeSignal(inOnePiece(bytes), source, this.#life, false), 'noproc');
  }

  /** @returns false where the message was dropped. */
  deliverShared(process: Process, message: SharedMessage): boolean {
    let value: unknown;
    try {
      value = message.value;
    } catch (error) {
      this.refuse(error);
      return false;
    }
    return process.deliver(value, message.knownBytes);
  }

  /** Enters the monitor at whoever holds the name, and says who that is; or answers that nobody does. */
  #monitorName(source: NodeLife, { name, from: at, ref }: Incoming & { kind: 'monitorName' }): void {
    const { names, signals, root } = this.#runtime;
    const from = formatPid({ ...source, ...at });
    const pid = names.get(name);
    if (pid === undefined) return signals.send({ type: 'down', from: root, to: from, ref, reason: 'noproc' });
    signals.send({ type: 'monitored', from: pid, to: from, ref });
    signals.send({ type: 'monitor', from, to: pid, ref });
  }

  #receive(source: NodeLife, bytes: AnyBytes, trusted: boolean): void {
    const head = readHead(bytes);
    switch (head.kind) {
      case 'message': {
        const process = this.#runtime.processOf(head.to.serial);
        if (process !== undefined) this.deliverShared(process, SharedMessage.ofBytes(head.payload, trusted));
        return;
      }
      case 'messages':
        return this.#receiveBlock(inOnePiece(bytes), head.count);
      case 'signal': {
        const signal = decodeSignal(inOnePiece(bytes), source, this.#life, trusted);
        if (signal.type === 'spawned' || signal.type === 'spawnFailed') return this.#runtime.onSpawnAnswer(signal);
        this.#runtime.signals.send(signal);
        return;
      }
      case 'spawn':
      case 'threadDown':
      case 'messageToName':
      case 'monitorName':
        // Home resolves names before it passes a signal on.
        return this.#runtime.countDropped('no such name');
      default:
        head satisfies never;
    }
  }

  #receiveBlock(bytes: Uint8Array, count: number): void {
    let left = count;
    try {
      readBlock(bytes, this.#blockValues, (serial, value, length) => {
        left--;
        this.#runtime.message(serial, value, length);
      });
    } catch (error) {
      this.refuse(error, Math.max(1, left));
    }
  }

  /** A bad signal is refused; it harms neither its connection nor anybody else. */
  refuse(error: unknown, count = 1): void {
    const isLimit = error instanceof ProtocolError && LIMITS.has(error.reason);
    this.#runtime.countDropped(isLimit ? error.reason : 'malformed', count);
    this.#runtime.options.logger.warn({ error }, 'refused a malformed signal');
  }
}
