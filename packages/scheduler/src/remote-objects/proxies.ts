/**
 * What an object and its clients have handed one another as proxies, on one side: objects that were given, and
 * proxies that were taken. One `Proxies` belongs to each `wrap`, and one to each object that is exposed, with
 * all that is reached through them, so that a peer cannot open more than a bounded number.
 *
 * How a proxied object gets to the other side, so that its end is known whenever it comes:
 *   1. the giver attaches a mailbox for the object and counts the process that it is given to as its client;
 *   2. the taker attaches a mailbox for the proxy and, from that same process, introduces the proxy as the client
 *      in its place: ahead of any end of that process;
 *   3. the proxy is released or collected, or its process ends: the object has no client, and its mailbox is closed.
 *      Or the object's process ends first, and the proxy's calls fail with the reason.
 */
import { wrap } from 'comlink';
import type { Pid } from '../pid.js';
import type { AttachedProcess, Self } from '../self.js';
import type { AttachOptions } from '../spawner.js';
import { MailboxEndpoint } from './mailbox-endpoint.js';
import type { ClientMessage } from './object-message.js';
import { ObjectServer, serveMailbox } from './object-server.js';
import { type ProxyOptions, Refusal } from './options.js';

/** A process, or the program: a `Self`, a `Scheduler`, a node. */
export interface Owner {
  attach(options?: AttachOptions): AttachedProcess;
}

export class Proxies {
  readonly owner: Owner;
  readonly limits: ProxyOptions;
  #open = 0;

  constructor(owner: Owner, limits: ProxyOptions) {
    this.owner = owner;
    this.limits = limits;
  }

  /**
   * Makes an object reachable for one proxy.
   * @param to the process that it is given to, where its pid is known.
   * @throws Refusal where too many are open.
   */
  give(object: object, to: Pid | undefined): Pid {
    this.#checkBound();
    const mailbox = this.owner.attach({ label: 'proxied object' });
    const server = new ObjectServer(mailbox, object, this, { maxClients: 1, onForsaken: () => mailbox.close() });
    if (to !== undefined) server.hold(to);
    this.#countUntilEnd(mailbox);
    void serveMailbox(mailbox, server);
    return mailbox.pid;
  }

  /**
   * The proxy of an object that was given to the process `self`.
   * @throws Refusal where too many are open; the object is let go.
   */
  take(pid: Pid, self: Self): object {
    try {
      this.#checkBound();
    } catch (refusal) {
      self.send<ClientMessage>(pid, { signal: 'release', from: self.pid });
      throw refusal;
    }
    const { endpoint, proxy } = this.wrap(pid);
    self.send<ClientMessage>(pid, { signal: 'client', from: endpoint.pid });
    this.#countUntilEnd(endpoint);
    return proxy;
  }

  /** A proxy of what is at an address, and its endpoint, which ends when the proxy is released or collected. */
  wrap(to: ConstructorParameters<typeof MailboxEndpoint>[0]): { endpoint: MailboxEndpoint; proxy: object } {
    const endpoint = new MailboxEndpoint(to, this);
    const proxy = wrap<object>(endpoint);
    endpoint.proxy = new WeakRef(proxy);
    return { endpoint, proxy };
  }

  #checkBound(): void {
    const { maxProxies } = this.limits;
    if (this.#open >= maxProxies) throw new Refusal({ tooManyProxies: maxProxies });
  }

  #countUntilEnd({ signal }: { readonly signal: AbortSignal }): void {
    this.#open++;
    signal.addEventListener('abort', () => {
      this.#open--;
    });
  }
}
