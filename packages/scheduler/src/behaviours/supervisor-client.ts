/**
 * Asking a supervisor, from any process. A supervisor answers one request at a time, and none while it starts,
 * stops or restarts children; therefore requests have no deadline unless they are given one.
 *
 * All reject as `call` does, with `CallError` (`ERR_LIMINAL_CALL`) for instance where the supervisor is not there
 * or ends before it has answered, and with `SupervisorError` (`ERR_LIMINAL_SUPERVISOR`) where it refuses.
 */
import type { Pid } from '../pid.js';
import type { Self } from '../self.js';
import { type CallOptions, call } from './call.js';
import type { ChildSpec } from './child-spec.js';
import { StartError } from './server-start.js';
import { SupervisorError } from './supervisor-error.js';
import type { ChildCounts, ChildInfo, SupervisorPid, SupervisorReply } from './supervisor-request.js';

/**
 * Starts one more child, behind the others, and resolves with its pid once it is ready; undefined where its init
 * said `ignore`.
 *
 * Under `simple_one_for_one` give the arguments that its template lacks, otherwise a spec. The supervisor refuses
 * an id in use with `already_started` and the pid, or with `already_present` where that child is stopped.
 * Rejects with `StartError` (`ERR_LIMINAL_START`) where the child does not start or its spec is not acceptable;
 * the spec is then not kept.
 */
export async function startChild(
  self: Self,
  supervisor: SupervisorPid,
  child: ChildSpec | readonly unknown[],
  options?: CallOptions,
): Promise<Pid | undefined> {
  return resultOf(await call(self, supervisor, 'startChild', [child], unlimited(options)));
}

/**
 * Stops a child, by its id, or by its pid under `simple_one_for_one`, and resolves when it has ended. Its spec is
 * kept, unless it is temporary or dynamic, and it stays stopped until `restartChild`, or until a restart of
 * another child takes it along. No automatic shutdown follows.
 * Refused with `not_found`, and with `simple_one_for_one` where a pid is needed.
 */
export async function terminateChild(
  self: Self,
  supervisor: SupervisorPid,
  child: string,
  options?: CallOptions,
): Promise<void> {
  resultOf(await call(self, supervisor, 'terminateChild', [child], unlimited(options)));
}

/**
 * Starts a stopped child again; resolves and rejects as {@link startChild} does, but keeps the spec.
 * Refused with `running`, `restarting`, `not_found` or `simple_one_for_one`.
 */
export async function restartChild(
  self: Self,
  supervisor: SupervisorPid,
  id: string,
  options?: CallOptions,
): Promise<Pid | undefined> {
  return resultOf(await call(self, supervisor, 'restartChild', [id], unlimited(options)));
}

/** Forgets a stopped child. Refused with `running`, `restarting`, `not_found` or `simple_one_for_one`. */
export async function deleteChild(
  self: Self,
  supervisor: SupervisorPid,
  id: string,
  options?: CallOptions,
): Promise<void> {
  resultOf(await call(self, supervisor, 'deleteChild', [id], unlimited(options)));
}

/** All children, in the order of their start. */
export async function whichChildren(
  self: Self,
  supervisor: SupervisorPid,
  options?: CallOptions,
): Promise<readonly ChildInfo[]> {
  return resultOf(await call(self, supervisor, 'whichChildren', [], unlimited(options)));
}

export async function countChildren(
  self: Self,
  supervisor: SupervisorPid,
  options?: CallOptions,
): Promise<ChildCounts> {
  return resultOf(await call(self, supervisor, 'countChildren', [], unlimited(options)));
}

function unlimited(options: CallOptions = {}): CallOptions {
  return { timeoutMs: Number.POSITIVE_INFINITY, ...options };
}

function resultOf<Value>(reply: SupervisorReply<Value>): Value {
  if ('refused' in reply) throw new SupervisorError(reply.refused, reply.pid);
  if ('failed' in reply) throw new StartError('the child', reply.failed);
  return reply.value;
}
