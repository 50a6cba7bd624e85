/**
 * The endpoint of a comlink proxy: a mailbox. comlink makes requests of what is done with the proxy; this sends them
 * to the object, and sees to it that each has exactly one answer, which comlink alone would wait for for ever:
 *   - the object's;
 *   - `CallTimeoutError`, when its time is up;
 *   - `CallError` with the reason, at once, when the object ends or is not there, or its node is lost, and after that;
 *   - `CallError` with the reason `released`, when the proxy is released.
 *
 * Nothing is answered where the owner itself ends, as for any call.
 *
 * A proxy that is collected releases itself, once its open requests have their answers.
 */
import type { Endpoint } from 'comlink';
import { CallError, CallTimeoutError } from '../behaviours/call-error.js';
import type { Timer } from '../environment.js';
import type { ExitReason } from '../exit-reason.js';
import { isPid, type Pid, type Ref } from '../pid.js';
import type { AttachedProcess } from '../self.js';
import { isDown, isExit, type Registered } from '../signal.js';
import {
  type AnswerMessage,
  type ClientMessage,
  isToClient,
  type RequestMessage,
  type RequestType,
} from './object-message.js';
import {
  decodeOutcome,
  encodeArgs,
  handlerNamed,
  type Item,
  isProxiedItem,
  type Outcome,
  proxiedItem,
} from './object-values.js';
import { Refusal } from './options.js';
import { objectBehind } from './proxied.js';
import type { Proxies } from './proxies.js';

/** What comlink makes of a value. */
interface WireValue {
  readonly type: 'RAW' | 'HANDLER';
  readonly name?: string;
  readonly value: unknown;
}

/** What comlink posts. */
interface ComlinkRequest {
  readonly id: string;
  readonly type: RequestType | 'ENDPOINT' | 'RELEASE';
  readonly path?: readonly string[];
  readonly argumentList?: readonly WireValue[];
  readonly value?: WireValue;
}

interface Pending {
  readonly request: ComlinkRequest;
  readonly timer: Timer | undefined;
}

type Listener = (event: { readonly data: unknown }) => void;

export class MailboxEndpoint implements Endpoint {
  /** The proxy, while it is in use. */
  proxy: WeakRef<object> | undefined;
  readonly #mailbox: AttachedProcess;
  readonly #proxies: Proxies;
  readonly #listeners = new Set<Listener>();
  readonly #pending = new Map<string, Pending>();
  /** Where requests go: a pid, or, until the object has told its own, a name on another node. */
  #to: Pid | Registered;
  #monitor: Ref | undefined;
  /** Why nothing can be asked any more. */
  #ended: ExitReason | undefined;
  /** The proxy was collected while requests were open. */
  #isCollected = false;

  /** @throws TypeError for an address that is no pid. */
  constructor(to: Pid | Registered, proxies: Proxies) {
    if (typeof to === 'string' && !isPid(to)) throw new TypeError(`"${to}" is not a pid`);
    this.#proxies = proxies;
    // Trapping exits, so that an exit sent to it does not leave requests without an answer.
    this.#mailbox = proxies.owner.attach({ trapExit: true, label: 'remote object proxy' });
    this.#to = to;
    this.#mailbox.signal.addEventListener('abort', () => this.#mailboxEnded(this.#mailbox.signal.reason));
    if (typeof to === 'string') this.#watch(to);
    else this.#find(to);
    void this.#listen();
  }

  get pid(): Pid {
    return this.#mailbox.pid;
  }

  /** Aborted when it has ended. */
  get signal(): AbortSignal {
    return this.#mailbox.signal;
  }

  addEventListener(_type: string, listener: unknown): void {
    this.#listeners.add(listener as Listener);
  }

  removeEventListener(_type: string, listener: unknown): void {
    this.#listeners.delete(listener as Listener);
  }

  /** Called by comlink, which hears of every failure as an answer: a promise of its own waits for nothing else. */
  postMessage(message: unknown): void {
    const request = message as ComlinkRequest;
    if (request.type === 'RELEASE') return this.#release();
    try {
      this.#post(request, request.type);
    } catch (error) {
      this.#fail(request, error instanceof Refusal ? new CallError(nameOf(request), error.reason) : error);
    }
  }

