/**
 * The bodies of the five handshake frames.
 *
 *   HELLO      magic "LIMN", version min u16, max u16, flags u32 (bit 0: hidden), features u32, creation u32,
 *              maxFrameBytes u32, name text, address text (empty: does not listen), challenge 32 bytes
 *   CHALLENGE  the fields of HELLO, version chosen u16
 *   PROOF      last session 8 bytes (its token, with the first bit set where both ends had it; zeros: none;
 *              ones: not remembered), MAC 32 bytes
 *   WELCOME    MAC 32 bytes
 *   REFUSE     code u8, text
 *
 * Later versions may append fields to HELLO and CHALLENGE, so what follows is skipped there; the MACs cover it.
 */
import { ByteReader, ByteWriter, type NodeName, ProtocolError, parseNodeName } from '@liminal-node/scheduler';
import { canonicalAddress, MAX_ADDRESS_BYTES } from './address.js';
import { MIN_FRAME_BYTES } from './options.js';

/** The first and the last version of the protocol that a program speaks. */
export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

/** The versions of the protocol that this program speaks. History: 1, the first; 2, messages in blocks. */
export const PROTOCOL: VersionRange = { min: 2, max: 2 };

/** Features offered, a bit each. Offer only what is implemented end to end. */
export const FEATURE = {
  /** Puts the fragments of long frames together. */
  fragments: 1,
  /** Understands what it is told of lost frames. */
  losses: 2,
  /** Answers requests for processes. */
  spawn: 4,
  /** Tells how many bytes of fragments it has read, and waits for being told. */
  pace: 8,
  /** Says what it holds of the groups of an earlier session, and takes what it lacks alone. */
  resumeGroups: 16,
  /** Takes several publications of one publisher on one channel in one frame. */
  publicationBlocks: 32,
} as const;

export const FEATURES: number =
  FEATURE.fragments | FEATURE.losses | FEATURE.spawn | FEATURE.pace | FEATURE.resumeGroups | FEATURE.publicationBlocks;

/** The cap on a frame before the peer is known. */
export const MAX_HANDSHAKE_FRAME_BYTES = 1_024;

export const CHALLENGE_BYTES = 32;
export const MAC_BYTES = 32;
export const TOKEN_BYTES = 8;

/** The bit of a token's first byte that is not the token's own. */
export const SHARED = 0x80;

const MAGIC = 0x4c494d4e;
const HIDDEN = 1;
const MAX_NAME_BYTES = 255;
const MAX_REFUSAL_TEXT_BYTES = 512;

export interface Hello {
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly hidden: boolean;
  readonly features: number;
  readonly creation: number;
  /** The largest frame that this node takes once the session is up. */
  readonly maxFrameBytes: number;
  readonly name: NodeName;
  readonly address: string | null;
  readonly challenge: Uint8Array;
}

export interface Challenge extends Hello {
  readonly version: number;
}

export interface Proof {
  readonly lastSession: Uint8Array;
  readonly mac: Uint8Array;
}

/** Why a handshake is refused. On the wire by position: only ever append. */
export const REFUSAL_CODES = [
  'malformed',
  'version',
  'self',
  'name in use',
  'cookie',
  'duplicate',
  'too many peers',
  'leaving',
  'not allowed',
  'disconnected',
  'apart',
  'creation',
] as const;

export type RefusalCode = (typeof REFUSAL_CODES)[number];

export interface Refusal {
  /** `unknown` where the peer's program is newer and refused for a reason that this one does not know. */
  readonly code: RefusalCode | 'unknown';
  readonly text: string;
}

export function encodeHello(hello: Hello): Uint8Array {
  return writeHello(hello).take();
}

export function encodeChallenge(challenge: Challenge): Uint8Array {
  return writeHello(challenge).u16(challenge.version).take();
}

export function encodeProof({ lastSession, mac }: Proof): Uint8Array {
  return new ByteWriter().raw(lastSession).raw(mac).take();
}

export function encodeRefusal(code: RefusalCode, text: string): Uint8Array {
  return new ByteWriter().u8(REFUSAL_CODES.indexOf(code)).text(printable(text).slice(0, MAX_REFUSAL_TEXT_BYTES)).take();
}

/** @throws ProtocolError, like each of the decoders. */
export function decodeHello(body: Uint8Array): Hello {
  return readHello(new ByteReader(body));
}

export function decodeChallenge(body: Uint8Array): Challenge {
  const reader = new ByteReader(body);
  return { ...readHello(reader), version: reader.u16() };
}

export function decodeProof(body: Uint8Array): Proof {
  const reader = new ByteReader(body);
  const proof = { lastSession: reader.raw(TOKEN_BYTES), mac: reader.raw(MAC_BYTES) };
  reader.end();
  return proof;
}

export function decodeWelcome(body: Uint8Array): Uint8Array {
  const reader = new ByteReader(body);
  const mac = reader.raw(MAC_BYTES);
  reader.end();
  return mac;
}

export function decodeRefusal(body: Uint8Array): Refusal {
  const reader = new ByteReader(body);
  const code = REFUSAL_CODES[reader.u8()] ?? 'unknown';
  return { code, text: printable(reader.text(MAX_REFUSAL_TEXT_BYTES)) };
}

/** A peer's text, fit for a log line. */
export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}

function writeHello(hello: Hello): ByteWriter {
  return new ByteWriter()
    .u32(MAGIC)
    .u16(hello.minVersion)
    .u16(hello.maxVersion)
    .u32(hello.hidden ? HIDDEN : 0)
    .u32(hello.features)
    .u32(hello.creation)
    .u32(hello.maxFrameBytes)
    .text(hello.name)
    .text(hello.address ?? '')
    .raw(hello.challenge);
}

function readHello(reader: ByteReader): Hello {
  if (reader.u32() !== MAGIC) throw new ProtocolError('not liminal', 'the peer does not speak the Liminal protocol');
  const minVersion = reader.u16();
  const maxVersion = reader.u16();
  const flags = reader.u32();
  const features = reader.u32();
  const creation = reader.u32();
  const maxFrameBytes = reader.u32();
  const name = nodeName(reader.text(MAX_NAME_BYTES));
  const addressText = reader.text(MAX_ADDRESS_BYTES);
  const challenge = reader.raw(CHALLENGE_BYTES);
  const address = addressText === '' ? null : canonicalAddress(addressText);
  if (address === undefined) throw new ProtocolError('bad address', 'the address that the peer listens at is none');
  if (creation === 0) throw new ProtocolError('bad creation', 'creation 0');
  if (maxFrameBytes < MIN_FRAME_BYTES) {
    throw new ProtocolError(
      'bad frame limit',
      `the peer takes frames of ${maxFrameBytes} bytes; ${MIN_FRAME_BYTES} is the least`,
    );
  }
  return {
    minVersion,
    maxVersion,
    hidden: (flags & HIDDEN) !== 0,
    features,
    creation,
    maxFrameBytes,
    name,
    address,
    challenge,
  };
}

function nodeName(text: string): NodeName {
  try {
    return parseNodeName(text);
  } catch (cause) {
    throw new ProtocolError('bad name', 'the name of the peer is no node name', { cause });
  }
}
