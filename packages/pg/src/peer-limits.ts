/** What one peer may tell: as many groups and joins as a node may have itself. */
import { type Pid, ProtocolError } from '@liminal-node/scheduler';
import type { GroupLimits } from './group-events.js';
import type { Members } from './members.js';
import type { WireChange, WireMember } from './wire.js';

/** What is known of one node. */
export interface Known {
  readonly groups: ReadonlyMap<string, Members>;
  readonly joins: number;
}

/** @throws ProtocolError where these changes would lead beyond a limit. */
export function checkChanges(
  known: Known,
  changes: readonly WireChange[],
  limits: GroupLimits,
  pidOf: (member: WireMember) => Pid,
): void {
  let { joins } = known;
  let groups = known.groups.size;
  // Mostly there is room even if all of it were new, which costs no look at what is there.
  const most = changes.reduce((sum, change) => sum + change.joins, joins);
  if (most <= limits.maxJoins && groups + changes.length <= limits.maxGroups) return;
  for (const change of changes) {
    const members = known.groups.get(change.group);
    if (members === undefined && change.joins > 0) groups++;
    joins += Math.max(0, change.joins - (members?.joinsOf(pidOf(change)) ?? 0));
  }
  checkLimits(groups, joins, limits);
}

/** @throws ProtocolError for more than may be. */
export function checkLimits(groups: number, joins: number, { maxGroups, maxJoins }: GroupLimits): void {
  if (groups > maxGroups) throw new ProtocolError('over limit', `${groups} groups of one node; at most ${maxGroups}`);
  if (joins > maxJoins) throw new ProtocolError('over limit', `${joins} joins of one node; at most ${maxJoins}`);
}
