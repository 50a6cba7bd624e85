/** Bytes of a connection: frames, the handshake, and what sessions say about themselves and their groups. */

import type { NodeName } from '@liminal-node/scheduler';
import { ByteReader } from '@liminal-node/scheduler';
import { createCounters } from '../../packages/distribution/dist/counters.js';
import { FragmentAssembler, fragmentHead } from '../../packages/distribution/dist/fragment.js';
import { encodeFrame, FrameDecoder } from '../../packages/distribution/dist/frame.js';
import { FrameType } from '../../packages/distribution/dist/frame-type.js';
import { learnPeers } from '../../packages/distribution/dist/gossip.js';
import { accept, dial, type HandshakeState, type Identity, step } from '../../packages/distribution/dist/handshake.js';
import {
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
  MAX_HANDSHAKE_FRAME_BYTES,
  PROTOCOL,
  REFUSAL_CODES,
} from '../../packages/distribution/dist/handshake-message.js';
import { AddressBook } from '../../packages/distribution/dist/known-peers.js';
import { decodeLosses, LossNotice } from '../../packages/distribution/dist/loss-notice.js';
import { decodeMissing, encodeMissing } from '../../packages/distribution/dist/missing-message.js';
import { decodePeers, encodePeers } from '../../packages/distribution/dist/peers-message.js';
import {
  decodeClose,
  decodeFragmentsRead,
  decodeHeartbeat,
  encodeClose,
  encodeFragmentsRead,
  encodeHeartbeat,
} from '../../packages/distribution/dist/session-message.js';
import {
  decodeFrame,
  decodeVersion,
  encodeFrame as encodePgFrame,
  encodeVersion,
  PG_ACK,
  PG_ASK,
  type PgFrame,
  readScope,
} from '../../packages/pg/dist/wire.js';
import type { Decoder } from './decoders.js';
import type { Chance } from './inputs.js';

const MAX_FRAME_BYTES = 2 ** 20;

/** Sizes in which bytes arrive, over and over: a header in two pieces, single bytes, whole packets. */
const CUTS = [3, 1, 1, 40, 7, 1_448];

function inPieces(bytes: Uint8Array, take: (piece: Uint8Array) => void): void {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = CUTS[turn % CUTS.length] as number;
    take(bytes.subarray(at, at + size));
    at += size;
  }
}

const name = (chance: Chance): NodeName =>
  chance.pick(['a@h', 'b@127.0.0.1', 'x_1@host.example', 'self@h']) as NodeName;
const address = (chance: Chance): string => chance.pick(['127.0.0.1:4000', '[::1]:1', 'h:65535', 'host.example:4000']);

function hello(chance: Chance): Hello {
  return {
    minVersion: chance.number(16),
    maxVersion: chance.number(16),
    hidden: chance.isOneIn(2),
    features: chance.number(32),
    creation: chance.number(32),
    maxFrameBytes: chance.pick([2 ** 24, chance.number(32)]),
    name: name(chance),
    address: chance.isOneIn(3) ? null : address(chance),
    challenge: Buffer.alloc(32, chance.below(256)),
  };
}

const self: Identity = {
  name: 'self@h' as NodeName,
  creation: 7,
  hidden: false,
  address: 'h:1',
  maxFrameBytes: 2 ** 24,
  cookie: 'secret',
  protocol: PROTOCOL,
};
const honest = { minVersion: 1, maxVersion: 1, features: FEATURES, hidden: false, maxFrameBytes: 2 ** 24 };

/** Feeds a handshake what comes, and says yes to whatever it asks. Without the cookie nobody gets through. */
function shake(bytes: Uint8Array, begin: () => HandshakeState): void {
  const decoder = new FrameDecoder(MAX_HANDSHAKE_FRAME_BYTES);
  let state = begin();
  inPieces(bytes, (piece) => {
    if (state.at === 'end') return;
    decoder.push(piece, (frameType, body) => {
      const [next, effects] = step(self, state, { type: 'frame', frameType, body });
      state = next;
      for (const effect of effects) {
        if (effect.type === 'proved' || effect.type === 'welcomed') throw new Error('a stranger was let in');
        if (effect.type === 'met') [state] = step(self, state, { type: 'permit', lastSession: Buffer.alloc(8) });
      }
      return state.at !== 'end';
    });
  });
}

function handshakeFrame(chance: Chance): Uint8Array {
  const mac = Buffer.alloc(32, chance.below(256));
  const greeting = chance.isOneIn(4) ? hello(chance) : { ...hello(chance), ...honest, creation: 1 + chance.below(9) };
  switch (chance.below(6)) {
    case 0:
    case 1:
      return encodeFrame(FrameType.HELLO, encodeHello(greeting));
    case 2:
      return encodeFrame(
        FrameType.CHALLENGE,
        encodeChallenge({ ...greeting, version: chance.pick([1, 1, chance.number(16)]) }),
      );
    case 3:
      return encodeFrame(FrameType.PROOF, encodeProof({ lastSession: chance.bytes(0), mac }));
    case 4:
      return encodeFrame(FrameType.WELCOME, mac);
    default:
      return encodeFrame(chance.number(8), chance.bytes(60));
  }
}

const many = (chance: Chance, most: number, make: () => Uint8Array): Buffer => Buffer.concat(chance.list(most, make));

function fragments(chance: Chance): Uint8Array {
  const body = Buffer.alloc(1 + chance.below(300), 1);
  const type = chance.pick([32, 48, 200, chance.number(8)]);
  const stream = chance.pick([1, 2, chance.number(32)]);
  const frames: Uint8Array[] = [];
  for (let at = 0; at < body.length; ) {
    const end = Math.min(body.length, at + 1 + chance.below(200));
    const part = Buffer.concat([fragmentHead(stream, type, body, at, end), body.subarray(at, end)]);
    if (!chance.isOneIn(12)) frames.push(encodeFrame(FrameType.FRAGMENT, part));
    at = end;
  }
  return Buffer.concat(frames);
}

