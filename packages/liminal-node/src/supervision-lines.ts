/** The supervision tree as lines, from the roots down, each with its depth: what a tool that draws it needs. */
import type { Pid, SupervisedChild, SupervisionTree, Supervisor } from '@liminal-node/scheduler';

export type SupervisionLine =
  | {
      readonly type: 'supervisor';
      readonly depth: number;
      /** Within the supervisor above it; undefined for a root. */
      readonly id: string | undefined;
      readonly pid: Pid;
      readonly label: string;
      readonly name: string | undefined;
      readonly strategy: Supervisor['strategy'];
      readonly children: number;
      readonly status: SupervisedChild['status'];
      readonly restart: SupervisedChild['restart'] | undefined;
      /** How often its own supervisor has started it again. */
      readonly restarts: number;
      /** How often it has started one of its children again. */
      readonly childRestarts: number;
    }
  | {
      readonly type: 'worker';
      readonly depth: number;
      /** Under `simple_one_for_one` all have that of the template. */
      readonly id: string;
      readonly pid: Pid | undefined;
      readonly status: SupervisedChild['status'];
      readonly restart: SupervisedChild['restart'];
      readonly restarts: number;
    }
  /** So many children of the supervisor above are left out. */
  | { readonly type: 'more'; readonly depth: number; readonly count: number };

/** @param maxChildren how many children of each supervisor are among the lines. */
export function* supervisionLines(tree: SupervisionTree, maxChildren: number): Generator<SupervisionLine, undefined> {
  for (const root of tree.roots) yield* linesOf(root, undefined, 0, maxChildren);
}

function* linesOf(
  supervisor: Supervisor,
  child: SupervisedChild | undefined,
  depth: number,
  maxChildren: number,
): Generator<SupervisionLine, undefined> {
  const { pid, label, name, strategy, restarts: childRestarts, childCount } = supervisor;
  const { id, status = 'running', restart, restarts = 0 } = child ?? {};
  const own = { type: 'supervisor', depth, id, pid, label, name, strategy, children: childCount } as const;
  yield { ...own, status, restart, restarts, childRestarts };
  let left = maxChildren;
  for (const below of supervisor.children) {
    if (left-- === 0) {
      yield { type: 'more', depth: depth + 1, count: childCount - maxChildren };
      return;
    }
    if (below.supervisor !== undefined) yield* linesOf(below.supervisor, below, depth + 1, maxChildren);
    else {
      const { id: childId, pid: childPid, status: childStatus, restart: childRestart, restarts: times } = below;
      const line = { type: 'worker', depth: depth + 1, id: childId, pid: childPid } as const;
      yield { ...line, status: childStatus, restart: childRestart, restarts: times };
    }
  }
}
