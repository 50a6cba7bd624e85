/** `Self` for one process: each call applies the runtime's rules in the name of that process. */
import type { ProcessBody, ProcessDefinition, TaskDefinition } from './definition.js';
import type { Environment } from './environment.js';
import type { ExitReason } from './exit-reason.js';
import { type OfferOptions, offer } from './offer.js';
import { type AnyPid, type NodeName, type Pid, parseNodeName, type Ref } from './pid.js';
import { Process, UNWIND } from './process.js';
import type { ReceiveOptions } from './receive.js';
import { registerVia, unregisterVia, type Via } from './registry.js';
import type { SpecName } from './remote-spawn.js';
import type { Runtime } from './runtime.js';
import type {
  AttachedProcess,
  BlockOptions,
  Destination,
  LocalName,
  LocalSpawnOptions,
  Self,
  SendOutcome,
  SpawnOptions,
} from './self.js';
import { isDown, type Registered } from './signal.js';
import { addMonitor, downMessage } from './signals.js';
import type { AttachOptions, Spawner } from './spawner.js';
import type { ThreadResourceLimits } from './threads/resource-limits.js';

/** What only the home thread can do, and others ask it for. */
export interface SelfServices {
  register(process: Process, name: string): Promise<void>;
  /** Starts a thread for one process. Rejects with SpawnError where there are too many. */
  startOwnThread(limits: ThreadResourceLimits | undefined): Promise<number>;
  block(task: TaskDefinition<never>, args: readonly unknown[], signal: AbortSignal | undefined): Promise<unknown>;
}

export class ProcessSelf implements Self {
  readonly #runtime: Runtime;
  readonly #process: Process;
  readonly #spawner: Spawner;
  readonly #services: SelfServices;
  /** Attached processes that end with this one. */
  #attached: Set<AttachedSelf> | undefined;

  constructor(runtime: Runtime, process: Process, spawner: Spawner, services: SelfServices) {
    this.#runtime = runtime;
    this.#process = process;
    this.#spawner = spawner;
    this.#services = services;
  }

  get pid(): Pid {
    return this.#process.pid;
  }

  /** Read by the watchdog, which finds this object in the variables of code that does not yield. */
  get label(): string {
    return this.#process.label;
  }

  get node(): NodeName {
    return this.#runtime.options.node;
  }

  get parent(): Pid | undefined {
    return this.#process.parent;
  }

  get signal(): AbortSignal {
    this.#process.abort ??= this.#process.alive ? new AbortController() : aborted();
    return this.#process.abort.signal;
  }

  get environment(): Environment {
    return this.#runtime.environment;
  }

