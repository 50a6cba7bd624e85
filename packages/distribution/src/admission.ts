/**
 * Decides, for handshakes of both roles, whether they become sessions: asks `install.ts`, tells the other end,
 * and installs, all in one synchronous step. What fails is counted and noted in the address book.
 *
 * Another life of a peer whose session is up is either a restart, whose former life is dead, or a second node of
 * the same name. So the session is asked for a sign of life first: with one, the newcomer is refused and both
 * addresses are named; without, the session goes down and the newcomer is decided upon.
 *
 * Whose name is refused (`allow`, `disconnect`) is told so once it has proved itself, so that strangers learn
 * nothing; a dialler does not prove itself to such a node.
 */
import type { NodeName } from '@liminal-node/scheduler';
import type { Acceptor } from './acceptor.js';
import type { Dialler } from './dialler.js';
import type { FailureReport } from './failure-report.js';
import type { Failure, Peer } from './handshake.js';
import { type RefusalCode, TOKEN_BYTES } from './handshake-message.js';
import type { HandshakeObserver, HandshakeRun } from './handshake-run.js';
import { decideInstall, type InstallDecision } from './install.js';
import type { LiveSession } from './live-session.js';
import type { SessionTable } from './session-table.js';

const NO_TOKEN = new Uint8Array(TOKEN_BYTES);
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
      run.permit(sessions.lastToken(peer.name) ?? NO_TOKEN);
    }
  }

  proved(run: HandshakeRun, peer: Peer, token: Uint8Array, peerLost: Uint8Array): void {
    this.#unlessNameIsInUse(run, peer, () => this.#admit(run, peer, token, peerLost));
  }

  #admit(run: HandshakeRun, peer: Peer, token: Uint8Array, peerLost: Uint8Array): void {
    const { self, acceptor, refusalOf } = this.#options;
    const refusal = refusalOf(peer.name, undefined);
    if (this.#closed) {
      run.refuse('leaving', `${self} is leaving`);
    } else if (refusal !== undefined) {
      run.refuse(refusal.code, refusal.text);
    } else if (this.#isFullFor(peer)) {
      run.refuse('too many peers', this.#fullText());
    } else if (this.#decide(peer, false, peerLost) === 'duplicate') {
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
