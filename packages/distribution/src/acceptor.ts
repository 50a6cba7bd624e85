/**
 * Takes connections: listens, and gives each connection that comes a handshake. Handshakes under way, and those
 * whose connection is still being closed, are bounded in number; one more crowds out the oldest, so that idle
 * strangers cannot keep a node from being reached.
 */
import { formatHostAndPort } from './address.js';
import type { DistributionCounters } from './counters.js';
import { ListenError } from './errors.js';
import type { FrameConnection } from './frame-connection.js';
import type { HandshakeRun } from './handshake-run.js';
import type { DistributionSettings } from './options.js';
import type { Connection, ConnectionHandlers, Listener } from './transport.js';

export interface AcceptorOptions {
  readonly settings: DistributionSettings;
  readonly counters: DistributionCounters;
  readonly createRun: () => HandshakeRun;
  readonly createConnection: (run: HandshakeRun) => FrameConnection;
}

export class Acceptor {
  readonly #options: AcceptorOptions;
  /** Oldest first. */
  readonly #runs = new Set<HandshakeRun>();
  #listener: Listener | undefined;
  #stopped = false;

  constructor(options: AcceptorOptions) {
    this.#options = options;
  }

  /**
   * @returns the real port.
   * @throws ListenError
   */
  async listen(host: string, port: number): Promise<number> {
    const { settings, counters } = this.#options;
    const failed = (error: Error): void => {
      counters.acceptErrors++;
      settings.logger.warn({ error }, 'the listener could not take a connection');
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

  /** Takes no more connections, and refuses those whose handshake is under way. Idempotent. */
  stop(reason: string): void {
    this.#stopped = true;
    this.#listener?.close();
    for (const run of this.#runs) run.refuse('leaving', reason);
  }

  #accept(connection: Connection): ConnectionHandlers {
    const { settings, counters, createRun, createConnection } = this.#options;
    counters.accepted++;
    const [oldest] = this.#runs;
    if (oldest !== undefined && this.#runs.size >= settings.maxHandshakes) {
      this.#runs.delete(oldest);
      oldest.abort('crowded out', `more than ${settings.maxHandshakes} handshakes at once`);
    }
    const run = createRun();
    run.connection = createConnection(run).attach(connection);
    this.#runs.add(run);
    if (this.#stopped) run.abort('leaving', 'the node has stopped listening');
    return run.connection;
  }
}
