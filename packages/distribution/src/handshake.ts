/**
 * The handshake, both roles, as a state machine without clock, socket or queue: `(state, event) -> effects`.
 *
 *   dialler   HELLO      who it is, and a fresh challenge
 *   acceptor  CHALLENGE  the same of its own, and the version chosen; or REFUSE
 *   dialler   PROOF      MAC over both hellos as they were sent, and the last session that it had with this peer
 *   acceptor  WELCOME    its own MAC, once it has decided to install the session; or REFUSE
 *   dialler              verifies, and installs
 *
 * - Both MACs are HMAC-SHA-256 under the cookie, over a label that differs by role and both hellos verbatim,
 *   each behind its length. So a change of any bit, a replay and a reflection fail; so does a MAC of the other role.
 * - The acceptor gives no MAC to a peer that has not shown a right one, and tells it nothing of names: whoever does not
 *   know the cookie is answered in the same steps, whatever it calls itself.
 * - A dialler asks its node before it proves itself (`met`), an acceptor before it welcomes (`proved`): whether
 *   there is a session already is decided outside, in `install.ts`.
 * - Anything out of turn ends it. Every end has a code, and says who ended it.
 * - An answer that is not authenticated (REFUSE) can end a handshake and no more.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { type NodeName, ProtocolError } from '@liminal-node/scheduler';
import { FrameType } from './frame-type.js';
import {
  type Challenge,
  decodeChallenge,
  decodeHello,
  decodeProof,
  decodeRefusal,
  decodeWelcome,
  encodeChallenge,
  encodeHello,
  encodeProof,
  encodeRefusal,
  FEATURES,
  type Hello,
  type RefusalCode,
  SHARED,
  TOKEN_BYTES,
  type VersionRange,
} from './handshake-message.js';

/** This node, as it presents itself. */
export interface Identity {
  readonly name: NodeName;
  readonly creation: number;
  readonly hidden: boolean;
  readonly address: string | null;
  readonly maxFrameBytes: number;
  readonly cookie: string;
  /** The versions of the protocol that it speaks, the first and the last. */
  readonly protocol: VersionRange;
}

/** What the peer said of itself; true only once it has proved that it knows the cookie. */
export type Peer = Pick<Hello, 'name' | 'creation' | 'hidden' | 'address' | 'maxFrameBytes' | 'features'> & {
  /** The version of the protocol that both speak from now on: the highest that both know. */
  readonly version: number;
};

export type HandshakeState =
  | { readonly at: 'challenge awaited'; readonly hello: Uint8Array; readonly own: Uint8Array }
  | { readonly at: 'permission awaited'; readonly transcript: Transcript; readonly peer: Peer }
  | { readonly at: 'welcome awaited'; readonly transcript: Transcript; readonly peer: Peer }
  | { readonly at: 'hello awaited'; readonly own: Uint8Array }
  | { readonly at: 'proof awaited'; readonly transcript: Transcript; readonly peer: Peer }
  | { readonly at: 'decision awaited'; readonly transcript: Transcript; readonly peer: Peer }
  | { readonly at: 'end'; readonly peer?: Peer };

export type HandshakeEvent =
  | { readonly type: 'frame'; readonly frameType: number; readonly body: Uint8Array }
  /** The dialler's node wants this session. `lastSession`: the token of the last one that it had up, or zeros. */
  | { readonly type: 'permit'; readonly lastSession: Uint8Array }
  /** The acceptor's node installs this session. */
  | { readonly type: 'accept' }
  /** Either's node does not want it. */
  | { readonly type: 'refuse'; readonly code: RefusalCode; readonly text: string }
  /** Too late, crowded out, or the bytes were no frames. */
  | { readonly type: 'abort'; readonly code: string; readonly text: string };

/** How a handshake failed. `code`: a refusal code, or what an abort said. */
export interface Failure {
  readonly by: 'us' | 'peer';
  readonly code: string;
  readonly text: string;
  /** As it presented itself, if it came to that. */
  readonly peer: Peer | undefined;
}

export type HandshakeEffect =
  | { readonly type: 'send'; readonly frameType: number; readonly body: Uint8Array }
  /** Answer with `permit`, `refuse` or `abort`. */
  | { readonly type: 'met'; readonly peer: Peer }
  /** The peer knows the cookie. Answer with `accept` or `refuse`. */
  | { readonly type: 'proved'; readonly peer: Peer; readonly token: Uint8Array; readonly lastSession: Uint8Array }
  /** The dialler has verified the acceptor, which has installed the session. */
  | { readonly type: 'welcomed'; readonly peer: Peer; readonly token: Uint8Array }
  /** Nothing more will come or be taken. */
  | { readonly type: 'failed'; readonly failure: Failure }
  /** The acceptor met this very node; `challenge` tells which of its dials it was. */
  | { readonly type: 'self'; readonly challenge: Uint8Array };

