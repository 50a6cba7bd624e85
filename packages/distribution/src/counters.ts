/**
 * What a node's connections did, as plain numbers that only rise. Every refusal and every drop is in one of
 * them. Reasons are short fixed phrases of this program, never a peer's text, so their number is bounded.
 */

/** How often something happened, by its reason. */
export type ByReason = Record<string, number>;

export interface DistributionCounters {
  /** Frames handed to the kernel, of sessions only. */
  framesOut: number;
  /** Frames received, of sessions only. */
  framesIn: number;
  /** Bytes handed to the kernel on sessions, headers included. */
  bytesOut: number;
  /** Bytes received on any connection, handshakes included. */
  bytesIn: number;
  /** Sessions that came up. */
  sessionsUp: number;
  /** Sessions that went down, by reason. */
  sessionsDown: ByReason;
  /** Frames that were not delivered: `data budget`, `frame too long`, `too many waiting`, `given up` by a sender that waited, and `session down` for what was not yet handed to the kernel. */
  dropped: ByReason;
  /** Frames of which a peer was told that it will not get them; its `lossesHeard`, while the session lives. */
  lossesTold: number;
  /** Frames that peers said they could not send here. */
  lossesHeard: number;
  /** Frames in a write that was under way when its session went down: the peer may have them or not. */
  framesUncertain: number;
  /** Connections taken by the listener. */
  accepted: number;
  /** Connections dialled. */
  dialled: number;
  /** Dials that reached no node, by the operating system's code. */
  dialsFailed: ByReason;
  /**
   * Handshakes that this node ended, by refusal code or `deadline`, `crowded out`, `closed` (by the peer, half way),
   * and connections that it closed before one because of `too many failures` from there.
   */
  handshakesRefused: ByReason;
  /** Handshakes that the peer refused, by refusal code. */
  handshakesRefusedByPeer: ByReason;
  /** Sessions closed because the peer broke the protocol, by reason. */
  protocolErrors: ByReason;
  /** Frames of unknown type that were marked optional, and skipped. */
  unknownOptionalFrames: number;
  /** Addresses told by a peer that were not taken: `bad address`, `book full`, `not allowed`. */
  addressesIgnored: ByReason;
  /** Questions of discovery that failed, by the system's code or `deadline`. */
  discoveryFailed: ByReason;
  /** Peers held apart because another peer cannot reach them: `shed`, and `taken again`. See `overlapping-partitions.ts`. */
  parted: ByReason;
  /** Membership listeners that threw; the others were told all the same. */
  listenerErrors: number;
  /** Connections that the listener could not take, for instance for lack of file descriptors. */
  acceptErrors: number;
}

export function createCounters(): DistributionCounters {
  return {
    framesOut: 0,
    framesIn: 0,
    bytesOut: 0,
    bytesIn: 0,
    sessionsUp: 0,
    sessionsDown: {},
    dropped: {},
    lossesTold: 0,
    lossesHeard: 0,
    framesUncertain: 0,
    accepted: 0,
    dialled: 0,
    dialsFailed: {},
    handshakesRefused: {},
    handshakesRefusedByPeer: {},
    protocolErrors: {},
    unknownOptionalFrames: 0,
    addressesIgnored: {},
    discoveryFailed: {},
    parted: {},
    listenerErrors: 0,
    acceptErrors: 0,
  };
}

export function count(reasons: ByReason, reason: string, times = 1): void {
  if (times > 0) reasons[reason] = (reasons[reason] ?? 0) + times;
}
