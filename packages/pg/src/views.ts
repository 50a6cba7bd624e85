/**
 * What a scope's state looks like from outside: by group and by node. All results are the caller's own.
 */
import type { NodeName, Pid } from '@liminal-node/scheduler';
import type { GroupState } from './group-state.js';
import { listed, type Members } from './members.js';

export interface RemoteMember {
  readonly node: NodeName;
  readonly pid: Pid;
}

/** Local members first, then by session; every pid as often as it has joined. */
export function membersIn({ local, remote }: GroupState, group: string): Pid[] {
  const pids = listed(local.groups.get(group));
  for (const { groups } of remote.inGroup(group)) for (const pid of listed(groups.get(group))) pids.push(pid);
  return pids;
}

export function localMembersIn({ local }: GroupState, group: string): Pid[] {
  return listed(local.groups.get(group));
}

export function remoteMembersIn({ remote }: GroupState, group: string): RemoteMember[] {
  const found: RemoteMember[] = [];
  for (const { session, groups } of remote.inGroup(group)) {
    for (const pid of listed(groups.get(group))) found.push({ node: session.node, pid });
  }
  return found;
}

/** Costs no more than the nodes that it returns. */
export function nodesIn({ remote }: GroupState, group: string): NodeName[] {
  const nodes: NodeName[] = [];
  for (const { session } of remote.inGroup(group)) nodes.push(session.node);
  return nodes;
}

export function membersOfNode({ node, local, remote }: GroupState, asked: NodeName): Map<string, Pid[]> {
  return byGroup(asked === node ? local.groups : remote.viewOf(asked)?.groups);
}

/** Whether the whole membership of a node has arrived since it came up. */
export function isSynced({ remote }: GroupState, node: NodeName): boolean {
  return remote.viewOf(node)?.version !== undefined;
}

export function groupNames({ local, remote }: GroupState): string[] {
  return [...new Set([...local.groups.keys(), ...remote.groups])];
}

/** How many groups have members, without a list of them. */
export function groupCount({ local, remote }: GroupState): number {
  let count = local.groups.size;
  for (const group of remote.groups) if (!local.groups.has(group)) count++;
  return count;
}

export function localGroupNames({ local }: GroupState): string[] {
  return [...local.groups.keys()];
}

/** Every group with its members, or that group alone where it has any. */
export function allMembers(state: GroupState, group?: string): Map<string, Pid[]> {
  const all = new Map<string, Pid[]>();
  for (const name of group === undefined ? groupNames(state) : [group]) {
    const pids = membersIn(state, name);
    if (pids.length > 0) all.set(name, pids);
  }
  return all;
}

function byGroup(groups: ReadonlyMap<string, Members> | undefined): Map<string, Pid[]> {
  return new Map([...(groups ?? [])].map(([group, members]) => [group, listed(members)]));
}
