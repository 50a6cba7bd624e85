/**
 * The life of one server process: init, one message after another, terminate.
 *
 * Every callback is awaited before the next message is taken, so that callbacks never overlap and the state
 * needs no lock. A process that has ended takes no message and sends none; a callback that was waiting when that
 * happened runs on without effect, and `terminate` does not follow.
 */
import { ReceiveTimeoutError } from '../errors.js';
import { type ExitReason, reasonOfThrown } from '../exit-reason.js';
import { UNWIND } from '../process.js';
import type { Self } from '../self.js';
import { type ExitMessage, isExit } from '../signal.js';
import { reply } from './call.js';
import type { ServerCallbacks, ServerContext } from './server.js';
import { type CallMessage, type From, isServerMessage, type RefusedMessage } from './server-message.js';
import { beginStart, finishStart, type StartContext } from './server-start.js';

/** Returned by a callback: the server is to end. Made by `server.stop`. */
export class Stop<Result> {
  readonly reason: ExitReason;
  /** One value, or none. */
  readonly reply: readonly [Result?];

  constructor(reason: ExitReason, reply: readonly [Result?]) {
    this.reason = reason;
    this.reply = reply;
  }
}

/** Returned by a call: its reply comes later. Made by `server.later`. */
export class Later<Result> {
  /** The address that was kept. */
  readonly from: From<Result>;

  constructor(from: From<Result>) {
    this.from = from;
  }
}

type AnyCallbacks<State> = ServerCallbacks<readonly unknown[], State, unknown, unknown>;
type Handler<State> = (server: ServerContext<State>, ...args: readonly unknown[]) => unknown;

/** The message that stands for none having come in time. */
const IDLE = Symbol('idle');

/** The body of a server's process. */
export async function serve<Args extends readonly unknown[], State>(
  self: Self,
  start: StartContext,
  callbacks: ServerCallbacks<Args, State, unknown, unknown>,
  args: Args,
): Promise<void> {
  beginStart(self, start);
  const server = new Server<State>(self, start, callbacks as unknown as AnyCallbacks<State>);
  const state = await callbacks.init(server, ...args);
  if (state instanceof Stop) self.exit(state.reason);
  server.state = state;
  finishStart(self, start);
  await server.run();
}

class Server<State> implements ServerContext<State> {
  readonly self: Self;
  readonly #start: StartContext;
  readonly #callbacks: AnyCallbacks<State>;
  readonly #topics: unknown[] = [];
  /** How long the next wait for a message may last. */
  #idleMs = Number.POSITIVE_INFINITY;
  /** Whom the call that is being handled came from. */
  #from: From<unknown> | undefined;
  declare state: State;

  constructor(self: Self, start: StartContext, callbacks: AnyCallbacks<State>) {
    this.self = self;
    this.#start = start;
    this.#callbacks = callbacks;
  }

  continueWith(topic: unknown): void {
    if (this.#callbacks.continue === undefined) throw new TypeError('the server has no callback "continue"');
    this.#topics.push(topic);
  }

  idleTimeout(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`an idle timeout must be 0 ms or more, not ${ms}`);
    if (this.#callbacks.idle === undefined) throw new TypeError('the server has no callback "idle"');
    this.#idleMs = ms;
  }

  stop<Result = never>(reason: ExitReason, ...reply: [Result?]): Stop<Result> {
    return new Stop(reason, reply);
  }

  later<Result>(keep: (from: From<Result>) => void): Later<Result> {
    const from = this.#from as From<Result> | undefined;
    if (from === undefined) throw new TypeError('only a call has a caller that can wait for a later reply');
    keep(from);
    return new Later(from);
  }

  async run(): Promise<void> {
    const terminate = async (reason: ExitReason) => this.#callbacks.terminate?.(this, reason);
    const { reason, reply: last } = await terminatingAfterFaults(this.self, terminate, () => this.#serveUntilStopped());
    await terminate(reason);
    if (this.#from !== undefined) for (const value of last) reply(this.self, this.#from, value);
    this.self.exit(reason);
  }

  async #serveUntilStopped(): Promise<Stop<unknown>> {
    for (;;) {
      this.#from = undefined;
      const outcome = await this.#next();
      if (outcome instanceof Stop) return outcome;
    }
  }

  /** Runs one callback. */
  async #next(): Promise<unknown> {
    if (this.#topics.length > 0) return this.#callbacks.continue?.(this, this.#topics.shift());
    const message = await this.#receive();
    if (message === IDLE) return this.#callbacks.idle?.(this);
    if (isExitOfParent(this.self, this.#start, message)) return new Stop(message.reason, []);
    if (!isServerMessage(message)) return this.#callbacks.info?.(this, message);
    switch (message.signal) {
      case 'stop':
        return new Stop(message.reason, []);
      case 'cast':
        return this.#handler(this.#callbacks.casts, message.name)?.(this, ...message.args);
      case 'call':
        return this.#answer(message);
      default:
        return message satisfies never;
    }
  }

  async #receive(): Promise<unknown> {
    const timeoutMs = this.#idleMs;
    this.#idleMs = Number.POSITIVE_INFINITY;
    try {
      return await this.self.receive({ timeoutMs });
    } catch (error) {
      if (error instanceof ReceiveTimeoutError) return IDLE;
      throw error;
    }
  }

  async #answer({ name, args, from }: CallMessage): Promise<unknown> {
    const handler = this.#handler(this.#callbacks.calls, name);
    if (handler === undefined) {
      return this.self.send<RefusedMessage>(from, { signal: 'refused', reason: { noSuchCall: name } });
    }
    this.#from = from;
    const result = await handler(this, ...args);
    if (result instanceof Stop) return result;
    if (!(result instanceof Later)) reply(this.self, from, result);
    return undefined;
  }

  #handler(handlers: unknown, name: string): Handler<State> | undefined {
    if (handlers === undefined || !Object.hasOwn(handlers as object, name)) return undefined;
    return (handlers as Record<string, Handler<State>>)[name];
  }
}

/** Whether it comes from who may end a server: its parent where they are linked, or, in its place, who was starting it. */
export function isExitOfParent(self: Self, start: StartContext, message: unknown): message is ExitMessage {
  if (!isExit(message)) return false;
  return (start.link && message.from === self.parent) || message.from === start.starter;
}

/** Does `work`; where that throws and the process lives, `terminate` comes before the error goes on. */
export async function terminatingAfterFaults<Result>(
  self: Self,
  terminate: (reason: ExitReason) => Promise<void>,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown !== UNWIND && !self.signal.aborted) await terminate(reasonOfThrown(thrown));
    throw thrown;
  }
}
