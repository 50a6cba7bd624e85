/**
 * Who has taken in what this node told, for callers who wait.
 *
 * 1. Whoever waits, waits for the version that the node stands at, from every session that is up at that moment.
 * 2. A session that has not shown that version is asked (ASK), behind all updates up to it, on the same FIFO.
 * 3. A peer answers (ACK) with the version that its view stands at, once that is the one asked for or a later one.
 *    Of several questions it keeps the highest: one number for each session.
 * 4. What was sent last is sent again behind whatever was lost on its way out: it may have been among it.
 * 5. A session that goes down is waited for no longer.
 *
 * A peer that does not know the frames skips them, and a peer on which the scope does not run answers nothing:
 * the caller's deadline ends the waiting for both.
 */
import { type Environment, type NodeName, ProtocolError } from '@liminal-node/scheduler';
import { NotAcknowledgedError } from './errors.js';
import type { PgSession } from './port.js';

export interface AcknowledgeOptions {
  /** Milliseconds to wait; longer than a silent peer takes to be down by default. @default 15000 */
  readonly timeoutMs?: number;
  /** Ends the waiting; it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const DEFAULT_TIMEOUT_MS = 15_000;

interface Waiter {
  readonly version: number;
  readonly missing: Set<PgSession>;
  readonly done: () => void;
  readonly fail: (error: Error) => void;
}

/** Sends a question, or an answer, about a version. */
type Send = (session: PgSession, type: 'ask' | 'ack', version: number) => void;

export class Acknowledgements {
  readonly #scope: string;
  readonly #send: Send;
  readonly #waiters = new Set<Waiter>();
  /** By session: the highest version that it was asked for, and that it has shown. */
  readonly #asked = new Map<PgSession, number>();
  readonly #shown = new Map<PgSession, number>();
  /** What peers ask of this node, by session: the highest version that is still to be answered. */
  readonly #owed = new Map<PgSession, number>();
  /** The last answer to each. */
  readonly #answered = new Map<PgSession, number>();

  constructor(scope: string, send: Send) {
    this.#scope = scope;
    this.#send = send;
  }

  /** How many callers wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /**
   * Resolves when each of `sessions` has shown `version`, or is down.
   * Rejects with NotAcknowledgedError (ERR_LIMINAL_NOT_ACKNOWLEDGED), and with the signal's reason.
   */
  wait(
    version: number,
    sessions: readonly PgSession[],
    { timeoutMs = DEFAULT_TIMEOUT_MS, signal }: AcknowledgeOptions,
    environment: Environment,
  ): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const missing = new Set(sessions.filter((session) => (this.#shown.get(session) ?? -1) < version));
    if (missing.size === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        this.#waiters.delete(waiter);
        timer.cancel();
        signal?.removeEventListener('abort', abort);
        settle();
      };
      const abort = (): void => finish(() => reject(signal?.reason));
      const waiter: Waiter = {
        version,
        missing,
        done: () => finish(resolve),
        fail: (error) => finish(() => reject(error)),
      };
      const timer = environment.setTimer(timeoutMs, () => {
        const nodes: NodeName[] = [...missing].map(({ node }) => node);
        waiter.fail(new NotAcknowledgedError(this.#scope, nodes, timeoutMs));
      });
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiters.add(waiter);
      for (const session of missing) this.#askFor(session, version);
    });
  }

  /** The peer has taken in `version` of the `told` that it may know of. @throws ProtocolError for one that it cannot. */
  shown(session: PgSession, version: number, told: number): void {
    if (version > told) throw new ProtocolError('bad version', `version ${version} acknowledged, ${told} was told`);
    if (version <= (this.#shown.get(session) ?? -1)) return;
    this.#shown.set(session, version);
    for (const waiter of [...this.#waiters]) if (waiter.version <= version) this.#release(waiter, session);
  }

  /** The peer asks to be told when this node's view of it stands at `version` or later. */
  owe(session: PgSession, version: number): void {
    this.#owed.set(session, Math.max(version, this.#owed.get(session) ?? 0));
  }

  /** This node's view of the peer stands at `version`: the peer is told, if it asked and that is far enough. */
  stands(session: PgSession, version: number): void {
    const owed = this.#owed.get(session);
    if (owed === undefined || version < owed) return;
    this.#owed.delete(session);
    this.#answered.set(session, version);
    this.#send(session, 'ack', version);
  }

  /** Something on its way to the peer was lost. */
  repeat(session: PgSession): void {
    const asked = this.#asked.get(session);
    const answered = this.#answered.get(session);
    if (asked !== undefined && asked > (this.#shown.get(session) ?? -1)) {
      this.#send(session, 'ask', asked);
    }
    if (answered !== undefined) this.#send(session, 'ack', answered);
  }

  /** The session is down: nothing of it is kept. */
  over(session: PgSession): void {
    this.#asked.delete(session);
    this.#shown.delete(session);
    this.#owed.delete(session);
    this.#answered.delete(session);
    for (const waiter of [...this.#waiters]) this.#release(waiter, session);
  }

  /** Nobody will acknowledge anything any more. */
  end(error: Error): void {
    for (const waiter of [...this.#waiters]) waiter.fail(error);
  }

  #askFor(session: PgSession, version: number): void {
    if ((this.#asked.get(session) ?? -1) >= version) return;
    this.#asked.set(session, version);
    this.#send(session, 'ask', version);
  }

  #release({ missing, done }: Waiter, session: PgSession): void {
    if (missing.delete(session) && missing.size === 0) done();
  }
}
