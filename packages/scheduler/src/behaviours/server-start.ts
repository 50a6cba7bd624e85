/**
 * Starting a process so that whoever starts it knows when it is ready, and why where it is not. Servers and
 * supervisors start this way; after OTP's proc_lib.
 *
 *   1. `startProcess` spawns the process, unlinked, and lends it an attached process: the starter;
 *   2. the process calls `beginStart` first, which links it to the starter: a starter that ends takes with it
 *      what it was starting;
 *   3. it makes itself ready and calls `finishStart`, which links it to its parent where that was asked for,
 *      takes it off the starter and tells the starter, in this order;
 *   4. or it ends. The starter learns the reason, and the parent, which was never linked, hears of it only as
 *      the `StartError` that `startProcess` rejects with.
 *
 * A name is registered before step 2, so a process that has started has its name.
 */
import type { ProcessDefinition } from '../definition.js';
import { LiminalError, NameError, ReceiveTimeoutError } from '../errors.js';
import { describeReason, type ExitReason } from '../exit-reason.js';
import type { Pid } from '../pid.js';
import type { Self, SpawnOptions } from '../self.js';
import { type DownMessage, type ExitMessage, isDown, isExit } from '../signal.js';

/** What a process that can be started this way is given before its own arguments. */
export interface StartContext {
  /** Is told when the process is ready. */
  readonly starter: Pid;
  /** Whether to link to the parent. */
  readonly link: boolean;
}

/**
 * A definition whose processes tell when they are ready. `kind` tells it from a plain `ProcessDefinition`;
 * `module` and `name` find its process with `loadDefinition`.
 */
export interface StartableDefinition<Args extends readonly unknown[] = readonly unknown[]> {
  readonly kind: 'server' | 'supervisor' | 'object';
  readonly module: string;
  readonly name: string;
  readonly process: ProcessDefinition<[start: StartContext, ...args: Args]>;
}

export interface StartOptions extends Omit<SpawnOptions, 'monitor' | 'link'> {
  /** Linked from when it is ready; a failed start never reaches the parent as an exit. @default false */
  readonly link?: boolean;
  /** End the process with `kill` where it is not ready within so many ms. @default no limit */
  readonly startTimeoutMs?: number;
}

/**
 * A process did not become ready, and nothing is left of it. `reason` is the one that it ended with, `timeout`,
 * or `{ alreadyStarted: pid }` where its name is held.
 */
export class StartError extends LiminalError {
  readonly code = 'ERR_LIMINAL_START';
  readonly reason: ExitReason;

  constructor(what: string, reason: ExitReason, options?: ErrorOptions) {
    super(`${what} did not start: ${describeReason(reason)}`, options);
    this.reason = reason;
  }
}

interface StartedMessage {
  readonly signal: 'started';
}

/**
 * Starts a process and resolves with its pid once it is ready and registered.
 * Rejects with {@link StartError} where it ends before that or its name is held, and as `Self.spawn` does where
 * it cannot be spawned.
 */
export async function startProcess<Args extends readonly unknown[]>(
  self: Self,
  { process }: Pick<StartableDefinition<Args>, 'process'>,
  args: Args,
  { link = false, startTimeoutMs = Number.POSITIVE_INFINITY, ...options }: StartOptions = {},
): Promise<Pid> {
  const starter = self.attach({ trapExit: true, label: `starter of ${process.name}` });
  try {
    const pid = await spawn(self, process, [{ starter: starter.pid, link }, ...args], options);
    const reason = await firstWord(starter, pid, startTimeoutMs);
    if (reason === undefined) return pid;
    if (reason === 'timeout') self.exitProcess(pid, 'kill');
    throw new StartError(process.name, reason);
  } finally {
    starter.close();
  }
}

async function spawn<Args extends readonly unknown[]>(
  self: Self,
  process: ProcessDefinition<Args>,
  args: Args,
  options: SpawnOptions,
): Promise<Pid> {
  try {
    return await self.spawn(process, args, options);
  } catch (cause) {
    const holder =
      cause instanceof NameError && options.node === undefined ? self.whereis(options.name ?? '') : undefined;
    throw holder === undefined ? cause : new StartError(process.name, { alreadyStarted: holder }, { cause });
  }
}

/** What is heard first of a process that was spawned: undefined where it is ready, or why it is not. */
async function firstWord(starter: Self, pid: Pid, timeoutMs: number): Promise<ExitReason | undefined> {
  // Where the process has ended already the monitor can only say `noproc`. Its link has said why, before that.
  starter.monitor(pid);
  try {
    const told = await starter.receive({
      timeoutMs,
      match: (message): message is StartedMessage | ExitMessage | DownMessage =>
        isStarted(message) || isExit(message) || isDown(message),
    });
    return told.signal === 'started' ? undefined : told.reason;
  } catch (error) {
    if (error instanceof ReceiveTimeoutError) return 'timeout';
    throw error;
  }
}

/** Step 2: the first thing that a started process does. */
export function beginStart(self: Self, { starter }: StartContext): void {
  self.link(starter);
}

/** Step 3: the process is ready. */
export function finishStart(self: Self, { starter, link }: StartContext): void {
  if (link && self.parent !== undefined) self.link(self.parent);
  self.unlink(starter);
  self.send<StartedMessage>(starter, { signal: 'started' });
}

function isStarted(message: unknown): message is StartedMessage {
  return typeof message === 'object' && message !== null && 'signal' in message && message.signal === 'started';
}
