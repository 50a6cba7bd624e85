/**
 * Starting processes, on this thread or by asking another.
 *
 *   1. the spawner's thread picks a thread and sends it `spawn`;
 *   2. that thread loads the module, makes the process with its links, monitors, trap-exit and name in place,
 *      answers `spawned`, and only then lets it run;
 *   3. the spawner's thread enters its own end of the link. The child's exit travels behind the answer on the
 *      same way, so it finds the link; a parent that has died meanwhile is answered for with `noproc`.
 */
import { loadDefinition, type ProcessBody, type ProcessDefinition } from './definition.js';
import { portableError, reviveError } from './encoding/portable-error.js';
import { OptionError, SpawnError, ThreadDownError } from './errors.js';
import { type NodeName, type Pid, parseNodeName, type Ref } from './pid.js';
import type { Process } from './process.js';
import { AttachedSelf, ProcessSelf, type SelfServices } from './process-self.js';
import type { Via } from './registry.js';
import { codeOf, RemoteSpawns, type SpecName } from './remote-spawn.js';
import { HOME, type Runtime } from './runtime.js';
import type { AttachedProcess, LocalSpawnOptions, SpawnOptions } from './self.js';
import { addLink, addMonitor } from './signals.js';
import type { CodeAddress } from './spawn-desk.js';
import { Start } from './start.js';
import type { SpawnControl, SpawnSettings } from './threads/parcel.js';
import type { Placement } from './threads/placement.js';
import { resourceLimits, type ThreadResourceLimits } from './threads/resource-limits.js';

/** The service of home that knows what is registered to be spawned by name. */
export const SPECS = 'spawn specs';

interface PendingSpawn {
  readonly thread: number;
  readonly parent: Process | undefined;
  readonly settings: SpawnSettings;
  /** Called in the turn of the answer, ahead of any signal of the process. */
  readonly started: ((pid: Pid) => void) | undefined;
  readonly resolve: (pid: Pid) => void;
  readonly reject: (error: Error) => void;
}

/** How code outside any process takes part. */
export interface AttachOptions extends Pick<LocalSpawnOptions, 'trapExit' | 'label' | 'mailbox'> {
  /**
   * Only an address, as an alias is in OTP: what is sent to it arrives, and no exit does, not even `kill`. For who
   * gives the address away and waits for an answer there. @default false
   */
  readonly alias?: boolean;
}

export class Spawner {
  readonly #runtime: Runtime;
  readonly #placement: Placement;
  readonly #services: SelfServices;
  /** Told of a process that another thread has asked for and that has begun, or of none where it failed. */
  onAnswered: (process: Process | undefined) => void = () => {};
  readonly #pending = new Map<number, PendingSpawn>();
  readonly #remote: RemoteSpawns;
  #requests = 0;

  constructor(runtime: Runtime, placement: Placement, services: SelfServices) {
    this.#runtime = runtime;
    this.#placement = placement;
    this.#services = services;
    this.#remote = new RemoteSpawns(runtime, (...bond) => this.#bond(...bond));
  }

  async spawn(
    parent: Process | undefined,
    definition: ProcessDefinition<never> | SpecName,
    args: readonly unknown[],
    { node, ...options }: SpawnOptions = {},
  ): Promise<Pid> {
    if (node !== undefined && node !== this.#runtime.options.node) {
      return this.#spawnOn(node, parent, definition, args, options);
    }
    const { thread: wanted, resourceLimits, monitor, ...rest } = options;
    const address = 'spec' in definition ? await this.#find(parent, definition) : definition;
    const ref = this.#monitorRef(monitor);
    const settings: SpawnSettings = {
      ...rest,
      label: rest.label ?? address.name,
      ...(ref !== undefined && { monitor: ref }),
      ...(parent !== undefined && { parent: parent.pid }),
    };
    return this.#place(address, args, settings, parent, wanted, resourceLimits);
  }

  /** Starts a process that another node has asked for. @param started called before it runs. */
  async spawnFor(
    address: CodeAddress,
    args: readonly unknown[],
    settings: SpawnSettings,
    started: (pid: Pid) => void,
  ): Promise<Pid> {
    return this.#place(address, args, settings, undefined, undefined, undefined, started);
  }

