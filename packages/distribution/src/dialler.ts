/**
 * Dials what the address book says is due, for ever: one dial an address at a time, a bounded number in all,
 * and one timer for the next. With every address satisfied there is no timer.
 */
import type { Timer } from '@liminal-node/scheduler';
import { parseAddress } from './address.js';
import type { DistributionCounters } from './counters.js';
import type { FrameConnection } from './frame-connection.js';
import type { Failure } from './handshake.js';
import type { HandshakeRun } from './handshake-run.js';
import type { AddressBook } from './known-peers.js';
import type { DistributionSettings } from './options.js';

export interface DiallerOptions {
  readonly settings: DistributionSettings;
  readonly counters: DistributionCounters;
  readonly book: AddressBook;
  /** A dial has failed, for whatever reason. */
  readonly whenFailed: () => void;
  /** Makes the handshake of a dial, and a connection for it that calls `whenOpen`. */
  readonly createRun: (address: string) => HandshakeRun;
  readonly createConnection: (run: HandshakeRun, whenOpen: () => void) => FrameConnection;
}

export class Dialler {
  readonly #options: DiallerOptions;
  readonly #dials = new Map<string, HandshakeRun>();
  #timer: Timer | undefined;
  #woken = false;
  #stopped = false;

  constructor(options: DiallerOptions) {
    this.#options = options;
  }

  /** To be called after each change of the book. Dials in a later turn. */
  wake(): void {
    if (this.#woken || this.#stopped) return;
    this.#woken = true;
    this.#options.settings.environment.setImmediate(() => {
      this.#woken = false;
      this.#dialDue();
    });
  }

  /** The dials under way. */
  runs(): HandshakeRun[] {
    return [...this.#dials.values()];
  }

  /** Whether a dial other than `run` waits for that node's answer to our proof. */
  hasProvedTo(node: string, run?: HandshakeRun): boolean {
    return this.runs().some((other) => other !== run && other.provedTo?.name === node);
  }

  /** The dial met `node`; whether over it or not, there is a session, or there is about to be. */
  reached(run: HandshakeRun, node: Parameters<AddressBook['reached']>[1]): void {
    this.#finish(run, (address, now) => this.#options.book.reached(address, node, now));
  }

  failed(run: HandshakeRun, failure: Failure): void {
    this.#finish(run, (address, now) => {
      if (failure.code === 'self' && run.reachedSelf) this.#options.book.isSelf(address);
      else this.#options.book.failed(address, failure.code, now);
    });
    this.#options.whenFailed();
  }

  /** Gives up the dial of that address that is under way, if there is one. */
  giveUp(address: string): void {
    const run = this.#dials.get(address);
    this.#dials.delete(address);
    run?.quit();
    run?.connection?.destroy();
  }

  /** Dials no more, and gives up what is under way. Idempotent. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const address of [...this.#dials.keys()]) this.giveUp(address);
  }

  #finish(run: HandshakeRun, note: (address: string, now: number) => void): void {
    const address = run.dialled;
    if (address === undefined || this.#dials.get(address) !== run) return;
    this.#dials.delete(address);
    note(address, this.#options.settings.environment.now());
    this.wake();
  }

  #dialDue(): void {
    if (this.#stopped) return;
    this.#timer?.cancel();
    const { settings, book } = this.#options;
    const now = settings.environment.now();
    for (const address of book.due(now)) {
      // The end of a dial wakes this up again.
      if (this.#dials.size >= settings.maxHandshakes) return;
      this.#dial(address);
    }
    const next = book.nextDueAt();
    if (next !== undefined) this.#timer = settings.environment.setTimer(next - now, () => this.#dialDue());
  }

  #dial(address: string): void {
    const { settings, counters, book, createRun, createConnection } = this.#options;
    const { host, port } = parseAddress(address);
    const run = createRun(address);
    const connection = createConnection(run, () => run.hello());
    this.#dials.set(address, run);
    book.dialing(address);
    counters.dialled++;
    run.connection = connection;
    try {
      connection.attach(settings.transport.dial(host, port, connection));
    } catch {
      // A transport may refuse an address at once; there is no connection to close then.
      connection.closed('refused by the transport');
    }
  }
}
