/** The limits of proxies and of objects, and what is thrown where one is reached. */
import type { ExitReason } from '../exit-reason.js';
import { type OptionChecks, resolveOptions, wholeNumber } from '../options.js';

export interface ProxyOptions {
  /** A call that has no answer after so many ms fails with `CallTimeoutError`. The object goes on. @default 5000 */
  readonly timeoutMs: number;
  /** Calls that may be open at a time; one more fails with the reason `{ tooManyCalls }`. @default 1000 */
  readonly maxPendingCalls: number;
  /**
   * Callbacks and other proxied values, given and taken and not released, that may be open at a time; a call that
   * would open one more fails with the reason `{ tooManyProxies }`. @default 1000
   */
  readonly maxProxies: number;
}

/**
 * The limits of an object that is exposed: `timeoutMs` is for the calls that it makes of what it was given,
 * `maxPendingCalls` for each of its clients, and `maxProxies` for all of them together.
 */
export interface ObjectOptions extends ProxyOptions {
  /** Proxies that it serves at a time; the calls of one more fail with the reason `{ tooManyClients }`. @default 10,000 */
  readonly maxClients: number;
}

const DEFAULT_PROXY: ProxyOptions = { timeoutMs: 5_000, maxPendingCalls: 1_000, maxProxies: 1_000 };

const DEFAULT_OBJECT: ObjectOptions = { ...DEFAULT_PROXY, maxClients: 10_000 };

const PROXY_CHECKS: OptionChecks<ProxyOptions> = {
  timeoutMs: (value) => (Number(value) >= 0 ? undefined : `must be 0 ms or more, not ${String(value)}`),
  maxPendingCalls: wholeNumber(1),
  maxProxies: wholeNumber(0),
};

/** @throws OptionError (`ERR_LIMINAL_OPTION`) for an option that is unknown or refused. */
export function resolveProxyOptions(given?: Partial<ProxyOptions>): ProxyOptions {
  return resolveOptions(given, DEFAULT_PROXY, PROXY_CHECKS);
}

/** @throws OptionError (`ERR_LIMINAL_OPTION`) for an option that is unknown or refused. */
export function resolveObjectOptions(given?: Partial<ObjectOptions>): ObjectOptions {
  return resolveOptions(given, DEFAULT_OBJECT, { ...PROXY_CHECKS, maxClients: wholeNumber(1) });
}

/** A limit is reached: the request fails with `reason`, and nothing was done. */
export class Refusal {
  readonly reason: ExitReason;

  constructor(reason: ExitReason) {
    this.reason = reason;
  }
}
