/** Operating errors of distribution; see `docs/errors.md`. */
import { LiminalError } from '@liminal-node/scheduler';

/**
 * The node could not listen at `address`: the port is taken, the host is not one of this machine, or the port
 * needs rights that the user lacks. Nothing was started. The `cause` is the operating system's error.
 */
export class ListenError extends LiminalError {
  readonly code = 'ERR_LIMINAL_LISTEN';
  /** As asked for, `host:port`. */
  readonly address: string;

  constructor(address: string, cause: unknown) {
    super(`cannot listen at ${address}: ${remedyFor(cause)}`, { cause });
    this.address = address;
  }
}

/**
 * A reader of `membership()` left more than 65,536 events unread. The iteration ends with this error: start a
 * new one, which begins with a fresh snapshot.
 */
export class MembershipOverflowError extends LiminalError {
  readonly code = 'ERR_LIMINAL_MEMBERSHIP_OVERFLOW';
}

function remedyFor(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  switch (code) {
    case 'EADDRINUSE':
      return 'the port is taken by another program; choose another port, or 0 for any that is free';
    case 'EADDRNOTAVAIL':
      return 'the host is not an address of this machine';
    case 'EACCES':
      return 'the user may not listen there; choose a port of 1024 or above';
    case 'ENOTFOUND':
      return 'the host name is not known';
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}
