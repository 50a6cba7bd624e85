/** When a node is ready for traffic. Each condition is a pure question with a sentence for its answer. */
import type { Discovered, KnownPeer } from '@liminal-node/distribution';
import { loneliness } from './joined.js';

export interface Standing {
  readonly draining: boolean;
  /** Whether the application is not up yet. */
  readonly starting: boolean;
  /** Scheduler threads that take processes, and how many there should be. */
  readonly threads: number;
  readonly wantedThreads: number;
  readonly peers: readonly KnownPeer[];
  readonly discovery: readonly Discovered[];
}

/** Each condition that is not met, as a sentence. A node without any is ready. */
export function unmetConditions(standing: Standing): readonly string[] {
  const { draining, starting, threads, wantedThreads } = standing;
  const unmet: string[] = [];
  if (draining) unmet.push('the node is draining');
  if (starting) unmet.push('the application is starting');
  if (threads < wantedThreads) unmet.push(`${threads} of ${wantedThreads} scheduler threads are running`);
  const alone = loneliness(standing);
  if (alone !== undefined) unmet.push(alone);
  return unmet;
}
