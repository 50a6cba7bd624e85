/**
 * The rules of links, monitors and exits, after Erlang/OTP ("Processes" in its reference manual).
 *
 * - A link is a set entry at both ends. An exit that travels along a link counts only while the receiver
 *   still has the entry, which makes an unlink final and ends each link with exactly one signal.
 * - An unlink is acknowledged. A link that comes before that was sent before the other end knew of the unlink,
 *   which takes it away there: it counts for nothing here either, and so both ends always agree.
 * - A monitor is an entry at the watched process and one at the watcher; a down counts only while the watcher
 *   has its entry, which makes each monitor end with exactly one message.
 * - A monitor of a name of another node is an entry without a pid at first. That node looks the name up, enters
 *   the monitor at whoever holds it, and says who that is (`monitored`), or that nobody is there (`down`).
 * - A process ends through `finish`, once, whatever ended it. Its name is free before anybody is told.
 * - Rules are applied one signal at a time. What a dying process sends is queued behind the signal that killed
 *   it, so that a chain of links, however long, needs no stack; no user code runs in between.
 */
import { type ExitReason, portableReason } from './exit-reason.js';
import { type AnyPid, formatPid, type NodeName, nodeOf, type Pid, type Ref } from './pid.js';
import type { Process } from './process.js';
import type { DownMessage, ExitMessage, Monitored, Signal } from './signal.js';

/** What the rules need of the thread. */
export interface SignalHost {
  find(pid: AnyPid): Process | undefined;
  /** Takes a signal for a process that is not on this thread, or not alive. */
  sendAway(signal: Signal): void;
  /** Tells the process `to` what became of a message that it offered to `from`: refused for a reason, or accepted. */
  answerOffer(from: Pid, to: Pid, refused?: ExitReason): void;
  /** Takes the process out of the thread's tables and frees its name everywhere. */
  remove(process: Process, reason: ExitReason): void;
}

export class Signals {
  readonly #host: SignalHost;
  readonly #queue: Signal[] = [];
  /** For each process, those that it has unlinked, with how many acknowledgements are to come. */
  readonly #unlinking = new Map<Pid, Map<Pid, number>>();
  #draining = false;

  constructor(host: SignalHost) {
    this.#host = host;
  }

  /** Applies a signal, and all that follows from it, in order. */
  send(signal: Signal): void {
    if (this.#draining) {
      this.#queue.push(signal);
      return;
    }
    this.#draining = true;
    try {
      this.#apply(signal);
      this.#applyQueued();
    } finally {
      this.#draining = false;
    }
  }

  /** The one finaliser. Whatever ended the process, this runs once. */
  finish(process: Process, given: ExitReason): void {
    if (!process.alive) return;
    const reason = portableReason(given);
    if (process.tracer !== undefined) process.tracer.exit(reason);
    const { pid, links, monitors, watchers } = process;
    process.release();
    if (this.#unlinking.size > 0) this.#unlinking.delete(pid);
    this.#host.remove(process, reason);
    if (links !== undefined)
      for (const to of links) this.#queue.push({ type: 'exit', from: pid, to, reason, linked: true });
    if (watchers !== undefined)
      for (const [ref, to] of watchers) this.#queue.push({ type: 'down', from: pid, to, ref, reason });
    if (monitors !== undefined) this.#endMonitors(pid, monitors);
    process.links = undefined;
    process.monitors = undefined;
    process.watchers = undefined;
    this.#drain();
  }

  #endMonitors(from: Pid, monitors: ReadonlyMap<Ref, Monitored>): void {
    for (const [ref, { pid: to }] of monitors) {
      if (to !== undefined) this.#queue.push({ type: 'demonitor', from, to, ref });
    }
  }

  link(process: Process, to: Pid): void {
    if (to === process.pid || process.links?.has(to)) return;
    addLink(process, to);
    this.#sendOf(process, { type: 'link', from: process.pid, to });
  }

