/**
 * What happens to the nodes of a chaos run, and when: pure, from a seed. Faults overlap, but never two on one node
 * or on one pair, so that each is healed as it was meant to be. Most last for a moment, some beyond the silence
 * after which a peer is down.
 */
import { randomFrom } from '../support/random.js';

/** Of one node. `deaf`, `mute`, `cutOff` and `slowLine` are of its own network, where it has one. */
export const NODE_FAULTS = ['kill', 'freeze', 'partition'] as const;
export const NETWORK_FAULTS = ['deaf', 'mute', 'cutOff', 'slowLine'] as const;
/** Of the way from `node` to `peer`, and back where it is not one-way. */
export const PAIR_FAULTS = [
  'bridge',
  'oneWay',
  'stall',
  'reset',
  'close',
  'corrupt',
  'bandwidth',
  'split',
  'lateEnd',
] as const;

/** Over when they have happened. */
const AT_ONCE: ReadonlySet<FaultKind> = new Set<FaultKind>(['reset', 'close']);

export type FaultKind = (typeof NODE_FAULTS)[number] | (typeof NETWORK_FAULTS)[number] | (typeof PAIR_FAULTS)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** Milliseconds since the start of the run. */
  readonly at: number;
  /** Milliseconds until it is healed, or a killed node is started again. */
  readonly lasts: number;
  /** Indices of nodes. */
  readonly node: number;
  readonly peer: number;
}

export interface ScheduleOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly nodes: number;
  /** Whether each node has a network of its own. */
  readonly networks: boolean;
}

/** The faults of a run by the time at which they begin. */
export function schedule({ seed, durationMs, nodes, networks }: ScheduleOptions): readonly Fault[] {
  const random = randomFrom(seed);
  const below = (bound: number): number => Math.floor(random() * bound);
  // Those of a whole node are rarer than its pairs would make them.
  const kinds = [...PAIR_FAULTS, ...NODE_FAULTS, ...NODE_FAULTS, ...(networks ? NETWORK_FAULTS : [])];
  const busyUntil = new Map<string, number>();
  const faults: Fault[] = [];
  // What a node is without before anything happens to it: connections.
  for (let at = 1_000; at < durationMs - 500; at += 100 + below(400)) {
    const kind = kinds[below(kinds.length)] ?? 'kill';
    const node = below(nodes);
    const peer = (node + 1 + below(nodes - 1)) % nodes;
    const moment = random() < 0.7 ? 50 + below(600) : 1_000 + below(2_500);
    const lasts = AT_ONCE.has(kind) ? 0 : moment;
    const isOfPair = (PAIR_FAULTS as readonly string[]).includes(kind);
    const touched = isOfPair ? [pairOf(node, peer)] : [String(node), ...pairsOf(node, nodes)];
    if (touched.some((each) => (busyUntil.get(each) ?? 0) > at)) continue;
    for (const each of touched) busyUntil.set(each, at + lasts);
    faults.push({ kind, at, lasts: Math.min(lasts, durationMs - at), node, peer });
  }
  return faults;
}

function pairOf(one: number, other: number): string {
  return one < other ? `${one}-${other}` : `${other}-${one}`;
}

function pairsOf(node: number, nodes: number): string[] {
  return Array.from({ length: nodes }, (_, other) => pairOf(node, other)).filter((_, other) => other !== node);
}
