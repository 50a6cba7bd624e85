/**
 * Messages that are sent later: once (`sendAfter`, `startTimer`), or again and again (`sendEvery`).
 *
 * A timer is an attached process of its owner that waits. It ends, and sends nothing more, when it is
 * cancelled, when its owner ends, and when the process ends that it would send to. A name is looked up each
 * time a message is due; one that nobody holds then gets none.
 *
 * - Messages are sent in the owner's name and never before they are due. Time is the monotonic clock of
 *   `Self.environment`: it does not jump when somebody sets the clock.
 * - A message counts as sent when the timer is set: it must be portable then, and must not change afterwards.
 * - A timer that was held up sends as soon as it can. `sendEvery` leaves out what it has missed and keeps to
 *   its beat.
 */

import { checkPortable, freezeMessage } from '../encoding/portable.js';
import { ReceiveTimeoutError } from '../errors.js';
import { type AnyPid, parseNodeName, type Ref } from '../pid.js';
import type { AttachedProcess, Destination, Self } from '../self.js';
import { type DownMessage, isDown } from '../signal.js';

/** A timer that was set. */
export interface MessageTimer {
  /** @returns ms until the next message is due, or false where there will be none. */
  left(): number | false;
  /**
   * Ends the timer. A message that it has sent already stays sent.
   * @returns what `left` would have returned: false where it came too late, or was cancelled before.
   */
  cancel(): number | false;
}

/** What `startTimer` sends. */
export interface TimeoutMessage<Content = unknown> {
  readonly signal: 'timeout';
  readonly ref: Ref;
  readonly message: Content;
}

/**
 * Sends `message` after `ms`; with 0, at once.
 * @throws RangeError for a time that is negative or not a number, NotPortableError for what is no message, TypeError
 * for what is no pid and no node name.
 */
export function sendAfter<M>(self: Self, ms: number, to: Destination<M>, message: M): MessageTimer {
  return setTimer(self, ms, undefined, to, message);
}

/** Sends `message` every `ms`, at least 1, the first time after `ms`. Throws as {@link sendAfter} does. */
export function sendEvery<M>(self: Self, ms: number, to: Destination<M>, message: M): MessageTimer {
  if (!(ms >= 1)) throw new RangeError(`an interval must be 1 ms or more, not ${ms}`);
  return setTimer(self, ms, ms, to, message);
}

/**
 * Like {@link sendAfter}, but what arrives is a {@link TimeoutMessage} with the timer's own `ref`: a timeout
 * that was sent before its timer was cancelled can be told from that of another.
 */
export function startTimer<M>(
  self: Self,
  ms: number,
  to: Destination<TimeoutMessage<M>>,
  message: M,
): MessageTimer & { readonly ref: Ref } {
  const ref = self.makeRef();
  const timer = sendAfter<TimeoutMessage<M>>(self, ms, to, { signal: 'timeout', ref, message });
  return { ref, left: () => timer.left(), cancel: () => timer.cancel() };
}

function setTimer<M>(
  self: Self,
  ms: number,
  everyMs: number | undefined,
  to: Destination<M>,
  message: M,
): MessageTimer {
  if (!(ms >= 0)) throw new RangeError(`a timer takes 0 ms or more, not ${ms}`);
  checkPortable(message);
  freezeMessage(message);
  if (typeof to === 'string') {
    return new WaitingProcess(self, ms, everyMs, to === self.pid ? undefined : to, () => self.send(to, message));
  }
  if ('via' in to) {
    return new WaitingProcess(self, ms, everyMs, undefined, () => {
      if (self.whereis(to) !== undefined) self.send(to, message);
    });
  }
  const { name, node = self.node } = to;
  parseNodeName(node);
  return new WaitingProcess(self, ms, everyMs, undefined, () => {
    if (node !== self.node || self.whereis(name) !== undefined) self.send(to, message);
  });
}

class WaitingProcess implements MessageTimer {
  readonly #owner: Self;
  readonly #process: AttachedProcess;
  readonly #everyMs: number | undefined;
  readonly #send: () => void;
  #dueAt: number;
  #isOver = false;

  /** @param receiver the process, other than the owner, whose end is to end the timer. */
  constructor(owner: Self, ms: number, everyMs: number | undefined, receiver: AnyPid | undefined, send: () => void) {
    this.#owner = owner;
    this.#process = owner.attach({ trapExit: true, label: 'timer' });
    this.#everyMs = everyMs;
    this.#send = send;
    this.#dueAt = owner.environment.now() + ms;
    try {
      if (receiver !== undefined) this.#process.monitor(receiver);
    } catch (error) {
      this.#end();
      throw error;
    }
    void this.#run();
  }

  left(): number | false {
    if (this.#isOver || this.#owner.signal.aborted) return false;
    return Math.max(0, this.#dueAt - this.#owner.environment.now());
  }

  cancel(): number | false {
    const left = this.left();
    this.#end();
    return left;
  }

  async #run(): Promise<void> {
    for (let left = this.left(); left !== false; left = this.left()) {
      // Also timers that fire early, by the fraction of a millisecond, lead here again.
      if (left === 0) this.#fire();
      else if (await this.#isDownWithin(left)) this.#end();
    }
  }

  /** Waits for the end of the receiver. @returns false when the time is up. */
  async #isDownWithin(ms: number): Promise<boolean> {
    try {
      await this.#process.receive<DownMessage>({ timeoutMs: ms, match: isDown });
      return true;
    } catch (error) {
      if (error instanceof ReceiveTimeoutError) return false;
      throw error;
    }
  }

  #fire(): void {
    const late = this.#owner.environment.now() - this.#dueAt;
    if (this.#everyMs === undefined) this.#end();
    else this.#dueAt += this.#everyMs * (Math.floor(late / this.#everyMs) + 1);
    this.#send();
  }

  #end(): void {
    this.#isOver = true;
    this.#process.close();
  }
}
