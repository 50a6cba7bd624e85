/**
 * Asks the domain name system for nodes, for as long as this node runs.
 *
 * 1. Each source is asked at the start, then every `discoverIntervalMs`, and soon after a dial that failed or a session
 *    that was lost, but not twice within a second. One question a source at a time, under one deadline.
 * 2. What is found is entered in the address book, as something worth a dial. Nothing is ever taken out: an address
 *    that is no longer found is forgotten like one that a peer told of.
 * 3. A source that fails is asked again with back-off. It is logged when it begins to fail, and when it fails otherwise
 *    than before.
 *
 * A question that hangs holds up nobody: dials, and other sources, go on.
 */
import { backOffMs, type Timer } from '@liminal-node/scheduler';
import { canonicalAddress, formatHostAndPort } from './address.js';
import { count, type DistributionCounters } from './counters.js';
import { type DiscoverySource, parseDiscoverySource, resolveSource } from './discovery-source.js';
import type { AddressBook } from './known-peers.js';
import type { DistributionSettings } from './options.js';

/** How one source stands. */
export interface Discovered {
  /** As it was given. */
  readonly source: string;
  /** What its last answer held, in one spelling each; empty before the first. */
  readonly addresses: readonly string[];
  /** Why the last question failed: the system's code, or `deadline`. ENOTFOUND and ENODATA say that there are none. */
  readonly lastFailure: string | undefined;
  /** Questions that were answered, or failed. */
  readonly asked: number;
}

export interface DiscoveryOptions {
  readonly settings: DistributionSettings;
  readonly counters: DistributionCounters;
  readonly book: AddressBook;
  /** The book has changed. */
  readonly found: () => void;
}

/** A source is asked no sooner than this after the last time, whatever happens. */
const MIN_INTERVAL_MS = 1_000;

interface Entry {
  readonly text: string;
  readonly source: DiscoverySource;
  addresses: readonly string[];
  lastFailure: string | undefined;
  failures: number;
  asked: number;
  askedAt: number;
  /** While a question is under way. */
  giveUp: AbortController | undefined;
  timer: Timer | undefined;
}

export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #entries: readonly Entry[];
  #stopped = false;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    this.#entries = options.settings.discover.map((text) => ({
      text,
      source: parseDiscoverySource(text),
      addresses: [],
      lastFailure: undefined,
      failures: 0,
      asked: 0,
      askedAt: 0,
      giveUp: undefined,
      timer: undefined,
    }));
  }

  start(): void {
    for (const entry of this.#entries) this.#ask(entry);
  }

  list(): Discovered[] {
    return this.#entries.map(({ text, addresses, lastFailure, asked }) => ({
      source: text,
      addresses,
      lastFailure,
      asked,
    }));
  }

  /** Something that was known is not there: perhaps it is elsewhere now. */
  soon(): void {
    const now = this.#options.settings.environment.now();
    for (const entry of this.#entries) {
      if (entry.giveUp === undefined) this.#askIn(entry, Math.max(0, entry.askedAt + MIN_INTERVAL_MS - now));
    }
  }

  /** Asks no more. Idempotent. */
  stop(): void {
    this.#stopped = true;
    for (const { timer, giveUp } of this.#entries) {
      timer?.cancel();
      giveUp?.abort();
    }
  }

  #ask(entry: Entry): void {
    const { environment, resolver, resolveTimeoutMs } = this.#options.settings;
    const giveUp = new AbortController();
    entry.giveUp = giveUp;
    entry.askedAt = environment.now();
    let open = true;
    const settle = (step: () => void): void => {
      if (!open || this.#stopped) return;
      open = false;
      deadline.cancel();
      entry.giveUp = undefined;
      entry.asked++;
      step();
    };
    const deadline = environment.setTimer(resolveTimeoutMs, () => {
      settle(() => this.#failed(entry, 'deadline'));
      giveUp.abort();
    });
    entry.timer = deadline;
    resolveSource(entry.source, resolver, giveUp.signal).then(
      (found) => settle(() => this.#answered(entry, found)),
      (error: unknown) => settle(() => this.#failed(entry, codeOf(error))),
    );
  }

  #answered(entry: Entry, found: readonly { readonly host: string; readonly port: number }[]): void {
    const { settings, counters, book } = this.#options;
    const now = settings.environment.now();
    const addresses = new Set<string>();
    for (const { host, port } of found) {
      const address = canonicalAddress(formatHostAndPort(host, port));
      if (address === undefined) count(counters.addressesIgnored, 'bad address');
      else if (book.discover(address, now)) addresses.add(address);
      else count(counters.addressesIgnored, 'book full');
    }
    if (entry.lastFailure !== undefined) settings.logger.info({ source: entry.text }, `${entry.text} answers again`);
    entry.addresses = [...addresses];
    entry.failures = 0;
    entry.lastFailure = undefined;
    this.#askIn(entry, settings.discoverIntervalMs);
    this.#options.found();
  }

  #failed(entry: Entry, reason: string): void {
    const { settings, counters } = this.#options;
    const { logger, discoverIntervalMs: maxMs, environment } = settings;
    count(counters.discoveryFailed, reason);
    if (entry.lastFailure !== reason) {
      logger.warn(
        { source: entry.text, reason },
        `cannot discover nodes by ${entry.text}: ${reason}; it is asked again`,
      );
    }
    entry.lastFailure = reason;
    if (hasNone(reason)) entry.addresses = [];
    this.#askIn(
      entry,
      backOffMs({ minMs: Math.min(MIN_INTERVAL_MS, maxMs), maxMs }, entry.failures, environment.random()),
    );
    entry.failures++;
  }

  #askIn(entry: Entry, delayMs: number): void {
    if (this.#stopped) return;
    entry.timer?.cancel();
    entry.timer = this.#options.settings.environment.setTimer(delayMs, () => this.#ask(entry));
  }
}

/** Whether the domain name system has answered that there is nothing by that name. */
export function hasNone(failure: string | undefined): boolean {
  return failure === 'ENOTFOUND' || failure === 'ENODATA';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'failed';
}
