/** Processes that the scenarios run on scheduler threads. */
import {
  channelOf,
  defineObject,
  defineProcess,
  defineServer,
  type ExitReason,
  isDown,
  isEnvelope,
  isExit,
  type Loss,
  type Pid,
  type ProxyMarked,
  proxy,
  type Remote,
} from 'liminal-node';

/** What an `obedient` process is told to do. */
export type Order =
  | { readonly order: 'exit'; readonly reason: ExitReason }
  | { readonly order: 'throw'; readonly message: string }
  | { readonly order: 'block' }
  | { readonly order: 'link' | 'monitor'; readonly to: Pid }
  | { readonly order: 'subscribe' | 'unsubscribe'; readonly channel: string }
  | { readonly order: 'publish'; readonly channel: string; readonly payload: unknown };

/** Obeys orders and tells `observer` of each order that is done, and of everything else that it receives. */
export const obedient = defineProcess(import.meta.url, 'obedient', async (self, observer: Pid) => {
  for await (const message of self.messages()) {
    if (isExit(message) || isDown(message) || isEnvelope(message)) {
      self.send(observer, { heard: message });
      continue;
    }
    const order = message as Order;
    switch (order.order) {
      case 'exit':
        return self.exit(order.reason);
      case 'throw':
        throw new Error(order.message);
      case 'block':
        for (;;);
      case 'link':
        self.link(order.to);
        break;
      case 'monitor':
        self.monitor(order.to);
        break;
      case 'subscribe':
        await channelOf(self, order.channel).subscribe();
        break;
      case 'unsubscribe':
        await channelOf(self, order.channel).unsubscribe();
        break;
      case 'publish':
        await channelOf(self, order.channel).publish(order.payload);
        break;
      default:
        order satisfies never;
    }
    self.send(observer, { done: order.order });
  }
});

/** Subscribes to `channel`, tells `observer` of each payload, and throws at the payload `bad`. */
export const fragile = defineProcess(import.meta.url, 'fragile', async (self, channel: string, observer: Pid) => {
  await channelOf(self, channel).subscribe();
  self.send(observer, 'subscribed');
  return (envelope: unknown) => {
    const payload = isEnvelope(envelope) ? envelope.payload : envelope;
    if (payload === 'bad') throw new RangeError('cannot handle it');
    self.send(observer, { by: self.pid, payload });
  };
});

type Listener = Remote<((entry: string) => unknown) & ProxyMarked>;

/** An object that other nodes use. */
export class Ledger {
  readonly entries: string[] = [];
  finalized = 0;
  #listener: Listener | undefined;

  add(entry: string): number {
    return this.entries.push(entry);
  }

  listen(listener: Listener): void {
    this.#listener = listener;
  }

  async tell(entry: string): Promise<unknown> {
    return await this.#listener?.(entry);
  }

  /** How telling the listener fails. */
  async failure(): Promise<unknown> {
    try {
      return await this.#listener?.('');
    } catch (error) {
      return (error as { reason?: unknown }).reason;
    }
  }

  view() {
    return proxy({ count: () => this.entries.length });
  }

  never(): Promise<void> {
    return new Promise(() => {});
  }

  fail(): never {
    throw Object.assign(new RangeError('no such entry'), { code: 'E_LEDGER' });
  }
}

export const ledger = defineObject(import.meta.url, 'ledger', () => new Ledger());

/** A server that adds, fails, and keeps callers waiting. */
export const clerk = defineServer(import.meta.url, 'clerk', {
  init: () => ({ total: 0 }),
  calls: {
    add({ state }, by: number) {
      state.total += by;
      return state.total;
    },
    fail(_server, message: string): never {
      throw new RangeError(message);
    },
    wait: (server) => server.later<never>(() => {}),
  },
});

/** Publishes `count` numbered messages of so many bytes, and tells `observer` which were dropped for which node. */
export const numbering = defineProcess(
  import.meta.url,
  'numbering',
  async (self, channel: string, count: number, bytes: number, whenFull: 'drop' | 'wait', observer: Pid) => {
    const text = 'x'.repeat(bytes);
    const losses: (Loss & { readonly n: number })[] = [];
    for (let n = 0; n < count; n++) {
      const receipt = await channelOf(self, channel).publish({ n, text }, { whenFull });
      for (const loss of receipt.losses ?? []) losses.push({ ...loss, n });
    }
    self.send(observer, { publisher: self.pid, losses });
  },
);

/** A message of about 1 KiB that tells which one it is all over. */
export const kibibyte = (n: number): { readonly n: number; readonly text: string } => ({
  n,
  text: `${n} `.padStart(8, '.').repeat(128),
});

/** Sends `bursts` times so many numbered messages to `target`, and waits for an answer after each time. */
export const bursting = defineProcess(
  import.meta.url,
  'bursting',
  async (self, target: Pid, bursts: number, burst: number) => {
    for (let n = 0; n < bursts * burst; n++) {
      if (n > 0 && n % burst === 0) await self.receive();
      self.send(target, kibibyte(n));
    }
  },
);
