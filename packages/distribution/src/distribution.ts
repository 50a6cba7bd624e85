/**
 * The connections of one node: what the other layers see. See `local-node.ts` for how it works.
 */
import type { AnyBytes, NodeName } from '@liminal-node/scheduler';
import type { DistributionCounters } from './counters.js';
import type { Discovered } from './discovery.js';
import type { GrowingBody, GrowingFrame } from './growing-frame.js';
import type { KnownPeer } from './known-peers.js';
import { LocalNode } from './local-node.js';
import type { MembershipEvent, MembershipStage } from './membership.js';
import { type DistributionOptions, resolveDistributionOptions } from './options.js';
import type { Lane, PendingSend, SendOutcome, Session } from './session.js';

export interface Distribution extends AsyncDisposable {
  readonly name: NodeName;
  readonly creation: number;
  /** Where others may dial this node, `host:port` with the real port; null where it does not listen. */
  readonly address: string | null;
  /** What happened so far; the numbers only rise. */
  readonly counters: Readonly<DistributionCounters>;

  /** The live sessions, one a peer at most. */
  sessions(): readonly Session[];
  /** The live session with that node. */
  session(node: NodeName): Session | undefined;

  /**
   * Queues one frame. Never blocks, never throws for a dead session. Control frames arrive in the order sent;
   * so do the frames of one flow, `signal` and `data` together, while flows take turns, so that a long frame
   * or a long queue of one sender holds up no other. `body` is kept until it is written: do not change it.
   * @param flow a number for the sender, see `flowOfPid`. @default one flow for all that have none
   * @param messages how many it counts for where it is dropped, and in `Session.traffic`. @default 1
   */
  send(session: Session, type: number, body: AnyBytes, lane: Lane, flow?: number, messages?: number): SendOutcome;

  /**
   * Like `send` in the data lane, for a sender that waits: where the budget is used up the frame is queued all the
   * same, beyond the budget, up to `maxPendingBytes`. It keeps its place in its flow, so that nothing is overtaken
   * and no other flow waits for it.
   * @returns the outcome where it is known at once.
   */
  sendWhenRoom(session: Session, type: number, body: AnyBytes, flow?: number): SendOutcome | PendingSend;

  /**
   * Like `send` in the data lane, of one message, to which others of the same flow may be added while it waits, so that
   * they travel as one frame. It counts as the messages that are in it.
   * @returns the frame where it is queued; it may have been written at once.
   */
  sendGrowing(session: Session, type: number, body: GrowingBody, flow?: number): SendOutcome | GrowingFrame;

  /**
   * Tells the peer of one frame that it will not get, in the order of the flow: between what was queued before and
   * what is queued later. Losses with the same label and nothing between them are told as one, with their number.
   * Must be delivered, like a signal. Does nothing where the peer does not understand it, or the session is over.
   * @param type of the frame, from 32 to 255. @param label what its handler for losses needs to know, at most 1 KiB.
   */
  tellLoss(session: Session, type: number, label: Uint8Array, flow?: number): void;

  /**
   * The one handler of what peers tell of lost frames of a type; in order with the frames of the same flow. What no
   * handler takes is counted only. What it throws closes the session, as in `onFrame`.
   * @throws RangeError for a type that is taken or is not from 32 to 255.
   */
  onLoss(type: number, handler: (session: Session, label: Uint8Array, count: number) => void): void;

  /**
   * The one handler of a frame type from 32 to 255, called in the order of arrival and only while the session
   * is up. The body is a view of the bytes as they were read: copy what is small and kept for long. A
   * ProtocolError that it throws closes that session with the reason; so does any other error, which is logged.
   * Register in the turn in which `startDistribution` resolves, because a frame without a handler is a violation.
   * @throws RangeError for a type that is taken or is not from 32 to 255.
   */
  onFrame(type: number, handler: (session: Session, body: Uint8Array) => void): void;

  /**
   * Calls `listener` for every later event, in stages: for each event first all of 'groups' (pg's sync and
   * purge), then all of 'signals' (links and monitors), then 'everyone'. One event is done in all stages before
   * the next begins. A listener that throws is logged and counted and keeps nobody else from being told.
   * @returns removes the listener.
   */
  onMembership(stage: MembershipStage, listener: (event: MembershipEvent) => void): () => void;

  /**
   * From this call on: an `up` for each live session, then every later event in order, none missed and none
   * twice. Ends when `signal` aborts or the node stops. Any number of readers.
   * @throws MembershipOverflowError while iterating, when 65,536 events were left unread.
   */
  membership(signal?: AbortSignal): AsyncIterableIterator<MembershipEvent>;

  /** The addresses known, seeds first, and how they stand: for readiness, and for people. */
  peers(): readonly KnownPeer[];

  /** Where nodes are asked for (`discover`), and what that came to. */
  discovery(): readonly Discovered[];

  /**
   * With an address: dials it at once and for ever, like a seed. With the name of a node: takes back `disconnect`,
   * and dials where that node is known to be. Neither waits.
   * @throws TypeError for what is neither.
   */
  connect(peer: string): void;

  /**
   * With the name of a node: its session goes down as `disconnected`, and this node neither dials nor takes it
   * until `connect` says otherwise. With an address: the same for the node there, if that is known, and the
   * address is no longer dialled, seed or not. The other end may dial, and is refused.
   * @returns whether a session has gone down.
   * @throws TypeError for what is neither.
   */
  disconnect(peer: string): boolean;

  /**
   * Calls back once: at the end of this turn, or before anything more is written to any peer, whichever comes first. For
   * layers that gather what they tell in a turn: what they send then goes out before all of it that is not control.
   */
  beforeWrite(callback: () => void): void;

  /** Resolves when all that was queued before has been handed to the kernel, or its session is down. */
  flush(sessions?: readonly Session[]): Promise<void>;

  /**
   * Takes and dials no more connections, tells every peer that this node leaves, waits until each has
   * acknowledged, then flushes; `leaveTimeoutMs` bounds it all. Sessions stay up until `stop`. Idempotent.
   */
  leave(): Promise<void>;

  /**
   * Ends every session, with a `down` of reason `stopped` each, and closes every connection within
   * `closeTimeoutMs`. Afterwards no timer and no socket is left. Idempotent; also `Symbol.asyncDispose`.
   */
  stop(): Promise<void>;
}

/**
 * Listens, where asked to, and from the next turn on dials the seeds, for ever. A seed that cannot be reached
 * is no error.
 * @throws OptionError for an option refused, ListenError where it cannot listen; nothing is left running then.
 */
export async function startDistribution(options: DistributionOptions): Promise<Distribution> {
  const node = new LocalNode(resolveDistributionOptions(options));
  await node.listen();
  return node;
}
