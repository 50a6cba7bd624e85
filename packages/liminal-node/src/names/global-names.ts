/**
 * The global names of a node: what `name-state.ts` decides, over the sessions of distribution and the processes of the
 * scheduler. Hidden nodes take no part: they are told of no name, and theirs are nobody else's.
 *
 * It is told of sessions in the stage of groups, so that the names of a lost node are gone before links and monitors
 * tell of it. Who has which name is listed on every thread before anybody is answered.
 */
import type { Distribution, Session } from '@liminal-node/distribution';
import { FrameType } from '@liminal-node/distribution';
import {
  type Logger,
  NameError,
  type OptionCheck,
  type OptionChecks,
  type Pid,
  resolveOptions,
  type Scheduler,
  type Timer,
  wholeNumber,
} from '@liminal-node/scheduler';
import { keyOf, kindOf, type NameConflict, nameOf } from './claim.js';
import type { NameEffect, NameEvent, Outcome } from './name-event.js';
import { NameState } from './name-state.js';
import {
  GLOBAL_NAMES_SERVICE,
  GlobalNameError,
  type GlobalNameRequest,
  listedAs,
  type NameConflictMessage,
} from './registry.js';
import { decodeMessage, encodeMessage, MAX_NAME_BYTES } from './wire.js';

export interface GlobalNamesOptions {
  /**
   * What becomes of a name that two processes have when partitions heal. It must be the same on every node.
   * @default 'exit': the older keeps it, and the other process is ended
   */
  readonly conflict: NameConflict;
  /** Milliseconds that a registration may take; then it is taken back and fails. @default 10000 */
  readonly registerTimeoutMs: number;
  /**
   * Names and locks that processes of this node may have, and that are taken from each peer; beyond, a registration fails as
   * `limit`. As many requests of others are decided at once; beyond, they fail as `busy`. @default 10000
   */
  readonly maxNames: number;
}

export interface GlobalNamesCounters {
  /** Registrations that succeeded, of names and locks. */
  registered: number;
  /** Registrations that did not, by reason. */
  readonly refused: Record<string, number>;
  /** Names that processes of this node have lost in conflicts. */
  conflictsLost: number;
  /** What peers said and was not taken, by reason. */
  readonly ignored: Record<string, number>;
}

const RESOLVERS: readonly unknown[] = ['exit', 'notify', 'notify_all'];
const conflict: OptionCheck = (value) =>
  typeof value === 'function' || RESOLVERS.includes(value)
    ? undefined
    : `must be one of ${RESOLVERS.join(', ')} or a function, not ${String(value)}`;

const CHECKS: OptionChecks<GlobalNamesOptions> = {
  conflict,
  registerTimeoutMs: wholeNumber(1),
  maxNames: wholeNumber(1, 1_000_000),
};

const DEFAULTS: GlobalNamesOptions = { conflict: 'exit', registerTimeoutMs: 10_000, maxNames: 10_000 };

/** @throws OptionError */
export function resolveGlobalNamesOptions(given: Partial<GlobalNamesOptions>): Readonly<GlobalNamesOptions> {
  return resolveOptions(given, DEFAULTS, CHECKS);
}

/** How long who waits for a lock waits before it asks again, where nobody is known to have it. */
const LOCK_RETRY_MS = 50;

export interface GlobalNamesParts {
  readonly scheduler: Scheduler;
  readonly distribution: Distribution;
  /** This node is hidden itself. */
  readonly hidden: boolean;
  readonly logger: Logger;
}

export class GlobalNames implements AsyncDisposable {
  readonly counters: GlobalNamesCounters = { registered: 0, refused: {}, conflictsLost: 0, ignored: {} };
  readonly #parts: GlobalNamesParts;
  readonly #options: Readonly<GlobalNamesOptions>;
  readonly #state: NameState;
  readonly #sessions = new Map<number, Session>();
  readonly #events: NameEvent[] = [];
  readonly #settling = new Map<number, (outcome: Outcome) => void>();
  readonly #timers = new Set<Timer>();
  /** Processes whose end this is to be told of. */
  readonly #watched = new Map<Pid, () => void>();
  /** Who waits for a key to change hands. */
  readonly #waiting = new Map<string, Set<() => void>>();
  #stepping = false;
  #requests = 0;