  async #spawnOn(
    node: NodeName,
    parent: Process | undefined,
    definition: ProcessDefinition<never> | SpecName,
    args: readonly unknown[],
    { thread, resourceLimits, link, monitor, trapExit, name, label, mailbox }: Omit<SpawnOptions, 'node'>,
  ): Promise<Pid> {
    parseNodeName(node);
    if (thread !== undefined || resourceLimits !== undefined) {
      throw new OptionError('thread', 'is chosen by the node that the process is started on');
    }
    const { applicationRoot } = this.#runtime.options;
    return this.#remote.ask(parent, node, this.#monitorRef(monitor) ?? this.#runtime.makeRef(), {
      code: codeOf(definition, applicationRoot),
      args: this.#runtime.prepare(args),
      link: link === true && parent !== undefined,
      monitor: monitor !== undefined && monitor !== false && parent !== undefined,
      trapExit: trapExit === true,
      ...(typeof name === 'string' && { name }),
      ...(typeof name === 'object' && { name: { via: codeOf(name.via, applicationRoot), name: name.name } }),
      ...(label !== undefined && { label }),
      ...(mailbox !== undefined && { mailbox }),
    });
  }

  /** What is registered on this node by that name; home knows. */
  async #find(parent: Process | undefined, { spec }: SpecName): Promise<CodeAddress> {
    const asker = parent?.pid ?? this.#runtime.root;
    return (await this.#runtime.services.request(asker, SPECS, spec)) as CodeAddress;
  }

  async #place(
    { module, name }: CodeAddress,
    args: readonly unknown[],
    settings: SpawnSettings,
    parent: Process | undefined,
    wanted: SpawnOptions['thread'],
    resourceLimits: ThreadResourceLimits | undefined,
    started?: (pid: Pid) => void,
  ): Promise<Pid> {
    const found = this.#threadFor(wanted, resourceLimits);
    const thread = typeof found === 'number' ? found : await found;
    const release = this.#placement.reserve(thread);
    try {
      return thread === this.#runtime.options.thread
        ? await this.#startHere(module, name, this.#runtime.prepare(args), settings, parent, started)
        : await this.#request(thread, parent, module, name, args, settings, started);
    } finally {
      release();
    }
  }

  spawnLocal(
    parent: Process | undefined,
    code: ProcessBody<never> | ProcessDefinition<never>,
    args: readonly unknown[],
    options?: LocalSpawnOptions,
  ): Pid {
    // First: what is not portable must throw before there is a process.
    const prepared = this.#runtime.prepare(args);
    const body = typeof code === 'function' ? code : code.body;
    const label = options?.label ?? (code.name || 'anonymous');
    const process = this.#runtime.create(parent?.pid, label, options?.trapExit === true, options?.mailbox);
    if (typeof code !== 'function') process.definition = code;
    if (parent !== undefined && options !== undefined) {
      const link = options.link === true;
      const monitor = this.#monitorRef(options.monitor);
      bindToParent(process, parent.pid, link, monitor);
      this.#bond(parent, process.pid, link, monitor);
    }
    this.#begin(process, body, prepared);
    return process.pid;
  }

  /** A process without a body: whoever made it acts as it. */
  attach({ label = 'attached', trapExit = false, alias = false, mailbox }: AttachOptions): AttachedProcess {
    const process = this.#runtime.create(undefined, label, trapExit, mailbox);
    if (alias) process.trapExit = 'alias';
    return new AttachedSelf(this.#runtime, process, this, this.#services);
  }

  control(thread: number, control: SpawnControl): void {
    switch (control.type) {
      case 'spawn':
        void this.#answer(thread, control);
        break;
      case 'spawned': {
        const pending = this.#take(control.request);
        if (pending === undefined) return;
        const { parent, settings, started } = pending;
        started?.(control.pid);
        if (parent !== undefined) this.#bond(parent, control.pid, settings.link === true, settings.monitor);
        pending.resolve(control.pid);
        break;
      }
      case 'spawnFailed':
        this.#take(control.request)?.reject(reviveError(control.error));
        break;
      default:
        control satisfies never;
    }
  }

  /** Fails what that thread was asked for and can no longer answer. */
  threadDown(thread: number): void {
    this.#placement.delete(thread);
    for (const [request, pending] of this.#pending) {
      if (pending.thread !== thread) continue;
      this.#pending.delete(request);
      pending.reject(new ThreadDownError(`thread ${thread} ended before the process had started`));
    }
  }

  #threadFor(wanted: SpawnOptions['thread'], limits: ThreadResourceLimits | undefined): number | Promise<number> {
    if (wanted === 'own') return this.#ownThread(limits);
    if (limits !== undefined) throw new OptionError('resourceLimits', "is for a process with thread: 'own'");
    if (wanted === 'home') return HOME;
    if (wanted === undefined) return this.#placement.pick() ?? this.#placement.next();
    if (wanted !== HOME && !this.#placement.has(wanted)) throw new SpawnError(`there is no thread ${wanted}`);
    return wanted;
  }

  #ownThread(limits: ThreadResourceLimits | undefined): Promise<number> {
    const fault = limits === undefined ? undefined : resourceLimits(limits);
    if (fault !== undefined) throw new OptionError('resourceLimits', fault);
    return this.#services.startOwnThread(limits);
  }

  #request(
    thread: number,
    parent: Process | undefined,
    module: string,
    name: string,
    args: readonly unknown[],
    settings: SpawnSettings,
    started: ((pid: Pid) => void) | undefined,
  ): Promise<Pid> {
    return new Promise((resolve, reject) => {
      const request = this.#requests++;
      this.#pending.set(request, { thread, parent, settings, started, resolve, reject });
      try {
        if (this.#runtime.sendControl(thread, { type: 'spawn', request, module, name, args, settings })) return;
        reject(new ThreadDownError(`thread ${thread} has ended`));
      } catch (error) {
        reject(error);
      }
      this.#pending.delete(request);
    });
  }

  async #answer(
    thread: number,
    { request, module, name, args, settings }: SpawnControl & { type: 'spawn' },
  ): Promise<void> {
    let started: Pid | undefined;
    try {
      started = await this.#startHere(module, name, args, settings, undefined, (pid) => {
        if (this.#runtime.sendControl(thread, { type: 'spawned', request, pid })) return;
        // The spawner's whole thread has ended: nobody else would tell a child that is linked to it.
        if (settings.parent !== undefined) this.#endBond(settings.parent, pid);
      });
    } catch (error) {
      this.#runtime.sendControl(thread, { type: 'spawnFailed', request, error: portableError(error) });
    }
    this.onAnswered(started && this.#runtime.find(started));
  }

  async #startHere(
    module: string,
    name: string,
    args: readonly unknown[],
    settings: SpawnSettings,
    parent: Process | undefined,
    started?: (pid: Pid) => void,
  ): Promise<Pid> {
    const definition = await loadDefinition('process', module, name);
    const process = this.#create(settings);
    process.definition = definition;
    if (settings.name !== undefined) await this.#nameOrFail(process, settings.name);
    if (parent !== undefined) this.#bond(parent, process.pid, settings.link === true, settings.monitor);
    started?.(process.pid);
    this.#begin(process, definition.body, args);
    return process.pid;
  }

  async #nameOrFail(process: Process, name: string | Via): Promise<void> {
    try {
      await this.#selfOf(process).register(name);
      const text = typeof name === 'string' ? name : name.name;
      if (!process.alive) throw new SpawnError(`the process was ended before it had started as "${text}"`);
    } catch (error) {
      // It never ran: whoever would be linked to it or watch it hears of the failed spawn instead.
      process.links = undefined;
      process.watchers = undefined;
      this.#runtime.finish(process, 'normal');
      throw error;
    }
  }

  #create(settings: SpawnSettings): Process {
    const { parent, label = 'anonymous', trapExit = false, mailbox, link, monitor } = settings;
    const process = this.#runtime.create(parent, label, trapExit, mailbox);
    if (parent !== undefined) bindToParent(process, parent, link === true, monitor);
    return process;
  }

  /** The parent's end of the bonds that the spawn options ask for. */
  #bond(parent: Process, child: Pid, link: boolean, monitor: Ref | undefined): void {
    if (parent.alive) {
      if (link) addLink(parent, child);
      if (monitor !== undefined) addMonitor(parent, monitor, { pid: child });
    } else if (link) this.#endBond(parent.pid, child);
  }

  /** Tells a child that is linked to its parent that the parent is gone. */
  #endBond(parent: Pid, child: Pid): void {
    this.#runtime.signals.send({ type: 'exit', from: parent, to: child, reason: 'noproc', linked: true });
  }

  #begin(process: Process, body: ProcessBody<never>, args: readonly unknown[]): void {
    process.begin(new Start(this.#selfOf, body, args));
  }

  readonly #selfOf = (process: Process): ProcessSelf => new ProcessSelf(this.#runtime, process, this, this.#services);

  #take(request: number): PendingSpawn | undefined {
    const pending = this.#pending.get(request);
    this.#pending.delete(request);
    return pending;
  }

  #monitorRef(monitor: boolean | Ref | undefined): Ref | undefined {
    return monitor === true ? this.#runtime.makeRef() : monitor || undefined;
  }
}

/** The child's end of the bonds that the spawn options ask for. */
function bindToParent(process: Process, parent: Pid, link: boolean, monitor: Ref | undefined): void {
  if (link) addLink(process, parent);
  if (monitor !== undefined) process.watchers = new Map([[monitor, parent]]);
}