export type Step = readonly [HandshakeState, readonly HandshakeEffect[]];

/** Both hellos as they were sent. */
interface Transcript {
  readonly hello: Uint8Array;
  readonly challenge: Uint8Array;
}

/** @param challenge 32 fresh unpredictable bytes, here and below. */
export function dial(self: Identity, challenge: Uint8Array): Step {
  const hello = encodeHello(present(self, challenge));
  return [
    { at: 'challenge awaited', hello, own: challenge },
    [{ type: 'send', frameType: FrameType.HELLO, body: hello }],
  ];
}

export function accept(challenge: Uint8Array): HandshakeState {
  return { at: 'hello awaited', own: challenge };
}

/** One step. Never throws: whatever a peer sends is an effect. */
export function step(self: Identity, state: HandshakeState, event: HandshakeEvent): Step {
  if (state.at === 'end') return [state, []];
  const peer = 'peer' in state ? state.peer : undefined;
  try {
    switch (event.type) {
      case 'frame':
        return receive(self, state, event.frameType, event.body);
      case 'permit':
        return state.at === 'permission awaited' ? prove(self, state, event.lastSession) : [state, []];
      case 'accept':
        return state.at === 'decision awaited' ? welcome(self, state) : [state, []];
      case 'refuse':
        return refuse(peer, event.code, event.text);
      case 'abort':
        return fail({ by: 'us', code: event.code, text: event.text, peer });
      default:
        return event satisfies never;
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return refuse(peer, 'malformed', error.message);
  }
}

function receive(self: Identity, state: HandshakeState, frameType: number, body: Uint8Array): Step {
  const peer = 'peer' in state ? state.peer : undefined;
  if (frameType === FrameType.REFUSE) return fail({ by: 'peer', ...decodeRefusal(body), peer });
  switch (state.at) {
    case 'hello awaited':
      if (frameType === FrameType.HELLO) return receiveHello(self, state.own, body);
      break;
    case 'challenge awaited':
      if (frameType === FrameType.CHALLENGE) return receiveChallenge(self, state.hello, body);
      break;
    case 'proof awaited':
      if (frameType === FrameType.PROOF) return receiveProof(self, state, body);
      break;
    case 'welcome awaited':
      if (frameType === FrameType.WELCOME) return receiveWelcome(self, state, body);
      break;
    default:
      break;
  }
  throw new ProtocolError('out of turn', `frame of type ${frameType} while ${state.at}`);
}

function receiveHello(self: Identity, own: Uint8Array, body: Uint8Array): Step {
  const hello = decodeHello(body);
  const version = Math.min(hello.maxVersion, self.protocol.max);
  const peer = peerOf(hello, version);
  const identity = checkIdentity(self, peer);
  if (identity?.code === 'self') {
    const [state, effects] = refuse(peer, identity.code, identity.text);
    return [state, [{ type: 'self', challenge: Uint8Array.from(hello.challenge) }, ...effects]];
  }
  if (version < Math.max(hello.minVersion, self.protocol.min)) {
    const theirs = `${hello.name} ${hello.minVersion} to ${hello.maxVersion}`;
    return refuse(peer, 'version', `${speaks(self)}, ${theirs}`);
  }
  const challenge = encodeChallenge({ ...present(self, own), version });
  const transcript = { hello: Uint8Array.from(body), challenge };
  return [
    { at: 'proof awaited', transcript, peer },
    [{ type: 'send', frameType: FrameType.CHALLENGE, body: challenge }],
  ];
}

function receiveChallenge(self: Identity, hello: Uint8Array, body: Uint8Array): Step {
  const challenge: Challenge = decodeChallenge(body);
  const { version } = challenge;
  const peer = peerOf(challenge, version);
  const identity = checkIdentity(self, peer);
  if (identity !== undefined) return refuse(peer, identity.code, identity.text);
  if (version < self.protocol.min || version > self.protocol.max) {
    return refuse(peer, 'version', `${speaks(self)}, ${challenge.name} chose ${version}`);
  }
  const transcript = { hello, challenge: Uint8Array.from(body) };
  return [{ at: 'permission awaited', transcript, peer }, [{ type: 'met', peer }]];
}

function prove(self: Identity, state: HandshakeState & { at: 'permission awaited' }, lastSession: Uint8Array): Step {
  const mac = macOf(self.cookie, 'liminal dialler', state.transcript, lastSession);
  const body = encodeProof({ lastSession, mac });
  return [{ ...state, at: 'welcome awaited' }, [{ type: 'send', frameType: FrameType.PROOF, body }]];
}

function receiveProof(self: Identity, state: HandshakeState & { at: 'proof awaited' }, body: Uint8Array): Step {
  const { lastSession, mac } = decodeProof(body);
  if (!timingSafeEqual(mac, macOf(self.cookie, 'liminal dialler', state.transcript, lastSession))) {
    return refuse(state.peer, 'cookie', wrongCookie(self, state.peer));
  }
  const identity = checkIdentity(self, state.peer);
  if (identity !== undefined) return refuse(state.peer, identity.code, identity.text);
  const token = tokenOf(self.cookie, state.transcript);
  return [
    { ...state, at: 'decision awaited' },
    [{ type: 'proved', peer: state.peer, token, lastSession: Uint8Array.from(lastSession) }],
  ];
}

function welcome(self: Identity, state: HandshakeState & { at: 'decision awaited' }): Step {
  const body = macOf(self.cookie, 'liminal acceptor', state.transcript);
  return [{ at: 'end', peer: state.peer }, [{ type: 'send', frameType: FrameType.WELCOME, body }]];
}

function receiveWelcome(self: Identity, state: HandshakeState & { at: 'welcome awaited' }, body: Uint8Array): Step {
  if (!timingSafeEqual(decodeWelcome(body), macOf(self.cookie, 'liminal acceptor', state.transcript))) {
    return refuse(state.peer, 'cookie', wrongCookie(self, state.peer));
  }
  const token = tokenOf(self.cookie, state.transcript);
  return [{ at: 'end', peer: state.peer }, [{ type: 'welcomed', peer: state.peer, token }]];
}

function checkIdentity(self: Identity, hello: Peer): { code: RefusalCode; text: string } | undefined {
  if (hello.name !== self.name) return undefined;
  if (hello.creation === self.creation) return { code: 'self', text: `${self.name} reached itself` };
  const listens = (address: string | null): string => (address === null ? 'not listening' : `listening at ${address}`);
  return {
    code: 'name in use',
    text: `two live nodes are named ${self.name}: one ${listens(self.address)}, one ${listens(hello.address)}; rename one`,
  };
}

function refuse(peer: Peer | undefined, code: RefusalCode, text: string): Step {
  const [state, effects] = fail({ by: 'us', code, text, peer });
  return [state, [{ type: 'send', frameType: FrameType.REFUSE, body: encodeRefusal(code, text) }, ...effects]];
}

function fail(failure: Failure): Step {
  return [{ at: 'end' }, [{ type: 'failed', failure }]];
}

function present(self: Identity, challenge: Uint8Array): Hello {
  const { name, creation, hidden, address, maxFrameBytes, protocol } = self;
  const range = { minVersion: protocol.min, maxVersion: protocol.max, features: FEATURES };
  return { ...range, name, creation, hidden, address, maxFrameBytes, challenge };
}

function peerOf({ name, creation, hidden, address, maxFrameBytes, features }: Hello, version: number): Peer {
  return { name, creation, hidden, address, maxFrameBytes, features, version };
}

function speaks({ name, protocol }: Identity): string {
  return `${name} speaks ${protocol.min} to ${protocol.max}`;
}

function wrongCookie(self: Identity, peer: Peer): string {
  return `${self.name} and ${peer.name} do not have the same cookie`;
}

function tokenOf(cookie: string, transcript: Transcript): Uint8Array {
  const token = macOf(cookie, 'liminal session', transcript).subarray(0, TOKEN_BYTES);
  token[0] = (token[0] ?? 0) & ~SHARED;
  return token;
}

/** Each part behind its length, so that no bytes can move from one to the next. */
function macOf(cookie: string, label: string, { hello, challenge }: Transcript, lastSession?: Uint8Array): Uint8Array {
  const mac = createHmac('sha256', cookie);
  for (const part of [Buffer.from(label), hello, challenge, ...(lastSession === undefined ? [] : [lastSession])]) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    mac.update(length).update(part);
  }
  return mac.digest();
}
