/** What clients and servers say to one another. Anything else in a server's mailbox is a plain message. */
import type { ExitReason } from '../exit-reason.js';
import { isPid, type Pid } from '../pid.js';

/** Asks for a reply. */
export interface CallMessage {
  readonly signal: 'call';
  readonly name: string;
  readonly args: readonly unknown[];
  readonly from: From<unknown>;
}

/** Asks for something, and for no reply. */
export interface CastMessage {
  readonly signal: 'cast';
  readonly name: string;
  readonly args: readonly unknown[];
}

/** Asks the server to end, after what came before. */
export interface StopMessage {
  readonly signal: 'stop';
  readonly reason: ExitReason;
}

/** Takes the place of a reply where the server lives and will not give one. */
export interface RefusedMessage {
  readonly signal: 'refused';
  readonly reason: ExitReason;
}

export interface ReplyMessage<Result> {
  readonly signal: 'reply';
  readonly value: Result;
}

/**
 * Whom a reply goes to: the address of one call. It is portable, so any process can be given it and reply. It
 * takes one reply; later ones, and those to a caller that has stopped waiting, reach nobody.
 */
export type From<Result> = Pid<ReplyMessage<Result> | RefusedMessage>;

export function isReply(message: unknown): message is ReplyMessage<unknown> | RefusedMessage {
  return hasSignal(message) && (message.signal === 'reply' || message.signal === 'refused');
}

export function isServerMessage(message: unknown): message is CallMessage | CastMessage | StopMessage {
  if (!hasSignal(message)) return false;
  if (message.signal === 'stop') return 'reason' in message;
  if (message.signal !== 'call' && message.signal !== 'cast') return false;
  const { name, args, from } = message as Partial<CallMessage>;
  return typeof name === 'string' && Array.isArray(args) && (message.signal === 'cast' || isPid(from));
}

function hasSignal(message: unknown): message is { readonly signal: unknown } {
  return typeof message === 'object' && message !== null && 'signal' in message;
}
