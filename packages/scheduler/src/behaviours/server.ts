/**
 * Servers: processes that keep a state and answer calls one at a time, after OTP's gen_server.
 *
 *     export const counter = defineServer(import.meta.url, 'counter', {
 *       init: (_server, start: number) => ({ count: start }),
 *       calls: {
 *         add({ state }, by: number) {
 *           state.count += by;
 *           return state.count;
 *         },
 *       },
 *       casts: {
 *         reset({ state }) {
 *           state.count = 0;
 *         },
 *       },
 *     });
 *
 *     const pid = await startServer(self, counter, [40]);
 *     await call(self, pid, 'add', [2]); // 42
 *     cast(self, pid, 'reset');
 *
 * - Callbacks may be async. One runs at a time, in the order in which messages arrived; the next waits for it.
 * - What a call returns is the reply. It may return `server.later(…)` in its place and have somebody `reply`
 *   afterwards, or `server.stop(reason, reply)` to reply and end.
 * - Arguments and replies are messages: immutable, and shared between processes of one thread. A server that
 *   replies with a part of its state must not change that part afterwards, and is told so outside production.
 * - What a callback throws ends the server, after `terminate`, and every caller that waits for it fails with the
 *   error as its reason. Failures that a client should live with are values: return them.
 * - A call that the server does not know is refused with `{ noSuchCall: name }`. A cast that it does not know,
 *   and a plain message where there is no `info`, are dropped.
 */
import { isDeepStrictEqual } from 'node:util';
import { defineProcess } from '../definition.js';
import type { ExitReason } from '../exit-reason.js';
import type { Self } from '../self.js';
import { type CallOptions, request, type ServerAddress, type ServerPid } from './call.js';
import { type Later, type Stop, serve } from './server-loop.js';
import type { From, StopMessage } from './server-message.js';
import { type StartableDefinition, type StartContext, type StartOptions, startProcess } from './server-start.js';

/** What every callback of a server is given first. */
export interface ServerSetup {
  /** The server as a process: to send, to monitor, to start others, to set timers. */
  readonly self: Self;
  /** Runs `continue` with `topic` next, before any message. From `init`: for work that its starter need not wait for. */
  continueWith(topic: unknown): void;
  /** Runs `idle` unless another message comes within so many ms after this callback. Any message cancels it. */
  idleTimeout(ms: number): void;
  /**
   * To return from a callback: ends the server with `reason`, after `terminate`. A call may give a reply to go with
   * it; without one its caller fails with the reason.
   */
  stop<Result = never>(reason: ExitReason, ...reply: [Result?]): Stop<Result>;
}

/** What the callbacks of a running server are given first. */
export interface ServerContext<State> extends ServerSetup {
  /** What `init` returned, or what was put in its place since. */
  state: State;
  /**
   * To return from a call: the reply comes later, by `reply(self, from, …)` from this process or another. `keep`
   * is called at once.
   */
  later<Result>(keep: (from: From<Result>) => void): Later<Result>;
}

type Handlers<State> = Readonly<Record<string, (server: ServerContext<State>, ...args: never[]) => unknown>>;

type Outcome = void | Stop<never> | Promise<void | Stop<never>>;

export interface ServerCallbacks<Args extends readonly unknown[], State, Calls, Casts> {
  /** Makes the state. The server has started once it has resolved; where it fails or stops, the start fails. */
  init(server: ServerSetup, ...args: Args): State | Stop<never> | Promise<State | Stop<never>>;
  /** By name. What they return is the reply. */
  calls?: Calls & Handlers<State>;
  /** By name. Nobody waits for what they return. */
  casts?: Casts & Handlers<State>;
  /** Takes every other message: plain ones, down messages, exits where the server traps them. */
  info?(server: ServerContext<State>, message: unknown): Outcome;
  /** See {@link ServerSetup.continueWith}. */
  continue?(server: ServerContext<State>, topic: unknown): Outcome;
  /** See {@link ServerSetup.idleTimeout}. */
  idle?(server: ServerContext<State>): Outcome;
  /**
   * Cleans up: after a stop, after a callback threw, and, where the server traps exits, after its parent ended or
   * told it to. Not where it is killed, and not where an exit ends it that it does not trap.
   */
  terminate?(server: ServerContext<State>, reason: ExitReason): void | Promise<void>;
}

type ResultOf<Returned> = Returned extends Later<infer Result> | Stop<infer Result> ? Result : Returned;

/** The functions that a client sees: without the server, with the result in the place of what leads to it. */
type Signatures<Callbacks> = {
  readonly [Name in keyof Callbacks]: Callbacks[Name] extends (server: never, ...args: infer Args) => infer Returned
    ? (...args: Args) => ResultOf<Awaited<Returned>>
    : never;
};

/** A server that any thread can start. Made by {@link defineServer}. */
export interface ServerDefinition<Args extends readonly unknown[] = readonly unknown[], S = unknown>
  extends StartableDefinition<Args> {
  readonly kind: 'server';
  readonly serves?: S;
}

/** What a definition serves, for the address of a server that is known by name: `ServerAddress<ServedBy<typeof counter>>`. */
export type ServedBy<Definition> = Definition extends ServerDefinition<never, infer S> ? S : never;

/**
 * Defines a server. Throws as `defineProcess` does.
 * @param module the URL of the module that makes this call at its top level: `import.meta.url`.
 * @param name unique in that module.
 */
export function defineServer<
  Args extends readonly unknown[],
  State,
  Calls = Record<never, never>,
  Casts = Record<never, never>,
>(
  module: string,
  name: string,
  callbacks: ServerCallbacks<Args, State, Calls, Casts>,
): ServerDefinition<Args, { readonly calls: Signatures<Calls>; readonly casts: Signatures<Casts> }> {
  const process = defineProcess<[start: StartContext, ...args: Args]>(module, name, (self, start, ...args) =>
    serve(self, start, callbacks, args),
  );
  return { kind: 'server', module, name, process };
}

/**
 * Starts a server and resolves with its pid once `init` has finished and its name is registered.
 * Rejects with `StartError` where `init` failed or stopped, or the name is held; its starter gets no exit then.
 */
export async function startServer<Args extends readonly unknown[], S>(
  self: Self,
  definition: ServerDefinition<Args, S>,
  args: Args,
  options?: StartOptions,
): Promise<ServerPid<S>> {
  return startProcess(self, definition, args, options);
}

/**
 * Has a server stop with `reason`, after what it was sent before, and resolves once it has ended.
 * Rejects with `CallError` where it ends with another reason, with `noproc` where it is not there, and with
 * `CallTimeoutError` where it has not ended in time; it may still do so.
 */
export function stopServer(
  self: Self,
  to: ServerAddress<unknown>,
  reason: ExitReason = 'normal',
  options?: CallOptions,
): Promise<void> {
  const unlimited = { timeoutMs: Number.POSITIVE_INFINITY, ...options };
  return request(
    self,
    to,
    'stop',
    unlimited,
    (_, target) => self.send<StopMessage>(target, { signal: 'stop', reason }),
    (actual) => isDeepStrictEqual(actual, reason),
  );
}
