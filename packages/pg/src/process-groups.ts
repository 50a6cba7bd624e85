/**
 * Groups for processes, on whatever thread they run: they ask the home thread, which has the groups.
 *
 * A monitor, in this order, so that nothing is missed, nothing comes twice and nothing is dropped:
 *   1. The home thread answers with the members of that moment, and keeps every later change for the monitor.
 *   2. A loop in the process's own thread fetches what has come together, and waits there while there is nothing.
 *   3. It puts each change into the process's mailbox as a GroupMessage, and waits for room where there is none. So a
 *      slow process is waited for at home, where `maxQueuedChanges` bounds what may come together; beyond that the
 *      monitor ends, and the last message of it says so.
 *
 * Monitors end with their process. Changes of one node come in the order in which that node made them.
 */
import type { AnyPid, Pid, Ref, Self } from '@liminal-node/scheduler';
import type { Membership } from './group-events.js';
import type { MemberChange } from './remote-groups.js';

/** The scope of a node's own application. */
export const APPLICATION_SCOPE = 'application';

/** A change that a monitor has brought into the mailbox, or its end. */
export type GroupMessage =
  | ({ readonly signal: 'group'; readonly ref: Ref } & MemberChange)
  | {
      readonly signal: 'group';
      readonly ref: Ref;
      readonly type: 'end';
      /** `overflow`: more than `maxQueuedChanges` pids were left unread; monitor anew. `stopped`: the scope was. */
      readonly reason: 'overflow' | 'stopped';
    };

export function isGroupMessage(message: unknown): message is GroupMessage {
  return typeof message === 'object' && message !== null && 'signal' in message && message.signal === 'group';
}

/** A monitor of every group, and who was in which at its beginning, each as often as it had joined. */
export interface ScopeMonitor {
  readonly ref: Ref;
  readonly groups: ReadonlyMap<string, readonly Pid[]>;
}

/** A monitor of one group, which need not exist yet, and who was in it at its beginning. */
export interface GroupMonitor {
  readonly ref: Ref;
  readonly members: readonly Pid[];
}

/** What a process sees of the groups of one scope. Everything rejects as the method of `Pg` with its name throws. */
export interface ProcessGroups {
  /** Joins one group or many at once. @param pid any process of this node. @default the process itself */
  join(groups: string | readonly string[], pid?: AnyPid): Promise<void>;
  /** @returns how many joins there were to take back. */
  leave(groups: string | readonly string[], pid?: AnyPid): Promise<number>;
  members(group: string): Promise<readonly Pid[]>;
  localMembers(group: string): Promise<readonly Pid[]>;
  whichGroups(): Promise<readonly string[]>;
  whichLocalGroups(): Promise<readonly string[]>;
  /** As `pg:monitor_scope/1`: from now on each change of any group comes as a GroupMessage with that ref. */
  monitorScope(): Promise<ScopeMonitor>;
  /** As `pg:monitor/2`: the changes of one group. */
  monitor(group: string): Promise<GroupMonitor>;
  /**
   * Ends a monitor and takes its messages out of the mailbox, where this process can receive: to a handler, and to a
   * `receive` that waits meanwhile, they still come. @returns whether it was one of this process.
   */
  demonitor(ref: Ref): Promise<boolean>;
}

export type GroupRequest =
  | { readonly type: 'join' | 'leave'; readonly memberships: readonly Membership[] }
  | { readonly type: 'members' | 'localMembers'; readonly group: string }
  | { readonly type: 'whichGroups' | 'whichLocalGroups' }
  | { readonly type: 'monitor'; readonly ref: Ref; readonly group: string | undefined }
  | { readonly type: 'changes' | 'demonitor'; readonly ref: Ref };

/** The answer to `changes`: at least one, or the end. */
export interface ChangeBatch {
  readonly changes: readonly MemberChange[];
  readonly end?: 'overflow' | 'stopped' | 'demonitored';
}

export function serviceOf(scope: string): string {
  return `pg:${scope}`;
}

/** How long until an offer is repeated that found more waiting before it than a mailbox keeps, in milliseconds. */
const OFFER_AGAIN_MS = 10;

/** The groups of a scope for the process `self`. */
export function groupsOf(self: Self, scope: string = APPLICATION_SCOPE): ProcessGroups {
  const ask = (request: GroupRequest): Promise<unknown> => self.request(serviceOf(scope), request);
  const memberships = (groups: string | readonly string[], pid: AnyPid): Membership[] =>
    (typeof groups === 'string' ? [groups] : groups).map((group) => [group, pid]);
  const begin = async (group: string | undefined): Promise<ScopeMonitor> => {
    const ref = self.makeRef();
    const groups = (await ask({ type: 'monitor', ref, group })) as ReadonlyMap<string, readonly Pid[]>;
    void relay(self, ref, () => ask({ type: 'changes', ref }) as Promise<ChangeBatch>);
    return { ref, groups };
  };
  return {
    async join(groups, pid = self.pid) {
      await ask({ type: 'join', memberships: memberships(groups, pid) });
    },
    leave: (groups, pid = self.pid) => ask({ type: 'leave', memberships: memberships(groups, pid) }) as Promise<number>,
    members: (group) => ask({ type: 'members', group }) as Promise<readonly Pid[]>,
    localMembers: (group) => ask({ type: 'localMembers', group }) as Promise<readonly Pid[]>,
    whichGroups: () => ask({ type: 'whichGroups' }) as Promise<readonly string[]>,
    whichLocalGroups: () => ask({ type: 'whichLocalGroups' }) as Promise<readonly string[]>,
    monitorScope: () => begin(undefined),
    async monitor(group) {
      const { ref, groups } = await begin(group);
      return { ref, members: groups.get(group) ?? [] };
    },
    async demonitor(ref) {
      relays.get(ref)?.abort();
      const was = (await ask({ type: 'demonitor', ref })) as boolean;
      const isOfRef = (message: unknown): message is GroupMessage => isGroupMessage(message) && message.ref === ref;
      const take = (): Promise<boolean> =>
        self.receive({ match: isOfRef, timeoutMs: 0 }).then(
          () => true,
          () => false,
        );
      while (await take());
      return was;
    },
  };
}

/** The relays of this thread, by the ref of their monitor. */
const relays = new Map<Ref, AbortController>();

/** Carries changes from home into the mailbox until the monitor ends. */
async function relay(self: Self, ref: Ref, fetch: () => Promise<ChangeBatch>): Promise<void> {
  const ended = new AbortController();
  const { signal } = ended;
  relays.set(ref, ended);
  self.signal.addEventListener('abort', () => ended.abort(), { once: true, signal });
  signal.addEventListener('abort', () => relays.delete(ref), { once: true });
  const put = async (message: GroupMessage): Promise<void> => {
    while (!signal.aborted) {
      try {
        return await self.offer(self.pid, message, { signal });
      } catch {
        await new Promise<void>((resolve) => self.environment.setTimer(OFFER_AGAIN_MS, resolve));
      }
    }
  };
  while (!signal.aborted) {
    // The home thread lives as long as this one: a monitor that it does not know has ended.
    const { changes, end } = await fetch().catch((): ChangeBatch => ({ changes: [], end: 'demonitored' }));
    for (const change of changes) await put({ signal: 'group', ref, ...change });
    if (end === undefined) continue;
    if (end !== 'demonitored') await put({ signal: 'group', ref, type: 'end', reason: end });
    ended.abort();
  }
}
