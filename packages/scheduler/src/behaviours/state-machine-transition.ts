/**
 * What a callback of a state machine returns, and what it is made from: the next state, an answer for the caller,
 * and what is to become of events and timeouts.
 */
import type { TimeoutChange, TimeoutId } from './event-queue.js';
import type { CallMessage, CastMessage, From } from './server-message.js';

/** An event that a machine gives itself; `internal` ones come from nowhere else. */
export type InsertedEvent =
  | { readonly type: 'internal'; readonly content: unknown }
  | ({ readonly type: 'call' } & Pick<CallMessage, 'name' | 'args' | 'from'>)
  | ({ readonly type: 'cast' } & Pick<CastMessage, 'name' | 'args'>)
  | { readonly type: 'info'; readonly message: unknown };

/**
 * A timeout that is set, in its place where it is running already: after so many ms, with 0 at once, with
 * `content` for the callback. Or it is ended (`cancel`, or Infinity ms), or goes on with other content (`update`;
 * where it is not running it comes at once).
 */
export type TimeoutSetting =
  | number
  | 'cancel'
  | { readonly ms: number; readonly content: unknown }
  | { readonly update: unknown };

export interface TimeoutOptions {
  /** Comes where the state has not changed for so long. A change of state ends it. */
  readonly stateTimeout?: TimeoutSetting;
  /** Comes where no event has for so long. Any event ends it. */
  readonly eventTimeout?: TimeoutSetting;
  /** By name. They live on over changes of state. */
  readonly timeouts?: Readonly<Record<string, TimeoutSetting>>;
}

export interface BeginOptions extends TimeoutOptions {
  /** Events to handle next, in this order, before everything that waits. */
  readonly insert?: readonly InsertedEvent[];
}

export interface TransitionOptions<Result> extends BeginOptions {
  /** Answers the call that is being handled. */
  readonly reply?: Result;
  /** The call is answered later, by `reply(self, from, …)`, from this process or another. It is called at once. */
  readonly later?: (from: From<Result>) => void;
  /** Try the event again after the next change of state, before everything newer. */
  readonly postpone?: boolean;
}

/** Returned by a callback. Made by `machine.next`, `machine.keep` and `machine.repeat`. */
export class Transition<Result> {
  /** The next state; undefined where it is kept. */
  readonly next: string | undefined;
  /** Whether `enter` is called although the state is kept. */
  readonly repeats: boolean;
  readonly options: TransitionOptions<Result>;

  constructor(next: string | undefined, repeats: boolean, options: TransitionOptions<Result>) {
    this.next = next;
    this.repeats = repeats;
    this.options = options;
  }
}

/** @throws RangeError for a time that is negative or not a number. */
export function timeoutChanges({ stateTimeout, eventTimeout, timeouts = {} }: TimeoutOptions): TimeoutChange[] {
  const changes: TimeoutChange[] = [];
  if (stateTimeout !== undefined) changes.push(changeOf({ type: 'stateTimeout' }, stateTimeout));
  if (eventTimeout !== undefined) changes.push(changeOf({ type: 'eventTimeout' }, eventTimeout));
  for (const [name, setting] of Object.entries(timeouts)) changes.push(changeOf({ type: 'timeout', name }, setting));
  return changes;
}

function changeOf(id: TimeoutId, setting: TimeoutSetting): TimeoutChange {
  if (setting === 'cancel') return { change: 'cancel', id };
  if (typeof setting === 'object' && 'update' in setting) {
    return { change: 'update', event: { ...id, content: setting.update } };
  }
  const { ms, content } = typeof setting === 'object' ? setting : { ms: setting, content: undefined };
  if (!(ms >= 0)) throw new RangeError(`a timeout takes 0 ms or more, not ${ms}`);
  return { change: 'start', event: { ...id, content }, ms };
}
