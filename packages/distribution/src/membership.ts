/**
 * Who is connected, told and never sampled.
 *
 * 1. Each event is told in stages: pg first, which purges or sends its snapshot; then links and monitors; then
 *    everyone. So nobody hears of a node's end while its members are still listed.
 * 2. An event that arises while another is being told, for instance because a listener's send took a session
 *    down, waits until that one has passed all stages. Up and down of a session alternate, and down of an old
 *    session comes before up of the next.
 * 3. A reader of the iterable gets a snapshot and all later events. Snapshot and queue are cut in the same step.
 */
import type { Logger } from '@liminal-node/scheduler';
import { MembershipOverflowError } from './errors.js';
import type { Session } from './session.js';

export type MembershipEvent =
  | { readonly type: 'up'; readonly session: Session }
  /** `reason` is a short phrase: `left`, `closed`, `silent`, `replaced`, `stopped`, `write timeout`, … */
  | { readonly type: 'down'; readonly session: Session; readonly reason: string };

/** In the order in which they are told. */
export type MembershipStage = 'groups' | 'signals' | 'everyone';

type Listener = (event: MembershipEvent) => void;

/** The most events that one reader may leave unread. */
const MAX_UNREAD = 65_536;

export class Membership {
  readonly #stages: Readonly<Record<MembershipStage, Set<Listener>>> = {
    groups: new Set(),
    signals: new Set(),
    everyone: new Set(),
  };
  readonly #waiting: MembershipEvent[] = [];
  /** Sessions whose `up` has reached the readers, and whose `down` has not. */
  readonly #told = new Set<Session>();
  readonly #readers = new Set<Reader>();
  readonly #logger: Logger;
  readonly #listenerFailed: () => void;
  #telling = false;
  #ended = false;

  constructor(logger: Logger, listenerFailed: () => void) {
    this.#logger = logger;
    this.#listenerFailed = listenerFailed;
  }

  on(stage: MembershipStage, listener: Listener): () => void {
    // The same function may listen twice; each registration is its own.
    const own: Listener = (event) => listener(event);
    this.#stages[stage].add(own);
    return () => void this.#stages[stage].delete(own);
  }

  tell(event: MembershipEvent): void {
    this.#waiting.push(event);
    if (this.#telling) return;
    this.#telling = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) this.#tellOne(next);
    this.#telling = false;
  }

  read(signal?: AbortSignal): AsyncIterableIterator<MembershipEvent> {
    const reader = new Reader((gone) => this.#readers.delete(gone), signal);
    if (signal?.aborted !== true) for (const session of this.#told) reader.push({ type: 'up', session });
    if (this.#ended || signal?.aborted === true) reader.end();
    else this.#readers.add(reader);
    return reader;
  }

  /** Ends every reader behind what it has yet to read. */
  end(): void {
    this.#ended = true;
    for (const reader of this.#readers) reader.end();
  }

  #tellOne(event: MembershipEvent): void {
    for (const stage of ['groups', 'signals', 'everyone'] as const) {
      for (const listener of this.#stages[stage]) {
        try {
          listener(event);
        } catch (error) {
          this.#listenerFailed();
          this.#logger.error(
            { error, stage, event: event.type, peer: event.session.node },
            'membership listener threw',
          );
        }
      }
    }
    if (event.type === 'up') this.#told.add(event.session);
    else this.#told.delete(event.session);
    for (const reader of this.#readers) reader.push(event);
  }
}

class Reader implements AsyncIterableIterator<MembershipEvent> {
  readonly #events: MembershipEvent[] = [];
  readonly #asked: ((result: IteratorResult<MembershipEvent>) => void)[] = [];
  readonly #remove: (reader: Reader) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = (): void => {
    this.#events.length = 0;
    this.end();
  };
  #ended = false;
  #overflowed = false;

  constructor(remove: (reader: Reader) => void, signal: AbortSignal | undefined) {
    this.#remove = remove;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#abort, { once: true });
  }

  push(event: MembershipEvent): void {
    const answer = this.#asked.shift();
    if (answer !== undefined) answer({ done: false, value: event });
    else if (this.#events.length < MAX_UNREAD) this.#events.push(event);
    else {
      this.#overflowed = true;
      this.#events.length = 0;
      this.end();
    }
  }

  end(): void {
    this.#ended = true;
    this.#remove(this);
    this.#signal?.removeEventListener('abort', this.#abort);
    for (const answer of this.#asked.splice(0)) answer({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<MembershipEvent>> {
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#overflowed) {
      this.#overflowed = false;
      return Promise.reject(new MembershipOverflowError(`${MAX_UNREAD} membership events were left unread`));
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#asked.push(resolve));
  }

  return(): Promise<IteratorResult<MembershipEvent>> {
    this.#events.length = 0;
    this.#overflowed = false;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
