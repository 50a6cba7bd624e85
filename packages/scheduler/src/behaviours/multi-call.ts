/** One call to the servers of one name on many nodes, after OTP's `gen_server:multi_call`. */
import type { NodeName } from '../pid.js';
import type { Self } from '../self.js';
import type { Registered } from '../signal.js';
import { type CallRest, call, type Served } from './call.js';
import { CallError } from './call-error.js';

/** A name that servers of many nodes hold, and what they take. */
export type NameOnNodes<S> = Pick<Registered, 'name'> & { readonly serves?: S };

export interface MultiCallResult<Result> {
  /** In the order of the nodes that were asked. */
  readonly replies: ReadonlyMap<NodeName, Result>;
  /** Why the others gave none, in that order too; `reason` as of a call. */
  readonly failed: ReadonlyMap<NodeName, CallError>;
}

/**
 * Asks the server of that name on each of the nodes at once, and resolves when each has replied or failed:
 *
 *     const { replies, failed } = await multiCall(self, nodes, { name: 'counter' }, 'add', [2]);
 *
 * The deadline of `options` is that of each call. Rejects as `call` does where the arguments cannot be sent or the
 * call is given up with its abort signal; with TypeError for what is no node name.
 */
export async function multiCall<S extends Served, Name extends keyof S['calls'] & string>(
  self: Self,
  nodes: Iterable<NodeName>,
  to: NameOnNodes<S>,
  name: Name,
  ...rest: CallRest<Parameters<S['calls'][Name]>>
): Promise<MultiCallResult<ReturnType<S['calls'][Name]>>> {
  type Result = ReturnType<S['calls'][Name]>;
  const replies = new Map<NodeName, Result>();
  const failed = new Map<NodeName, CallError>();
  const asked = [...new Set(nodes)];
  const answers = await Promise.all(
    asked.map((node) =>
      call<S, Name>(self, { ...to, node }, name, ...rest).then(
        (reply) => ({ node, reply }),
        (error: unknown) => ({ node, error }),
      ),
    ),
  );
  for (const answer of answers) {
    if ('reply' in answer) replies.set(answer.node, answer.reply);
    else if (answer.error instanceof CallError) failed.set(answer.node, answer.error);
    else throw answer.error;
  }
  return { replies, failed };
}
