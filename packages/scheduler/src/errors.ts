/**
 * Operating errors. Each class is one condition that a caller can act on; match on `code`, which is stable
 * and documented in `docs/errors.md`. A programmer's mistake is a `TypeError` or `RangeError` instead, and
 * the end of a process is an `ExitReason` value, not an error.
 */

export abstract class LiminalError extends Error {
  /** Stable, documented, `ERR_LIMINAL_…`. */
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** An option was refused. `option` names it as the caller wrote it. */
export class OptionError extends LiminalError {
  readonly code = 'ERR_LIMINAL_OPTION';
  readonly option: string;

  constructor(option: string, message: string) {
    super(`option ${option}: ${message}`);
    this.option = option;
  }
}

/** Bytes from outside do not follow the protocol. `reason` is a short, stable, countable word or two. */
export class ProtocolError extends LiminalError {
  readonly code = 'ERR_LIMINAL_PROTOCOL';
  readonly reason: string;

  constructor(reason: string, message: string = reason, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** A value is outside the portable set, and so cannot be a message. `path` leads to it from the message. */
export class NotPortableError extends LiminalError {
  readonly code = 'ERR_LIMINAL_NOT_PORTABLE';
  readonly path: string;

  constructor(path: string, what: string) {
    super(`message${path} is ${what}, which cannot be sent to another process`);
    this.path = path;
  }
}

/** A message for a process of another node is longer than one may be. Nothing was sent. */
export class MessageTooLargeError extends LiminalError {
  readonly code = 'ERR_LIMINAL_MESSAGE_TOO_LARGE';
  readonly bytes: number;
  readonly maxBytes: number;

  constructor(bytes: number, maxBytes: number) {
    super(`the message has ${bytes} bytes; between nodes it may have ${maxBytes} (option distribution.maxFrameBytes)`);
    this.bytes = bytes;
    this.maxBytes = maxBytes;
  }
}

/** No matching message came within `timeoutMs` milliseconds. */
export class ReceiveTimeoutError extends LiminalError {
  readonly code = 'ERR_LIMINAL_RECEIVE_TIMEOUT';
  readonly timeoutMs: number;

  constructor(timeoutMs: number) {
    super(`no matching message within ${timeoutMs} ms`);
    this.timeoutMs = timeoutMs;
  }
}

/** The process could not be started; nothing is left of it. The `cause` is what its module threw, if it did. */
export class SpawnError extends LiminalError {
  readonly code = 'ERR_LIMINAL_SPAWN';
}

/**
 * Why another node starts no process:
 * - `noconnection`: it is not connected, or was lost before it had answered, so that nobody knows;
 * - `not_allowed`: its `remoteSpawn` does not allow it;
 * - `no_such_spec`: it has registered nothing by that name;
 * - `outside_root`: there is no such file below its application root;
 * - `busy`: it is starting as many processes for others as it does at a time;
 * - `malformed`: it did not understand the request.
 */
export type SpawnRefusal = 'noconnection' | 'not_allowed' | 'no_such_spec' | 'outside_root' | 'busy' | 'malformed';

/** Another node refused to start a process, or could not be asked. */
export class SpawnRefusedError extends LiminalError {
  readonly code = 'ERR_LIMINAL_SPAWN_REFUSED';
  readonly reason: SpawnRefusal;

  constructor(message: string, options: ErrorOptions & { readonly reason: SpawnRefusal }) {
    super(message, options);
    this.reason = options.reason;
  }
}

/** The name is held by another live process, or the process already has a name. */
export class NameError extends LiminalError {
  readonly code = 'ERR_LIMINAL_NAME';
}

/** The scheduler thread that should have answered has ended, or the whole scheduler has stopped. */
export class ThreadDownError extends LiminalError {
  readonly code = 'ERR_LIMINAL_THREAD_DOWN';
}

/** Blocking work was refused or failed before it could run, for instance because its queue is full. */
export class BlockingWorkError extends LiminalError {
  readonly code = 'ERR_LIMINAL_BLOCKING_WORK';
}

/** A process cannot be traced: it is dead (`noproc`), or its thread has as many traces as it takes (`limit`). */
export class TraceError extends LiminalError {
  readonly code = 'ERR_LIMINAL_TRACE';
  readonly reason: 'noproc' | 'limit';

  constructor(reason: 'noproc' | 'limit', message: string) {
    super(message);
    this.reason = reason;
  }
}
