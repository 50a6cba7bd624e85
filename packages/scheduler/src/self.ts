/**
 * What a process sees of the runtime: itself.
 *
 * Calls on a process that has ended do nothing: a body that is still unwinding, or a promise that settles
 * late, cannot act in the name of a dead pid, and its `receive` never settles.
 */
import type { ProcessBody, ProcessDefinition, TaskDefinition } from './definition.js';
import type { Environment } from './environment.js';
import type { ExitReason } from './exit-reason.js';
import type { MailboxBound } from './mailbox.js';
import type { OfferOptions } from './offer.js';
import type { AnyPid, NodeName, Pid, Ref } from './pid.js';
import type { ReceiveOptions } from './receive.js';
import type { Via } from './registry.js';
import type { SpecName } from './remote-spawn.js';
import type { Registered } from './signal.js';
import type { AttachOptions } from './spawner.js';
import type { ThreadResourceLimits } from './threads/resource-limits.js';

/** Where a message can be sent: a pid, a name registered on this node or on another, or a name of a registry. */
export type Destination<M = unknown> = Pid<M> | Registered | Via;

/** A name registered on this node. */
export interface LocalName {
  readonly name: string;
}

/**
 * What became of a message, as far as its sender can know.
 * - `sent`: it is in the mailbox, or on its way to another thread or node.
 * - `full`: the mailbox had no room for it, and it was dropped, or ended the receiver, by the mailbox's policy; or
 *   its thread has fallen behind by more than `threadQueueBytes`, and it was dropped.
 * - `noproc`: there is no such process; `noconnection`: no connection to its node, or no room on it.
 */
export type SendOutcome = 'sent' | 'full' | 'noproc' | 'noconnection';

/** All take effect before the first instruction of the process. */
export interface SpawnOptions {
  /** Link it to the process that spawns it. @default false */
  readonly link?: boolean;
  /** Monitor it from the process that spawns it; a `Ref` from `makeRef` where the caller wants to know it. @default false */
  readonly monitor?: boolean | Ref;
  /** Exits of linked processes become messages. @default false */
  readonly trapExit?: boolean;
  /** Register it, on its node or in a registry. The spawn fails where the name is taken. @default none */
  readonly name?: string | Via;
  /** What to call it in logs and lists. @default the name of its definition */
  readonly label?: string;
  /** The bound of its mailbox. @default the node's */
  readonly mailbox?: Partial<MailboxBound>;
  /**
   * A thread by its number, the home thread, or a thread of its own: one that is started for this process, takes
   * no other, and ends with it. A node has at most `maxOwnThreads` of those.
   * @default the scheduler thread with the fewest processes
   */
  readonly thread?: number | 'home' | 'own';
  /**
   * The node to start it on: then its module is found below the application root there, and `thread` is chosen
   * there. @default this node
   */
  readonly node?: NodeName;
  /** Limits of the heap of its own thread; only with `thread: 'own'`. @default the node's */
  readonly resourceLimits?: ThreadResourceLimits;
}

/** A closure stays on the thread that made it, and its spawn cannot wait for a name. */
export type LocalSpawnOptions = Omit<SpawnOptions, 'thread' | 'name' | 'node' | 'resourceLimits'>;

export interface BlockOptions {
  /** Give up: work that waits is not started, work that runs is ended with its thread. */
  readonly signal?: AbortSignal;
}

export interface Self {
  readonly pid: Pid;
  readonly node: NodeName;
  /** The process that spawned this one; undefined where the program did. */
  readonly parent: Pid | undefined;
  /** Aborted when the process has ended, with its exit reason, for whatever it left running. */
  readonly signal: AbortSignal;
  /** The clock, the timers and the randomness of its thread; a simulation has its own. */
  readonly environment: Environment;

  /**
   * Sends a message. Never blocks; a target that is dead, or whose node is not connected, is no error.
   * Messages and signals from one process to another arrive in the order sent, at most once.
   * @throws NotPortableError where `message` is no portable value, MessageTooLargeError where it is longer than one may be
   *   between nodes; nothing was sent.
   * @throws NameError where `to` is a name that nobody holds on this node.
   */
  send<M>(to: Destination<M>, message: M): void;

  /**
   * Like `send`, and tells what can be known at once. `sent` is no promise that the message arrives: of another
   * thread or node only the way there is known.
   * @throws NotPortableError, MessageTooLargeError, NameError as `send`.
   */
  trySend<M>(to: Destination<M>, message: M): SendOutcome;

  /**
   * Sends a message that waits for room in the receiver's mailbox instead of being dropped, and resolves once it
   * is in there. A message that waits is overtaken by what this process sends meanwhile.
   * Rejects with `OfferTimeoutError` after `timeoutMs`, with the abort reason of `signal`, and the message is
   * withdrawn, unless it is just being accepted on another thread or node: then it arrives all the same. Rejects
   * with `OfferError` where the receiver ends, is not there, or has 1,024 offers waiting; as `send` throws. At most
   * once: after `noconnection` nobody knows whether it arrived.
   */
  offer<M>(to: Pid<M> | LocalName | Via, message: M, options?: OfferOptions): Promise<void>;

