/** The members of the cluster as one node sees them: itself and its live, visible peers. */
import type { Distribution } from '@liminal-node/distribution';
import type { NodeName } from '@liminal-node/scheduler';

export interface ClusterMember {
  readonly name: NodeName;
  /** Where it takes connections, `host:port`; null where it takes none. */
  readonly address: string | null;
  /** `leaving`: it has said that it is about to go. */
  readonly state: 'self' | 'up' | 'leaving';
  /** Since when this node sees it so, in milliseconds since 1970. */
  readonly since: number;
  /** Milliseconds of the last heartbeat there and back; missing for the node itself and before the first. */
  readonly roundTripMs?: number;
}

/** The node itself comes first, then its peers by name. */
export function membersOf(distribution: Distribution, startedAt: number): readonly ClusterMember[] {
  const { name, address } = distribution;
  const peers = distribution
    .sessions()
    .filter(({ hidden }) => !hidden)
    .map(
      ({ node, address, leaving, upSince, roundTripMs }): ClusterMember => ({
        name: node,
        address,
        state: leaving ? 'leaving' : 'up',
        since: upSince,
        ...(roundTripMs !== undefined && { roundTripMs }),
      }),
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return [{ name, address, state: 'self', since: startedAt }, ...peers];
}
