/** What the scheduler offers: processes for applications, and the ports that the packages above it fill. */
export {
  finalizer,
  type ProxyMarked,
  proxy,
  proxyMarker,
  type Remote,
  releaseProxy,
  type TransferHandler,
  transferHandlers,
} from 'comlink';
export { Audience } from './audience.js';
export { type BackOff, backOffMs } from './back-off.js';
export {
  type Application,
  applicationSpec,
  type RunningApplication,
  startApplication,
} from './behaviours/application.js';
export { ApplicationError } from './behaviours/application-error.js';
export { type CallOptions, call, cast, reply, type ServerAddress, type ServerPid } from './behaviours/call.js';
export { CallError, CallTimeoutError } from './behaviours/call-error.js';
export {
  type ChildDefinition,
  type ChildOptions,
  type ChildSpawnOptions,
  type ChildSpec,
  child,
  childTemplate,
  type FirstOf,
  type Restart,
  type Shutdown,
} from './behaviours/child-spec.js';
export { type MultiCallResult, multiCall, type NameOnNodes } from './behaviours/multi-call.js';
export type { RestartLimit } from './behaviours/restart-intensity.js';
export type { AutoShutdown, ChildStatus, Strategy } from './behaviours/restart-strategy.js';
export {
  defineServer,
  type ServedBy,
  type ServerCallbacks,
  type ServerContext,
  type ServerDefinition,
  type ServerSetup,
  startServer,
  stopServer,
} from './behaviours/server.js';
export type { Later, Stop } from './behaviours/server-loop.js';
export type { From } from './behaviours/server-message.js';
export { type StartableDefinition, StartError, type StartOptions } from './behaviours/server-start.js';
export {
  type Beginning,
  defineStateMachine,
  type EnterContext,
  type MachineContext,
  type MachineSetup,
  type ServedByStates,
  type StateCallbacks,
  type StateMachineCallbacks,
} from './behaviours/state-machine.js';
export type {
  BeginOptions,
  InsertedEvent,
  TimeoutOptions,
  TimeoutSetting,
  Transition,
  TransitionOptions,
} from './behaviours/state-machine-transition.js';
export type {
  GiveUpReport,
  KillReport,
  RestartReport,
  SupervisionReport,
  WaitReport,
} from './behaviours/supervision-report.js';
export { defineSupervisor, type SupervisorDefinition, startSupervisor } from './behaviours/supervisor.js';
export {
  countChildren,
  deleteChild,
  restartChild,
  startChild,
  terminateChild,
  whichChildren,
} from './behaviours/supervisor-client.js';
export { SupervisorError, type SupervisorRefusal } from './behaviours/supervisor-error.js';
export type { SupervisorInit } from './behaviours/supervisor-init.js';
export type { ChildCounts, ChildInfo, SupervisorPid } from './behaviours/supervisor-request.js';
export { type MessageTimer, sendAfter, sendEvery, startTimer, type TimeoutMessage } from './behaviours/timers.js';
export {
  defineProcess,
  defineTask,
  isDefined,
  type MessageHandler,
  type ProcessBody,
  type ProcessDefinition,
  type TaskDefinition,
} from './definition.js';
export {
  DIAGNOSTICS,
  type DropEvent,
  type ExitEvent,
  type RestartEvent,
  type SpawnEvent,
  type StallEvent,
  type ThreadDownEvent,
} from './diagnostics.js';
export * from './encoding/bytes.js';
export { FormedBlock, FormedBlockWriter } from './encoding/formed-block.js';
export {
  type AnyBytes,
  giveAway,
  hold,
  inOnePiece,
  JoinedBytes,
  join,
  LONG_BYTES,
  letGo,
} from './encoding/long-bytes.js';
export { type LentBytes, type Loan, LongMemory } from './encoding/long-memory.js';
export { messagesIn } from './encoding/message-block.js';
export { FormedMessage, MessageForm } from './encoding/message-form.js';
export { SharedMessage } from './encoding/shared-message.js';
export { isSpawn, type NodeLife } from './encoding/signal-codec.js';
export { decodeUntrusted, decodeValue, encodeValue } from './encoding/value-codec.js';
export * from './environment.js';
export * from './errors.js';
export * from './exit-reason.js';
export type { Multicast } from './fan-out.js';
export { flowOfPid, flowOfSignal } from './flow.js';
export { addLost, type GapMessage, isGap } from './gap.js';
export { preview } from './inspection/preview.js';
export type { MailboxInfo, MonitoredInfo, ProcessInfo, ProcessRow, ProcessStatus } from './inspection/process-info.js';
export { PROCESS_ORDERS, type ProcessOrder, type ProcessRows } from './inspection/process-rows.js';
export type { Snapshot, SnapshotThread } from './inspection/snapshot.js';
export type { SupervisedChild, SupervisionTree, Supervisor } from './inspection/supervision-tree.js';
export type { Trace, TraceOptions } from './inspection/trace.js';
export type { TraceEnd, TraceEvent } from './inspection/trace-event.js';
export * from './logger.js';
export { DEFAULT_MAILBOX_BOUND, type MailboxBound, type Overflow } from './mailbox.js';
export type { OfferOptions } from './offer.js';
export { OfferError, OfferTimeoutError } from './offer-error.js';
export * from './options.js';
export * from './pid.js';
export type { ReceiveOptions } from './receive.js';
export { defineRegistry, type LocalNames, type Registry, type RegistryFunctions, type Via } from './registry.js';
export type * from './remote.js';
export type { ObjectOptions, ProxyOptions } from './remote-objects/options.js';
export type { Owner } from './remote-objects/proxies.js';
export {
  defineObject,
  type ExposedObject,
  expose,
  type ObjectAddress,
  type ObjectDefinition,
  type ObjectOf,
  type ObjectPid,
  startObject,
  wrap,
} from './remote-objects/remote-object.js';
export type { SpawnCode, SpecName } from './remote-spawn.js';
export type { RuntimeCounters } from './runtime-options.js';
export { Scheduler } from './scheduler.js';
export { randomCreation, type SchedulerOptions } from './scheduler-options.js';
export type {
  AttachedProcess,
  BlockOptions,
  Destination,
  LocalName,
  LocalSpawnOptions,
  Self,
  SendOutcome,
  SpawnOptions,
} from './self.js';
export type { Service } from './services.js';
export { type DownMessage, type ExitMessage, isDown, isExit, type Registered } from './signal.js';
export type { CodeAddress, SpawnDeskCounters, SpawnPolicy } from './spawn-desk.js';
export type { AttachOptions } from './spawner.js';
export type { BlockingWorkOptions, BlockingWorkState } from './threads/blocking-work.js';
export type { ThreadResourceLimits } from './threads/resource-limits.js';
export type { ThreadInfo } from './threads/thread-control.js';
export type { WatchdogOptions } from './threads/watchdog.js';
