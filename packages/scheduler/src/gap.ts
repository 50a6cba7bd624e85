/** What stands in a mailbox, or in a stream, where messages are missing. */

/**
 * In the mailbox of a process that asked for it (`MailboxBound.gaps`): messages were dropped here, behind those that
 * are before it and ahead of those that follow. Gaps next to one another are one.
 */
export interface GapMessage<Reason extends string = string> {
  readonly signal: 'gap';
  /** How many are missing; undefined where nobody can know. */
  readonly count: number | undefined;
  /** `mailbox full` where the process's own bound dropped them; libraries have others. */
  readonly reason: Reason;
}

export function isGap(message: unknown): message is GapMessage {
  return typeof message === 'object' && message !== null && 'signal' in message && message.signal === 'gap';
}

/** How many messages are lost with this one: those that it tells of, where it is a gap. */
export function lostWith(message: unknown): number | undefined {
  return isGap(message) ? message.count : 1;
}

/** Both together. */
export function addLost(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one + other;
}
