/**
 * One session: its connection, its queue, its writer and its heartbeat. The session table brings it up and
 * takes it down; here is what happens in between.
 */
import type { AnyBytes, NodeName } from '@liminal-node/scheduler';
import { count, type DistributionCounters } from './counters.js';
import { FragmentAssembler } from './fragment.js';
import { FragmentPace, TOLD_EVERY_BYTES } from './fragment-pace.js';
import type { FrameConnection, FrameOwner } from './frame-connection.js';
import { FrameDeadline } from './frame-deadline.js';
import { FrameType } from './frame-type.js';
import { FrameWriter } from './frame-writer.js';
import { type GrowingBody, GrowingFrame } from './growing-frame.js';
import type { Peer } from './handshake.js';
import { FEATURE } from './handshake-message.js';
import { Heartbeat } from './heartbeat.js';
import { type Loss, MAX_LABEL_BYTES } from './loss-notice.js';
import type { DistributionSettings } from './options.js';
import { type GrowingQueuedFrame, OutboundQueue, type PendingFrame } from './outbound-queue.js';
import type { PendingOutcome } from './pending-sends.js';
import type { DataTraffic, Lane, PendingSend, SendOutcome, Session } from './session.js';
import { encodeFragmentsRead } from './session-message.js';

/** What a session tells the table. */
export interface SessionEvents {
  /** The next bytes are about to be taken from the queue. */
  readonly beforeWrite: () => void;
  frame(session: LiveSession, type: number, body: Uint8Array): void;
  /** A frame was none, or its handler threw. */
  fault(session: LiveSession, error: unknown): void;
  /** The session cannot go on. */
  over(session: LiveSession, reason: string): void;
}

/** What is known of the last session with a peer. */
export interface SessionMemory {
  readonly creation: number;
  readonly token: Uint8Array;
  /** The peer had it up as well: it was the acceptor, or has sent something. */
  peerHadIt: boolean;
  /** The peer did not name it when it came back. */
  missed: boolean;
}

export interface LiveSessionOptions {
  readonly id: number;
  readonly peer: Peer;
  readonly token: Uint8Array;
  readonly dialledByUs: boolean;
  readonly connection: FrameConnection;
  readonly settings: DistributionSettings;
  readonly counters: DistributionCounters;
  readonly events: SessionEvents;
}

export class LiveSession implements Session, FrameOwner {
  readonly id: number;
  readonly node: NodeName;
  readonly creation: number;
  readonly version: number;
  readonly hidden: boolean;
  readonly address: string | null;
  readonly upSince: number;
  readonly takesSpawns: boolean;
  readonly resumesGroups: boolean;
  readonly takesPublicationBlocks: boolean;
  readonly maxBodyBytes: number;
  readonly token: Uint8Array;
  readonly dialledByUs: boolean;
  /** What is kept of it when it is over. */
  readonly memory: SessionMemory;
  readonly heartbeat: Heartbeat;
  /** Resolves when the peer has acknowledged our LEAVE, or the session is over. */
  readonly released: Promise<void>;
  up = true;
  leaving = false;
  readonly #connection: FrameConnection;
  readonly #frameDeadline: FrameDeadline;
  readonly #queue: OutboundQueue;
  readonly #hearsOfLosses: boolean;
  readonly #tellsWhatItRead: boolean;
  readonly #assembler: FragmentAssembler;
  /** Of fragments, in all, and when the peer was told. */
  #fragmentBytes = 0;
  #fragmentBytesTold = 0;
  readonly #writer: FrameWriter;
  readonly #counters: DistributionCounters;
  readonly #events: SessionEvents;
  #release: () => void = () => {};
  /** Waiting for a sign of life. */
  #probes: ((alive: boolean) => void)[] = [];

