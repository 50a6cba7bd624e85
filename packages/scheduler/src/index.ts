/** What the scheduler offers: processes for applications, and the ports that the packages above it fill. */
export { Audience } from './audience.js';
export type { BlockingWorkOptions } from './blocking-work.js';
export * from './bytes.js';
export {
  defineProcess,
  defineTask,
  type MessageHandler,
  type ProcessBody,
  type ProcessDefinition,
  type TaskDefinition,
} from './definition.js';
export * from './environment.js';
export * from './errors.js';
export * from './exit-reason.js';
export * from './logger.js';
export { DEFAULT_MAILBOX_BOUND, type MailboxBound, type Overflow } from './mailbox.js';
export * from './options.js';
export * from './pid.js';
export type { ReceiveOptions } from './process.js';
export type * from './remote.js';
export type { RuntimeCounters } from './runtime.js';
export { randomCreation, Scheduler, type SchedulerOptions } from './scheduler.js';
export type { AttachedProcess, BlockOptions, Destination, LocalSpawnOptions, Self, SpawnOptions } from './self.js';
export type { Service } from './services.js';
export { SharedMessage } from './shared-message.js';
export { type DownMessage, type ExitMessage, isDown, isExit, type Registered } from './signal.js';
export type { NodeLife } from './signal-codec.js';
export type { AttachOptions } from './spawner.js';
export type { ThreadInfo } from './thread-control.js';
export { decodeUntrusted, decodeValue, encodeValue } from './value-codec.js';
