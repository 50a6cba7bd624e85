/**
 * Arguments and results as bytes. Each is a value of its own, or what one of comlink's transfer handlers has made
 * of it, with the handler's name. Under the name `proxy` it is the pid of an object that stays where it is.
 *
 * Both ends need the handlers that they use, as with comlink: `transferHandlers.set('name', { … })` in a module
 * that each thread loads. What a handler would transfer is copied.
 */
import { transferHandlers } from 'comlink';
import { decodeUntrusted, encodeValue } from '../encoding/value-codec.js';
import { ProtocolError } from '../errors.js';
import { reasonOfThrown } from '../exit-reason.js';
import { isPid, type Pid } from '../pid.js';

/** One argument or result on its way. */
export interface Item {
  readonly value: unknown;
  /** The transfer handler that made it. */
  readonly handler?: string;
}

export interface ProxiedItem extends Item {
  readonly value: Pid;
  readonly handler: typeof PROXY;
}

/** What became of a request. */
export type Outcome = { readonly result: Item } | { readonly thrown: unknown };

/** comlink's name for what is not copied. */
const PROXY = 'proxy';

/** comlink's handlers that have no meaning for a value by itself. */
const OWN_HANDLERS: ReadonlySet<string> = new Set([PROXY, 'throw']);

/** No arguments. */
const NONE = new Uint8Array();

export function proxiedItem(pid: Pid): ProxiedItem {
  return { value: pid, handler: PROXY };
}

export function isProxiedItem(item: Item): item is ProxiedItem {
  return item.handler === PROXY && isPid(item.value);
}

/** What travels of a value that is not proxied. Throws what its transfer handler throws. */
export function itemOf(value: unknown): Item {
  for (const [handler, { canHandle, serialize }] of transferHandlers) {
    if (!OWN_HANDLERS.has(handler) && canHandle(value)) return { value: serialize(value)[0], handler };
  }
  return { value };
}

/**
 * The value that an item was made of.
 * @throws TypeError where this thread has no such transfer handler, and what the handler throws.
 */
export function revive({ value, handler }: Item): unknown {
  return handler === undefined ? value : handlerNamed(handler).deserialize(value);
}

/** @throws TypeError where this thread has no such transfer handler. */
export function handlerNamed(name: string): { deserialize(value: unknown): unknown } {
  const found = OWN_HANDLERS.has(name) ? undefined : transferHandlers.get(name);
  if (found === undefined) throw new TypeError(`this thread has no transfer handler "${name}"`);
  return found;
}

/** @throws NotPortableError (`ERR_LIMINAL_NOT_PORTABLE`), for instance for `message.args[0].callback`. */
export function encodeArgs(items: readonly Item[]): Uint8Array {
  if (items.length === 0) return NONE;
  const args = items.map(({ value }) => value);
  if (items.every(({ handler }) => handler === undefined)) return encodeValue({ args });
  return encodeValue({ args, handlers: items.map(({ handler }) => handler) });
}

/** @throws ProtocolError for bytes that no `encodeArgs` made. */
export function decodeArgs(bytes: Uint8Array): Item[] {
  if (bytes.length === 0) return [];
  const { args, handlers } = record(decodeUntrusted(bytes));
  if (!Array.isArray(args) || (handlers !== undefined && !Array.isArray(handlers))) throw malformed();
  return args.map((value, at) => item(value, handlers?.[at]));
}

/** @throws NotPortableError (`ERR_LIMINAL_NOT_PORTABLE`), for instance for `message.result.callback`. */
export function encodeResult({ value, handler }: Item): Uint8Array {
  return encodeValue(handler === undefined ? { result: value } : { result: value, handler });
}

/** An error keeps name, message, stack, code and cause; without the cause, where that cannot be sent. Never throws. */
export function encodeThrown(thrown: unknown): Uint8Array {
  try {
    return encodeValue({ thrown });
  } catch {
    const { message, ...rest } = reasonOfThrown(thrown).error;
    return encodeValue({ thrown: Object.assign(new Error(message), rest) });
  }
}

/** @throws ProtocolError for bytes that neither `encodeResult` nor `encodeThrown` made. */
export function decodeOutcome(bytes: Uint8Array): Outcome {
  const decoded = record(decodeUntrusted(bytes));
  if ('thrown' in decoded) return { thrown: decoded['thrown'] };
  if ('result' in decoded) return { result: item(decoded['result'], decoded['handler']) };
  throw malformed();
}

function item(value: unknown, handler: unknown): Item {
  if (handler === undefined) return { value };
  if (typeof handler !== 'string' || (handler === PROXY && !isPid(value))) throw malformed();
  return { value, handler };
}

function record(decoded: unknown): Record<string, unknown> {
  if (typeof decoded !== 'object' || decoded === null) throw malformed();
  return decoded as Record<string, unknown>;
}

function malformed(): ProtocolError {
  return new ProtocolError('bad object message');
}
