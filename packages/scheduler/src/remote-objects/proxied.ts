/**
 * Which values stay where they are and are sent as a proxy: those that are marked by comlink's `proxy`, and proxies
 * of objects elsewhere, which are passed on by way of this process.
 *
 * comlink serializes an argument before its endpoint sees it, and knows only message ports, which no message can
 * hold. So its handler is followed by a note of the object behind each port: the port is closed, and the object gets
 * a mailbox. For endpoints of other kinds comlink's handler does what it always did.
 */
import type { MessagePort } from 'node:worker_threads';
import { proxyMarker, type TransferHandler, transferHandlers } from 'comlink';

const objects = new WeakMap<object, object>();

const original = transferHandlers.get('proxy') as TransferHandler<object, MessagePort>;
transferHandlers.set('proxy', {
  canHandle: original.canHandle,
  serialize(value) {
    const serialized = original.serialize(value as object);
    objects.set(serialized[0], value as object);
    return serialized;
  },
  deserialize: (port) => original.deserialize(port as MessagePort),
} satisfies TransferHandler<unknown, unknown> as TransferHandler<unknown, unknown>);

/**
 * The object that comlink has serialized as a port, which is closed.
 * @throws TypeError for a port that comes from elsewhere.
 */
export function objectBehind(port: unknown): object {
  const object = typeof port === 'object' && port !== null ? objects.get(port) : undefined;
  if (object === undefined) throw new TypeError('a MessagePort cannot be sent to another process: send a pid');
  (port as MessagePort).close();
  return object;
}

/** Whether `value` is to be sent as a proxy. */
export function isProxied(value: unknown): value is object {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return Boolean((value as { [proxyMarker]?: unknown })[proxyMarker]);
}

/** A property that no object has. Proxies of comlink seem to have every property. */
const PROBE = Symbol('probe');

/** Whether `value` is a proxy of an object elsewhere, or of a member of one. */
export function isRemote(value: unknown): value is (...args: unknown[]) => unknown {
  return typeof value === 'function' && (value as { [PROBE]?: unknown })[PROBE] !== undefined;
}
