/**
 * Whether an authenticated connection becomes the session with its peer. A pure function that both ends
 * compute alike; the caller decides and installs in one synchronous step.
 *
 * The rules, of which the first that fits decides:
 *
 * 1. A live session with another life of the peer is replaced: that life is over, see `admission.ts`.
 * 2. A live session that the peer had up and lost, as it says by its token, is dead: replaced.
 * 3. A live session that the same node dialled is replaced: a node has at most one dial to a peer beyond its
 *    proof, so the earlier connection is one that it gave up.
 * 4. Of two connections dialled from both ends, the one dialled by the node with the greater name wins.
 * 5. Without a live session the connection is installed, except where the acceptor has itself proved itself to
 *    that peer, waits for the answer, and has the greater name: its own dial wins.
 *
 * In a crossing both nodes wait for the answer to their own proof. The lesser one then installs what the
 * greater one dialled, and the greater one refuses what the lesser one dialled.
 */

export interface Candidate {
  /** Whether this node dialled the connection in question. */
  readonly dialledByUs: boolean;
  readonly self: string;
  readonly peer: string;
  readonly peerCreation: number;
  /** At the acceptor: the token of the last session that the peer had up with us. Empty at the dialler. */
  readonly peerLost: Uint8Array;
  /** This node waits for the answer to its proof, which it sent that peer on another connection. */
  readonly ownProofPending: boolean;
  /** The session with that peer, of whichever life. */
  readonly live: LiveEntry | undefined;
}

export interface LiveEntry {
  readonly creation: number;
  readonly dialledByUs: boolean;
  readonly token: Uint8Array;
}

/** `replace`: the live session goes down completely, then the new one comes up. */
export type InstallDecision = 'install' | 'replace' | 'duplicate';

export function decideInstall(candidate: Candidate): InstallDecision {
  const { dialledByUs, self, peer, live } = candidate;
  const weWin = self > peer;
  if (live === undefined) return !dialledByUs && candidate.ownProofPending && weWin ? 'duplicate' : 'install';
  if (live.creation !== candidate.peerCreation) return 'replace';
  if (!dialledByUs && equal(candidate.peerLost, live.token)) return 'replace';
  if (live.dialledByUs === dialledByUs) return 'replace';
  return dialledByUs === weWin ? 'replace' : 'duplicate';
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
