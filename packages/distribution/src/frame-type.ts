/**
 * The numbers of frames on the wire. Numbers are only ever appended and never given a second meaning: nodes of
 * different versions talk to one another.
 *
 * 1 to 15 belong to the handshake, 16 to 31 to the session itself, 32 and above to the layers that register a
 * handler. A type with bit 0x80 is optional: a node that does not know it skips it and counts it. Any other
 * type that a node does not know is a violation, which ends the connection.
 */
export const FrameType = {
  /** Dialler: who I am, what I speak, and a challenge. */
  HELLO: 1,
  /** Acceptor: the same, and the version chosen. */
  CHALLENGE: 2,
  /** Dialler: proof that it knows the cookie. */
  PROOF: 3,
  /** Acceptor: its own proof; the session is up. */
  WELCOME: 4,
  /** Either: no, and why. */
  REFUSE: 5,
  /** Are you there? */
  HEARTBEAT: 16,
  /** I am: echoes the number of a heartbeat. */
  HEARTBEAT_ACK: 17,
  /** I am about to go: send me no new work. */
  LEAVE: 18,
  LEAVE_ACK: 19,
  /** Names and addresses of other nodes. */
  PEERS: 20,
  /** I close this session because you broke the protocol, and how. */
  CLOSE: 21,
  /** A part of a long frame of another layer. */
  FRAGMENT: 22,
  /** Frames of other layers that you will not get; only for a peer that announced the feature. */
  LOST: 23,
  /** How many bytes of fragments I have taken in; only for a peer that announced the feature. */
  FRAGMENTS_READ: 24,
  /** A signal between processes. */
  SIGNAL: 32,
  PG_SNAPSHOT: 40,
  PG_UPDATE: 41,
  PG_RESYNC: 42,
  /** An envelope for the members of a channel. */
  PUBLISH: 48,
  /** Several, of one publisher on one channel; only for a peer that announced the feature. */
  PUBLISH_BLOCK: 49,
  /** Which nodes I cannot reach: replaces what I said before. */
  MISSING: 152,
  /** Have you taken in all that I told of my groups, up to this version? */
  PG_ASK: 168,
  PG_ACK: 169,
  /** What I hold of your groups from an earlier session; only for a peer that announced the feature, as PG_RESUME. */
  PG_HAVE: 170,
  /** What happened to my groups since then. */
  PG_RESUME: 171,
  /** What nodes tell one another about global names; optional. */
  GLOBAL_NAMES: 184,
} as const;

/** The lowest type that may have a handler of another layer. */
export const FIRST_HANDLED_TYPE = 32;

/** Whether a node that does not know `type` skips it. */
export function isOptional(type: number): boolean {
  return (type & 0x80) !== 0;
}
