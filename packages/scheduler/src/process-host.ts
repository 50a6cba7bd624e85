import type { Environment } from './environment.js';
import type { ExitReason } from './exit-reason.js';
import type { Pid } from './pid.js';
import type { Process } from './process.js';

/** What a process needs of the thread that runs it. */
export interface ProcessHost {
  readonly environment: Environment;
  /** Puts the process at the end of the run queue. */
  ready(process: Process): void;
  /** Whether a process that waits may go on at once, because it is nobody's turn before. */
  admits(): boolean;
  /** Counts a message that a process takes in its turn. True when it shall leave the rest for its next. */
  runIsOver(): boolean;
  /** The process ends; only the first reason counts. */
  finish(process: Process, reason: ExitReason): void;
  /** Messages were dropped because a mailbox was full. */
  countDropped(reason: string, count: number): void;
  /** Tells who offered a message to `from` what became of it. */
  answerOffer(from: Pid, to: Pid, refused?: ExitReason): void;
}
