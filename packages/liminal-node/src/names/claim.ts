/** Claims of global names, and the rule by which one of two prevails: computed alike wherever both are known. */
import type { NodeName, Pid } from '@liminal-node/scheduler';

/** One process of one node has a name, or is about to have it. */
export interface Claim {
  /** The name, behind a letter for what it names. */
  readonly key: string;
  readonly pid: Pid;
  readonly node: NodeName;
  /** When it was made: milliseconds since 1970, but always later than whatever its node had heard of. */
  readonly time: number;
  /** Every node that its node was connected to has agreed. */
  readonly held: boolean;
  /** This node has agreed. */
  readonly agreed: boolean;
  /** The session that it was heard over; undefined where it is of this node. */
  readonly peer: number | undefined;
}

/** Whether `a` was made before `b`. Of two at one time, the one of the node with the smaller name. */
export function isOlder(a: Claim, b: Claim): boolean {
  if (a.time !== b.time) return a.time < b.time;
  return a.node !== b.node ? a.node < b.node : a.pid < b.pid;
}

/**
 * Which of several claims a lookup answers with: what this node has agreed to before what it has only heard of, which may
 * be over; then what is held; then the oldest.
 */
export function foremost(claims: readonly Claim[]): Claim | undefined {
  let best: Claim | undefined;
  for (const claim of claims) if (best === undefined || comesBefore(claim, best)) best = claim;
  return best;
}

function comesBefore(a: Claim, b: Claim): boolean {
  if (a.agreed !== b.agreed) return a.agreed;
  return a.held === b.held ? isOlder(a, b) : a.held;
}

/** One of the two processes that have a name after a partition has healed. */
export interface Claimant {
  readonly pid: Pid;
  readonly node: NodeName;
  /** When it was registered, in ms since 1970 by the clocks of its part of the cluster. */
  readonly registeredAt: number;
}

/** Who keeps a name that two processes have, and what becomes of a process that loses it. */
export interface NameVerdict {
  readonly keep: 'older' | 'younger' | 'none';
  /**
   * `exit`: it is sent an exit with the reason `{ nameConflict: { name, keeper } }`;
   * `notify`: it is sent a `NameConflictMessage`.
   */
  readonly loser: 'exit' | 'notify';
}

/**
 * Decides a conflict. It runs on the node of each of the two, so it must answer by its arguments alone, and be the same on
 * every node; one that throws counts as `exit`.
 */
export type NameResolver = (name: string, older: Claimant, younger: Claimant) => NameVerdict;

/**
 * - `exit`: the older keeps it, and the other process is ended, after OTP's `random_exit_name`;
 * - `notify`: the older keeps it, and the other is told, after `random_notify_name`;
 * - `notify_all`: nobody keeps it, and both are told, after `notify_all_name`.
 */
export type NameConflict = 'exit' | 'notify' | 'notify_all' | NameResolver;

/** The verdict on two held claims of one name. */
export function verdictOn(a: Claim, b: Claim, conflict: NameConflict): NameVerdict {
  switch (conflict) {
    case 'exit':
      return { keep: 'older', loser: 'exit' };
    case 'notify':
      return { keep: 'older', loser: 'notify' };
    case 'notify_all':
      return { keep: 'none', loser: 'notify' };
    default: {
      const [older, younger] = isOlder(a, b) ? [a, b] : [b, a];
      try {
        return conflict(nameOf(older.key), claimantOf(older), claimantOf(younger));
      } catch {
        return { keep: 'older', loser: 'exit' };
      }
    }
  }
}

function claimantOf({ pid, node, time }: Claim): Claimant {
  return { pid, node, registeredAt: time };
}

/** What a key is for. */
export type KeyKind = 'name' | 'lock';

export function keyOf(kind: KeyKind, name: string): string {
  return `${kind[0]}${name}`;
}

export function kindOf(key: string): KeyKind {
  return key[0] === 'l' ? 'lock' : 'name';
}

export function nameOf(key: string): string {
  return key.slice(1);
}
