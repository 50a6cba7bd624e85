/**
 * What proxies and objects say to one another: comlink's messages, with the address of the client, and with
 * values as bytes of their own.
 *
 * Values travel as bytes so that they are copies on every path, as comlink's users expect: an object may return
 * a part of its state and change it afterwards, and a caller may change what it was given.
 *
 *   client -> object   `request`: one of comlink's, answered once
 *                      `client`: the proxy exists; from now on the object is held for it. Answered with `object`
 *                      `release`: it was given the object and has made no proxy of it
 *   object -> client   `answer`, to a request
 *                      `object`, which tells the pid of an object that is known by name
 */
import type { ExitReason } from '../exit-reason.js';
import { isPid, type Pid } from '../pid.js';

/** What comlink can ask of an object. */
export type RequestType = 'GET' | 'SET' | 'APPLY' | 'CONSTRUCT';

export interface RequestMessage {
  readonly signal: 'request';
  readonly type: RequestType;
  readonly from: Pid;
  /** Made by comlink; no other open request of the client has it. */
  readonly id: string;
  /** Names of members, from the object on; none for the object itself. */
  readonly path: readonly string[];
  /** See `object-values.ts`. */
  readonly args: Uint8Array;
}

export interface ClientMessage {
  readonly signal: 'client' | 'release';
  readonly from: Pid;
}

/** `refused`: the request was not made of the object. */
export type AnswerMessage =
  | { readonly signal: 'answer'; readonly id: string; readonly result: Uint8Array }
  | { readonly signal: 'answer'; readonly id: string; readonly refused: ExitReason };

export interface ObjectMessage {
  readonly signal: 'object';
  readonly pid: Pid;
}

/** The longest way to a member. */
const MAX_PATH = 32;

/** comlink's ids have 59 characters at most. */
const MAX_ID_LENGTH = 64;

const TYPES: readonly unknown[] = ['GET', 'SET', 'APPLY', 'CONSTRUCT'] satisfies RequestType[];

/** Whether `message` is well-formed, whoever sent it. */
export function isToObject(message: unknown): message is RequestMessage | ClientMessage {
  if (!hasSignal(message)) return false;
  const { signal, from, type, id, path, args } = message as Partial<Omit<RequestMessage, 'signal'>> & typeof message;
  if (signal === 'client' || signal === 'release') return isPid(from);
  if (signal !== 'request' || !TYPES.includes(type) || !isId(id) || !isPath(path)) return false;
  return args instanceof Uint8Array && isPid(from) && (type !== 'SET' || path.length > 0);
}

/** Whether `message` is well-formed, whoever sent it. */
export function isToClient(message: unknown): message is AnswerMessage | ObjectMessage {
  if (!hasSignal(message)) return false;
  if (message.signal === 'object') return 'pid' in message && isPid(message.pid);
  if (message.signal !== 'answer' || !('id' in message) || !isId(message.id)) return false;
  return 'refused' in message || ('result' in message && message.result instanceof Uint8Array);
}

function isId(id: unknown): id is string {
  return typeof id === 'string' && id !== '' && id.length <= MAX_ID_LENGTH;
}

function isPath(path: unknown): path is readonly string[] {
  return Array.isArray(path) && path.length <= MAX_PATH && path.every((member) => typeof member === 'string');
}

function hasSignal(message: unknown): message is { readonly signal: unknown } {
  return typeof message === 'object' && message !== null && 'signal' in message;
}
