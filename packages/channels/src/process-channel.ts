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
  | { readonly type: 'subscribe'; readonly channel: string; readonly ready?: ProcessSubscribeOptions | undefined }
  | { readonly type: 'unsubscribe'; readonly channel: string }
  | {
      readonly type: 'publish';
      readonly channel: string;
      readonly payload: Uint8Array;
      readonly options: PublishOptions;
    };

/**
 * With `ready: 'cluster'` a subscribe resolves only when every node that is connected has acknowledged it, or is
 * connected no more. It rejects with NotAcknowledgedError (ERR_LIMINAL_NOT_ACKNOWLEDGED) after `timeoutMs`; nothing is
 * subscribed then.
 */
export interface ProcessSubscribeOptions {
  readonly ready?: 'cluster';
  /** Milliseconds to wait for the other nodes. @default 15000 */
  readonly timeoutMs?: number;
}

/** What a process sees of one channel. */
export interface ProcessChannel<T> {
  readonly name: string;
  /** As `Channel.publish`, in the name of the process. */
  publish(payload: T, options?: PublishOptions): Promise<Receipt>;
  /** Envelopes come into the process's mailbox, from the moment that this resolves at the latest, until it unsubscribes or ends. */
  subscribe(options?: ProcessSubscribeOptions): Promise<void>;
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
    async subscribe(options) {
      await ask({ type: 'subscribe', channel: name, ready: options });
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
        return subscribe(channels, request.channel, from, request.ready);
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

async function subscribe(
  channels: Channels,
  channel: string,
  process: Pid,
  { ready, timeoutMs }: ProcessSubscribeOptions = {},
): Promise<void> {
  channels.subscribeProcess(channel, process);
  if (ready !== 'cluster') return;
  try {
    await channels.acknowledged(timeoutMs === undefined ? {} : { timeoutMs });
  } catch (error) {
    channels.unsubscribeProcess(channel, process);
    throw error;
  }
}
