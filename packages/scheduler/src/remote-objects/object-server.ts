/**
 * One object in its mailbox: who its clients are, and what they ask of it.
 *
 *   1. A client is known by the pid of its proxy's mailbox, from its first message on, and is monitored. It is
 *      forgotten when that mailbox ends, as it does when the proxy is released; comlink's `[finalizer]` of the object
 *      is called then.
 *   2. Requests begin in the order in which they come. As with comlink, a method that waits lets the next begin.
 *   3. What a method returns or throws is the answer. A result that cannot be sent is answered with the
 *      `NotPortableError`. The object lives on in either case.
 *   4. Everything else in the mailbox is dropped and counted, but for the `stop` that ends any server.
 *
 * Nothing that a client can send throws here. What the finalizer throws ends the process.
 */
import { finalizer } from 'comlink';
import { isServerMessage, type RefusedMessage } from '../behaviours/server-message.js';
import { type ExitReason, reasonOfThrown } from '../exit-reason.js';
import type { Pid, Ref } from '../pid.js';
import { UNWIND } from '../process.js';
import type { AttachedProcess, Self } from '../self.js';
import { isDown } from '../signal.js';
import { apply, assign, construct, read } from './object-members.js';
import { type AnswerMessage, isToObject, type ObjectMessage, type RequestMessage } from './object-message.js';
import {
  decodeArgs,
  encodeResult,
  encodeThrown,
  type Item,
  isProxiedItem,
  itemOf,
  proxiedItem,
  revive,
} from './object-values.js';
import { Refusal } from './options.js';
import { isProxied, isRemote } from './proxied.js';
import type { Proxies } from './proxies.js';

interface Client {
  readonly monitor: Ref;
  /** Requests that have no answer yet. */
  pending: number;
}

interface ServingOptions {
  readonly maxClients: number;
  /** Called when the last client is forgotten. */
  readonly onForsaken?: () => void;
}

export class ObjectServer {
  readonly #self: Self;
  readonly #object: object;
  readonly #proxies: Proxies;
  readonly #options: ServingOptions;
  readonly #clients = new Map<Pid, Client>();
  readonly #monitors = new Map<Ref, Pid>();
  /** Stands for the one client to come, see `proxies.ts`. */
  #holder: Pid | undefined;

  constructor(self: Self, object: object, proxies: Proxies, options: ServingOptions) {
    this.#self = self;
    this.#object = object;
    this.#proxies = proxies;
    this.#options = options;
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Counts `pid` as a client until another introduces itself. */
  hold(pid: Pid): void {
    this.#holder = pid;
    this.#admit(pid);
  }

  handle(message: unknown): void {
    if (isDown(message)) return this.#forget(this.#monitors.get(message.ref));
    if (!isToObject(message)) return this.#handleOther(message);
    switch (message.signal) {
      case 'request':
        return this.#request(message);
      case 'client':
        return this.#introduce(message.from);
      case 'release':
        return this.#forget(message.from);
      default:
        return message satisfies never;
    }
  }

  #handleOther(message: unknown): void {
    if (isServerMessage(message) && message.signal === 'stop') this.#self.exit(message.reason);
    this.#self.countDropped('not for an object');
    if (isServerMessage(message) && message.signal === 'call') {
      const refused: RefusedMessage = { signal: 'refused', reason: { noSuchCall: message.name } };
      this.#self.send(message.from, refused);
    }
  }

