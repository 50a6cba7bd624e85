/**
 * The metrics of one node: the counters of its packages, and gauges for what stands at the moment.
 *
 * Threads are asked at each scrape. One that does not answer within a second is blocked, which is when an
 * operator needs the page most: it then shows what the threads said last.
 */
import type { Channels } from '@liminal-node/channels';
import type { ClusterSync } from '@liminal-node/cluster-sync';
import type { Distribution } from '@liminal-node/distribution';
import type { Pg } from '@liminal-node/pg';
import { type Environment, type Scheduler, systemEnvironment, type ThreadInfo } from '@liminal-node/scheduler';
import { createMetrics, type Metrics } from './metrics.js';

export interface NodeMetricsOptions {
  readonly scheduler: Scheduler;
  readonly channels: Channels;
  readonly pg: Pg;
  readonly clusterSync: ClusterSync;
  /** Undefined on a node that talks to no other. */
  readonly distribution: Distribution | undefined;
  readonly environment?: Environment;
}

const INSPECT_MS = 1_000;

export function nodeMetrics(options: NodeMetricsOptions): Metrics {
  const { scheduler, channels, pg, clusterSync, distribution, environment = systemEnvironment } = options;
  let threads: readonly ThreadInfo[] = [];
  let asking: Promise<void> | undefined;
  const ask = (): Promise<void> => {
    asking ??= scheduler
      .inspect()
      .then((answer) => {
        threads = answer;
      })
      .finally(() => {
        asking = undefined;
      });
    return asking;
  };
  const sum = (read: (thread: ThreadInfo) => number): number => threads.reduce((all, next) => all + read(next), 0);
  const peers = (hidden: boolean): number =>
    distribution?.sessions().filter((session) => session.hidden === hidden).length ?? 0;
  return createMetrics({
    prepare: () => withDeadline(ask(), INSPECT_MS, environment),
    counters: {
      scheduler: () => schedulerCounters(threads, scheduler.threadsLost),
      channels: () => channels.counters,
      pg: () => pg.counters,
      'cluster-sync': () => clusterSync.counters,
      ...(distribution !== undefined && { distribution: () => distribution.counters }),
    },
    gauges: {
      peersUp: { help: 'Other nodes that are connected, hidden ones excepted.', read: () => peers(false) },
      hiddenPeersUp: { help: 'Hidden nodes that are connected.', read: () => peers(true) },
      threads: { help: 'Scheduler threads.', read: () => scheduler.threads.length },
      processes: { help: 'Processes, over all threads.', read: () => sum((thread) => thread.processes) },
      mailboxMessages: { help: 'Messages that wait in mailboxes.', read: () => sum((thread) => thread.queued) },
      groups: { help: 'Groups with members, here or elsewhere.', read: () => pg.whichGroups().length },
      channels: { help: 'Channels with subscribers here.', read: () => channels.load.channels },
      subscriptions: { help: 'Subscriptions here.', read: () => channels.load.subscriptions },
    },
  });
}

/** The sum over the threads that live. A thread that was lost takes its part along, as a restart does. */
function schedulerCounters(threads: readonly ThreadInfo[], threadsLost: number): object {
  const dropped: Record<string, number> = {};
  let spawned = 0;
  let exited = 0;
  for (const { counters } of threads) {
    spawned += counters.spawned;
    exited += counters.exited;
    for (const [reason, count] of Object.entries(counters.dropped)) dropped[reason] = (dropped[reason] ?? 0) + count;
  }
  return { spawned, exited, dropped, threadsLost };
}

/** Resolves with `work`, or after `ms` without it. A failure of `work` is no failure of the page. */
function withDeadline(work: Promise<void>, ms: number, environment: Environment): Promise<void> {
  return new Promise((resolve) => {
    const timer = environment.setTimer(ms, resolve);
    const done = (): void => {
      timer.cancel();
      resolve();
    };
    work.then(done, done);
  });
}
