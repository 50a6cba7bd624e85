/** What a supervisor is asked, by `call`, and what it answers. */
import type { ExitReason } from '../exit-reason.js';
import type { Pid } from '../pid.js';
import type { ServerPid } from './call.js';
import type { ChildSpec } from './child-spec.js';
import type { ChildStatus } from './restart-strategy.js';
import type { SupervisorRefusal } from './supervisor-error.js';

/** One child, as its supervisor sees it at the moment of the question. */
export interface ChildInfo {
  /** Undefined under `simple_one_for_one`. */
  readonly id: string | undefined;
  readonly pid: Pid | undefined;
  readonly status: ChildStatus;
  readonly type: ChildSpec['type'];
  /** How often its supervisor tried to start it again. */
  readonly restarts: number;
}

export interface ChildCounts {
  /** Under `simple_one_for_one` it is 1. */
  readonly specs: number;
  /** Children that run. */
  readonly active: number;
  /** Children that are supervisors, whether they run or not. */
  readonly supervisors: number;
  /** All other children, whether they run or not. */
  readonly workers: number;
  /** How often the supervisor tried to start a child again, also those that it has forgotten since. */
  readonly restarts: number;
}

/** A refusal and a failed start are values: the supervisor lives. */
export type SupervisorReply<Value> =
  | { readonly value: Value }
  | { readonly refused: SupervisorRefusal; readonly pid: Pid | undefined }
  | { readonly failed: ExitReason };

type Calls = {
  /** A spec, or under `simple_one_for_one` the arguments to append. */
  readonly startChild: (child: ChildSpec | readonly unknown[]) => SupervisorReply<Pid | undefined>;
  /** An id, or under `simple_one_for_one` a pid. */
  readonly terminateChild: (child: string) => SupervisorReply<undefined>;
  readonly restartChild: (id: string) => SupervisorReply<Pid | undefined>;
  readonly deleteChild: (id: string) => SupervisorReply<undefined>;
  readonly whichChildren: () => SupervisorReply<readonly ChildInfo[]>;
  readonly countChildren: () => SupervisorReply<ChildCounts>;
};

export type SupervisorServes = { readonly calls: Calls; readonly casts: Record<never, never> };

/** The pid of a supervisor. */
export type SupervisorPid = ServerPid<SupervisorServes>;

type ValueOf<Reply> = Reply extends { readonly value: infer Value } ? Value : never;

/** Each call as a supervisor carries it out: what is refused or does not start is thrown. */
export type SupervisorHandlers<Supervisor> = {
  readonly [Name in keyof Calls]: (
    supervisor: Supervisor,
    ...args: Parameters<Calls[Name]>
  ) => Promise<ValueOf<ReturnType<Calls[Name]>>>;
};
