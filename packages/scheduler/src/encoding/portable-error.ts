/** Errors on their way between threads: they keep message, code and cause, and get back the class that callers act on. */
import { BlockingWorkError, NameError, SpawnError, ThreadDownError } from '../errors.js';

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
  return 'code' in error && typeof error.code === 'string' ? Object.assign(portable, { code: error.code }) : portable;
}

export function reviveError(error: Error): Error {
  const Class = CLASSES.get('code' in error ? error.code : undefined);
  return Class === undefined ? error : new Class(error.message, { cause: error.cause });
}
