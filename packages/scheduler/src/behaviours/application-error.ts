import { LiminalError } from '../errors.js';
import { describeReason, type ExitReason } from '../exit-reason.js';

/**
 * The application did not start, and nothing of it is left. `child` is the path of ids, with a `/` between them,
 * of the child that did not start; undefined where the fault is not that of a child. `reason` is why.
 */
export class ApplicationError extends LiminalError {
  readonly code = 'ERR_LIMINAL_APPLICATION';
  readonly child: string | undefined;
  readonly reason: ExitReason;

  /** @param given why the top supervisor did not start. */
  constructor(given: ExitReason, options?: ErrorOptions) {
    const { path, reason } = failedChild(given);
    const child = path.length === 0 ? undefined : path.join('/');
    const where = child === undefined ? '' : ` its child "${child}" failed:`;
    super(`the application did not start:${where} ${describeReason(reason)}`, options);
    this.child = child;
    this.reason = reason;
  }
}

/** Follows `{ shutdown: { failedToStartChild } }` from supervisor to supervisor, down to the fault. */
function failedChild(given: ExitReason): { readonly path: readonly string[]; readonly reason: ExitReason } {
  const path: string[] = [];
  let reason = given;
  for (let failed = stepOf(reason); failed !== undefined; failed = stepOf(reason)) {
    path.push(String(failed.id));
    reason = failed.reason;
  }
  return { path, reason };
}

function stepOf(reason: ExitReason): { readonly id: unknown; readonly reason: ExitReason } | undefined {
  if (typeof reason !== 'object' || !('shutdown' in reason)) return undefined;
  const { shutdown } = reason;
  if (typeof shutdown !== 'object' || shutdown === null || !('failedToStartChild' in shutdown)) return undefined;
  const { failedToStartChild: failed } = shutdown;
  if (typeof failed !== 'object' || failed === null || !('id' in failed) || !('reason' in failed)) return undefined;
  return failed as { id: unknown; reason: ExitReason };
}
