/**
 * Everything that makes something of a peer's bytes, as it is built, from the first byte of a connection to the
 * value in a mailbox. What threads of one node send each other is not here: it never leaves the OS process.
 */
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
