/**
 * Everything that an application needs: one install, one import.
 */
export {
  Channel,
  channelOf,
  type Envelope,
  isEnvelope,
  PayloadError,
  type PayloadSchema,
  type ProcessChannel,
  type PublishOptions,
  type Receipt,
  type SubscribeOptions,
  Subscription,
  SubscriptionOverflowError,
} from '@liminal-node/channels';
export { ClusterSync } from '@liminal-node/cluster-sync';
export type { Distribution, MembershipEvent, Session } from '@liminal-node/distribution';
export type { GroupChange, Pg } from '@liminal-node/pg';
/**
 * Servers, state machines, supervisors, timers and objects: see their heads in `scheduler/src/behaviours` and
 * `scheduler/src/remote-objects`.
 */
export {
  type AnyPid,
  type AttachedProcess,
  CallError,
  CallTimeoutError,
  call,
  cast,
  child,
  childTemplate,
  countChildren,
  type DownMessage,
  defineObject,
  defineProcess,
  defineServer,
  defineStateMachine,
  defineSupervisor,
  defineTask,
  deleteChild,
  type ExitMessage,
  type ExitReason,
  type ExposedObject,
  expose,
  finalizer,
  isDown,
  isExit,
  LiminalError,
  type Logger,
  type NodeName,
  type ObjectAddress,
  type ObjectOf,
  type ObjectOptions,
  type ObjectPid,
  type Pid,
  type ProcessDefinition,
  type ProxyMarked,
  type ProxyOptions,
  proxy,
  type ReceiveOptions,
  type Ref,
  type Remote,
  releaseProxy,
  reply,
  restartChild,
  type Self,
  type ServerPid,
  type SpawnOptions,
  StartError,
  SupervisorError,
  type SupervisorPid,
  sendAfter,
  sendEvery,
  startChild,
  startObject,
  startServer,
  startSupervisor,
  startTimer,
  stopServer,
  type TaskDefinition,
  terminateChild,
  transferHandlers,
  whichChildren,
  wrap,
} from '@liminal-node/scheduler';
export { CookieError } from './cookie.js';
export { HttpListenError } from './http-server.js';
export { type ClusterMember, type LiminalNode, type NodeOptions, startNode } from './node.js';
export { attachTo, ConnectError, type RemoteNode, RequestError } from './remote-node.js';
