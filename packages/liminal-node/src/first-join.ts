/**
 * The first joining: a program that starts a node with seeds, and publishes at once, means to reach them.
 */
import type { Distribution, KnownPeer } from '@liminal-node/distribution';
import type { Pg } from '@liminal-node/pg';
import type { Environment } from '@liminal-node/scheduler';

/** How often the seeds are looked at. Only a starting node polls. */
const LOOK_INTERVAL_MS = 5;

/**
 * Resolves when each seed, and each node that discovery finds at first, is this node itself, or connected and its
 * subscriptions known, or has failed once; after `timeoutMs` at the latest.
 */
export async function firstJoin(
  distribution: Distribution,
  groups: Pg,
  timeoutMs: number,
  environment: Environment,
): Promise<void> {
  const isTried = ({ address, seed, state, node, lastFailure }: KnownPeer): boolean => {
    const isWanted = seed || distribution.discovery().some(({ addresses }) => addresses.includes(address));
    if (!isWanted || state === 'self') return true;
    if (state === 'connected') return node !== undefined && groups.isSynced(node);
    return lastFailure !== undefined;
  };
  const deadline = environment.now() + timeoutMs;
  const isAsked = (): boolean => distribution.discovery().every(({ asked }) => asked > 0);
  while (!(isAsked() && distribution.peers().every(isTried)) && environment.now() < deadline) {
    await new Promise<void>((resolve) => environment.setTimer(LOOK_INTERVAL_MS, resolve));
  }
}
