import { LiminalError } from '../errors.js';
import type { Pid } from '../pid.js';

/**
 * Why a supervisor refused, in OTP's words:
 * - `not_found`: it has no such child;
 * - `already_started`: the id is taken by a child that runs, whose `pid` is given;
 * - `already_present`: the id is taken by a child that is stopped;
 * - `running`, `restarting`: the child is not stopped;
 * - `simple_one_for_one`: its children have no ids and one spec, so this cannot be asked of it; or what it was
 *   asked to start was a spec, where the arguments to append to its template were expected.
 */
export type SupervisorRefusal =
  | 'not_found'
  | 'already_started'
  | 'already_present'
  | 'running'
  | 'restarting'
  | 'simple_one_for_one';

/** A supervisor refused what was asked of it. Nothing has changed. */
export class SupervisorError extends LiminalError {
  readonly code = 'ERR_LIMINAL_SUPERVISOR';
  readonly reason: SupervisorRefusal;
  /** Of the child that has the id already. */
  readonly pid: Pid | undefined;

  constructor(reason: SupervisorRefusal, pid?: Pid) {
    super(pid === undefined ? `the supervisor refused: ${reason}` : `the supervisor refused: ${reason}, ${pid}`);
    this.reason = reason;
    this.pid = pid;
  }
}
