/**
 * Why a process ended. A reason is a portable value, as in Erlang any term is; the well-known ones have
 * names here. It is told to links and monitors and never thrown.
 */
import { inspect } from 'node:util';
import { checkPortable, freezeMessage, portableError } from './encoding/portable.js';
import type { Pid } from './pid.js';

/** An error, as a value that looks alike on every node. */
export interface ErrorValue {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
}

/** An uncaught error. */
export interface ErrorReason {
  readonly error: ErrorValue;
}

/** What is known of a process that blocked its thread. */
export interface Blocker {
  /** The process that had its turn; missing where none of the thread's processes had. */
  readonly pid?: Pid;
  readonly label?: string;
  /** For how long at least the thread had not yielded, in ms. */
  readonly forMs: number;
  /** Where it was, innermost call first, or why that is not known. */
  readonly stack: string;
}

/**
 * Why a scheduler thread ended:
 * - `error`: an error that no process could catch, thrown from a timer, an event listener or a promise of nobody;
 * - `out_of_memory`: its heap reached its `resourceLimits`;
 * - `exit`: code on it called `process.exit`;
 * - `terminated`: it was ended by `endThread`, or by the stop of the scheduler;
 * - `blocked`: a process did not yield for `watchdog.endAfterMs`, and the watchdog ended the thread.
 */
export type ThreadDownCause =
  | { readonly cause: 'error'; readonly error: ErrorValue }
  | { readonly cause: 'out_of_memory'; readonly error: ErrorValue }
  | { readonly cause: 'exit'; readonly code: number }
  | { readonly cause: 'terminated' }
  | { readonly cause: 'blocked'; readonly blocker: Blocker };

/** The scheduler thread of the process ended, and took the process with it. */
export interface ThreadDownReason {
  readonly threadDown: { readonly thread: number } & ThreadDownCause;
}

/** An orderly stop with a detail. Like `shutdown`, it is no fault. */
export interface ShutdownReason {
  readonly shutdown: unknown;
}

/**
 * - `normal`: the body returned.
 * - `shutdown`: it was asked to stop, in order.
 * - `kill`: sent as a signal, ends any process; the process is then known to have been `killed`.
 * - `noproc`: there was no such process.
 * - `noconnection`: the connection to its node was lost; whether it lives is not known.
 * - Anything else portable that a process passed to `exit`.
 */
export type ExitReason =
  | 'normal'
  | 'shutdown'
  | 'kill'
  | 'killed'
  | 'noproc'
  | 'noconnection'
  | (string & {})
  | ErrorReason
  | ThreadDownReason
  | ShutdownReason
  | Readonly<Record<string, unknown>>;

/** What an uncaught `thrown` value makes of a process. Never throws itself, whatever was thrown. */
export function reasonOfThrown(thrown: unknown): ErrorReason {
  try {
    if (!(thrown instanceof Error)) {
      const message = typeof thrown === 'string' ? thrown : inspect(thrown);
      return { error: { name: 'Thrown', message: message.toWellFormed() } };
    }
    const { name, message, stack, code } = portableError(thrown);
    return {
      error: {
        name: name.toWellFormed(),
        message: message.toWellFormed(),
        ...(typeof code === 'string' && { code: code.toWellFormed() }),
        ...(stack !== undefined && { stack: stack.toWellFormed() }),
      },
    };
  } catch {
    return { error: { name: 'Thrown', message: 'a value that cannot be read' } };
  }
}

/** `reason` as it is told to others: frozen, because they share it, and replaced where it cannot be a message. */
export function portableReason(reason: ExitReason): ExitReason {
  if (typeof reason === 'string' && reason.isWellFormed()) return reason;
  try {
    checkPortable(reason);
    return freezeMessage(reason);
  } catch {
    return { error: { name: 'NotPortable', message: 'the exit reason cannot be sent' } };
  }
}

/** Whether the process failed, rather than ended. Takes any value: a peer may send any as a reason. */
export function isFailure(reason: unknown): boolean {
  return typeof reason === 'object' && reason !== null && 'error' in reason;
}

/** What a worker's `error` event says of the end of its thread. */
export function causeOfThrown(thrown: unknown): ThreadDownCause {
  const { error } = reasonOfThrown(thrown);
  return { cause: error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'out_of_memory' : 'error', error };
}

/** Whether a lost thread took the process with it. Takes any value, as {@link isFailure} does. */
export function isThreadDown(reason: unknown): reason is ThreadDownReason {
  if (typeof reason !== 'object' || reason === null || !('threadDown' in reason)) return false;
  const down = reason.threadDown as ThreadDownReason['threadDown'] | null;
  if (typeof down !== 'object' || down === null || typeof down.thread !== 'number') return false;
  switch (down.cause) {
    case 'error':
    case 'out_of_memory':
      return isErrorReason(down);
    case 'exit':
      return typeof down.code === 'number';
    case 'terminated':
      return true;
    case 'blocked':
      return typeof down.blocker === 'object' && down.blocker !== null;
    default:
      down satisfies never;
      return false;
  }
}

/** One line for logs, without the stack. */
export function describeReason(reason: ExitReason): string {
  if (typeof reason === 'string') return reason;
  if (isErrorReason(reason)) return `${reason.error.name}: ${reason.error.message}`;
  if (isThreadDown(reason)) return `thread ${reason.threadDown.thread} ended: ${describeCause(reason.threadDown)}`;
  return inspect(reason, { breakLength: Number.POSITIVE_INFINITY });
}

/** The end of a sentence that begins with a thread's end. */
export function describeCause(down: ThreadDownCause): string {
  switch (down.cause) {
    case 'error':
      return `uncaught ${down.error.name}: ${down.error.message}`;
    case 'out_of_memory':
      return 'out of memory';
    case 'exit':
      return `it exited with code ${down.code}`;
    case 'terminated':
      return 'it was terminated';
    case 'blocked':
      return `blocked for ${down.blocker.forMs} ms by ${down.blocker.pid ?? 'no process'}`;
    default:
      return down satisfies never;
  }
}

function isErrorReason(reason: unknown): reason is ErrorReason {
  if (!isFailure(reason)) return false;
  const { error } = reason as { error: unknown };
  return typeof error === 'object' && error !== null && 'message' in error;
}
