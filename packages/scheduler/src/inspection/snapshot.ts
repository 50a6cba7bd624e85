/**
 * A node at a glance: its processes, threads, names, supervision tree and blocking work.
 *
 *   1. each thread goes over its processes, in slices of two milliseconds with a turn of its event loop in between, and
 *      writes a row for each; then over its supervisors;
 *   2. it hands the rows to the home thread without a copy;
 *   3. the home thread puts them together. Nothing is made of a row before somebody looks at it.
 *
 * It is not a photograph. Each row is true for the moment in which it was written, between the call and its answer, and
 * rows have different moments. A process that lives all the while is in it exactly once. One that starts or ends meanwhile
 * may be in it or not; nothing of a process is in it that had ended before the call. So a parent, or a child of a supervisor,
 * may be missing among the processes, and a message may be counted in no mailbox or in two.
 * A thread that ends meanwhile is left out, and so is one that is blocked: it is named as `silent`.
 */

import { type NodeName, nodePrefix, type Pid, pidPrefix } from '../pid.js';
import type { Runtime } from '../runtime.js';
import type { RuntimeCounters } from '../runtime-options.js';
import type { BlockingWorkState } from '../threads/blocking-work.js';
import { ProcessRows, ProcessRowWriter, type ThreadRows } from './process-rows.js';
import { inSlices } from './slices.js';
import { SupervisionTree } from './supervision-tree.js';
import { SupervisorRowWriter, type ThreadSupervisors } from './supervisor-rows.js';
import { shownSupervisors } from './supervisor-view.js';

/** One thread of a snapshot. */
export interface SnapshotThread {
  /** 0 is the home thread. */
  readonly thread: number;
  readonly processes: number;
  readonly counters: RuntimeCounters;
}

export interface Snapshot {
  readonly node: NodeName;
  readonly creation: number;
  /** When it was begun, in ms since 1970. */
  readonly takenAt: number;
  /** How long that took, in ms. */
  readonly tookMs: number;
  /** Home first. */
  readonly threads: readonly SnapshotThread[];
  /** Threads that have not answered within 2 s, because something blocks them. What they run is missing. */
  readonly silent: readonly number[];
  /** Registered names. */
  readonly names: ReadonlyMap<string, Pid>;
  /** Rows are read when they are looked at: to go over 100,000 takes some 50 ms, `top` and `slice` a few. */
  readonly processes: ProcessRows;
  readonly supervisors: SupervisionTree;
  readonly blockingWork: BlockingWorkState;
}

/** What one thread contributes. */
export interface ThreadSnapshot {
  readonly counters: RuntimeCounters;
  readonly rows: ThreadRows;
  readonly supervisors: ThreadSupervisors;
}

/** Looks at the thread of `runtime`, in slices. */
export function snapshotOfThread(runtime: Runtime): Promise<ThreadSnapshot> {
  return inSlices(runtime.environment, lookAt(runtime));
}

function* lookAt(runtime: Runtime): Generator<void, ThreadSnapshot> {
  const { environment, processes } = runtime;
  const { node, creation, thread } = runtime.options;
  const rows = new ProcessRowWriter(thread, pidPrefix(node, creation, thread));
  for (const process of processes.all()) if (process.alive && rows.add(process, environment.now())) yield;
  const supervisors = new SupervisorRowWriter(nodePrefix(node, creation));
  for (const [pid, view] of [...shownSupervisors()]) {
    const process = processes.find(pid);
    if (process === undefined) continue;
    yield* supervisors.add(pid, { label: process.label, name: process.registration?.name }, view);
    yield;
  }
  return { counters: structuredClone(runtime.counters), rows: rows.take(), supervisors: supervisors.take() };
}

/** The memory of a thread's part, which can be handed over instead of being copied. */
export function memoryOf({ rows, supervisors }: ThreadSnapshot): ArrayBuffer[] {
  return [...rows.chunks, ...supervisors.chunks].map(({ bytes }) => bytes);
}

/** How long a snapshot waits for a thread. */
export const SNAPSHOT_TIMEOUT_MS = 2_000;

/** Puts together what the threads have contributed. */
export function assemble(
  parts: readonly ThreadSnapshot[],
  about: Omit<Snapshot, 'threads' | 'processes' | 'supervisors'>,
): Snapshot {
  const ordered = [...parts].sort((a, b) => a.rows.thread - b.rows.thread);
  return {
    ...about,
    threads: ordered.map(({ rows, counters }) => ({
      thread: rows.thread,
      processes: rows.chunks.reduce((sum, chunk) => sum + chunk.rows, 0),
      counters,
    })),
    processes: new ProcessRows(ordered.map(({ rows }) => rows)),
    supervisors: new SupervisionTree(ordered.map(({ supervisors }) => supervisors)),
  };
}