  /**
   * The next message, or the next one that matches.
   * Rejects with `ReceiveTimeoutError` after `timeoutMs`, or with the abort reason of `signal`.
   */
  receive<T = unknown>(options?: ReceiveOptions<T>): Promise<T>;

  /** Every message from now on. Ends only with the process. */
  messages<T = unknown>(): AsyncIterableIterator<T>;

  /**
   * Starts a process on a scheduler thread and resolves once it exists there.
   * Rejects with `SpawnError` where its module does not load or does not define it or there is no such thread,
   * with `NameError` where its name is taken, with `ThreadDownError` where its thread ends first; nothing is left
   * of it then. Where every scheduler thread was lost it waits for the next.
   *
   * On another node (`options.node`) it rejects as there, and with `SpawnRefusedError` where that node refuses. With
   * the reason `noconnection` nobody knows whether it was started; where it was to be linked it ends then.
   * @param definition of what to run, or the name of something that the node has registered.
   */
  spawn<Args extends readonly unknown[]>(
    definition: ProcessDefinition<Args> | SpecName,
    args: Args,
    options?: SpawnOptions,
  ): Promise<Pid>;

  /** Starts a process on this thread, at once. The body may be a closure. */
  spawnLocal<Args extends readonly unknown[]>(
    body: ProcessBody<Args> | ProcessDefinition<Args>,
    args: Args,
    options?: LocalSpawnOptions,
  ): Pid;

  /** Links this process to another; a link that is there already stays one. A dead one answers with `noproc`. */
  link(pid: AnyPid): void;
  /** Ends a link for good: no exit comes along it afterwards. */
  unlink(pid: AnyPid): void;

  /**
   * Another mailbox of this process, with a pid of its own: answers sent there are in nobody's way, and once it
   * is closed they reach nobody. It ends with this process, with the reason `shutdown`.
   */
  attach(options?: AttachOptions): AttachedProcess;

  /**
   * Asks for one `DownMessage` when the process ends, or at once where it is dead or the name is not held. A name is
   * looked up once, on its node; the down carries name and node. Where that node is lost, or not connected, the
   * reason is `noconnection`.
   * @throws TypeError for what is no pid and no node name.
   */
  monitor(target: AnyPid | Registered | Via): Ref;
  /**
   * Ends a monitor. @returns whether it was still to fire.
   * @param options.flush also takes its down message out of the mailbox.
   */
  demonitor(ref: Ref, options?: { readonly flush?: boolean }): boolean;
  makeRef(): Ref;
  /**
   * Counts messages of this process that are of no use to it, with the other drops of its thread. For libraries
   * that take messages from a process's mailbox, and what any peer may have sent there.
   * @param reason a few words that are always the same.
   */
  countDropped(reason: string, count?: number): void;

  /**
   * Ends this process, at once, and throws to leave its code. Call it from the body or the handler: from a timer
   * or an event listener nobody catches what it throws, and that ends the whole thread; there, use
   * `exitProcess(self.pid, reason)`.
   */
  exit(reason: ExitReason): never;
  /** Sends an exit signal to another process; `kill` cannot be trapped. */
  exitProcess(pid: AnyPid, reason: ExitReason): void;
  /**
   * Whether a process of this node lives, in order with what this process has sent it before: after an exit with `kill`
   * it is false. Rejects with `TypeError` for a process of another node, which a monitor tells about.
   */
  isAlive(pid: AnyPid): Promise<boolean>;
  /** @returns the former value. */
  setTrapExit(trapExit: boolean): boolean;

  /**
   * Gives this process a name on its node; it is free again when the process ends. Once the promise resolves
   * every thread of the node knows the name.
   * Rejects with `NameError` where it is taken or this process has a name.
   */
  register(name: string | Via): Promise<void>;
  /** Gives the name up; it is free before anything that this process sends afterwards arrives. */
  unregister(): void;
  /** Gives up a name of a registry. */
  unregister(name: Via): Promise<void>;
  /** @throws NameError for a name of a registry whose module this thread has not imported. */
  whereis(name: string | Via): Pid | undefined;

  /**
   * Asks a part of this node that lives on the home thread, by the name under which it is provided. For
   * libraries that extend processes; `channels` does.
   */
  request(service: string, body: unknown): Promise<unknown>;

  /**
   * Runs blocking work on a thread of the pool.
   * Rejects with what the work threw, with `BlockingWorkError` where the pool's queue is full, or with the
   * abort reason.
   */
  block<Args extends readonly unknown[], Result>(
    task: TaskDefinition<Args, Result>,
    args: Args,
    options?: BlockOptions,
  ): Promise<Result>;
}

/** A `Self` for code outside any process: a mailbox to receive in, a pid to be answered at. */
export interface AttachedProcess extends Self, AsyncDisposable {
  /** Ends the process with `normal`. */
  close(): void;
  /** Messages that its mailbox has dropped. */
  readonly dropped: number;
}
