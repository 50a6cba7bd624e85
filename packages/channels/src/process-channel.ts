/**
 * Channels for processes, on whatever thread they run: they ask the home thread, which knows the subscribers.
 * A payload is checked and encoded on the publisher's own thread.
 */
import { encodeValue, type Pid, type Scheduler, type Self } from '@liminal-node/scheduler';
import type { ChannelOptions } from './channel.js';
import type { Channels, Published } from './channels.js';
import { checkChannelName } from './envelope.js';
import type { PublishOptions, Receipt } from './receipt.js';
import { validatePayload } from './schema.js';

const SERVICE = 'channels';

interface PublishRequest {
  readonly type: 'publish';
  readonly channel: string;
  readonly payload: Uint8Array;
  readonly options: Omit<PublishOptions, 'signal'>;
  /** Which of its publishes that it may give up. */
  readonly wait?: number;
}

type Request =
  | {
      readonly type: 'subscribe';
      readonly channel: string;
      readonly options?: ProcessSubscribeOptions | undefined;
    }
  | { readonly type: 'unsubscribe'; readonly channel: string }
  | PublishRequest
  | { readonly type: 'giveUp'; readonly wait: number };

/**
 * With `ready: 'cluster'` a subscribe resolves only when every node that is connected has acknowledged it, or is
 * connected no more. It rejects with NotAcknowledgedError (ERR_LIMINAL_NOT_ACKNOWLEDGED) after `timeoutMs`; nothing is
 * subscribed then.
 */
export interface ProcessSubscribeOptions {
  readonly ready?: 'cluster';
  /** Milliseconds to wait for the other nodes. @default 15000 */
  readonly timeoutMs?: number;
  /**
   * A `Gap` comes where envelopes are missing that were lost on the way; what its own mailbox drops, a process is told
   * where it was spawned with `mailbox: { gaps: true }`. @default false
   */
  readonly gaps?: boolean;
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

const NO_OPTIONS: PublishOptions = {};

/** Publishes of this thread that could be given up, so far. */
let waits = 0;

/** The channel `name` for the process `self`. @throws TypeError for what cannot name a channel. */
export function channelOf<T>(self: Self, name: string, { schema }: ChannelOptions<T> = {}): ProcessChannel<T> {
  checkChannelName(name);
  const ask = (request: Request): Promise<unknown> => self.request(SERVICE, request);
  const publishUntil = async (signal: AbortSignal, request: PublishRequest): Promise<Receipt> => {
    signal.throwIfAborted();
    const wait = waits++;
    const giveUp = (): void => void ask({ type: 'giveUp', wait });
    signal.addEventListener('abort', giveUp);
    try {
      return (await ask({ ...request, wait })) as Receipt;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  };
  return {
    name,
    // With no promise but that of the request, one of which costs as much as the rest of it.
    publish(payload, given) {
      try {
        const encoded = encodeValue(validatePayload(name, schema, payload));
        const { signal, ...options } = given ?? NO_OPTIONS;
        const request = { type: 'publish', channel: name, payload: encoded, options } as const;
        return signal === undefined ? (ask(request) as Promise<Receipt>) : publishUntil(signal, request);
      } catch (error) {
        return Promise.reject(error);
      }
    },
    async subscribe(options) {
      await ask({ type: 'subscribe', channel: name, options });
    },
    async unsubscribe() {
      await ask({ type: 'unsubscribe', channel: name });
    },
  };
}

/** The home thread's side. */
export function answerProcesses(scheduler: Scheduler, channels: Channels): void {
  /** Publishes that wait and may be given up, by process and number. */
  const waiting = new Map<string, AbortController>();
  const publish = (from: Pid, { channel, payload, options, wait }: PublishRequest): Receipt | Promise<Receipt> => {
    if (wait !== undefined) return publishUntil(from, channel, payload, options, wait);
    const done = channels.publishEncoded(channel, payload, options, from);
    return options.flush || done.receipt instanceof Promise ? published(done, options) : done.receipt;
  };
  const publishUntil = async (
    from: Pid,
    channel: string,
    payload: Uint8Array,
    options: PublishOptions,
    wait: number,
  ): Promise<Receipt> => {
    const abort = new AbortController();
    const key = `${from} ${wait}`;
    waiting.set(key, abort);
    try {
      const { signal } = abort;
      return await published(channels.publishEncoded(channel, payload, { ...options, signal }, from), options);
    } finally {
      waiting.delete(key);
    }
  };
  scheduler.provide(SERVICE, (from: Pid, body: unknown) => {
    const request = body as Request;
    switch (request.type) {
      case 'subscribe':
        return subscribe(channels, request.channel, from, request.options);
      case 'unsubscribe':
        return channels.unsubscribeProcess(request.channel, from);
      case 'publish':
        return publish(from, request);
      case 'giveUp':
        return waiting.get(`${from} ${request.wait}`)?.abort();
      default:
        return request satisfies never;
    }
  });
}

async function subscribe(
  channels: Channels,
  channel: string,
  process: Pid,
  { ready, timeoutMs, gaps = false }: ProcessSubscribeOptions = {},
): Promise<void> {
  channels.subscribeProcess(channel, process, { gaps });
  if (ready !== 'cluster') return;
  try {
    await channels.acknowledged(timeoutMs === undefined ? {} : { timeoutMs });
  } catch (error) {
    channels.unsubscribeProcess(channel, process);
    throw error;
  }
}

async function published({ receipt, remote }: Published, { flush }: PublishOptions): Promise<Receipt> {
  const settled = receipt instanceof Promise ? await receipt : receipt;
  if (flush) await remote.flushed();
  return settled;
}
