/**
 * One node among others. This is the shell that gives the pure rules their sockets and their clock; the
 * protocol is in the files that it names.
 *
 * 1. A connection, dialled (`dialler.ts`) or accepted (`acceptor.ts`), is a handshake (`handshake.ts`) under one
 *    deadline, with frames of at most 1 KiB.
 * 2. A peer that has proved itself is decided upon in one synchronous step (`admission.ts`, `install.ts`). Only
 *    then is there a session (`session-table.ts`), and only sessions are told to the other layers
 *    (`membership.ts`).
 * 3. On up, after the other layers have queued what they send first, each side tells the other of the nodes
 *    that it knows (`gossip.ts`).
 * 4. A node that leaves says so (LEAVE) and waits for the answer. Its sessions stay until it stops or closes
 *    them; they go down as `left`, and its learned addresses are forgotten.
 *
 * Guaranteed: one session a peer; `down` exactly once for each `up`; nothing that a peer sends ends anything
 * but its own connection. Not guaranteed: delivery of what was queued when a session goes down.
 */
import { type AnyBytes, type NodeName, parseNodeName, type Timer } from '@liminal-node/scheduler';
import { Acceptor } from './acceptor.js';
import { advertisedAddress, canonicalAddress, formatAddress, parseAddress } from './address.js';
import { Admission, type NameRefusal } from './admission.js';
import { createCounters } from './counters.js';
import { Dialler } from './dialler.js';
import { type Discovered, Discovery } from './discovery.js';
import type { Distribution } from './distribution.js';
import { FailureReport } from './failure-report.js';
import { FrameConnection } from './frame-connection.js';
import { type FrameHandler, FrameHandlers, type LossHandler } from './frame-handlers.js';
import { FrameType } from './frame-type.js';
import { Gathering } from './gathering.js';
import { learnPeers, tellPeers } from './gossip.js';
import type { GrowingBody, GrowingFrame } from './growing-frame.js';
import type { Identity } from './handshake.js';
import { MAX_HANDSHAKE_FRAME_BYTES, PROTOCOL, type VersionRange } from './handshake-message.js';
import { HandshakeRun } from './handshake-run.js';
import { AddressBook, type KnownPeer } from './known-peers.js';
import { LiveSession } from './live-session.js';
import { Membership, type MembershipEvent, type MembershipStage } from './membership.js';
import { namesThatFit } from './node-patterns.js';
import type { DistributionSettings } from './options.js';
import { PARTED, PartitionGuard } from './partition-guard.js';
import { decodePeers, type PeerAddress } from './peers-message.js';
import type { Lane, PendingSend, SendOutcome, Session } from './session.js';
import { decodeClose, decodeFragmentsRead } from './session-message.js';
import { SessionTable } from './session-table.js';

const EMPTY = new Uint8Array(0);

export class LocalNode implements Distribution {
  readonly name: NodeName;
  readonly creation: number;
  readonly counters = createCounters();
  readonly #settings: DistributionSettings;
  readonly #membership: Membership;
  readonly #handlers: FrameHandlers;
  readonly #gathering: Gathering;
  readonly #sessions: SessionTable;
  readonly #book: AddressBook;
  readonly #acceptor: Acceptor;
  readonly #dialler: Dialler;
  readonly #discovery: Discovery;
  readonly #admission: Admission;
  readonly #partitions: PartitionGuard;
  readonly #allows: (name: string) => boolean;
  /** Every connection that has not ended, whatever it is used for. */
  readonly #connections = new Set<FrameConnection>();
  #identity: Identity;
  #leaving: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #whenClosed: (() => void) | undefined;

