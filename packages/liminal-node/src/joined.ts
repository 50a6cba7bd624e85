/** How far a node has joined its cluster: the nodes that it is connected to, of those that it knows of. */
import { type Discovered, type Distribution, hasNone, type KnownPeer } from '@liminal-node/distribution';

export interface Joined {
  /** Visible nodes that are connected. */
  readonly connected: number;
  /** Those, and all others that are known, each once; what was disconnected by hand is not among them. */
  readonly known: number;
  /** Why it is not all, for instance `127.0.0.1:4371 (ECONNREFUSED)` or `dns:shop.internal (ENOTFOUND)`; at most 20. */
  readonly missing: readonly string[];
}

const MAX_MISSING = 20;

export function joinedOf(distribution: Pick<Distribution, 'peers' | 'sessions' | 'discovery'>): Joined {
  const connected = distribution.sessions().filter(({ hidden }) => !hidden).length;
  const absent = distribution.peers().filter(isAbsent);
  // A node may be known by several addresses.
  const others = new Set(absent.map(({ node, address }) => node ?? address));
  const missing = [...absent.map(standing), ...distribution.discovery().flatMap(failure)];
  return { connected, known: connected + others.size, missing: missing.slice(0, MAX_MISSING) };
}

/** What keeps a node that was told where others are from being ready, as a sentence: it is connected to none of them. */
export function loneliness({
  peers,
  discovery,
}: {
  readonly peers: readonly KnownPeer[];
  readonly discovery: readonly Discovered[];
}): string | undefined {
  if (peers.some(({ state }) => state === 'connected')) return undefined;
  const found = new Set(discovery.flatMap(({ addresses }) => addresses));
  const wanted = peers.filter((peer) => (peer.seed || found.has(peer.address)) && isAbsent(peer));
  // A name without addresses is what the first node of a cluster finds.
  const failing = discovery.filter(({ asked, lastFailure }) => asked === 0 || (lastFailure && !hasNone(lastFailure)));
  if (wanted.length + failing.length === 0) return undefined;
  const what = discovery.length === 0 ? `${wanted.length} seeds` : `${wanted.length} nodes`;
  return `connected to 0 of ${what}: ${[...wanted.map(standing), ...failing.flatMap(failure)].join(', ')}`;
}

function isAbsent({ state }: KnownPeer): boolean {
  return state === 'waiting' || state === 'dialing';
}

function standing({ address, lastFailure = 'dialing' }: KnownPeer): string {
  return `${address} (${lastFailure})`;
}

function failure({ source, asked, lastFailure }: Discovered): string[] {
  if (lastFailure !== undefined) return [`${source} (${lastFailure})`];
  return asked === 0 ? [`${source} (asking)`] : [];
}
