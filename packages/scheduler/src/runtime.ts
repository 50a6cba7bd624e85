/**
 * The runtime of one thread: its processes, and the way of every signal from them and to them.
 *
 * The home thread and every scheduler thread of a node run the same code. A signal goes
 *   - to a process of the same thread by a call, its message by reference;
 *   - to another thread as a parcel in that thread's next batch (`mesh.ts`);
 *   - to another node as a parcel to the home thread, which hands it to the remote port (`remote.ts`).
 * Each pair of processes has exactly one such way, and each way is first in, first out.
 */
import { DIAGNOSTICS, publishDrop, publishEvent } from './diagnostics.js';
import { BlockMemory } from './encoding/block-memory.js';
import { isGivenAway, letGo } from './encoding/long-bytes.js';
import { messagesIn } from './encoding/message-block.js';
import { checkPortable, freezeMessage } from './encoding/portable.js';
import { decodeSignal, type Incoming, isAnswered, type NodeLife, readHead } from './encoding/signal-codec.js';
import type { Environment } from './environment.js';
import { ThreadDownError } from './errors.js';
import { type ExitReason, isFailure, portableReason } from './exit-reason.js';
import { FanOut } from './fan-out.js';
import { Inspection } from './inspection/inspection.js';
import { Losses } from './losses.js';
import type { MailboxBound } from './mailbox.js';
import { NameTable } from './name-table.js';
import { ACCEPTED } from './offer.js';
import { type AnyPid, formatPid, formatRef, type NodeName, type Pid, pidPrefix, type Ref } from './pid.js';
import { Process } from './process.js';
import type { ProcessHost } from './process-host.js';
import { ProcessTable } from './process-table.js';
import { Receiver } from './receiver.js';
import type { RemotePort } from './remote.js';
import { noConnectionTo, type SpawnAnswer } from './remote-spawn.js';
import { Router } from './router.js';
import { RunQueue } from './run-queue.js';
import type { RuntimeCounters, RuntimeOptions } from './runtime-options.js';
import { Services } from './services.js';
import type { Signal } from './signal.js';
import { type SignalHost, Signals, someoneAt } from './signals.js';
import { Mesh } from './threads/mesh.js';
import { type Control, type ParcelHandler, type SpawnControl, writeControl } from './threads/parcel.js';
import type { ThreadInfo } from './threads/thread-control.js';

/** The home thread of every node. */
export const HOME = 0;

export class Runtime implements ProcessHost, SignalHost, ParcelHandler {
  readonly options: RuntimeOptions;
  readonly environment: Environment;
  readonly processes = new ProcessTable();
  /** This thread's copy of the node's registered names. The home thread's is the authority. */
  readonly names: NameTable;
  /** This thread's copy of what home has listed; see `Scheduler.list`. */
  readonly listed: Map<string, Pid>;
  readonly counters: RuntimeCounters = { spawned: 0, exited: 0, dropped: {} };
  readonly mesh: Mesh;
  readonly signals: Signals;
  /** What stands for the program itself as a sender. */
  readonly root: Pid;
  readonly services = new Services(this);
  readonly router = new Router(this);
  readonly fanOut = new FanOut(this);
  readonly receiver: Receiver;
  readonly inspection = new Inspection(this);
  readonly losses = new Losses(this);
  /** Takes what other threads say of spawns. */
  onSpawnControl: (thread: number, control: SpawnControl) => void = () => {};
  /** On the home thread: takes the request of another node for a process. */
  onSpawnRequest: (source: NodeLife, request: Incoming & { kind: 'spawn' }) => void = () => {};
  /** Takes what another node answers to who asked it for a process. */
  onSpawnAnswer: (answer: SpawnAnswer) => void = () => {};
  /** Told of a lost node, after the links and monitors that led to it. */
  onNodeDown: (node: NodeName) => void = () => {};
  /** Takes in the news that home had told before; called ahead of whatever comes from another thread. */
  catchUp: () => void = () => {};
  /** On the home thread: told that a way between two threads is open. */
  onWayOpen: (thread: number, to: number) => void = () => {};
  /** On the home thread: told that a thread is no longer needed. */
  onReleased: (thread: number) => void = () => {};
  /** Told of the end of each process, before any signal of it: must not run anybody's code. */
  onExit: (serial: number, reason: ExitReason) => void = () => {};
  /** Told of a lost thread, after the links and monitors that led to it. */
  onThreadDown: (thread: number) => void = () => {};
  /** On the home thread, where distribution is running. */
  remote: RemotePort | undefined;
  readonly runQueue: RunQueue;
  readonly #prefix: string;
  readonly #life: NodeLife;
  readonly #outbound: BlockMemory;
  #serial = 0;
  #stopped = false;
  #refs = 0;