  #post(request: ComlinkRequest, type: Exclude<ComlinkRequest['type'], 'RELEASE'>): void {
    if (type === 'ENDPOINT') throw new TypeError('no MessagePort leads to a process: wrap its pid once more');
    if (this.#ended !== undefined) throw new CallError(nameOf(request), this.#ended);
    const { timeoutMs, maxPendingCalls } = this.#proxies.limits;
    if (this.#pending.size >= maxPendingCalls) throw new Refusal({ tooManyCalls: maxPendingCalls });
    const { id, path = [], argumentList, value } = request;
    const args = encodeArgs((argumentList ?? (value === undefined ? [] : [value])).map(this.#itemOf));
    this.#mailbox.send<RequestMessage>(this.#to, { signal: 'request', type, from: this.pid, id, path, args });
    const timer =
      timeoutMs === Number.POSITIVE_INFINITY
        ? undefined
        : this.#mailbox.environment.setTimer(timeoutMs, () => this.#expire(request, timeoutMs));
    this.#pending.set(id, { request, timer });
  }

  readonly #itemOf = ({ type, name, value }: WireValue): Item => {
    if (type === 'RAW' || name === undefined) return { value };
    if (name !== 'proxy') return { value, handler: name };
    return proxiedItem(this.#proxies.give(objectBehind(value), typeof this.#to === 'string' ? this.#to : undefined));
  };

  async #listen(): Promise<void> {
    for (;;) this.#take(await this.#mailbox.receive());
  }

  #take(message: unknown): void {
    if (isExit(message)) return;
    if (isDown(message)) {
      if (message.ref === this.#monitor) this.#end(message.reason);
      return;
    }
    if (!isToClient(message)) return this.#mailbox.countDropped('not for a proxy');
    if (message.signal === 'answer') return this.#takeAnswer(message);
    if (typeof this.#to !== 'string') this.#to = message.pid;
  }

  #takeAnswer(answer: AnswerMessage): void {
    let outcome: Outcome | undefined;
    try {
      outcome = 'refused' in answer ? undefined : decodeOutcome(answer.result);
    } catch {
      return this.#mailbox.countDropped('not for a proxy');
    }
    const pending = this.#pending.get(answer.id);
    if (pending === undefined) return this.#takeLate(outcome);
    if ('refused' in answer) outcome = { thrown: new CallError(nameOf(pending.request), answer.refused) };
    this.#settle(pending, this.#wireValueOf(outcome as Outcome, pending.request));
  }

  #takeLate(outcome: Outcome | undefined): void {
    this.#mailbox.countDropped('late answer');
    if (outcome === undefined || 'thrown' in outcome || !isProxiedItem(outcome.result)) return;
    this.#mailbox.send<ClientMessage>(outcome.result.value, { signal: 'release', from: this.pid });
  }

  #wireValueOf(outcome: Outcome, request: ComlinkRequest): WireValue {
    if ('thrown' in outcome) return failure(outcome.thrown);
    const { value, handler } = outcome.result;
    try {
      if (handler === undefined) return { type: 'RAW', value };
      if (isProxiedItem(outcome.result)) {
        return { type: 'RAW', value: this.#proxies.take(outcome.result.value, this.#mailbox) };
      }
      handlerNamed(handler);
      return { type: 'HANDLER', name: handler, value };
    } catch (error) {
      return failure(error instanceof Refusal ? new CallError(nameOf(request), error.reason) : error);
    }
  }

  #expire(request: ComlinkRequest, timeoutMs: number): void {
    const pending = this.#pending.get(request.id);
    if (pending !== undefined) this.#settle(pending, failure(new CallTimeoutError(nameOf(request), timeoutMs)));
  }

  #settle({ request, timer }: Pending, wireValue: WireValue): void {
    timer?.cancel();
    this.#pending.delete(request.id);
    this.#deliver(request, wireValue);
    if (this.#isCollected && this.#pending.size === 0) this.#release();
  }

  #fail(request: ComlinkRequest, error: unknown): void {
    this.#deliver(request, failure(error));
  }

  #deliver({ id, type }: ComlinkRequest, wireValue: WireValue): void {
    const isFailure = wireValue.type === 'HANDLER' && wireValue.name === 'throw';
    // JavaScript drops the promise of an assignment: nobody could catch it, and it would end the thread.
    if (type === 'SET' && isFailure) this.#mailbox.countDropped('assignment failed');
    const data = type === 'SET' ? { id, type: 'RAW', value: true } : { id, ...wireValue };
    for (const listener of this.#listeners) listener({ data });
  }

  #find(name: Registered): void {
    if (name.node !== undefined && name.node !== this.#mailbox.node) {
      // On the same way, so that both find the same process behind the name.
      this.#monitor = this.#mailbox.monitor({ name: name.name, node: name.node });
      return this.#mailbox.send<ClientMessage>(name, { signal: 'client', from: this.pid });
    }
    const pid = this.#mailbox.whereis(name.name);
    if (pid === undefined) this.#end('noproc');
    else this.#watch(pid);
  }

  #watch(pid: Pid): void {
    this.#to = pid;
    this.#monitor = this.#mailbox.monitor(pid);
  }

  #release(): void {
    if (this.#ended !== undefined) return;
    // comlink forgets its open requests when a program releases a proxy, but not when a proxy is collected.
    this.#isCollected = this.#pending.size > 0 && this.proxy?.deref() === undefined;
    if (this.#isCollected) return;
    // The object hears of it by its monitor, behind what the proxy has asked before.
    this.#end('released');
  }

  #end(reason: ExitReason): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    const open = [...this.#pending.values()];
    this.#pending.clear();
    for (const { request, timer } of open) {
      timer?.cancel();
      this.#fail(request, new CallError(nameOf(request), reason));
    }
    this.#mailbox.close();
  }

  #mailboxEnded(reason: ExitReason): void {
    if (reason !== 'shutdown') return this.#end(reason);
    // Its owner has ended, and code of a process that has ended goes no further.
    this.#ended ??= reason;
    for (const { timer } of this.#pending.values()) timer?.cancel();
    this.#pending.clear();
  }
}

/** comlink's way to say that something was thrown; a value that is not declared an error is thrown as it is. */
function failure(thrown: unknown): WireValue {
  return { type: 'HANDLER', name: 'throw', value: { isError: false, value: thrown } };
}

/** How errors name a request. */
function nameOf({ type, path = [] }: ComlinkRequest): string {
  const member = path.join('.');
  switch (type) {
    case 'GET':
      return `get ${member}`;
    case 'SET':
      return `set ${member}`;
    case 'CONSTRUCT':
      return member === '' ? 'new' : `new ${member}`;
    case 'APPLY':
      return member === '' ? 'apply' : member;
    case 'ENDPOINT':
    case 'RELEASE':
      return type.toLowerCase();
    default:
      return type satisfies never;
  }
}
