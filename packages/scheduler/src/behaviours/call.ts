/**
 * Request and reply between processes, and casts, which ask for no reply.
 *
 *   1. `call` attaches a mailbox for this one call to the caller. Its pid is the address of the reply, as an
 *      alias is in OTP; it monitors the server.
 *   2. The request travels in the name of the caller, in order with all else that the caller sends there.
 *   3. Whatever comes first decides: the reply, the end of the server, the deadline, or the abort signal.
 *   4. The mailbox is closed. What arrives for it later reaches nobody, and the caller's own mailbox has seen
 *      nothing of all this: a late reply is never taken for another's, and any number of calls can be open.
 *
 * It works alike between processes of one thread, of two, and of two nodes. A call is made at most once; after
 * a timeout, and after `noconnection`, the caller does not know whether it was served.
 */
import { ReceiveTimeoutError } from '../errors.js';
import type { ExitReason } from '../exit-reason.js';
import type { Pid } from '../pid.js';
import type { Via } from '../registry.js';
import type { Self } from '../self.js';
import { type DownMessage, isDown, type Registered } from '../signal.js';
import { CallError, CallTimeoutError } from './call-error.js';
import {
  type CallMessage,
  type CastMessage,
  type From,
  isReply,
  type RefusedMessage,
  type ReplyMessage,
} from './server-message.js';

// biome-ignore lint/suspicious/noExplicitAny: holds functions whatever their arguments
type Signatures = Readonly<Record<string, (...args: any[]) => unknown>>;

/** What a server takes: the arguments and results of its calls, and the arguments of its casts. */
export interface Served {
  readonly calls: Signatures;
  readonly casts: Signatures;
}

/** The pid of a server, which knows what the server takes. */
export type ServerPid<S> = Pid & { readonly serves?: S };

/** Where a server is reached: its pid, its name on this node or another, or its name in a registry. */
export type ServerAddress<S> = ServerPid<S> | ((Registered | Via) & { readonly serves?: S });

export interface CallOptions {
  /** Give up after so many ms. The server goes on, and its reply reaches nobody. @default 5000 */
  readonly timeoutMs?: number;
  /** Give up when it is aborted, with its reason. */
  readonly signal?: AbortSignal;
}

const CALL_TIMEOUT_MS = 5_000;

/** What a call is given behind its name. */
export type CallRest<Args extends readonly unknown[]> = Args extends readonly []
  ? [args?: Args, options?: CallOptions]
  : [args: Args, options?: CallOptions];

type CastRest<Args extends readonly unknown[]> = Args extends readonly [] ? [args?: Args] : [args: Args];

/**
 * Asks a server and resolves with its reply: `await call(self, pid, 'add', [2])`.
 * Rejects with {@link CallTimeoutError}; with {@link CallError} at once where the server ends, is not there, or
 * takes no such call; as `Self.send` throws where an argument cannot be sent. Never settles where the caller ends.
 */
export async function call<S extends Served, Name extends keyof S['calls'] & string>(
  self: Self,
  to: ServerAddress<S>,
  name: Name,
  ...rest: CallRest<Parameters<S['calls'][Name]>>
): Promise<ReturnType<S['calls'][Name]>> {
  const [args = [], options] = rest as [args?: readonly unknown[], options?: CallOptions];
  return request<ReturnType<S['calls'][Name]>>(self, to, name, options, (caller, target) => {
    self.send<CallMessage>(target, { signal: 'call', name, args, from: caller.pid });
  });
}

/**
 * Tells a server something: `cast(self, pid, 'reset')`. A server that is dead or not there is no error.
 * Throws as `Self.send` does where an argument cannot be sent.
 */
export function cast<S extends Served, Name extends keyof S['casts'] & string>(
  self: Self,
  to: ServerAddress<S>,
  name: Name,
  ...rest: CastRest<Parameters<S['casts'][Name]>>
): void {
  const [args = []] = rest as [args?: readonly unknown[]];
  const target = resolve(self, to);
  if (target !== undefined) self.send<CastMessage>(target, { signal: 'cast', name, args });
}

/** Replies to a call, from whichever process `self` is. */
export function reply<Result>(self: Self, from: From<Result>, value: Result): void {
  self.send<ReplyMessage<Result>>(from, { signal: 'reply', value });
}

/**
 * One request: a mailbox for its answer, and an end to the wait. Where `awaited` is given, an end of the target
 * with that reason is the answer.
 */
export async function request<Result>(
  self: Self,
  to: Pid | Registered | Via,
  name: string,
  { timeoutMs = CALL_TIMEOUT_MS, signal }: CallOptions = {},
  send: (caller: Self, target: Pid | Registered) => void,
  isAnswer: (reason: ExitReason) => boolean = () => false,
): Promise<Result> {
  if (!(timeoutMs >= 0)) throw new RangeError(`timeoutMs must be 0 or more, not ${timeoutMs}`);
  signal?.throwIfAborted();
  const target = resolve(self, to);
  if (target === undefined) throw new CallError(name, 'noproc');
  if (target === self.pid) throw new CallError(name, 'calling_self');
  const caller = self.attach({ alias: true, label: `call ${name}` });
  try {
    const ref = caller.monitor(target);
    send(caller, target);
    const answer = await caller.receive({
      timeoutMs,
      ...(signal !== undefined && { signal }),
      match: (message): message is ReplyMessage<unknown> | RefusedMessage | DownMessage =>
        isDown(message) ? message.ref === ref : isReply(message),
    });
    if (answer.signal === 'reply') return answer.value as Result;
    if (answer.signal === 'down' && isAnswer(answer.reason)) return undefined as Result;
    throw new CallError(name, answer.reason);
  } catch (error) {
    throw error instanceof ReceiveTimeoutError ? new CallTimeoutError(name, timeoutMs) : error;
  } finally {
    caller.close();
  }
}

/** The pid behind a name of this node, or of a registry; undefined where nobody holds it. Other nodes look up their own names. */
function resolve(self: Self, to: Pid | Registered | Via): Pid | Registered | undefined {
  if (typeof to !== 'string' && 'via' in to) return self.whereis(to);
  if (typeof to === 'string' || (to.node !== undefined && to.node !== self.node)) return to;
  return self.whereis(to.name);
}
