/**
 * What the demo and its nodes say to each other, over the channel that Node gives a child process. The bus
 * itself carries only what is measured.
 */
import type { Range } from './sequence.js';

/** The channel that everybody in the demo publishes on and subscribes to. */
export const DEMO_CHANNEL = 'demo';

/** What is published. */
export interface DemoPayload {
  /** The life of the publishing node: its name and creation. */
  readonly publisher: string;
  /** From 1, without gaps, for each life. */
  readonly sequence: number;
}

/** To a node. */
export type DemoCommand =
  | { readonly type: 'publish'; readonly ratePerSecond: number }
  /** Stop publishing; answered with a report that is `finished`. */
  | { readonly type: 'finish' };

/** What one subscriber has of one publisher. */
export interface Received {
  readonly ranges: readonly Range[];
  readonly duplicates: number;
}

/** From a node, a few times a second. Everything counts from the start of its life. */
export interface DemoReport {
  readonly type: 'report';
  /** The life that reports, as in {@link DemoPayload}. */
  readonly life: string;
  /** The pid of its subscriber. */
  readonly subscriber: string;
  /** The nodes with subscribers that it knows of, its own included. */
  readonly sees: readonly string[];
  readonly published: number;
  /** For the pid of each subscriber: what was published while it was a member of the channel. */
  readonly sent: Readonly<Record<string, readonly Range[]>>;
  /** By publisher. */
  readonly received: Readonly<Record<string, Received>>;
  /** It publishes no more, and everything is on its way. */
  readonly finished: boolean;
}
