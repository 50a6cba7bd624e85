/**
 * Why a process ended. A reason is a portable value, as in Erlang any term is; the well-known ones have
 * names here. It is told to links and monitors and never thrown.
 */
import { inspect } from 'node:util';
import { checkPortable, freezeMessage, portableError } from './portable.js';

/** An uncaught error, as a value that looks alike on every node. */
export interface ErrorReason {
  readonly error: {
    readonly name: string;
    readonly message: string;
    readonly code?: string;
    readonly stack?: string;
  };
}

/** The scheduler thread of the process ended, and took the process with it. */
export interface ThreadDownReason {
  readonly threadDown: { readonly thread: number; readonly cause: string };
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

/** One line for logs, without the stack. */
export function describeReason(reason: ExitReason): string {
  if (typeof reason === 'string') return reason;
  if (isErrorReason(reason)) return `${reason.error.name}: ${reason.error.message}`;
  return inspect(reason, { breakLength: Number.POSITIVE_INFINITY });
}

function isErrorReason(reason: unknown): reason is ErrorReason {
  if (!isFailure(reason)) return false;
  const { error } = reason as { error: unknown };
  return typeof error === 'object' && error !== null && 'message' in error;
}