  constructor(options: RuntimeOptions) {
    this.options = options;
    this.environment = options.environment;
    this.#outbound = new BlockMemory(options.environment);
    this.names = new NameTable(options.names);
    this.listed = new Map(options.listed);
    this.#life = { node: options.node, creation: options.creation };
    this.receiver = new Receiver(this);
    this.#prefix = pidPrefix(options.node, options.creation, options.thread);
    this.root = this.nextPid();
    this.signals = new Signals(this);
    this.mesh = new Mesh(options, this, () => this.runQueue.requestTurnEnd());
    const endTurn = (): void => {
      this.fanOut.beginTurn();
      this.mesh.endTurn(this.runQueue.length > 0);
    };
    this.runQueue = new RunQueue(options.environment, endTurn, options.activity);
  }

  // --- processes -----------------------------------------------------------------------------------------

  /** A new process that has not begun; see `Process.begin`. */
  create(parent: Pid | undefined, label: string, trapExit: boolean, bound?: Partial<MailboxBound>): Process {
    if (this.#stopped) throw new ThreadDownError('the scheduler has stopped');
    const pid = this.nextPid();
    const { mailbox } = this.options;
    const bounded = bound === undefined ? mailbox : { ...mailbox, ...bound };
    const process = new Process(this, pid, parent, label, trapExit, bounded);
    process.startedAt = Math.floor(this.runQueue.coarseNow());
    process.serial = this.#serial - 1;
    this.processes.add(process);
    this.counters.spawned++;
    this.options.onLoad(this.processes.size);
    if (DIAGNOSTICS.spawn.hasSubscribers) publishEvent('spawn', { pid, parent, label, thread: this.options.thread });
    return process;
  }

  /** A pid that nobody has had; where no process is made of it, it is that of a dead one. */
  nextPid(): Pid {
    return this.#pid(this.#serial++);
  }

  find(pid: AnyPid): Process | undefined {
    return this.processes.find(pid);
  }

  ready(process: Process): void {
    this.runQueue.add(process);
  }

  admits(): boolean {
    return this.runQueue.admits();
  }

  runIsOver(): boolean {
    return this.runQueue.runIsOver();
  }

  finish(process: Process, reason: ExitReason): void {
    this.signals.finish(process, reason);
  }

  remove(process: Process, reason: ExitReason): void {
    const { pid, label, registration, abort } = process;
    this.processes.delete(process);
    this.counters.exited++;
    this.options.onLoad(this.processes.size);
    this.onExit(process.serial, reason);
    // One that it was asking for may have been granted to it already: whichever grant it is has ended.
    if (registration !== undefined) this.freeName(registration.name, pid, registration.grant ?? Infinity);
    // Listeners and loggers are user code: they must not run between two signals.
    if (abort !== undefined) queueMicrotask(() => abort.abort(reason));
    if (DIAGNOSTICS.exit.hasSubscribers) publishEvent('exit', { pid, label, reason, thread: this.options.thread });
    if (isFailure(reason)) queueMicrotask(() => this.options.logger.error({ pid, label, reason }, 'process failed'));
  }

  inspect(): ThreadInfo {
    const { processes, counters, options } = this;
    let queued = 0;
    for (const { queuedMessages } of processes) queued += queuedMessages;
    return { thread: options.thread, processes: processes.size, queued, counters: structuredClone(counters) };
  }

  /** Ends every process with `shutdown`, youngest first, and posts what that causes. None starts afterwards. */
  shutDown(): void {
    this.#stopped = true;
    const youngestFirst = this.processes.all().sort((a, b) => b.serial - a.serial);
    for (const process of youngestFirst) this.finish(process, 'shutdown');
    this.mesh.flush();
  }

  makeRef(): Ref {
    return formatRef(this.options.node, this.options.creation, this.options.thread, this.#refs++);
  }

  countDropped(reason: string, count = 1): void {
    this.counters.dropped[reason] = (this.counters.dropped[reason] ?? 0) + count;
    if (DIAGNOSTICS.drop.hasSubscribers) publishDrop(this.options.thread, reason, count);
  }

  // --- names ---------------------------------------------------------------------------------------------

  /** Makes a name known to be free, on every thread, ahead of any signal sent after this call. */
  freeName(name: string, pid: Pid, grant: number): void {
    this.names.forget(name, pid, grant);
    this.broadcast({ type: 'nameFreed', name, pid, grant });
  }

  broadcast(control: Control): void {
    for (const thread of this.mesh.threads) this.sendControl(thread, control);
  }

  gather(): void {
    this.router.flush();
  }

  /** @returns false where that thread is gone. */
  sendControl(thread: number, control: Control): boolean {
    // What a process asks home for, and what it has sent to other nodes before, keep their order.
    if (thread === HOME) this.router.flush();
    const outbox = this.mesh.outbox(thread);
    if (outbox === undefined) return false;
    writeControl(outbox, control);
    this.mesh.written(outbox);
    return true;
  }

  // --- sending -------------------------------------------------------------------------------------------

  /** @throws TypeError where `to` is no pid. */
  exitProcess(from: Pid, to: AnyPid, reason: ExitReason): void {
    this.signals.send({ type: 'exit', from, to: to as Pid, reason: portableReason(reason), linked: false });
  }

  answerOffer(from: Pid, to: Pid, refused?: ExitReason): void {
    this.router.send(from, to, refused === undefined ? ACCEPTED : ({ signal: 'refused', reason: refused } as const));
  }

  sendAway(signal: Signal): void {
    this.router.sendAway(signal);
  }

  /** A message that is about to be sent, on whatever way: checked and frozen outside production. */
  prepare<T>(message: T): T {
    if (!this.options.checkMessages) return message;
    checkPortable(message);
    return freezeMessage(message);
  }

  // --- parcels from other threads ------------------------------------------------------------------------

  message(serial: number, value: unknown, bytes: number): void {
    this.processOf(serial)?.deliver(this.options.checkMessages ? freezeMessage(value) : value, bytes);
  }

  signal(bytes: Uint8Array): void {
    this.receiver.signal(bytes);
  }

  inbound(source: NodeLife, bytes: Uint8Array): void {
    this.receiver.inbound(source, bytes);
  }

  outbound(target: NodeLife, mustDeliver: boolean, signal: Uint8Array): void {
    const bytes = isGivenAway(signal) ? signal : this.#outbound.copy(signal);
    if (this.remote?.send(target.node, target.creation, bytes, mustDeliver)) return letGo(bytes);
    if (!mustDeliver) this.countDropped('no connection', messagesIn(bytes));
    if (!mustDeliver && !isAnswered(bytes)) return letGo(bytes);
    // What the answer is made of may refer to the bytes, which nobody lets go of therefore.
    const head = readHead(bytes);
    if (head.kind === 'spawn') {
      const to = formatPid({ ...this.#life, ...head.from });
      const fault = noConnectionTo(target.node);
      return this.signals.send({ type: 'spawnFailed', from: someoneAt(target.node), to, ref: head.ref, fault });
    }
    if (head.kind !== 'monitorName') {
      return this.signals.answerFor(decodeSignal(bytes, this.#life, target, true), 'noconnection');
    }
    const { from, ref } = head;
    const to = formatPid({ ...this.#life, ...from });
    this.signals.send({ type: 'down', from: someoneAt(target.node), to, ref, reason: 'noconnection' });
  }

  control(thread: number, control: Control): void {
    switch (control.type) {
      case 'nameFreed':
        this.names.forget(control.name, control.pid, control.grant);
        break;
      case 'ping':
        this.runQueue.requestTurnEnd();
        break;
      case 'wayOpen':
        this.onWayOpen(thread, control.thread);
        break;
      case 'released':
        this.onReleased(thread);
        break;
      case 'nodeDown':
        this.losses.node(control.node, control.creation);
        break;
      case 'peerThreadDown':
        this.losses.peerThread(control, control.thread, control.reason);
        break;
      case 'threadDown':
        this.losses.thread(control.thread, control.reason);
        break;
      case 'spawn':
      case 'spawned':
      case 'spawnFailed':
        this.onSpawnControl(thread, control);
        break;
      case 'request':
      case 'answered':
      case 'refused':
        this.services.control(thread, control);
        break;
      default:
        control satisfies never;
    }
  }

  /** The process that a message is for; a message for none is counted. */
  processOf(serial: number): Process | undefined {
    const process = this.processes.at(serial);
    if (process === undefined) this.countDropped('no such process');
    return process;
  }

  #pid(serial: number): Pid {
    return (this.#prefix + serial) as Pid;
  }
}
