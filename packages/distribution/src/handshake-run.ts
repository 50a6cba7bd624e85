/**
 * One handshake under way: the state machine of `handshake.ts` on a connection, under one deadline.
 *
 * It ends exactly once: by handing its connection over to a session (`taken`), by giving up quietly (`quit`),
 * or by a failure, which is told. A refusal is sent before the connection is closed; a peer that let the
 * deadline pass is cut off.
 */
import type { Environment, Timer } from '@liminal-node/scheduler';
import type { FrameConnection, FrameOwner } from './frame-connection.js';
import {
  accept,
  dial,
  type Failure,
  type HandshakeEffect,
  type HandshakeEvent,
  type HandshakeState,
  type Identity,
  type Peer,
  type Step,
  step,
} from './handshake.js';
import { CHALLENGE_BYTES } from './handshake-message.js';

/** Who decides about handshakes. */
export interface HandshakeObserver {
  /** A dialler met that peer: call `permit`, `quit` or `refuse`. */
  met(run: HandshakeRun, peer: Peer): void;
  /** A peer proved itself to this acceptor: call `welcome` or `refuse`. */
  proved(run: HandshakeRun, peer: Peer, token: Uint8Array, lastSession: Uint8Array): void;
  /** The acceptor has the session up: call `taken` or `quit`. */
  welcomed(run: HandshakeRun, peer: Peer, token: Uint8Array): void;
  /** This node dialled itself, with that challenge. */
  metSelf(challenge: Uint8Array): void;
  failed(run: HandshakeRun, failure: Failure): void;
  /** The connection of a handshake that failed or was quit is closed. */
  ended(run: HandshakeRun): void;
}

export interface HandshakeRunOptions {
  readonly environment: Environment;
  readonly identity: Identity;
  readonly timeoutMs: number;
  readonly observer: HandshakeObserver;
  /** What was dialled; undefined at the acceptor. */
  readonly dialled: string | undefined;
}

export class HandshakeRun implements FrameOwner {
  readonly dialled: string | undefined;
  readonly challenge: Uint8Array;
  /** Set once the connection is there. */
  connection: FrameConnection | undefined;
  /** The dialler has reached its own node, as its acceptor confirmed. */
  reachedSelf = false;
  readonly #options: HandshakeRunOptions;
  readonly #deadline: Timer;
  #state: HandshakeState;
  #over = false;

  constructor(options: HandshakeRunOptions) {
    const { environment, timeoutMs } = options;
    this.#options = options;
    this.dialled = options.dialled;
    this.challenge = environment.randomBytes(CHALLENGE_BYTES);
    this.#state = accept(this.challenge);
    this.#deadline = environment.setTimer(timeoutMs, () => {
      this.abort('deadline', `no complete handshake within ${timeoutMs} ms`);
    });
  }

  /** The peer that waits for, or has sent, its answer to our proof. */
  get provedTo(): Peer | undefined {
    return !this.#over && this.#state.at === 'welcome awaited' ? this.#state.peer : undefined;
  }

  /** The peer has said nothing yet that is whole. */
  get silent(): boolean {
    return this.#state.at === 'hello awaited';
  }

  /** It has ended: nothing that is decided for it counts any more. */
  get over(): boolean {
    return this.#over;
  }

  /** The dialler's first step, once connected. */
  hello(): void {
    this.#run(dial(this.#options.identity, this.challenge));
  }

  permit(lastSession: Uint8Array): void {
    this.#apply({ type: 'permit', lastSession });
  }

  welcome(): void {
    this.#apply({ type: 'accept' });
  }

  refuse(code: Parameters<typeof refusal>[0], text: string): void {
    this.#apply(refusal(code, text));
  }

  /** Ends it at once, without a word. */
  abort(code: string, text: string): void {
    this.#apply({ type: 'abort', code, text });
    this.connection?.destroy();
  }

  /** Ends it without a word and without a fault. */
  quit(): void {
    this.#finish();
    this.connection?.end();
  }

  /** The connection belongs to a session now. */
  taken(): void {
    this.#finish();
  }

  received(): void {}

  frame(frameType: number, body: Uint8Array): void {
    this.#apply({ type: 'frame', frameType, body });
  }

  fault(error: unknown): void {
    // Frames that are none, before the peer is known: it is no Liminal node, or a hostile one.
    this.refuse('malformed', error instanceof Error ? error.message : String(error));
  }

  closed(reason: string): void {
    const text = reason === 'ECONNREFUSED' ? 'nothing listens there' : `the connection ended half way: ${reason}`;
    this.#apply({ type: 'abort', code: reason, text });
    this.#options.observer.ended(this);
  }

  #apply(event: HandshakeEvent): void {
    if (!this.#over) this.#run(step(this.#options.identity, this.#state, event));
  }

  #run([state, effects]: Step): void {
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: HandshakeEffect): void {
    const { observer } = this.#options;
    switch (effect.type) {
      case 'send':
        this.connection?.writeFrame(effect.frameType, effect.body);
        return;
      case 'met':
        observer.met(this, effect.peer);
        return;
      case 'proved':
        observer.proved(this, effect.peer, effect.token, effect.lastSession);
        return;
      case 'welcomed':
        observer.welcomed(this, effect.peer, effect.token);
        return;
      case 'self':
        observer.metSelf(effect.challenge);
        return;
      case 'failed':
        this.#finish();
        this.connection?.end();
        observer.failed(this, effect.failure);
        return;
      default:
        effect satisfies never;
    }
  }

  #finish(): void {
    this.#over = true;
    this.#deadline.cancel();
  }
}

function refusal(code: Extract<HandshakeEvent, { type: 'refuse' }>['code'], text: string): HandshakeEvent {
  return { type: 'refuse', code, text };
}
