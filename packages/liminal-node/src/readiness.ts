/** When a node is ready for traffic. Each condition is a pure question with a sentence for its answer. */
import type { KnownPeer } from '@liminal-node/distribution';

export interface Standing {
  readonly draining: boolean;
  /** Whether the application is not up yet. */
  readonly starting: boolean;
  /** Scheduler threads that take processes, and how many there should be. */
  readonly threads: number;
  readonly wantedThreads: number;
  readonly peers: readonly KnownPeer[];
}

/** Each condition that is not met, as a sentence. A node without any is ready. */
export function unmetConditions({ draining, starting, threads, wantedThreads, peers }: Standing): readonly string[] {
  const unmet: string[] = [];
  if (draining) unmet.push('the node is draining');
  if (starting) unmet.push('the application is starting');
  if (threads < wantedThreads) unmet.push(`${threads} of ${wantedThreads} scheduler threads are running`);
  const seeds = peers.filter(({ seed, state }) => seed && state !== 'self');
  const connected = peers.filter(({ state }) => state === 'connected').length;
  if (seeds.length > 0 && connected === 0) {
    const list = seeds.map(({ address, lastFailure = 'dialing' }) => `${address} (${lastFailure})`).join(', ');
    unmet.push(`connected to 0 of ${seeds.length} seeds: ${list}`);
  }
  return unmet;
}
