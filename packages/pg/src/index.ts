/**
 * Scoped, distributed process groups. `startPg` runs one scope on one node.
 */
export type { AcknowledgeOptions } from './acknowledgements.js';
export { answerProcesses, type ServiceHost } from './answer-processes.js';
export type { ChangeReader, Changes, ChangesOptions, GroupChange, GroupSnapshot } from './changes.js';
export type { PgCounters, RefusalReason } from './counters.js';
export * from './errors.js';
export type { Membership } from './group-events.js';
export type { PgOptions, PgTuning } from './options.js';
export { type Pg, startPg } from './pg.js';
export type { DistributionPort, PgSession, ProcessHost, SessionEvent } from './port.js';
export {
  APPLICATION_SCOPE,
  type GroupMessage,
  type GroupMonitor,
  groupsOf,
  isGroupMessage,
  type ProcessGroups,
  type ScopeMonitor,
} from './process-groups.js';
export type { MemberChange } from './remote-groups.js';
export type { RemoteMember } from './views.js';
