import { describe, expect, it } from 'vitest';
import { counterName, createMetrics } from '../src/metrics.js';

/** The samples of a metric on the page, without comments. */
async function samples(metrics: { text(): Promise<string> }, name: string): Promise<string[]> {
  const page = await metrics.text();
  return page.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
}

describe('metrics', () => {
  it('name each counter after its package, in snake case', () => {
    expect(counterName('distribution', 'framesIn')).toBe('liminal_distribution_frames_in_total');
    expect(counterName('cluster-sync', 'staleMembers')).toBe('liminal_cluster_sync_stale_members_total');
  });

  it('show the counters as they are at the scrape', async () => {
    const distribution = { framesIn: 1, dropped: { 'data budget': 2 } as Record<string, number> };
    const metrics = createMetrics({ counters: { distribution: () => distribution } });
    expect(await samples(metrics, 'liminal_distribution_frames_in_total')).toEqual([
      'liminal_distribution_frames_in_total 1',
    ]);
    distribution.framesIn = 5;
    distribution.dropped['session down'] = 1;
    expect(await samples(metrics, 'liminal_distribution_frames_in_total')).toEqual([
      'liminal_distribution_frames_in_total 5',
    ]);
    expect(await samples(metrics, 'liminal_distribution_dropped_total')).toEqual([
      'liminal_distribution_dropped_total{reason="data budget"} 2',
      'liminal_distribution_dropped_total{reason="session down"} 1',
    ]);
  });

  it('take up a counter that appears later', async () => {
    const counters: Record<string, number> = {};
    const metrics = createMetrics({ counters: { pg: () => counters } });
    await metrics.text();
    counters['joins'] = 3;
    expect(await samples(metrics, 'liminal_pg_joins_total')).toEqual(['liminal_pg_joins_total 3']);
  });

  it('show gauges, which may fall', async () => {
    let peers = 2;
    const metrics = createMetrics({ counters: {}, gauges: { peersUp: { help: 'Peers.', read: () => peers } } });
    expect(await samples(metrics, 'liminal_peers_up')).toEqual(['liminal_peers_up 2']);
    peers = 1;
    expect(await samples(metrics, 'liminal_peers_up')).toEqual(['liminal_peers_up 1']);
  });

  it('carry the labels that the node asks for', async () => {
    const metrics = createMetrics({ counters: { pg: () => ({ joins: 1 }) }, labels: { node: 'a@127.0.0.1' } });
    expect(await samples(metrics, 'liminal_pg_joins_total')).toEqual(['liminal_pg_joins_total{node="a@127.0.0.1"} 1']);
  });

  it('of two nodes in one program do not meet', async () => {
    const [one, two] = [1, 2].map((joins) => createMetrics({ counters: { pg: () => ({ joins }) } }));
    expect(await one?.text()).toContain('liminal_pg_joins_total 1');
    expect(await two?.text()).toContain('liminal_pg_joins_total 2');
  });

  it('tell of the Node.js runtime without a timer that wakes an idle node', async () => {
    const page = await createMetrics({ counters: {} }).text();
    expect(page).toContain('process_resident_memory_bytes');
    expect(page).toContain('nodejs_eventloop_lag_seconds');
    expect(page).not.toContain('nodejs_eventloop_lag_p99_seconds');
  });
});
