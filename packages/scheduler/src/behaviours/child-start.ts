/**
 * Starting one child, linked to its supervisor and monitored by it. The link makes the child end with its
 * supervisor. The monitor tells the supervisor of the child's end even if the child has ended the link.
 */
import type { ProcessDefinition } from '../definition.js';
import { type ExitReason, reasonOfThrown } from '../exit-reason.js';
import type { Self } from '../self.js';
import type { ChildSpec } from './child-spec.js';
import type { RunningChild } from './child-table.js';
import { StartError, startProcess } from './server-start.js';

export type StartOutcome =
  | { readonly type: 'started'; readonly running: RunningChild }
  /** Its init ended with the reason `ignore`: it is not needed, and that is no fault. */
  | { readonly type: 'ignored' }
  | { readonly type: 'failed'; readonly reason: ExitReason };

/** Starts the child and waits until it is ready. Never rejects. */
export async function startChildOf(self: Self, spec: ChildSpec, args: readonly unknown[]): Promise<StartOutcome> {
  const { module, name, options } = spec.start;
  const named: ProcessDefinition = { kind: 'process', module, name, body: runsElsewhere };
  try {
    const pid = spec.tellsReady
      ? await startProcess<readonly unknown[]>(self, { process: named }, args, { ...options, link: true })
      : await self.spawn(named, args, { ...options, link: true });
    return { type: 'started', running: { pid, monitor: self.monitor(pid), since: self.environment.now() } };
  } catch (error) {
    const reason = error instanceof StartError ? error.reason : reasonOfThrown(error);
    return reason === 'ignore' ? { type: 'ignored' } : { type: 'failed', reason };
  }
}

/** In the place of the body, which the thread that runs the child finds by module and name. */
function runsElsewhere(): never {
  throw new TypeError('a definition by name has no body');
}
