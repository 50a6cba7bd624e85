/**
 * Why a process ended. A reason is a portable value, as in Erlang any term is; the well-known ones have
 * names here. It is told to links and monitors and never thrown.
 */

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

/** What an uncaught `thrown` value makes of a process. */
export function reasonOfThrown(thrown: unknown): ErrorReason {
  if (!(thrown instanceof Error)) return { error: { name: 'Thrown', message: String(thrown) } };
  const { name, message, stack } = thrown;
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
  return {
    error: { name, message, ...(code !== undefined && { code }), ...(stack !== undefined && { stack }) },
  };
}

/** One line for logs, without the stack. */
export function describeReason(reason: ExitReason): string {
  if (typeof reason === 'string') return reason;
  if (isErrorReason(reason)) return `${reason.error.name}: ${reason.error.message}`;
  return JSON.stringify(reason) ?? String(reason);
}

function isErrorReason(reason: object): reason is ErrorReason {
  return 'error' in reason && typeof reason.error === 'object' && reason.error !== null && 'message' in reason.error;
}
