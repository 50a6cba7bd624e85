/**
 * The home thread's side of `process-groups.ts`: answers what processes of this node ask of one scope. The changes
 * that a monitor has not fetched wait in the feed of the scope, which bounds them.
 */
import type { ExitReason, Pid, Ref } from '@liminal-node/scheduler';
import type { ChangeReader, GroupChange } from './changes.js';
import { ChangesOverflowError } from './errors.js';
import type { Pg } from './pg.js';
import { type ChangeBatch, type GroupRequest, serviceOf } from './process-groups.js';
import type { MemberChange } from './remote-groups.js';

/** The most changes in one answer. */
const MAX_BATCH = 1_000;

/** What this needs of the scheduler. */
export interface ServiceHost {
  provide(service: string, answer: (from: Pid, body: unknown) => unknown): void;
  /** Calls back once when the process has ended, in a later turn than this one. @returns cancels it. */
  onExit(pid: Pid, callback: (reason: ExitReason) => void): () => void;
}

/** The monitors of one process. */
interface Monitors {
  readonly readers: Map<Ref, ChangeReader>;
  readonly unwatch: () => void;
}

/**
 * Lets processes of this node use the scope by `groupsOf`.
 * @throws TypeError where a scope of that name is answered for already.
 */
export function answerProcesses(host: ServiceHost, pg: Pg): void {
  const processes = new Map<Pid, Monitors>();

  const monitorsOf = (pid: Pid): Monitors => {
    let monitors = processes.get(pid);
    if (monitors === undefined) {
      const readers = new Map<Ref, ChangeReader>();
      const unwatch = host.onExit(pid, () => {
        processes.delete(pid);
        for (const reader of readers.values()) void reader.return?.();
      });
      monitors = { readers, unwatch };
      processes.set(pid, monitors);
    }
    return monitors;
  };

  const forget = (pid: Pid, ref: Ref): ChangeReader | undefined => {
    const monitors = processes.get(pid);
    const reader = monitors?.readers.get(ref);
    monitors?.readers.delete(ref);
    if (monitors?.readers.size === 0) {
      processes.delete(pid);
      monitors.unwatch();
    }
    return reader;
  };

  const monitor = async (from: Pid, ref: Ref, group: string | undefined): Promise<unknown> => {
    const reader = pg.changes({ group })[Symbol.asyncIterator]();
    monitorsOf(from).readers.set(ref, reader);
    const { value: first } = await reader.next();
    return first?.type === 'snapshot' ? first.groups : new Map();
  };

  const changes = async (from: Pid, ref: Ref): Promise<ChangeBatch> => {
    const reader = processes.get(from)?.readers.get(ref);
    if (reader === undefined) return { changes: [], end: 'demonitored' };
    try {
      const { value: first } = await reader.next();
      if (first !== undefined) return { changes: [first, ...reader.readReady(MAX_BATCH - 1)].filter(isMemberChange) };
      // Whoever demonitors forgets first; so what is still there was ended by its scope.
      return { changes: [], end: forget(from, ref) === undefined ? 'demonitored' : 'stopped' };
    } catch (error) {
      if (!(error instanceof ChangesOverflowError)) throw error;
      forget(from, ref);
      return { changes: [], end: 'overflow' };
    }
  };

  host.provide(serviceOf(pg.scope), (from, body) => {
    const request = body as GroupRequest;
    switch (request.type) {
      case 'join':
        return pg.joinMany(request.memberships);
      case 'leave':
        return pg.leaveMany(request.memberships);
      case 'members':
        return pg.members(request.group);
      case 'localMembers':
        return pg.localMembers(request.group);
      case 'whichGroups':
        return pg.whichGroups();
      case 'whichLocalGroups':
        return pg.whichLocalGroups();
      case 'monitor':
        return monitor(from, request.ref, request.group);
      case 'changes':
        return changes(from, request.ref);
      case 'demonitor': {
        const reader = forget(from, request.ref);
        void reader?.return?.();
        return reader !== undefined;
      }
      default:
        return request satisfies never;
    }
  });
}

function isMemberChange(change: GroupChange): change is MemberChange {
  return change.type !== 'snapshot';
}
