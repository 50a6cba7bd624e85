/**
 * The changes of a scope as async iterables. Each iteration is a subscription of its own, from the moment at
 * which it begins: first a snapshot of that moment, then every later change in order, none missed, none twice.
 *
 * Each subscription has its own queue, so that a slow reader delays nobody. The queue loses nothing up to its
 * bound; at the bound it is dropped and the iteration ends with a ChangesOverflowError.
 *
 * An iteration ends on abort, on `return()` (a `break` in `for await`), which both drop what is queued, and when
 * the scope stops, once what is queued has been read.
 */
import type { Pid } from '@liminal-node/scheduler';
import { ChangesOverflowError } from './errors.js';
import type { MemberChange } from './remote-groups.js';

/** Everything at one moment: every group that has members, with every pid as often as it has joined. */
export interface GroupSnapshot {
  readonly type: 'snapshot';
  readonly groups: ReadonlyMap<string, readonly Pid[]>;
}

export type GroupChange = GroupSnapshot | MemberChange;

export interface ChangesOptions {
  /** Only this group's changes; it need not exist yet. @default every group */
  readonly group?: string | undefined;
  /** Ends the iteration. */
  readonly signal?: AbortSignal | undefined;
}

/** One iteration over changes. */
export interface ChangeReader extends AsyncIterableIterator<GroupChange, undefined> {
  /** What can be read without waiting, oldest first, at most `max`; the errors of an iteration come from `next` alone. */
  readReady(max: number): GroupChange[];
}

/** Changes, each iteration from the moment at which it begins. */
export interface Changes extends AsyncIterable<GroupChange, undefined> {
  [Symbol.asyncIterator](): ChangeReader;
}

const DONE: IteratorResult<GroupChange, undefined> = { done: true, value: undefined };

/** Hands each change to the subscriptions that want it. Pure of clocks and I/O; readers wake in a later microtask. */
export class ChangeFeed {
  readonly #snapshot: (group: string | undefined) => ReadonlyMap<string, readonly Pid[]>;
  readonly #maxQueued: number;
  readonly #onOverflow: () => void;
  readonly #byGroup = new Map<string | undefined, Set<ChangeSubscription>>();
  #closed = false;

  /** @param snapshot reads the state, of one group or of all. */
  constructor(
    snapshot: (group: string | undefined) => ReadonlyMap<string, readonly Pid[]>,
    maxQueued: number,
    onOverflow: () => void,
  ) {
    this.#snapshot = snapshot;
    this.#maxQueued = maxQueued;
    this.#onOverflow = onOverflow;
  }

  /** Subscriptions that have begun and not ended. */
  get subscriptions(): number {
    let count = 0;
    for (const subscriptions of this.#byGroup.values()) count += subscriptions.size;
    return count;
  }

  /** Must be called in the same step in which the state changed. */
  push(changes: readonly MemberChange[]): void {
    if (this.#byGroup.size === 0) return;
    for (const change of changes) {
      this.#offer(undefined, change);
      this.#offer(change.group, change);
    }
  }

  open({ group, signal }: ChangesOptions = {}): Changes {
    return { [Symbol.asyncIterator]: () => this.#subscribe(group, signal) };
  }

  /** Ends every subscription after what is queued for it. */
  close(): void {
    this.#closed = true;
    for (const subscriptions of [...this.#byGroup.values()]) for (const each of [...subscriptions]) each.finish();
  }

  #offer(wanted: string | undefined, change: MemberChange): void {
    const subscriptions = this.#byGroup.get(wanted);
    if (subscriptions === undefined) return;
    for (const subscription of subscriptions) if (!subscription.offer(change)) this.#onOverflow();
  }

  #subscribe(group: string | undefined, signal: AbortSignal | undefined): ChangeSubscription {
    const subscription = new ChangeSubscription(this.#maxQueued, signal, () => this.#forget(group, subscription));
    if (this.#closed || signal?.aborted === true) {
      subscription.end();
      return subscription;
    }
    let subscriptions = this.#byGroup.get(group);
    if (subscriptions === undefined) {
      subscriptions = new Set();
      this.#byGroup.set(group, subscriptions);
    }
    subscriptions.add(subscription);
    subscription.begin({ type: 'snapshot', groups: this.#snapshot(group) });
    return subscription;
  }

  #forget(group: string | undefined, subscription: ChangeSubscription): void {
    const subscriptions = this.#byGroup.get(group);
    subscriptions?.delete(subscription);
    if (subscriptions?.size === 0) this.#byGroup.delete(group);
  }
}

interface Waiter {
  readonly resolve: (result: IteratorResult<GroupChange, undefined>) => void;
}

class ChangeSubscription implements ChangeReader {
  readonly #maxQueued: number;
  readonly #signal: AbortSignal | undefined;
  readonly #forget: () => void;
  readonly #abort = (): void => this.end();
  #queue: GroupChange[] = [];
  #head = 0;
  #queuedPids = 0;
  #waiters: Waiter[] = [];
  #state: 'open' | 'finishing' | 'ended' = 'open';
  #overflow: ChangesOverflowError | undefined;

  constructor(maxQueued: number, signal: AbortSignal | undefined, forget: () => void) {
    this.#maxQueued = maxQueued;
    this.#signal = signal;
    this.#forget = forget;
  }

  begin(snapshot: GroupSnapshot): void {
    this.#signal?.addEventListener('abort', this.#abort, { once: true });
    this.#queue.push(snapshot);
  }

  /** @returns false where the bound was reached, which ends the subscription. */
  offer(change: MemberChange): boolean {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter.resolve({ done: false, value: change });
      return true;
    }
    this.#queuedPids += change.pids.length;
    if (this.#queuedPids > this.#maxQueued) {
      this.#overflow = new ChangesOverflowError(this.#maxQueued);
      this.end();
      return false;
    }
    this.#queue.push(change);
    return true;
  }

  /** Ends after what is queued. */
  finish(): void {
    if (this.#head === this.#queue.length) this.end();
    else this.#release('finishing');
  }

  /** Ends now, and drops what is queued. */
  end(): void {
    this.#release('ended');
    this.#queue = [];
    this.#head = 0;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(DONE);
  }

  async next(): Promise<IteratorResult<GroupChange, undefined>> {
    const value = this.#take();
    if (value !== undefined) return { done: false, value };
    if (this.#overflow !== undefined) {
      const overflow = this.#overflow;
      this.#overflow = undefined;
      throw overflow;
    }
    if (this.#state !== 'open') return DONE;
    return new Promise((resolve) => this.#waiters.push({ resolve }));
  }

  readReady(max: number): GroupChange[] {
    const ready: GroupChange[] = [];
    while (ready.length < max) {
      const change = this.#take();
      if (change === undefined) break;
      ready.push(change);
    }
    return ready;
  }

  async return(): Promise<IteratorResult<GroupChange, undefined>> {
    this.end();
    return DONE;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(): GroupChange | undefined {
    const change = this.#queue[this.#head];
    if (change === undefined) return undefined;
    this.#head++;
    if (change.type !== 'snapshot') this.#queuedPids -= change.pids.length;
    // Shifting every time would cost the length of the queue; so half of it is cut off at a time.
    if (this.#head * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return change;
  }

  #release(state: 'finishing' | 'ended'): void {
    this.#state = state;
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#forget();
  }
}
