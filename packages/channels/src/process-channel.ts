/**
 * Channels for processes, on whatever thread they run: they ask the home thread, which knows the subscribers.
 * A payload is checked and encoded on the publisher's own thread.
 */
import { encodeValue, type Pid, type Scheduler, type Self } from '@liminal-node/scheduler';
import type { ChannelOptions } from './channel.js';
import type { Channels } from './channels.js';
import { checkChannelName } from './envelope.js';
import type { PublishOptions, Receipt } from './receipt.js';
import { validatePayload } from './schema.js';

const SERVICE = 'channels';

type Request =
  | { readonly type: 'subscribe' | 'unsubscribe'; readonly channel: string }
  | {
      readonly type: 'publish';
      readonly channel: string;
      readonly payload: Uint8Array;
      readonly options: PublishOptions;
    };

/** What a process sees of one channel. */
export interface ProcessChannel<T> {
  readonly name: string;
  /** As `Channel.publish`, in the name of the process. */
  publish(payload: T, options?: PublishOptions): Promise<Receipt>;
  /** Envelopes come into the process's mailbox, from the moment that this resolves at the latest, until it unsubscribes or ends. */
  subscribe(): Promise<void>;
  unsubscribe(): Promise<void>;
}

/** The channel `name` for the process `self`. @throws TypeError for what cannot name a channel. */
export function channelOf<T>(self: Self, name: string, { schema }: ChannelOptions<T> = {}): ProcessChannel<T> {
  checkChannelName(name);
  const ask = (request: Request): Promise<unknown> => self.request(SERVICE, request);
  return {
    name,
    async publish(payload, options = {}) {
      const encoded = encodeValue(validatePayload(name, schema, payload));
      return (await ask({ type: 'publish', channel: name, payload: encoded, options })) as Receipt;
    },
    async subscribe() {
      await ask({ type: 'subscribe', channel: name });
    },
    async unsubscribe() {
      await ask({ type: 'unsubscribe', channel: name });
    },
  };
}

/** The home thread's side. */
export function answerProcesses(scheduler: Scheduler, channels: Channels): void {
  scheduler.provide(SERVICE, async (from: Pid, body: unknown) => {
    const request = body as Request;
    switch (request.type) {
      case 'subscribe':
        return channels.subscribeProcess(request.channel, from);
      case 'unsubscribe':
        return channels.unsubscribeProcess(request.channel, from);
      case 'publish': {
        const { channel, payload, options } = request;
        const { flushed, ...receipt } = channels.publishEncoded(channel, payload, options, from);
        if (options.flush) await flushed();
        return receipt;
      }
      default:
        return request satisfies never;
    }
  });
}