  #introduce(from: Pid): void {
    this.#remove(this.#holder);
    this.#holder = undefined;
    const client = this.#admit(from);
    if (client !== undefined) this.#self.send<ObjectMessage>(from, { signal: 'object', pid: this.#self.pid });
  }

  #admit(from: Pid): Client | undefined {
    const known = this.#clients.get(from);
    if (known !== undefined || this.#clients.size >= this.#options.maxClients) return known;
    const client: Client = { monitor: this.#self.monitor(from), pending: 0 };
    this.#clients.set(from, client);
    this.#monitors.set(client.monitor, from);
    return client;
  }

  #remove(from: Pid | undefined): boolean {
    const client = from === undefined ? undefined : this.#clients.get(from);
    if (from === undefined || client === undefined) return false;
    this.#clients.delete(from);
    this.#monitors.delete(client.monitor);
    this.#self.demonitor(client.monitor, { flush: true });
    return true;
  }

  #forget(from: Pid | undefined): void {
    if (!this.#remove(from)) return;
    if (this.#clients.size === 0) this.#options.onForsaken?.();
    if (isRemote(this.#object)) return;
    const { [finalizer]: finalize } = this.#object as { [finalizer]?: unknown };
    if (typeof finalize === 'function') Reflect.apply(finalize, this.#object, []);
  }

  #request(request: RequestMessage): void {
    const client = this.#admit(request.from);
    if (client === undefined) return this.#refuse(request, { tooManyClients: this.#options.maxClients });
    const { maxPendingCalls } = this.#proxies.limits;
    if (client.pending >= maxPendingCalls) return this.#refuse(request, { tooManyCalls: maxPendingCalls });
    let args: Item[];
    try {
      args = decodeArgs(request.args);
    } catch {
      this.#self.countDropped('not for an object');
      return;
    }
    client.pending++;
    const failed = (thrown: unknown): void => this.#fail(request, client, thrown);
    try {
      const result = this.#perform(request, args.map(this.#valueOf));
      if (!isThenable(result)) this.#answer(request, client, result);
      else
        Promise.resolve(result)
          .then((value) => this.#answer(request, client, value), failed)
          .catch(failed);
    } catch (thrown) {
      failed(thrown);
    }
  }

  #perform({ type, path }: RequestMessage, args: readonly unknown[]): unknown {
    switch (type) {
      case 'GET':
        return read(this.#object, path);
      case 'SET':
        return assign(this.#object, path, args[0]);
      case 'APPLY':
        return apply(this.#object, path, args);
      case 'CONSTRUCT':
        return new Instance(construct(this.#object, path, args));
      default:
        return type satisfies never;
    }
  }

  readonly #valueOf = (item: Item): unknown =>
    isProxiedItem(item) ? this.#proxies.take(item.value, this.#self) : revive(item);

  #answer(request: RequestMessage, client: Client, result: unknown): void {
    if (!this.#isClient(request.from, client)) return;
    const encoded = encodeResult(this.#itemOf(result, request.from));
    client.pending--;
    this.#self.send<AnswerMessage>(request.from, { signal: 'answer', id: request.id, result: encoded });
  }

  #itemOf(result: unknown, to: Pid): Item {
    if (result instanceof Instance) return proxiedItem(this.#proxies.give(result.value as object, to));
    return isProxied(result) ? proxiedItem(this.#proxies.give(result, to)) : itemOf(result);
  }

  #fail(request: RequestMessage, client: Client, thrown: unknown): void {
    if (!this.#isClient(request.from, client)) return;
    client.pending--;
    if (thrown instanceof Refusal) return this.#refuse(request, thrown.reason);
    const result = encodeThrown(thrown);
    this.#self.send<AnswerMessage>(request.from, { signal: 'answer', id: request.id, result });
  }

  #refuse({ from, id }: RequestMessage, refused: ExitReason): void {
    this.#self.send<AnswerMessage>(from, { signal: 'answer', id, refused });
  }

  /** Whether it is still there: a request may take longer than its client lives. */
  #isClient(from: Pid, client: Client): boolean {
    return this.#clients.get(from) === client;
  }
}

/** What `new` has made: always proxied, as with comlink. */
class Instance {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

/** A proxy of an object elsewhere is none, though it has a `then`. */
function isThenable(value: unknown): boolean {
  if (value instanceof Promise) return true;
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || isRemote(value)) return false;
  return typeof (value as { then?: unknown }).then === 'function';
}

/** Serves an object in a mailbox that was attached for it. */
export async function serveMailbox(mailbox: AttachedProcess, server: ObjectServer): Promise<void> {
  try {
    for (;;) server.handle(await mailbox.receive());
  } catch (thrown) {
    if (thrown !== UNWIND) mailbox.exitProcess(mailbox.pid, reasonOfThrown(thrown));
  }
}