function pgFrame(chance: Chance): Uint8Array {
  if (chance.isOneIn(8)) {
    const body = encodeVersion(chance.text(), chance.number(48));
    return Buffer.concat([Uint8Array.of(chance.pick([PG_ASK, PG_ACK])), body]);
  }
  const group = (): string => chance.text() || 'g';
  const member = (joins: number) => ({ thread: chance.number(32), serial: chance.number(48), joins });
  const joined = () => member(1 + chance.below(3));
  const members = () => [joined(), ...chance.list(4, joined)];
  const frame = chance.pick<() => PgFrame>([
    () => ({ type: 'resync' }),
    () => ({
      type: 'update',
      version: chance.number(48),
      changes: chance.list(4, () => ({ group: group(), ...member(chance.below(3)) })),
    }),
    () => ({
      type: 'have',
      life: chance.number(48),
      held: chance.isOneIn(2) ? undefined : { life: chance.number(48), version: chance.number(48) },
    }),
    () => ({
      type: 'resume',
      from: chance.number(16),
      version: 0x10000 + chance.number(32),
      changes: chance.list(4, () => ({ group: group(), ...member(chance.below(3)) })),
    }),
    () => ({
      type: 'snapshot',
      version: chance.number(48),
      part: chance.number(32),
      last: chance.isOneIn(2),
      groups: chance.list(4, () => ({ group: group(), members: members() })),
    }),
  ])();
  const types = { snapshot: 40, update: 41, resync: 42, have: 170, resume: 171 } as const;
  return Buffer.concat([Uint8Array.of(types[frame.type]), encodePgFrame(chance.text(), frame)]);
}

export const distributionDecoders: readonly Decoder[] = [
  {
    name: 'frames',
    decode: (bytes) => {
      const decoder = new FrameDecoder(MAX_FRAME_BYTES);
      const assembler = new FragmentAssembler(MAX_FRAME_BYTES);
      inPieces(bytes, (piece) =>
        decoder.push(piece, (type, body) => {
          if (type === FrameType.FRAGMENT) assembler.push(body);
          return true;
        }),
      );
    },
    make: (chance) =>
      many(chance, 4, () => (chance.isOneIn(2) ? fragments(chance) : encodeFrame(chance.number(8), chance.bytes(100)))),
  },
  {
    name: 'handshake-acceptor',
    decode: (bytes) => shake(bytes, () => accept(Buffer.alloc(32, 1))),
    make: (chance) => many(chance, 4, () => handshakeFrame(chance)),
  },
  {
    name: 'handshake-dialler',
    decode: (bytes) => shake(bytes, () => dial(self, Buffer.alloc(32, 1))[0]),
    make: (chance) => many(chance, 4, () => handshakeFrame(chance)),
  },
  { name: 'hello', decode: decodeHello, make: (chance) => encodeHello(hello(chance)) },
  {
    name: 'challenge',
    decode: decodeChallenge,
    make: (chance) => encodeChallenge({ ...hello(chance), version: chance.number(16) }),
  },
  {
    name: 'proof',
    decode: decodeProof,
    make: (chance) => encodeProof({ lastSession: Buffer.alloc(8), mac: Buffer.alloc(32, chance.below(256)) }),
  },
  { name: 'welcome', decode: decodeWelcome, make: (chance) => Buffer.alloc(32, chance.below(256)) },
  {
    name: 'refusal',
    decode: decodeRefusal,
    make: (chance) => encodeRefusal(chance.pick(REFUSAL_CODES), chance.text()),
  },
  {
    name: 'peers',
    decode: (bytes) => {
      const book = new AddressBook(
        { backOff: { minMs: 1, maxMs: 2 }, stableAfterMs: 1, forgetAfterMs: 1, maxLearned: 16 },
        () => 0,
      );
      learnPeers(decodePeers(bytes), { self: self.name, book, counters: createCounters(), now: 0, allows: () => true });
    },
    make: (chance) => encodePeers(chance.list(6, () => ({ node: name(chance), address: address(chance) }))),
  },
  {
    name: 'missing',
    decode: decodeMissing,
    make: (chance) =>
      encodeMissing({ missed: chance.list(6, () => name(chance)), apart: chance.list(6, () => name(chance)) }),
  },
  {
    name: 'heartbeat',
    decode: decodeHeartbeat,
    make: (chance) =>
      encodeHeartbeat({ sequence: chance.number(32), ...(chance.isOneIn(2) && { readBytes: chance.number(48) }) }),
  },
  {
    name: 'fragments-read',
    decode: decodeFragmentsRead,
    make: (chance) => encodeFragmentsRead(chance.number(48)),
  },
  { name: 'close', decode: decodeClose, make: (chance) => encodeClose(chance.text()) },
  {
    name: 'losses',
    // Nine bytes are an object and a view of its label. A notice has 32 KiB at most.
    memoryPerByte: 32,
    decode: decodeLosses,
    make: (chance) => {
      const notice = new LossNotice();
      for (let left = chance.below(4); left > 0; left--) {
        notice.add({ type: chance.number(8), label: chance.bytes(40) }, 1 + chance.number(32));
      }
      return notice.encode();
    },
  },
  {
    name: 'pg',
    decode: (bytes) => {
      const { reader } = readScope(bytes.subarray(1));
      const type = new ByteReader(bytes).u8();
      return type === PG_ASK || type === PG_ACK ? decodeVersion(reader) : decodeFrame(type, reader, 255);
    },
    make: pgFrame,
  },
];
