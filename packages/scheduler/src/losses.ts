/**
 * What a thread does about processes that are gone with their whole node or thread: it ends the links and monitors
 * that led to them, with a reason that says so, and forgets what it held for them.
 */

import { decodeReason, type NodeLife } from './encoding/signal-codec.js';
import type { ExitReason } from './exit-reason.js';
import { type AnyPid, type NodeName, pidPrefix } from './pid.js';
import type { Runtime } from './runtime.js';

export class Losses {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  node(node: NodeName, creation: number): void {
    this.#partFrom(`${node}#${creation.toString(36)}.`, 'noconnection', node);
    this.#runtime.onNodeDown(node);
  }

  /** On home: a notice of another node, for every thread of this one. @throws ProtocolError where it is none. */
  toldByPeer(source: NodeLife, thread: number, bytes: Uint8Array): void {
    const reason = decodeReason(bytes);
    this.#runtime.broadcast({ type: 'peerThreadDown', ...source, thread, reason });
    this.peerThread(source, thread, reason);
  }

  /** A thread of another node. */
  peerThread({ node, creation }: NodeLife, thread: number, reason: ExitReason): void {
    this.#partFrom(pidPrefix(node, creation, thread), reason);
  }

  /** A thread of this node. What it posted before it ended comes first. */
  thread(thread: number, reason: ExitReason): void {
    const { mesh, names, services, options, onThreadDown } = this.#runtime;
    mesh.detach(thread);
    const prefix = pidPrefix(options.node, options.creation, thread);
    names.forgetPrefix(prefix);
    this.#partFrom(prefix, reason);
    services.threadDown(thread);
    onThreadDown(thread);
  }

  #partFrom(prefix: string, reason: ExitReason, node?: NodeName): void {
    const { processes, signals } = this.#runtime;
    const isGone = (pid: AnyPid): boolean => pid.startsWith(prefix);
    for (const process of processes) signals.partFrom(process, isGone, reason, node);
  }
}
