/**
 * The live sessions of a node, one a peer.
 *
 * 1. `install` brings a session up in one synchronous step: the old session with that peer, if any, goes down
 *    completely first. Ids rise strictly.
 * 2. `retire` takes a session down exactly once, whatever happens to it later: events of a retired connection
 *    find the session no longer up. Out of the table first, told second.
 * 3. One timer beats for all sessions and judges who is silent, or drips; with no session there is no timer.
 */
import { type NodeName, ProtocolError, type Timer } from '@liminal-node/scheduler';
import { count, type DistributionCounters } from './counters.js';
import type { FrameConnection } from './frame-connection.js';
import type { FrameHandlers } from './frame-handlers.js';
import { FrameType } from './frame-type.js';
import type { Peer } from './handshake.js';
import { LiveSession, type SessionEvents, type SessionMemory } from './live-session.js';
import type { MembershipEvent } from './membership.js';
import type { DistributionSettings } from './options.js';
import { setPatientTimer } from './patience.js';
import { decodeHeartbeat, encodeClose, encodeHeartbeat } from './session-message.js';

/** How long a peer has to give a sign of life before another life may take its place. */
const PROBE_MS = 1_000;

export interface SessionTableOptions {
  readonly settings: DistributionSettings;
  readonly counters: DistributionCounters;
  readonly handlers: FrameHandlers;
  readonly tell: (event: MembershipEvent) => void;
  /** See `gathering.ts`. */
  readonly beforeWrite: () => void;
}

export class SessionTable implements SessionEvents {
  readonly beforeWrite: () => void;
  readonly #options: SessionTableOptions;
  readonly #live = new Map<NodeName, LiveSession>();
  /** Of the last session that was up with a peer, the most recent last. */
  readonly #last = new Map<NodeName, SessionMemory>();
  #hasForgotten = false;
  #nextId = 1;
  #beat: Timer | undefined;

  constructor(options: SessionTableOptions) {
    this.#options = options;
    this.beforeWrite = options.beforeWrite;
  }

  get size(): number {
    return this.#live.size;
  }

  get(node: NodeName): LiveSession | undefined {
    return this.#live.get(node);
  }

  all(): LiveSession[] {
    return [...this.#live.values()];
  }

  /** What is known of the last session with that node. */
  lastWith(node: NodeName): SessionMemory | undefined {
    return this.#last.get(node);
  }

  /** There were so many peers that some are not remembered any more. */
  get hasForgotten(): boolean {
    return this.#hasForgotten;
  }

  install(connection: FrameConnection, peer: Peer, token: Uint8Array, dialledByUs: boolean): void {
    const { settings, counters, tell } = this.#options;
    const old = this.#live.get(peer.name);
    if (old !== undefined) {
      this.retire(old, 'replaced');
    }
    const id = this.#nextId++;
    const session = new LiveSession({ id, peer, token, dialledByUs, connection, settings, counters, events: this });
    this.#live.set(session.node, session);
    this.#remember(session);
    counters.sessionsUp++;
    this.#beat ??= this.#setBeat();
    tell({ type: 'up', session });
  }

  retire(session: LiveSession, reason: string, lastWord?: { type: number; body: Uint8Array }): void {
    if (!session.up) return;
    session.retire(lastWord);
    this.#live.delete(session.node);
    if (this.#live.size === 0) {
      this.#beat?.cancel();
      this.#beat = undefined;
    }
    const told = session.leaving && reason !== 'replaced' && reason !== 'stopped' ? 'left' : reason;
    count(this.#options.counters.sessionsDown, told);
    this.#options.tell({ type: 'down', session, reason: told });
  }

  /**
   * Asks a peer for a sign of life. A session whose peer gives none in time goes down, as `no sign of life`.
   * @param settled called once, in a later turn: whether the session is still up.
   */
  probe(session: LiveSession, settled: (alive: boolean) => void): void {
    const { environment, handshakeTimeoutMs } = this.#options.settings;
    const wait = (): Timer =>
      setPatientTimer(environment, Math.min(PROBE_MS, handshakeTimeoutMs / 3), (lateMs) => {
        // A timer that is late itself says nothing about the peer.
        if (lateMs > 0) timer = wait();
        else this.retire(session, 'no sign of life');
      });
    let timer = wait();
    session.onSignOfLife((alive) => {
      timer.cancel();
      environment.setImmediate(() => settled(alive && session.up));
    });
    this.#beatOnce(session);
  }

  frame(session: LiveSession, type: number, body: Uint8Array): void {
    this.#options.handlers.handle(session, type, body);
  }

  over(session: LiveSession, reason: string): void {
    this.retire(session, reason);
  }

  /** The peer broke the protocol, or a handler failed: the peer is told why, and this one session ends. */
  fault(session: LiveSession, error: unknown): void {
    if (!session.up) return;
    const { counters, settings } = this.#options;
    const reason = error instanceof ProtocolError ? error.reason : 'handler failed';
    count(counters.protocolErrors, reason);
    const fields = { peer: session.node, remoteAddress: session.remoteAddress, reason, error };
    if (error instanceof ProtocolError) settings.logger.warn(fields, 'closed a session: the peer broke the protocol');
    else settings.logger.error(fields, 'closed a session: the handler of a frame threw');
    this.close(session, `protocol error: ${reason}`, reason);
  }

  /** Takes a session down, and tells the peer why. */
  close(session: LiveSession, reason: string, text: string): void {
    this.retire(session, reason, { type: FrameType.CLOSE, body: encodeClose(text) });
  }

  heartbeat(session: LiveSession, body: Uint8Array): void {
    const { sequence, readBytes } = decodeHeartbeat(body);
    session.send(FrameType.HEARTBEAT_ACK, encodeHeartbeat({ sequence }), 'control');
    if (readBytes !== undefined) session.peerHasRead(readBytes);
  }

  heartbeatAcknowledged(session: LiveSession, body: Uint8Array): void {
    session.heartbeat.acknowledged(decodeHeartbeat(body).sequence, this.#options.settings.environment.now());
  }

  #setBeat(): Timer {
    const { environment, heartbeatIntervalMs } = this.#options.settings;
    return setPatientTimer(environment, heartbeatIntervalMs, (lateMs) => {
      this.#beat = this.#setBeat();
      for (const session of this.all()) {
        const now = environment.now();
        session.heartbeat.excuse(lateMs);
        if (session.heartbeat.isSilent(now)) this.retire(session, 'silent');
        else if (session.isDripping(now, lateMs > 0)) this.retire(session, 'frame deadline');
        else this.#beatOnce(session);
      }
    });
  }

  #beatOnce(session: LiveSession): void {
    const number = session.heartbeat.beat(this.#options.settings.environment.now());
    const body = encodeHeartbeat({ sequence: number, readBytes: session.receivedBytes });
    session.send(FrameType.HEARTBEAT, body, 'control');
  }

  #remember({ node, memory }: LiveSession): void {
    this.#last.delete(node);
    this.#last.set(node, memory);
    if (this.#last.size <= 2 * this.#options.settings.maxPeers) return;
    this.#hasForgotten = true;
    for (const oldest of this.#last.keys()) {
      this.#last.delete(oldest);
      break;
    }
  }
}