  send(to: Destination<never>, message: unknown): void {
    if (!this.#process.alive) return this.#runtime.countDropped('sender has ended');
    this.#runtime.router.send(this.#process.pid, to, message);
    if (this.#process.tracer !== undefined) this.#process.tracer.send(to, message);
  }

  trySend(to: Destination<never>, message: unknown): SendOutcome {
    if (!this.#process.alive) {
      this.#runtime.countDropped('sender has ended');
      return 'noproc';
    }
    const outcome = this.#runtime.router.send(this.#process.pid, to, message);
    if (this.#process.tracer !== undefined) this.#process.tracer.send(to, message);
    return outcome;
  }

  async offer(to: Pid<never> | LocalName | Via, message: unknown, options: OfferOptions = {}): Promise<void> {
    const { router } = this.#runtime;
    const pid = typeof to === 'string' ? to : router.named('via' in to ? to : to.name);
    if (!this.#process.alive) return never;
    if (this.#process.tracer !== undefined) this.#process.tracer.send(to, message);
    if (router.offerHere(pid, message)) return;
    return offer(this, pid as Pid, options, (sender) => router.offer(sender, pid as Pid, message));
  }

  receive<T>(options?: ReceiveOptions<T>): Promise<T> {
    return this.#process.receive(options as ReceiveOptions) as Promise<T>;
  }

  messages<T>(): AsyncIterableIterator<T> {
    const next = async (): Promise<IteratorResult<T>> => ({ done: false, value: await this.receive<T>() });
    return {
      next,
      return: async () => ({ done: true, value: undefined }),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  spawn<Args extends readonly unknown[]>(
    definition: ProcessDefinition<Args> | SpecName,
    args: Args,
    options?: SpawnOptions,
  ): Promise<Pid> {
    if (!this.#process.alive) return never;
    return this.#spawner.spawn(this.#process, definition as unknown as ProcessDefinition<never>, args, options);
  }

  spawnLocal<Args extends readonly unknown[]>(
    body: ProcessBody<Args> | ProcessDefinition<Args>,
    args: Args,
    options?: LocalSpawnOptions,
  ): Pid {
    if (!this.#process.alive) return this.#runtime.nextPid();
    return this.#spawner.spawnLocal(this.#process, body as ProcessBody<never>, args, options);
  }

  link(pid: AnyPid): void {
    this.#runtime.router.address(pid);
    if (this.#process.alive) this.#runtime.signals.link(this.#process, pid as Pid);
  }

  unlink(pid: AnyPid): void {
    this.#runtime.signals.unlink(this.#process, pid as Pid);
  }

  attach({ label = 'attached', trapExit = false, alias = false, mailbox }: AttachOptions = {}): AttachedProcess {
    const runtime = this.#runtime;
    if (!this.#process.alive) {
      const dead = new Process(runtime, runtime.nextPid(), this.pid, label, trapExit, runtime.options.mailbox);
      dead.release();
      return new AttachedSelf(runtime, dead, this.#spawner, this.#services);
    }
    this.#attached ??= this.#endWithThis();
    const process = runtime.create(this.pid, label, trapExit, mailbox);
    if (alias) process.trapExit = 'alias';
    const attached = new AttachedSelf(runtime, process, this.#spawner, this.#services, this.#attached);
    this.#attached.add(attached);
    return attached;
  }

  #endWithThis(): Set<AttachedSelf> {
    const owned = new Set<AttachedSelf>();
    this.signal.addEventListener('abort', () => {
      for (const attached of owned) attached.end('shutdown');
    });
    return owned;
  }

  monitor(target: AnyPid | Registered | Via): Ref {
    const ref = this.makeRef();
    if (!this.#process.alive) return ref;
    if (typeof target === 'string') {
      this.#runtime.router.address(target);
      this.#runtime.signals.monitor(this.#process, ref, target as Pid);
      return ref;
    }
    const { name, node = this.node } = 'via' in target ? { name: target.name } : target;
    if (node !== this.node) {
      parseNodeName(node);
      addMonitor(this.#process, ref, { pid: undefined, name, node });
      this.#runtime.router.monitorName(this.pid, ref, name, node);
      return ref;
    }
    const pid = this.whereis('via' in target ? target : name);
    if (pid === undefined) this.#process.deliverSignal(downMessage(ref, 'noproc', { pid, name, node }));
    else this.#runtime.signals.monitor(this.#process, ref, pid, { name, node });
    return ref;
  }

  demonitor(ref: Ref, { flush = false } = {}): boolean {
    const removed = this.#runtime.signals.demonitor(this.#process, ref);
    if (flush && !removed) this.#process.mailbox.removeAll((message) => isDown(message) && message.ref === ref);
    return removed;
  }

  makeRef(): Ref {
    return this.#runtime.makeRef();
  }

  countDropped(reason: string, count?: number): void {
    this.#runtime.countDropped(reason, count);
  }

  exit(reason: ExitReason): never {
    this.#runtime.finish(this.#process, reason);
    throw UNWIND;
  }

  exitProcess(pid: AnyPid, reason: ExitReason): void {
    if (this.#process.alive) this.#runtime.signals.exit(this.#process, pid, reason);
  }

  isAlive(pid: AnyPid): Promise<boolean> {
    if (!this.#process.alive) return never;
    return this.#runtime.inspection.isAlive(this.#process.pid, pid);
  }

  setTrapExit(trapExit: boolean): boolean {
    const former = this.#process.trapExit === true;
    this.#process.trapExit = trapExit;
    return former;
  }

  register(name: string | Via): Promise<void> {
    if (!this.#process.alive) return never;
    if (typeof name !== 'string') return registerVia(this, name);
    return this.#services.register(this.#process, name);
  }

  unregister(): void;
  unregister(via: Via): Promise<void>;
  unregister(via?: Via): void | Promise<void> {
    if (via !== undefined) return this.#process.alive ? unregisterVia(this, via) : never;
    const { registration, alive } = this.#process;
    if (registration === undefined || !alive) return;
    this.#process.registration = undefined;
    // What is not granted yet is freed as soon as it is.
    if (registration.grant === undefined) return;
    this.#runtime.freeName(registration.name, this.#process.pid, registration.grant);
  }

  whereis(name: string | Via): Pid | undefined {
    return this.#runtime.router.whereis(name);
  }

  request(service: string, body: unknown): Promise<unknown> {
    if (!this.#process.alive) return never;
    return this.#runtime.services.request(this.#process.pid, service, body);
  }

  block<Args extends readonly unknown[], Result>(
    task: TaskDefinition<Args, Result>,
    args: Args,
    options?: BlockOptions,
  ): Promise<Result> {
    if (!this.#process.alive) return never;
    const work = this.#services.block(task as unknown as TaskDefinition<never>, args, options?.signal);
    return work as Promise<Result>;
  }
}

export class AttachedSelf extends ProcessSelf implements AttachedProcess {
  /** Ends the process; only the first reason counts. */
  readonly end: (reason: ExitReason) => void;
  readonly #attachedProcess: Process;

  /** @param siblings where its owner keeps it for as long as it is open. */
  constructor(
    runtime: Runtime,
    process: Process,
    spawner: Spawner,
    services: SelfServices,
    siblings?: Set<AttachedSelf>,
  ) {
    super(runtime, process, spawner, services);
    this.end = (reason) => {
      runtime.finish(process, reason);
      siblings?.delete(this);
    };
    this.#attachedProcess = process;
  }

  get dropped(): number {
    return this.#attachedProcess.dropped;
  }

  close(): void {
    this.end('normal');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end('normal');
  }
}

const never = new Promise<never>(() => {});

function aborted(): AbortController {
  const controller = new AbortController();
  controller.abort();
  return controller;
}