  unlink(process: Process, to: Pid): void {
    if (!process.links?.delete(to)) return;
    const unlinking = this.#unlinking.get(process.pid) ?? new Map<Pid, number>();
    this.#unlinking.set(process.pid, unlinking.set(to, (unlinking.get(to) ?? 0) + 1));
    this.#sendOf(process, { type: 'unlink', from: process.pid, to });
  }

  monitor(process: Process, ref: Ref, to: Pid, named?: Required<Pick<Monitored, 'name' | 'node'>>): void {
    // A process never hears of its own end.
    if (to === process.pid) return;
    addMonitor(process, ref, { pid: to, ...named });
    this.#sendOf(process, { type: 'monitor', from: process.pid, to, ref });
  }

  /** @returns whether there was such a monitor, still to fire. */
  demonitor(process: Process, ref: Ref): boolean {
    const monitor = process.monitors?.get(ref);
    if (monitor === undefined) return false;
    process.monitors?.delete(ref);
    // Where it is not known yet who holds the name, the answer will find no monitor, and end it there.
    if (monitor.pid !== undefined) {
      this.#sendOf(process, { type: 'demonitor', from: process.pid, to: monitor.pid, ref });
    }
    return true;
  }

  /** Sends an exit in the name of `process`. */
  exit(process: Process, to: AnyPid, reason: ExitReason): void {
    this.#sendOf(process, {
      type: 'exit',
      from: process.pid,
      to: to as Pid,
      reason: portableReason(reason),
      linked: false,
    });
  }

  /** Answers, in the place of a process that is not there, what expects an answer. */
  answerFor(signal: Signal, reason: ExitReason): void {
    const { from: to, to: from } = signal;
    if (signal.type === 'link') this.send({ type: 'exit', from, to, reason, linked: true });
    else if (signal.type === 'monitor') this.send({ type: 'down', from, to, ref: signal.ref, reason });
    else if (signal.type === 'offer') this.#host.answerOffer(from, to, reason);
    else if (signal.type === 'unlink') this.send({ type: 'unlinked', from, to });
    else if (signal.type === 'monitored') this.send({ type: 'demonitor', from, to, ref: signal.ref });
    else if (signal.type === 'spawned') this.#disown(signal, reason);
  }

  /**
   * Ends every link and monitor of `process` that leads to a process for which `isGone` is true.
   * @param node where that is a node's, so are the monitors of its names of which it is not known who holds them.
   */
  partFrom(process: Process, isGone: (pid: AnyPid) => boolean, reason: ExitReason, node?: NodeName): void {
    const to = process.pid;
    for (const from of [...(process.links ?? [])]) {
      if (isGone(from)) this.send({ type: 'exit', from, to, reason, linked: true });
    }
    for (const [ref, monitor] of [...(process.monitors ?? [])]) {
      const isLost = monitor.pid === undefined ? monitor.node === node : isGone(monitor.pid);
      if (isLost) this.send({ type: 'down', from: monitor.pid ?? someoneAt(monitor.node), to, ref, reason });
    }
    for (const [ref, watcher] of [...(process.watchers ?? [])]) {
      if (isGone(watcher)) process.watchers?.delete(ref);
    }
    const unlinking = this.#unlinking.get(to);
    for (const pid of unlinking?.keys() ?? []) if (isGone(pid)) unlinking?.delete(pid);
    if (unlinking?.size === 0) this.#unlinking.delete(to);
  }

  /** In the place of who asked for a process and cannot take it: ends what bonds that has to them. */
  #disown({ from: to, to: from, ref }: Signal & { type: 'spawned' }, reason: ExitReason): void {
    this.send({ type: 'exit', from, to, reason, linked: true });
    this.send({ type: 'demonitor', from, to, ref });
  }

  #sendOf(process: Process, signal: Signal): void {
    if (process.tracer !== undefined) process.tracer.signal('out', signal);
    this.send(signal);
  }

  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      this.#applyQueued();
    } finally {
      this.#draining = false;
    }
  }

  #applyQueued(): void {
    if (this.#queue.length === 0) return;
    try {
      for (let at = 0; at < this.#queue.length; at++) this.#apply(this.#queue[at] as Signal);
    } finally {
      this.#queue.length = 0;
    }
  }

  #apply(signal: Signal): void {
    const process = this.#host.find(signal.to);
    if (process === undefined) return this.#host.sendAway(signal);
    if (process.tracer !== undefined) process.tracer.signal('in', signal);
    switch (signal.type) {
      case 'link':
        if (!this.#unlinking.get(signal.to)?.has(signal.from)) addLink(process, signal.from);
        break;
      case 'unlink':
        process.links?.delete(signal.from);
        this.send({ type: 'unlinked', from: signal.to, to: signal.from });
        break;
      case 'unlinked':
        this.#unlinked(signal.to, signal.from);
        break;
      case 'monitor':
        process.watchers ??= new Map();
        process.watchers.set(signal.ref, signal.from);
        break;
      case 'demonitor':
        process.withdrawOffer(signal.from);
        if (process.watchers?.get(signal.ref) === signal.from) process.watchers.delete(signal.ref);
        break;
      case 'exit':
        this.#applyExit(process, signal.from, signal.reason, signal.linked);
        break;
      case 'offer':
        process.offer(signal.from, signal.message, signal.bytes);
        break;
      case 'down': {
        const monitor = process.monitors?.get(signal.ref);
        if (monitor === undefined || !isOn(monitor, signal.from)) break;
        process.monitors?.delete(signal.ref);
        process.deliverSignal(downMessage(signal.ref, signal.reason, monitor));
        break;
      }
      case 'monitored': {
        const monitor = process.monitors?.get(signal.ref);
        if (monitor === undefined) this.answerFor(signal, 'noproc');
        else if (isOn(monitor, signal.from)) addMonitor(process, signal.ref, { ...monitor, pid: signal.from });
        break;
      }
      case 'spawned':
      case 'spawnFailed':
        // Answers of another node: the spawner of the thread takes them, before they come here.
        break;
      default:
        signal satisfies never;
    }
  }

  #unlinked(pid: Pid, from: Pid): void {
    const unlinking = this.#unlinking.get(pid);
    const left = (unlinking?.get(from) ?? 0) - 1;
    if (left > 0) unlinking?.set(from, left);
    else unlinking?.delete(from);
    if (unlinking?.size === 0) this.#unlinking.delete(pid);
  }

  #applyExit(process: Process, from: Pid, reason: ExitReason, linked: boolean): void {
    if (linked && !process.links?.delete(from)) return;
    if (process.trapExit === 'alias') return;
    if (reason === 'kill' && !linked) return this.finish(process, 'killed');
    if (process.trapExit) {
      const message: ExitMessage = { signal: 'exit', from, reason };
      return process.deliverSignal(message);
    }
    if (reason !== 'normal' || from === process.pid) this.finish(process, reason);
  }
}

export function addLink(process: Process, to: Pid): void {
  process.links ??= new Set();
  process.links.add(to);
}

export function addMonitor(process: Process, ref: Ref, monitored: Monitored): void {
  process.monitors ??= new Map();
  process.monitors.set(ref, monitored);
}

export function downMessage(ref: Ref, reason: ExitReason, { pid, ...named }: Monitored): DownMessage {
  return { signal: 'down', ref, ...(pid !== undefined && { pid }), ...named, reason };
}

/** In the place of a process of that node that is not known. */
export function someoneAt(node: NodeName | undefined): Pid {
  return formatPid({ node: node as NodeName, creation: 0, thread: 0, serial: 0 });
}

/** Whether a signal of `pid` is about what is monitored. A node can speak only of its own processes. */
function isOn(monitor: Monitored, pid: Pid): boolean {
  return monitor.pid === undefined ? nodeOf(pid) === monitor.node : monitor.pid === pid;
}
