/**
 * How soon a silent peer is down: by name, or in figures. A peer is asked for a sign of life every interval, and is
 * down between `timeoutMs` and `timeoutMs + intervalMs` after its last byte.
 *
 * Nodes of one cluster may differ: each judges at its own pace, and is answered at once.
 */

export interface HeartbeatFigures {
  /** Milliseconds between two heartbeats. */
  readonly intervalMs: number;
  /** Milliseconds without a byte after which a peer is down; at least twice the interval. */
  readonly timeoutMs: number;
}

/**
 * - `default`: 10 to 12.5 s; a peer that stalls for 6 s is not mistaken for a dead one.
 * - `otp`: 60 to 75 s, as `net_ticktime` does.
 * - `lan`: 4 to 5 s, for a network that loses nothing and machines with time to spare.
 * - `local`: 1 to 1.25 s, for nodes of one machine.
 */
export const HEARTBEAT_PROFILES = {
  default: { intervalMs: 2_500, timeoutMs: 10_000 },
  otp: { intervalMs: 15_000, timeoutMs: 60_000 },
  lan: { intervalMs: 1_000, timeoutMs: 4_000 },
  local: { intervalMs: 250, timeoutMs: 1_000 },
} as const satisfies Record<string, HeartbeatFigures>;

export type HeartbeatProfile = keyof typeof HEARTBEAT_PROFILES;

export function isHeartbeatProfile(text: unknown): text is HeartbeatProfile {
  return typeof text === 'string' && Object.hasOwn(HEARTBEAT_PROFILES, text);
}

export function heartbeatFigures(heartbeat: HeartbeatProfile | HeartbeatFigures): HeartbeatFigures {
  return typeof heartbeat === 'string' ? HEARTBEAT_PROFILES[heartbeat] : heartbeat;
}