  constructor({ id, peer, token, dialledByUs, connection, settings, counters, events }: LiveSessionOptions) {
    const { environment, writeTimeoutMs } = settings;
    this.id = id;
    this.node = peer.name;
    this.creation = peer.creation;
    this.version = peer.version;
    this.hidden = peer.hidden;
    this.address = peer.address;
    this.upSince = environment.wallNow();
    this.maxBodyBytes = Math.min(settings.maxFrameBytes, peer.maxFrameBytes) - 1;
    this.token = token;
    this.dialledByUs = dialledByUs;
    this.memory = { creation: peer.creation, token, peerHadIt: dialledByUs, missed: false };
    this.heartbeat = new Heartbeat(settings.heartbeatTimeoutMs);
    this.released = new Promise((resolve) => {
      this.#release = resolve;
    });
    this.#counters = counters;
    this.#events = events;
    this.#connection = connection;
    this.#frameDeadline = new FrameDeadline(settings.frameTimeoutMs);
    this.takesSpawns = (peer.features & FEATURE.spawn) !== 0;
    this.resumesGroups = (peer.features & FEATURE.resumeGroups) !== 0;
    this.takesPublicationBlocks = (peer.features & FEATURE.publicationBlocks) !== 0;
    const takesFragments = (peer.features & FEATURE.fragments) !== 0;
    this.#hearsOfLosses = (peer.features & FEATURE.losses) !== 0;
    this.#queue = new OutboundQueue(settings, { maxBodyBytes: this.maxBodyBytes, takesFragments });
    this.#assembler = new FragmentAssembler(settings.maxFrameBytes - 1);
    const stuck = (): void => events.over(this, 'write timeout');
    this.#tellsWhatItRead = (peer.features & FEATURE.pace) !== 0;
    const pace = this.#tellsWhatItRead ? new FragmentPace() : undefined;
    const { beforeWrite } = events;
    this.#writer = new FrameWriter(connection, this.#queue, {
      environment,
      writeTimeoutMs,
      counters,
      pace,
      beforeWrite,
      stuck,
    });
    connection.owner = this;
    connection.maxFrameBytes = settings.maxFrameBytes;
  }

  get roundTripMs(): number | undefined {
    return this.heartbeat.roundTripMs;
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress;
  }

  get traffic(): DataTraffic {
    return this.#queue.traffic;
  }

  /** Bytes that the peer has sent, in all. */
  get receivedBytes(): number {
    return this.#connection.receivedBytes;
  }

  /** The peer says that it has read so many bytes of this connection. */
  peerHasRead(bytes: number): void {
    this.#writer.peerHasRead(bytes);
  }

  /** The peer says that it has taken in so many bytes of fragments. @throws ProtocolError */
  fragmentsRead(bytes: number): void {
    this.#writer.fragmentsRead(bytes);
  }

  send(type: number, body: AnyBytes, lane: Lane, flow?: number, messages?: number): SendOutcome {
    if (!this.up) return 'gone';
    if (body.length > this.maxBodyBytes) return this.#refuse(lane, 'frame too long', messages);
    switch (this.#queue.push(type, body, lane, flow, messages)) {
      case 'queued':
        this.#writer.schedule();
        return 'queued';
      case 'over data budget':
        return this.#refuse(lane, 'data budget', messages);
      case 'over control budget':
        return this.#refuse(lane, 'control budget');
    }
  }

  /** See `Distribution.sendWhenRoom`. */
  sendWhenRoom(type: number, body: AnyBytes, flow?: number): SendOutcome | PendingSend {
    if (!this.up) return 'gone';
    if (body.length > this.maxBodyBytes) return this.#refuse('data', 'frame too long');
    if (this.#queue.push(type, body, 'data', flow) === 'queued') {
      this.#writer.schedule();
      return 'queued';
    }
    let settle: (outcome: SendOutcome) => void = () => {};
    const settled = new Promise<SendOutcome>((resolve) => {
      settle = resolve;
    });
    const pending = this.#queue.pushPending(type, body, flow ?? 0, (outcome: PendingOutcome) => settle(outcome));
    if (pending === undefined) return this.#refuse('data', 'too many waiting');
    this.#writer.schedule();
    return {
      settled,
      withdraw: (label) => {
        if (!this.#withdraw(pending, lossOf(type, label))) return false;
        count(this.#counters.dropped, 'given up');
        settle('dropped');
        return true;
      },
    };
  }

  /** See `Distribution.sendGrowing`. */
  sendGrowing(type: number, body: GrowingBody, flow?: number): SendOutcome | GrowingFrame {
    if (!this.up) return 'gone';
    if (body.length > this.maxBodyBytes) return this.#refuse('data', 'frame too long');
    const frame = this.#queue.pushGrowing(type, body, flow);
    if (frame === undefined) return this.#refuse('data', 'data budget');
    this.#writer.schedule();
    return new GrowingFrame(this, frame);
  }

  mayGrow(frame: GrowingQueuedFrame): boolean {
    return this.up && this.#queue.mayGrow(frame);
  }

  grow(frame: GrowingQueuedFrame): SendOutcome | 'closed' {
    if (!this.up) return 'gone';
    const outcome = this.#queue.grow(frame);
    if (outcome === 'closed') return 'closed';
    if (outcome !== 'queued') return this.#refuse('data', 'data budget');
    this.#writer.schedule();
    return 'queued';
  }

  /** See `Distribution.tellLoss`. */
  tellLoss(type: number, label: Uint8Array, flow?: number): void {
    if (!this.up || !this.#hearsOfLosses) return;
    this.#counters.lossesTold++;
    if (this.#queue.lose(lossOf(type, label), flow) !== 'queued') this.#events.over(this, 'control budget');
    else this.#writer.schedule();
  }

  flushed(): Promise<void> {
    return this.#writer.flushed();
  }

  /** Whether the peer takes too long to send one frame. To be asked at every heartbeat. */
  isDripping(now: number, late: boolean): boolean {
    return this.#frameDeadline.isOver(this.#connection.partialFrame, now, late);
  }

  /** Calls back once: true at the next byte from the peer, false when the session is over before. */
  onSignOfLife(callback: (alive: boolean) => void): void {
    this.#probes.push(callback);
  }

  /** The peer has acknowledged our LEAVE. */
  release(): void {
    this.#release();
  }

  /**
   * Ends it. For the table alone, which tells the others.
   * @param lastWord a frame to send before, if there is a place for it between two frames.
   */
  retire(lastWord?: { readonly type: number; readonly body: Uint8Array }): void {
    this.up = false;
    if (lastWord !== undefined && this.#queue.atFrameEnd) this.#connection.writeFrame(lastWord.type, lastWord.body);
    this.#writer.stop();
    const { dropped, uncertain } = this.#queue.clear();
    count(this.#counters.dropped, 'session down', dropped);
    this.#counters.framesUncertain += uncertain;
    this.#release();
    this.#settleProbes(false);
    this.#connection.end();
  }

  frame(type: number, body: Uint8Array): void {
    this.#counters.framesIn++;
    const whole = type === FrameType.FRAGMENT ? this.#takeFragment(body) : { type, body };
    if (whole !== undefined) this.#events.frame(this, whole.type, whole.body);
  }

  received(): void {
    this.memory.peerHadIt = true;
    this.heartbeat.heard();
    if (this.#probes.length > 0) this.#settleProbes(true);
  }

  fault(error: unknown): void {
    this.#events.fault(this, error);
  }

  closed(reason: string): void {
    this.#events.over(this, reason);
  }

  #takeFragment(body: Uint8Array): ReturnType<FragmentAssembler['push']> {
    this.#fragmentBytes += body.length;
    if (this.#tellsWhatItRead && this.#fragmentBytes - this.#fragmentBytesTold >= TOLD_EVERY_BYTES) {
      this.#fragmentBytesTold = this.#fragmentBytes;
      this.send(FrameType.FRAGMENTS_READ, encodeFragmentsRead(this.#fragmentBytes), 'control');
    }
    return this.#assembler.push(body);
  }

  /** @returns false where it was settled before. */
  #withdraw(pending: PendingFrame, loss: Loss): boolean {
    const outcome = pending.withdraw(this.#hearsOfLosses ? loss : undefined);
    if (outcome === undefined) return false;
    if (this.#hearsOfLosses) this.#counters.lossesTold++;
    if (outcome === 'over control budget') this.#events.over(this, 'control budget');
    return true;
  }

  #settleProbes(alive: boolean): void {
    for (const settle of this.#probes.splice(0)) settle(alive);
  }

  #refuse(lane: Lane, reason: string, messages = 1): SendOutcome {
    count(this.#counters.dropped, reason, messages);
    if (lane === 'data') return 'dropped';
    this.#events.over(this, reason);
    return 'gone';
  }
}

/** @throws RangeError for a label that no notice takes. */
function lossOf(type: number, label: Uint8Array): Loss {
  if (label.length > MAX_LABEL_BYTES)
    throw new RangeError(`label of ${label.length} bytes; at most ${MAX_LABEL_BYTES}`);
  return { type, label };
}
