/**
 * Decides, for handshakes of both roles, whether they become sessions: asks `install.ts`, tells the other end,
 * and installs, all in one synchronous step. What fails is counted and noted in the address book.
 *
 * Another life of a peer whose session is up is either a restart, whose former life is dead, or a second node of
 * the same name. So the session is asked for a sign of life first: with one, the newcomer is refused and both
 * addresses are named; without, the session goes down and the newcomer is decided upon.
 *
 * A creation is a random number, and two lives of a node may have drawn the same. They are told apart by what they
 * remember: `#anotherLife`. The later one is refused, because pids of the earlier one could lead to its processes.
 *
 * Whose name is refused (`allow`, `disconnect`) is told so once it has proved itself, so that strangers learn
 * nothing; a dialler does not prove itself to such a node.
 */
import type { NodeName } from '@liminal-node/scheduler';
import type { Acceptor } from './acceptor.js';
import type { Dialler } from './dialler.js';
import type { FailureReport } from './failure-report.js';
import type { Failure, Peer } from './handshake.js';
import { type RefusalCode, SHARED, TOKEN_BYTES } from './handshake-message.js';
import type { HandshakeObserver, HandshakeRun } from './handshake-run.js';
import { decideInstall, type InstallDecision } from './install.js';
import type { LiveSession, SessionMemory } from './live-session.js';
import type { SessionTable } from './session-table.js';

const NO_TOKEN = new Uint8Array(TOKEN_BYTES);
/** Says that this node may have had a session, and does not remember. */
const FORGOTTEN = new Uint8Array(TOKEN_BYTES).fill(0xff);
const NOTHING = new Uint8Array(0);

export interface NameRefusal {
  readonly code: RefusalCode;
  readonly text: string;
}

export interface AdmissionOptions {
  readonly self: NodeName;
  readonly maxPeers: number;
  readonly now: () => number;
  readonly sessions: SessionTable;
  readonly dialler: Dialler;
  readonly acceptor: Acceptor;
  readonly failures: FailureReport;
  /** Why there is to be no session with a node of that name, if so. `dialled`: the address that it was met at. */
  readonly refusalOf: (name: NodeName, dialled: string | undefined) => NameRefusal | undefined;
}

export class Admission implements HandshakeObserver {
  readonly #options: AdmissionOptions;
  #closed = false;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Admits nobody any more. */
  close(): void {
    this.#closed = true;
  }

  met(run: HandshakeRun, peer: Peer): void {
    const refusal = this.#options.refusalOf(peer.name, run.dialled);
    if (refusal !== undefined) run.refuse(refusal.code, refusal.text);
    else this.#unlessNameIsInUse(run, peer, () => this.#permit(run, peer));
  }