  /** @param protocol the versions to speak; other than those of this program for tests of builds to come. */
  constructor(settings: DistributionSettings, protocol: VersionRange = PROTOCOL) {
    const { name, creation, hidden, maxFrameBytes, cookie, environment, logger } = settings;
    const { counters } = this;
    this.#settings = settings;
    this.name = name;
    this.creation = creation;
    this.#identity = { name, creation, hidden, maxFrameBytes, cookie, protocol, address: null };
    this.#membership = new Membership(logger, () => counters.listenerErrors++);
    this.#handlers = new FrameHandlers(counters, this.#ownHandlers());
    const tell = (event: MembershipEvent): void => this.#tell(event);
    const gathering = new Gathering(environment);
    this.#gathering = gathering;
    const beforeWrite = (): void => gathering.end();
    const sessions = new SessionTable({ settings, counters, handlers: this.#handlers, tell, beforeWrite });
    const book = new AddressBook(
      {
        backOff: { minMs: settings.redialMinMs, maxMs: settings.redialMaxMs },
        stableAfterMs: settings.stableAfterMs,
        forgetAfterMs: settings.forgetPeerAfterMs,
        maxLearned: settings.maxPeers,
      },
      () => environment.random(),
    );
    const createRun = (address?: string): HandshakeRun => this.#createRun(address);
    const createConnection = (run: HandshakeRun, whenOpen?: () => void): FrameConnection =>
      this.#createConnection(run, whenOpen);
    this.#sessions = sessions;
    this.#book = book;
    const acceptor = new Acceptor({ settings, counters, createRun, createConnection });
    const whenFailed = (): void => {
      this.#discovery.soon();
      this.#partitions.step();
    };
    const dialler = new Dialler({ settings, counters, book, whenFailed, createRun, createConnection });
    this.#discovery = new Discovery({ settings, counters, book, found: () => dialler.wake() });
    const failures = new FailureReport(name, counters, logger);
    const { maxPeers } = settings;
    const now = (): number => environment.now();
    this.#acceptor = acceptor;
    this.#dialler = dialler;
    this.#allows = namesThatFit(settings.allow);
    this.#partitions = new PartitionGuard({
      settings,
      counters,
      sessions: () => sessions.all(),
      absent: () => book.absent(),
      end: (session, text) => sessions.close(session, PARTED, text),
      dial: (peer) => {
        book.hurry(peer, now());
        dialler.wake();
      },
    });
    this.#admission = new Admission({
      self: name,
      maxPeers,
      now,
      sessions,
      dialler,
      acceptor,
      failures,
      refusalOf: (peer, dialled) => this.#refusalOf(peer, dialled),
    });
  }

  get address(): string | null {
    return this.#identity.address;
  }

  /** Listens, if asked to, and starts to dial in a later turn. @throws ListenError */
  async listen(): Promise<void> {
    const { listen, advertise, seeds } = this.#settings;
    if (listen !== null) {
      const port = await this.#acceptor.listen(listen.host, listen.port);
      const address = canonicalAddress(advertise ?? advertisedAddress(listen.host, port, this.name));
      this.#identity = { ...this.#identity, address: address ?? null };
    }
    for (const seed of seeds) this.connect(seed);
    this.#discovery.start();
  }

  sessions(): readonly Session[] {
    return this.#sessions.all();
  }

  session(node: NodeName): Session | undefined {
    return this.#sessions.get(node);
  }

  send(session: Session, type: number, body: AnyBytes, lane: Lane, flow?: number, messages?: number): SendOutcome {
    return session instanceof LiveSession ? session.send(type, body, lane, flow, messages) : 'gone';
  }

  sendWhenRoom(session: Session, type: number, body: AnyBytes, flow?: number): SendOutcome | PendingSend {
    return session instanceof LiveSession ? session.sendWhenRoom(type, body, flow) : 'gone';
  }

  sendGrowing(session: Session, type: number, body: GrowingBody, flow?: number): SendOutcome | GrowingFrame {
    return session instanceof LiveSession ? session.sendGrowing(type, body, flow) : 'gone';
  }

  tellLoss(session: Session, type: number, label: Uint8Array, flow?: number): void {
    if (session instanceof LiveSession) session.tellLoss(type, label, flow);
  }

  onLoss(type: number, handler: LossHandler): void {
    this.#handlers.setForLosses(type, handler);
  }

  onFrame(type: number, handler: FrameHandler): void {
    this.#handlers.set(type, handler);
  }

  onMembership(stage: MembershipStage, listener: (event: MembershipEvent) => void): () => void {
    return this.#membership.on(stage, listener);
  }

  membership(signal?: AbortSignal): AsyncIterableIterator<MembershipEvent> {
    return this.#membership.read(signal);
  }

  peers(): readonly KnownPeer[] {
    return this.#book.list();
  }

  discovery(): readonly Discovered[] {
    return this.#discovery.list();
  }

  connect(peer: string): void {
    const now = this.#settings.environment.now();
    if (isName(peer)) this.#book.reconnect(parseNodeName(peer), now);
    else this.#book.addSeed(formatAddress(parseAddress(peer)), now);
    this.#dialler.wake();
  }

  disconnect(peer: string): boolean {
    if (isName(peer)) return this.#disconnect(parseNodeName(peer));
    const address = formatAddress(parseAddress(peer));
    const node = this.#book.nodeAt(address);
    this.#book.remove(address);
    this.#dialler.giveUp(address);
    this.#dialler.wake();
    return node !== undefined && this.#disconnect(node);
  }

  beforeWrite(callback: () => void): void {
    this.#gathering.add(callback);
  }

  async flush(sessions: readonly Session[] = this.#sessions.all()): Promise<void> {
    this.#gathering.end();
    await Promise.all(sessions.map((session) => (session instanceof LiveSession ? session.flushed() : undefined)));
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #disconnect(node: NodeName): boolean {
    this.#book.disconnect(node);
    const session = this.#sessions.get(node);
    if (session !== undefined) this.#sessions.retire(session, 'disconnected');
    return session !== undefined;
  }

  #refusalOf(peer: NodeName, dialled: string | undefined): NameRefusal | undefined {
    if (!this.#allows(peer)) return { code: 'not allowed', text: `${this.name} does not take ${peer}` };
    if (this.#book.isDisconnected(peer, dialled)) {
      return { code: 'disconnected', text: `${this.name} was told to disconnect from ${peer}` };
    }
    const parted = this.#partitions.refusalOf(peer);
    return parted === undefined ? undefined : { code: 'apart', text: parted };
  }

  async #leave(): Promise<void> {
    this.#closeDoors();
    this.#gathering.end();
    const sessions = this.#sessions.all();
    for (const session of sessions) session.send(FrameType.LEAVE, EMPTY, 'control');
    let timer: Timer | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = this.#settings.environment.setTimer(this.#settings.leaveTimeoutMs, resolve);
    });
    const done = Promise.all(sessions.map((session) => session.released)).then(() => this.flush());
    await Promise.race([done, timeout]);
    timer?.cancel();
  }

  async #stop(): Promise<void> {
    this.#closeDoors();
    for (const session of this.#sessions.all()) this.#sessions.retire(session, 'stopped');
    this.#membership.end();
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenClosed = resolve;
    });
  }

  /** No connection comes in or goes out any more, and no handshake goes on. */
  #closeDoors(): void {
    this.#admission.close();
    this.#acceptor.stop(`${this.name} is leaving`);
    this.#dialler.stop();
    this.#discovery.stop();
    this.#partitions.stop();
  }

  #createRun(dialled: string | undefined): HandshakeRun {
    const { environment, handshakeTimeoutMs: timeoutMs } = this.#settings;
    return new HandshakeRun({ environment, identity: this.#identity, timeoutMs, observer: this.#admission, dialled });
  }

  #createConnection(run: HandshakeRun, whenOpen: (() => void) | undefined): FrameConnection {
    const { environment, closeTimeoutMs } = this.#settings;
    const received = (bytes: number): void => {
      this.counters.bytesIn += bytes;
    };
    const ended = (connection: FrameConnection): void => {
      this.#connections.delete(connection);
      if (this.#connections.size === 0) this.#whenClosed?.();
    };
    const maxFrameBytes = MAX_HANDSHAKE_FRAME_BYTES;
    const options = { environment, closeTimeoutMs, maxFrameBytes, received, ended };
    const connection = new FrameConnection(run, options, whenOpen);
    this.#connections.add(connection);
    return connection;
  }

  /** Keeps the address book in step, tells the other layers, then the peers. */
  #tell(event: MembershipEvent): void {
    const { node, address, hidden } = event.session;
    const now = this.#settings.environment.now();
    if (event.type === 'up') {
      // Where it listens is where to dial it, should the session be lost.
      if (!hidden && address !== null) this.#learn([{ node, address }]);
      this.#book.up(node, address, now);
    } else {
      this.#book.down(node, event.reason === 'left', now);
      this.#discovery.soon();
    }
    this.#membership.tell(event);
    const session = this.#sessions.get(node);
    if (event.type === 'up' && session === event.session) tellPeers(session, this.#sessions.all());
    // Where another session with the same node is up by now, that one's own event tells of it.
    if (event.type === 'up' ? session === event.session : session === undefined) {
      this.#partitions[event.type](event.session);
    }
    this.#dialler.wake();
  }

  #learn(peers: readonly PeerAddress[]): void {
    if (!this.#settings.dialLearned) return;
    const now = this.#settings.environment.now();
    learnPeers(peers, { self: this.name, allows: this.#allows, book: this.#book, counters: this.counters, now });
    this.#partitions.step();
    this.#dialler.wake();
  }

  #ownHandlers(): Map<number, FrameHandler<LiveSession>> {
    return new Map<number, FrameHandler<LiveSession>>([
      [FrameType.HEARTBEAT, (session, body) => this.#sessions.heartbeat(session, body)],
      [FrameType.HEARTBEAT_ACK, (session, body) => this.#sessions.heartbeatAcknowledged(session, body)],
      [FrameType.FRAGMENTS_READ, (session, body) => session.fragmentsRead(decodeFragmentsRead(body))],
      [FrameType.LEAVE, (session) => this.#peerLeaves(session)],
      [FrameType.LEAVE_ACK, (session) => session.release()],
      [FrameType.MISSING, (session, body) => this.#partitions.reported(session, body)],
      [FrameType.PEERS, (_session, body) => this.#learn(decodePeers(body))],
      [FrameType.LOST, (session, body) => this.#handlers.handleLosses(session, body)],
      [FrameType.CLOSE, (session, body) => this.#peerCloses(session, body)],
    ]);
  }

  #peerLeaves(session: LiveSession): void {
    session.leaving = true;
    session.send(FrameType.LEAVE_ACK, EMPTY, 'control');
  }

  #peerCloses(session: LiveSession, body: Uint8Array): void {
    const reason = decodeClose(body);
    this.#settings.logger.warn({ peer: session.node, reason }, 'the peer closed the session');
    this.#sessions.retire(session, 'closed by the peer');
  }
}

/** An address has no @ in it, and a node name has one. */
function isName(peer: string): boolean {
  return peer.includes('@');
}
