/**
 * What a scope has done and refused since it started. Plain numbers that only rise.
 */
import type { Refusal } from './group-events.js';

/** Why something was refused. The first five are explained in `group-state.ts`. */
export type RefusalReason =
  | Refusal
  /** A frame that is no pg frame; its session was closed. */
  | 'malformed'
  /** A frame would have taken its session beyond a limit; the session was closed. */
  | 'over limit'
  /** A peer asked for more snapshots than `maxResyncs`; it asks again later. */
  | 'resync flood'
  /** A frame for a scope that does not run here: counted for all scopes of the distribution together. */
  | 'unknown scope'
  /** A join of a process of another node. */
  | 'not local'
  /** A local join beyond a limit, or with a name that is no group's. */
  | 'local limit'
  /** A frame was dropped, by distribution or beyond `maxHeldBytes`. */
  | 'not queued'
  /** A frame was for a session that had gone down. */
  | 'session gone'
  /** A reader of changes fell too far behind. */
  | 'reader overflow';

export interface PgCounters {
  readonly joins: number;
  readonly leaves: number;
  /** Local processes that ended as members. */
  readonly exits: number;
  readonly framesIn: number;
  readonly framesOut: number;
  /** Snapshots asked for by this node. */
  readonly resyncsAsked: number;
  readonly refused: Readonly<Record<RefusalReason, number>>;
}

export type MutablePgCounters = { -readonly [K in Exclude<keyof PgCounters, 'refused'>]: number } & {
  readonly refused: Record<RefusalReason, number>;
};

/** @param unknownScope reads the router's counter, which the scopes share. */
export function createCounters(unknownScope: () => number): MutablePgCounters {
  return {
    joins: 0,
    leaves: 0,
    exits: 0,
    framesIn: 0,
    framesOut: 0,
    resyncsAsked: 0,
    refused: {
      'foreign session': 0,
      'stale session': 0,
      'own node': 0,
      gap: 0,
      'awaiting snapshot': 0,
      malformed: 0,
      'over limit': 0,
      'resync flood': 0,
      get 'unknown scope'() {
        return unknownScope();
      },
      'not local': 0,
      'local limit': 0,
      'not queued': 0,
      'session gone': 0,
      'reader overflow': 0,
    },
  };
}