  #permit(run: HandshakeRun, peer: Peer): void {
    const { sessions, dialler } = this.#options;
    const live = sessions.get(peer.name);
    // One proof a peer at a time, whatever the number of addresses that it is known by: see `install.ts`.
    if (live?.creation === peer.creation || dialler.hasProvedTo(peer.name, run)) {
      run.quit();
      dialler.reached(run, peer.name);
    } else {
      const last = sessions.lastWith(peer.name);
      if (last === undefined) run.permit(sessions.hasForgotten ? FORGOTTEN : NO_TOKEN);
      else run.permit(last.creation === peer.creation ? presented(last) : NO_TOKEN);
    }
  }

  proved(run: HandshakeRun, peer: Peer, token: Uint8Array, lastSession: Uint8Array): void {
    this.#unlessNameIsInUse(run, peer, () => this.#admit(run, peer, token, lastSession));
  }

  #admit(run: HandshakeRun, peer: Peer, token: Uint8Array, lastSession: Uint8Array): void {
    const { self, acceptor, refusalOf } = this.#options;
    const refusal = refusalOf(peer.name, undefined);
    const anotherLife = this.#anotherLife(peer, lastSession);
    if (this.#closed) {
      run.refuse('leaving', `${self} is leaving`);
    } else if (refusal !== undefined) {
      run.refuse(refusal.code, refusal.text);
    } else if (this.#isFullFor(peer)) {
      run.refuse('too many peers', this.#fullText());
    } else if (anotherLife === 'yes') {
      run.refuse('creation', `${self} or ${peer.name} has the creation of an earlier life of its own: start it again`);
    } else if (anotherLife === 'perhaps' || this.#decide(peer, false, tokenIn(lastSession)) === 'duplicate') {
      run.refuse('duplicate', `${self} and ${peer.name} are connected, or about to be`);
    } else {
      run.welcome();
      acceptor.done(run);
      this.#install(run, peer, token, false);
    }
  }

  welcomed(run: HandshakeRun, peer: Peer, token: Uint8Array): void {
    const { dialler, refusalOf } = this.#options;
    // It may have been told otherwise while the proof was on its way.
    const refusal = refusalOf(peer.name, run.dialled);
    if (refusal !== undefined) {
      run.abort(refusal.code, refusal.text);
      return;
    }
    if (this.#isFullFor(peer)) {
      run.abort('too many peers', this.#fullText());
      return;
    }
    const isDuplicate = this.#decide(peer, true, NOTHING) === 'duplicate';
    dialler.reached(run, peer.name);
    if (isDuplicate) run.quit();
    else this.#install(run, peer, token, true);
  }

  #unlessNameIsInUse(run: HandshakeRun, peer: Peer, goOn: () => void): void {
    const { sessions } = this.#options;
    const live = sessions.get(peer.name);
    if (live === undefined || live.creation === peer.creation) return goOn();
    sessions.probe(live, (alive) => {
      if (run.over) return;
      if (alive) run.refuse('name in use', nameInUse(live, peer, run));
      // Another life may have come up meanwhile.
      else this.#unlessNameIsInUse(run, peer, goOn);
    });
  }

  metSelf(challenge: Uint8Array): void {
    for (const run of this.#options.dialler.runs()) {
      if (Buffer.compare(run.challenge, challenge) === 0) run.reachedSelf = true;
    }
  }

  failed(run: HandshakeRun, failure: Failure): void {
    const { sessions, dialler, acceptor, failures, now } = this.#options;
    const { code, peer } = failure;
    // To lose a crossing is success where there is a connection.
    if (code === 'duplicate' && peer !== undefined && sessions.get(peer.name) !== undefined) {
      dialler.reached(run, peer.name);
    } else {
      dialler.failed(run, failure);
    }
    if (failure.by === 'us') acceptor.failed(run, code, now());
    failures.note(run, failure, now());
  }

  ended(run: HandshakeRun): void {
    this.#options.acceptor.done(run);
  }

  /**
   * Whether one of the two nodes had a session with the other's creation that the other does not remember: this node,
   * where the peer names one; the peer, where it names none. A proof may have been on its way while that session came
   * and went, so the peer is sent back once, and not believed the second time.
   */
  #anotherLife({ name, creation }: Peer, lastSession: Uint8Array): 'no' | 'perhaps' | 'yes' {
    const { sessions } = this.#options;
    const last = sessions.lastWith(name);
    if (Buffer.compare(lastSession, FORGOTTEN) === 0) return 'no';
    if (Buffer.compare(lastSession, NO_TOKEN) !== 0) {
      return isShared(lastSession) && last === undefined && !sessions.hasForgotten ? 'yes' : 'no';
    }
    const crosses = sessions.get(name)?.dialledByUs === true;
    if (last === undefined || !last.peerHadIt || last.creation !== creation || crosses) return 'no';
    const missedBefore = last.missed;
    last.missed = true;
    return missedBefore ? 'yes' : 'perhaps';
  }

  #isFullFor({ name }: Peer): boolean {
    const { sessions, maxPeers } = this.#options;
    return sessions.size >= maxPeers && sessions.get(name) === undefined;
  }

  #fullText(): string {
    return `${this.#options.self} takes at most ${this.#options.maxPeers} peers`;
  }

  #decide(peer: Peer, dialledByUs: boolean, peerLost: Uint8Array): InstallDecision {
    const { self, sessions, dialler } = this.#options;
    return decideInstall({
      dialledByUs,
      self,
      peer: peer.name,
      peerCreation: peer.creation,
      peerLost,
      ownProofPending: dialler.hasProvedTo(peer.name),
      live: sessions.get(peer.name),
    });
  }

  #install(run: HandshakeRun, peer: Peer, token: Uint8Array, dialledByUs: boolean): void {
    if (run.connection === undefined) return;
    run.taken();
    this.#options.sessions.install(run.connection, peer, token, dialledByUs);
  }
}

function nameInUse(live: LiveSession, peer: Peer, run: HandshakeRun): string {
  const old = live.address ?? live.remoteAddress;
  const other = peer.address ?? run.connection?.remoteAddress ?? 'an unknown address';
  return `two live nodes are named ${peer.name}: one at ${old}, one at ${other}; rename one`;
}

/** As a dialler names the last session that it had. */
function presented({ token, peerHadIt }: SessionMemory): Uint8Array {
  const bytes = Uint8Array.from(token);
  if (peerHadIt) bytes[0] = (bytes[0] ?? 0) | SHARED;
  return bytes;
}

/** Whether the dialler knows that this node had that session as well. */
function isShared(lastSession: Uint8Array): boolean {
  return ((lastSession[0] ?? 0) & SHARED) !== 0;
}

function tokenIn(lastSession: Uint8Array): Uint8Array {
  const token = Uint8Array.from(lastSession);
  token[0] = (token[0] ?? 0) & ~SHARED;
  return token;
}
