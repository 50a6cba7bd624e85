/**
 * Takes connections: listens, and gives each connection that comes a handshake.
 *
 * - Handshakes under way, and those whose connection is still being closed, are bounded in number. One more crowds out
 *   one that is over, else the oldest that has said nothing, else the oldest: so idle strangers, however many, cannot
 *   keep a node from being reached, nor cut short one that speaks.
 * - Where there are no file descriptors left, libuv closes connections as they come, by one that it keeps for that:
 *   nobody waits, those that are up live on, and nothing spins.
 * - A source whose handshakes fail too often is not listened to for a while (`source-limit.ts`).
 */
import { formatHostAndPort } from './address.js';
import { count, type DistributionCounters } from './counters.js';
import { ListenError } from './errors.js';
import type { FrameConnection } from './frame-connection.js';
import type { HandshakeRun } from './handshake-run.js';
import { LogLimiter } from './log-limiter.js';
import type { DistributionSettings } from './options.js';
import { SourceLimit } from './source-limit.js';
import type { Connection, ConnectionHandlers, Listener } from './transport.js';

export interface AcceptorOptions {
  readonly settings: DistributionSettings;
  readonly counters: DistributionCounters;
  readonly createRun: () => HandshakeRun;
  readonly createConnection: (run: HandshakeRun) => FrameConnection;
}

/** Of a connection that is closed before it has a handshake. */
const DEAF: ConnectionHandlers = { opened: () => {}, data: () => {}, closed: () => {} };

/** Failures that only a stranger causes, or one who guesses. */
const OFFENCES: ReadonlySet<string> = new Set(['cookie', 'malformed']);

export class Acceptor {
  readonly #options: AcceptorOptions;
  /** Oldest first. */
  readonly #runs = new Set<HandshakeRun>();
  readonly #sources: SourceLimit;
  readonly #limiter = new LogLimiter();
  #listener: Listener | undefined;
  #stopped = false;

  constructor(options: AcceptorOptions) {
    this.#options = options;
    this.#sources = new SourceLimit(options.settings.maxFailuresPerSource);
  }

  /**
   * @returns the real port.
   * @throws ListenError
   */
  async listen(host: string, port: number): Promise<number> {
    const { settings, counters } = this.#options;
    const failed = (error: Error): void => {
      counters.acceptErrors++;
      const { environment, logger } = settings;
      if (this.#limiter.allows(error.message, environment.now())) {
        logger.warn({ error }, 'the listener could not take a connection');
      }
    };
    try {
      this.#listener = await settings.transport.listen(host, port, (connection) => this.#accept(connection), failed);
      return this.#listener.port;
    } catch (cause) {
      throw new ListenError(formatHostAndPort(host, port), cause);
    }
  }

  /** The handshake is a session now, or its connection is closed. */
  done(run: HandshakeRun): void {
    this.#runs.delete(run);
  }

  /** Notes that a handshake failed, where this node has ended it. */
  failed(run: HandshakeRun, code: string, now: number): void {
    if (run.connection !== undefined && this.#runs.has(run) && OFFENCES.has(code)) {
      this.#sources.failed(run.connection.remoteAddress, now);
    }
  }

  /** Takes no more connections, and refuses those whose handshake is under way. Idempotent. */
  stop(reason: string): void {
    this.#stopped = true;
    this.#listener?.close();
    for (const run of this.#runs) run.refuse('leaving', reason);
  }

  #accept(connection: Connection): ConnectionHandlers {
    const { settings, counters, createRun, createConnection } = this.#options;
    counters.accepted++;
    if (!this.#sources.admits(connection.remoteAddress, settings.environment.now())) {
      count(counters.handshakesRefused, 'too many failures');
      connection.destroy();
      return DEAF;
    }
    if (this.#runs.size >= settings.maxHandshakes) this.#crowdOut();
    const run = createRun();
    run.connection = createConnection(run).attach(connection);
    this.#runs.add(run);
    if (this.#stopped) run.abort('leaving', 'the node has stopped listening');
    return run.connection;
  }

  #crowdOut(): void {
    const runs = [...this.#runs];
    const one = runs.find((run) => run.over) ?? runs.find((run) => run.silent) ?? runs[0];
    if (one === undefined) return;
    this.#runs.delete(one);
    one.abort('crowded out', `more than ${this.#options.settings.maxHandshakes} handshakes at once`);
  }
}
