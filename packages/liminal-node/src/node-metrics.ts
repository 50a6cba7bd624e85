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
import type { Metrics, MetricsOptions } from './metrics.js';
import type { GlobalNames } from './names/global-names.js';
import type { RequestCounters } from './node-requests.js';

export interface MeasuredParts {
  readonly scheduler: Scheduler;
  readonly distribution: Distribution;
  /** The groups of the application. */
  readonly pg: Pg;
  /** The groups behind the channels. */
  readonly channelGroups: Pg;
  readonly channels: Channels;
  readonly clusterSync: ClusterSync;
  readonly names: Pick<GlobalNames, 'counters' | 'registered'>;
  readonly requests: RequestCounters;
}

const INSPECT_MS = 1_000;

/** @returns makes the page, with values as of the call. */
export function createNodeMetrics(
  { scheduler, distribution, pg, channelGroups, channels, clusterSync, names, requests }: MeasuredParts,
  environment: Environment = systemEnvironment,
): () => Promise<string> {
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
    distribution.sessions().filter((session) => session.hidden === hidden).length;
  const sources: MetricsOptions = {
    labels: { node: distribution.name },
    counters: {
      scheduler: () => schedulerCounters(threads, scheduler),
      distribution: () => distribution.counters,
      pg: () => pg.counters,
      'pg-channels': () => channelGroups.counters,
      channels: () => channels.counters,
      'cluster-sync': () => clusterSync.counters,
      'global-names': () => names.counters,
      requests: () => requests,
    },
    gauges: {
      peersUp: { help: 'Other nodes that are connected, hidden ones excepted.', read: () => peers(false) },
      hiddenPeersUp: { help: 'Hidden nodes that are connected.', read: () => peers(true) },
      threads: { help: 'Scheduler threads that take processes.', read: () => scheduler.threads.length },
      processes: { help: 'Processes on all threads.', read: () => sum((thread) => thread.processes) },
      queuedMessages: { help: 'Messages in all mailboxes.', read: () => sum((thread) => thread.queued) },
      blockingJobsRunning: { help: 'Jobs of blocking work that run.', read: () => scheduler.blockingWork.running },
      blockingJobsWaiting: { help: 'Jobs of blocking work that wait.', read: () => scheduler.blockingWork.waiting },
      blockingThreads: { help: 'Threads of blocking work.', read: () => scheduler.blockingWork.threads },
      groups: { help: 'Groups of the application with members anywhere.', read: () => pg.groupCount },
      groupReaders: { help: 'Iterations over changes of groups, and monitors of them.', read: () => pg.readers },
      globalNames: { help: 'Global names that this node knows.', read: () => names.registered().size },
      subscribedChannels: { help: 'Channels with subscribers here.', read: () => channels.load.channels },
      subscriptions: { help: 'Subscriptions here.', read: () => channels.load.subscriptions },
    },
  };
  let metrics: Promise<Metrics> | undefined;
  return async () => {
    metrics ??= openMetrics(sources);
    await withDeadline(ask(), INSPECT_MS, environment);
    return (await metrics).text();
  };
}

/** A node that nobody scrapes does not load prom-client, which saves it 7 MiB. */
async function openMetrics(sources: MetricsOptions): Promise<Metrics> {
  const { createMetrics } = await import('./metrics.js');
  return createMetrics(sources);
}

/** The sum over the threads that live. A thread that was lost takes its part along, as a restart does. */
function schedulerCounters(threads: readonly ThreadInfo[], scheduler: Scheduler): object {
  const { threadsLost, blockingWork, remoteSpawns } = scheduler;
  const dropped: Record<string, number> = {};
  let spawned = 0;
  let exited = 0;
  for (const { counters } of threads) {
    spawned += counters.spawned;
    exited += counters.exited;
    for (const [reason, count] of Object.entries(counters.dropped)) dropped[reason] = (dropped[reason] ?? 0) + count;
  }
  return {
    spawned,
    exited,
    dropped,
    threadsLost,
    blockingJobsRefused: blockingWork.refused,
    remoteSpawnsStarted: remoteSpawns.started,
    remoteSpawnsFailed: remoteSpawns.failed,
    remoteSpawnsRefused: remoteSpawns.refused,
  };
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
