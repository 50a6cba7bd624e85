/**
 * The order in which a state machine handles its events, as pure rules: no clock, no process, nothing awaited.
 * After OTP's `gen_statem` ("transition_option" in its manual).
 *
 *   1. Events that a transition inserts come first, in the order given, then postponed ones that a state change
 *      has brought back, oldest first, then timeouts of 0 ms, in the order in which they were set. Only when there
 *      are none of these is the mailbox looked at, and the next timeout that is due.
 *   2. A postponed event waits for the next change of state, and then comes before everything newer.
 *   3. There is one state timeout, one event timeout, and one timeout to each name; setting it again replaces it.
 *   4. A change of state ends the state timeout, any event ends the event timeout, and a named one lives on.
 *   5. A timeout that was ended never comes, not even where it was due already.
 *
 * Whoever carries a transition out calls `begin` before its event is handled and `transition` afterwards.
 */

/** A timeout as the event that it becomes. */
export type TimeoutEvent =
  | { readonly type: 'stateTimeout'; readonly content: unknown }
  | { readonly type: 'eventTimeout'; readonly content: unknown }
  | { readonly type: 'timeout'; readonly name: string; readonly content: unknown };

/** Tells which timeout is meant: there is at most one of each. */
export type TimeoutId = Pick<TimeoutEvent & { type: 'stateTimeout' | 'eventTimeout' }, 'type'> | NamedTimeout;

type NamedTimeout = Pick<TimeoutEvent & { type: 'timeout' }, 'type' | 'name'>;

export type TimeoutChange =
  /** With `infinity` for its ms it is ended. */
  | { readonly change: 'start'; readonly event: TimeoutEvent; readonly ms: number }
  /** Its content is replaced and its time kept. Where it is not running it comes at once. */
  | { readonly change: 'update'; readonly event: TimeoutEvent }
  | { readonly change: 'cancel'; readonly id: TimeoutId };

/** What handling one event has led to. */
export interface QueueTransition<Event extends object> {
  /** Whether the state is another than before. */
  readonly changed: boolean;
  /** The event that was handled, where it is to be tried again after a change of state. */
  readonly postponed?: Event;
  readonly inserted: readonly Event[];
  /** In order: the last change of a timeout counts. */
  readonly timeouts: readonly TimeoutChange[];
}

interface Running {
  readonly at: number;
  readonly event: TimeoutEvent;
}

export class EventQueue<Event extends object> {
  readonly #maxEvents: number;
  /** The next one to be handled is the last: whatever is added comes before what is there. */
  readonly #ahead: Event[] = [];
  #postponed: Event[] = [];
  /** Timeouts of 0 ms, in the order in which they were set. */
  readonly #immediate = new Map<string, TimeoutEvent>();
  readonly #running = new Map<string, Running>();
  /** When the first of them is due; undefined where it has to be looked for. */
  #deadline: number | undefined = Number.POSITIVE_INFINITY;

  /** @param maxEvents how many inserted and postponed events it holds. */
  constructor(maxEvents: number) {
    this.#maxEvents = maxEvents;
  }

  /** Events that it holds. */
  get length(): number {
    return this.#ahead.length + this.#postponed.length;
  }

  /** When the next timeout is due, in ms of the clock that `transition` is given. */
  get deadline(): number {
    if (this.#deadline === undefined) {
      this.#deadline = Number.POSITIVE_INFINITY;
      for (const { at } of this.#running.values()) this.#deadline = Math.min(this.#deadline, at);
    }
    return this.#deadline;
  }

  /** Removes and returns what comes before the mailbox; undefined where that is next. */
  take(): Event | TimeoutEvent | undefined {
    if (this.#ahead.length > 0) return this.#ahead.pop();
    for (const event of this.#immediate.values()) {
      this.#cancel(event);
      return event;
    }
    return undefined;
  }

  /** Removes and returns the timeout that has been due for the longest, where there is one. */
  takeDue(now: number): TimeoutEvent | undefined {
    const deadline = this.deadline;
    if (deadline > now) return undefined;
    for (const { at, event } of this.#running.values()) {
      if (at > deadline) continue;
      this.#cancel(event);
      return event;
    }
    return undefined;
  }

  /** An event, whatever it is, is about to be handled. */
  begin(): void {
    this.#cancel({ type: 'eventTimeout' });
  }

  /**
   * The event has been handled, at the time `now`.
   * @returns false where there are more events than it holds.
   */
  transition({ changed, postponed, inserted, timeouts }: QueueTransition<Event>, now: number): boolean {
    if (postponed !== undefined) this.#postponed.push(postponed);
    if (changed) {
      this.#cancel({ type: 'stateTimeout' });
      this.#putAhead(this.#postponed);
      this.#postponed = [];
    }
    this.#putAhead(inserted);
    for (const change of timeouts) this.#change(change, now);
    return this.length <= this.#maxEvents;
  }

  #putAhead(events: readonly Event[]): void {
    for (let at = events.length - 1; at >= 0; at--) this.#ahead.push(events[at] as Event);
  }

  #change(change: TimeoutChange, now: number): void {
    switch (change.change) {
      case 'start':
        this.#cancel(change.event);
        if (change.ms === 0) this.#immediate.set(keyOf(change.event), change.event);
        else if (change.ms < Number.POSITIVE_INFINITY) this.#run(change.event, now + change.ms);
        break;
      case 'update': {
        const running = this.#running.get(keyOf(change.event));
        if (running === undefined) this.#immediate.set(keyOf(change.event), change.event);
        else this.#run(change.event, running.at);
        break;
      }
      case 'cancel':
        this.#cancel(change.id);
        break;
      default:
        change satisfies never;
    }
  }

  #run(event: TimeoutEvent, at: number): void {
    this.#running.set(keyOf(event), { at, event });
    this.#deadline = undefined;
  }

  #cancel(id: TimeoutId): void {
    const key = keyOf(id);
    this.#immediate.delete(key);
    if (this.#running.delete(key)) this.#deadline = undefined;
  }
}

function keyOf(id: TimeoutId): string {
  return id.type === 'timeout' ? `timeout ${id.name}` : id.type;
}