  constructor(parts: GlobalNamesParts, given: Partial<GlobalNamesOptions> = {}) {
    const { scheduler, distribution, hidden } = parts;
    this.#parts = parts;
    this.#options = resolveGlobalNamesOptions(given);
    this.#state = new NameState({ node: scheduler.node, ...this.#options });
    distribution.onFrame(FrameType.GLOBAL_NAMES, (session, body) => this.#received(session, body));
    distribution.onMembership('groups', ({ type, session }) => {
      if (hidden || session.hidden) return;
      if (type === 'up') {
        this.#sessions.set(session.id, session);
        this.#step({ type, peer: session.id, node: session.node });
      } else if (this.#sessions.delete(session.id)) this.#step({ type, peer: session.id });
    });
    scheduler.provide(GLOBAL_NAMES_SERVICE, (from, body) => this.#answer(from, body as GlobalNameRequest));
  }

  /** Who has the name, as far as this node knows. */
  whereis(name: string): Pid | undefined {
    return this.#state.claims.listed.get(keyOf('name', name));
  }

  /** Every name that this node knows, and who has it. */
  registered(): ReadonlyMap<string, Pid> {
    const names = [...this.#state.claims.listed].filter(([key]) => kindOf(key) === 'name');
    return new Map(names.map(([key, pid]) => [nameOf(key), pid]));
  }

  /** Whether nothing is under way; for tests. */
  get isQuiet(): boolean {
    return this.#state.isQuiet;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    for (const cancel of this.#watched.values()) cancel();
  }

  async #answer(from: Pid, { op, kind, name, timeoutMs }: GlobalNameRequest): Promise<boolean> {
    const length = Buffer.byteLength(name);
    if (length === 0 || length > MAX_NAME_BYTES) {
      throw new NameError(`a global name has 1 to ${MAX_NAME_BYTES} bytes, not ${length}`);
    }
    const key = keyOf(kind, name);
    switch (op) {
      case 'register':
        return (await this.#register(from, key)) === 'held';
      case 'unregister':
        this.#step({ type: 'unregister', key, pid: from });
        return true;
      case 'lock':
        return this.#lock(from, key, timeoutMs ?? Number.POSITIVE_INFINITY);
      default:
        return op satisfies never;
    }
  }

  /** @throws GlobalNameError */
  async #register(pid: Pid, key: string): Promise<Outcome> {
    const request = this.#requests++ % 2 ** 32;
    this.#watch(pid);
    const timer = this.#after(this.#options.registerTimeoutMs, () => this.#step({ type: 'timeout', request }));
    const outcome = await new Promise<Outcome>((resolve) => {
      this.#settling.set(request, resolve);
      this.#step({ type: 'register', request, key, pid });
    });
    this.#cancel(timer);
    if (outcome === 'held') this.counters.registered++;
    else count(this.counters.refused, outcome);
    if (outcome === 'limit' || outcome === 'busy' || outcome === 'timeout') throw failure(outcome, key);
    return outcome;
  }

  async #lock(pid: Pid, key: string, timeoutMs: number): Promise<boolean> {
    const { environment } = this.#parts.scheduler.options;
    const deadline = environment.now() + timeoutMs;
    for (;;) {
      const outcome = await this.#register(pid, key);
      if (outcome === 'held') return true;
      // Nobody is there to have it.
      if (outcome === 'withdrawn') return false;
      const left = deadline - environment.now();
      if (left <= 0) throw failure('timeout', key);
      await this.#changeOf(key, left);
    }
  }

  /** Resolves when the key changes hands, or the time is up. */
  #changeOf(key: string, timeoutMs: number): Promise<void> {
    const isHeld = this.#state.claims.listed.has(key);
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(key) ?? new Set();
      this.#waiting.set(key, waiting);
      const done = (): void => {
        this.#cancel(timer);
        waiting.delete(done);
        if (waiting.size === 0) this.#waiting.delete(key);
        resolve();
      };
      const timer = this.#after(isHeld ? timeoutMs : Math.min(LOCK_RETRY_MS, timeoutMs), done);
      waiting.add(done);
    });
  }

  #watch(pid: Pid): void {
    if (this.#watched.has(pid)) return;
    const cancel = this.#parts.scheduler.onExit(pid, () => {
      this.#watched.delete(pid);
      this.#step({ type: 'ended', pid });
    });
    this.#watched.set(pid, cancel);
  }

  #after(ms: number, callback: () => void): Timer | undefined {
    if (ms === Number.POSITIVE_INFINITY) return undefined;
    const timer = this.#parts.scheduler.options.environment.setTimer(ms, () => {
      this.#timers.delete(timer);
      callback();
    });
    this.#timers.add(timer);
    return timer;
  }

  #cancel(timer: Timer | undefined): void {
    if (timer === undefined) return;
    timer.cancel();
    this.#timers.delete(timer);
  }

  #received(session: Session, body: Uint8Array): void {
    const message = decodeMessage(body, session);
    if (!this.#sessions.has(session.id)) return count(this.counters.ignored, 'hidden node');
    if (message === undefined) return count(this.counters.ignored, 'later version');
    this.#step({ type: 'heard', peer: session.id, message });
  }

  /** One event after another: what one brings about may be the next, for instance the loss of a session. */
  #step(event: NameEvent): void {
    this.#events.push(event);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        const now = Math.floor(this.#parts.scheduler.options.environment.wallNow());
        for (const effect of this.#state.step(next, now)) this.#perform(effect);
      }
    } finally {
      this.#stepping = false;
    }
  }

  #perform(effect: NameEffect): void {
    const { scheduler, distribution } = this.#parts;
    switch (effect.type) {
      case 'send': {
        const session = this.#sessions.get(effect.peer);
        if (session === undefined) break;
        for (const body of encodeMessage(effect.message)) {
          distribution.send(session, FrameType.GLOBAL_NAMES, body, 'control');
        }
        break;
      }
      case 'list':
        scheduler.list(listedAs(kindOf(effect.key), nameOf(effect.key)), effect.pid);
        for (const wake of [...(this.#waiting.get(effect.key) ?? [])]) wake();
        break;
      case 'settle': {
        const settle = this.#settling.get(effect.request);
        this.#settling.delete(effect.request);
        settle?.(effect.outcome);
        break;
      }
      case 'look': {
        const { look } = effect;
        const looked = (alive: boolean): void => this.#step({ type: 'looked', look, alive });
        // Where the thread does not say, its end will tell.
        scheduler.isAlive(effect.pid).then(looked, () => looked(true));
        break;
      }
      case 'lost':
        this.#tellLoser(effect);
        break;
      case 'ignored':
        count(this.counters.ignored, effect.reason);
        break;
      default:
        effect satisfies never;
    }
  }

  #tellLoser({ key, pid, keeper, loser }: NameEffect & { type: 'lost' }): void {
    const { scheduler, logger } = this.#parts;
    const conflict = { kind: kindOf(key), name: nameOf(key), ...(keeper !== undefined && { keeper }) };
    this.counters.conflictsLost++;
    logger.warn({ pid, ...conflict }, 'two processes had one global name; this one has lost it');
    if (loser === 'exit') scheduler.exitProcess(pid, { nameConflict: conflict });
    else scheduler.send(pid, { signal: 'nameConflict', ...conflict } satisfies NameConflictMessage);
  }
}

function failure(reason: 'limit' | 'busy' | 'timeout', key: string): GlobalNameError {
  const why = {
    limit: 'this node has as many names as it may (maxNames)',
    busy: 'the node that decides has too much to decide',
    timeout: kindOf(key) === 'lock' ? 'another process has it' : 'not every node has agreed in time',
  };
  return new GlobalNameError(reason, `${kindOf(key)} "${nameOf(key)}": ${why[reason]}`);
}

function count(reasons: Record<string, number>, reason: string): void {
  reasons[reason] = (reasons[reason] ?? 0) + 1;
}
