/** Errors on their way between threads: they keep message, code and cause, and get back the class that callers act on. */
import {
  BlockingWorkError,
  NameError,
  SpawnError,
  type SpawnRefusal,
  SpawnRefusedError,
  ThreadDownError,
} from '../errors.js';

const CLASSES = new Map<unknown, new (message: string, options?: ErrorOptions) => Error>([
  ['ERR_LIMINAL_NAME', NameError],
  ['ERR_LIMINAL_SPAWN', SpawnError],
  ['ERR_LIMINAL_THREAD_DOWN', ThreadDownError],
  ['ERR_LIMINAL_BLOCKING_WORK', BlockingWorkError],
]);

export function portableError(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const { message, name, cause } = error;
  const portable = new Error(message, cause instanceof Error ? { cause: new Error(cause.message) } : undefined);
  portable.name = name;
  // The reason of a refusal is the only field beside them that anybody acts on.
  if (error instanceof SpawnRefusedError) portable.cause = error.reason;
  return 'code' in error && typeof error.code === 'string' ? Object.assign(portable, { code: error.code }) : portable;
}

export function reviveError(error: Error): Error {
  const { message, cause } = error;
  const code = 'code' in error ? error.code : undefined;
  if (code === 'ERR_LIMINAL_SPAWN_REFUSED') return new SpawnRefusedError(message, { reason: cause as SpawnRefusal });
  const Class = CLASSES.get(code);
  return Class === undefined ? error : new Class(message, { cause });
}
