/**
 * Everything that an application needs: one install, one import.
 */
export {
  Channel,
  channelOf,
  type Envelope,
  isEnvelope,
  type PayloadSchema,
  type ProcessChannel,
  type PublishOptions,
  type Receipt,
  type SubscribeOptions,
  Subscription,
} from '@liminal-node/channels';
export { ClusterSync } from '@liminal-node/cluster-sync';
export type { Distribution, MembershipEvent, Session } from '@liminal-node/distribution';
export type { GroupChange, Pg } from '@liminal-node/pg';
export {
  type AnyPid,
  type AttachedProcess,
  type DownMessage,
  defineProcess,
  defineTask,
  type ExitMessage,
  type ExitReason,
  isDown,
  isExit,
  LiminalError,
  type Logger,
  type NodeName,
  type Pid,
  type ProcessDefinition,
  type ReceiveOptions,
  type Ref,
  type Self,
  type SpawnOptions,
  type TaskDefinition,
} from '@liminal-node/scheduler';
export { CookieError } from './cookie.js';
export { HttpListenError } from './http-server.js';
export { type ClusterMember, type LiminalNode, type NodeOptions, startNode } from './node.js';
export { attachTo, ConnectError, type RemoteNode, RequestError } from './remote-node.js';
