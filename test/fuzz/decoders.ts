/**
 * Everything that makes something of a peer's bytes, as it is built, from the first byte of a connection to the
 * value in a mailbox. What threads of one node send each other is not here: it never leaves the OS process.
 */

import type { FrameType } from '@liminal-node/distribution';
import { channelsDecoders } from './decoders-channels.js';
import { distributionDecoders } from './decoders-distribution.js';
import { nodeDecoders } from './decoders-node.js';
import { schedulerDecoders } from './decoders-scheduler.js';
import type { Chance } from './inputs.js';
import type { Checked } from './properties.js';

export interface Decoder extends Checked {
  /** Names its corpus as well. */
  readonly name: string;
  readonly make: (chance: Chance) => Uint8Array;
}

export const DECODERS: readonly Decoder[] = [
  ...distributionDecoders,
  ...channelsDecoders,
  ...schedulerDecoders,
  ...nodeDecoders,
];

/** Who reads the body of which frame: a frame of a new type needs a line here, and a decoder above. */
export const DECODER_OF: Readonly<Record<keyof typeof FrameType, string>> = {
  HELLO: 'hello',
  CHALLENGE: 'challenge',
  PROOF: 'proof',
  WELCOME: 'welcome',
  REFUSE: 'refusal',
  HEARTBEAT: 'heartbeat',
  HEARTBEAT_ACK: 'heartbeat',
  LEAVE: 'frames',
  LEAVE_ACK: 'frames',
  PEERS: 'peers',
  MISSING: 'missing',
  CLOSE: 'close',
  FRAGMENT: 'frames',
  LOST: 'losses',
  FRAGMENTS_READ: 'fragments-read',
  SIGNAL: 'signal',
  PG_SNAPSHOT: 'pg',
  PG_UPDATE: 'pg',
  PG_RESYNC: 'pg',
  PUBLISH: 'publication',
  PUBLISH_BLOCK: 'publication-block',
  PG_ASK: 'pg',
  PG_ACK: 'pg',
  PG_HAVE: 'pg',
  PG_RESUME: 'pg',
  GLOBAL_NAMES: 'global-names',
};
