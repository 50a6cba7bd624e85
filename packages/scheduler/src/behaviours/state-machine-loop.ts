/**
 * The life of one state machine's process: init, the first `enter`, one event after another, terminate.
 *
 * Every callback is awaited before the next event is taken. A timeout that becomes due while the machine waits is
 * handled at once. One that becomes due while it is at work takes its place behind the messages that are in the
 * mailbox by then: the machine puts a mark behind them, which is the down message of a process of its own, because
 * no bound of a mailbox refuses such a message.
 */
import { ReceiveTimeoutError } from '../errors.js';
import type { ExitReason } from '../exit-reason.js';
import { resolveOptions, wholeNumber } from '../options.js';
import type { Ref } from '../pid.js';
import type { Self } from '../self.js';
import { isDown } from '../signal.js';
import { reply } from './call.js';
import { EventQueue, type TimeoutEvent } from './event-queue.js';
import { isExitOfParent, Stop, terminatingAfterFaults } from './server-loop.js';
import { type From, isServerMessage, type RefusedMessage } from './server-message.js';
import { beginStart, finishStart, type StartContext } from './server-start.js';
import type { Beginning, MachineContext, StateCallbacks, StateMachineCallbacks } from './state-machine.js';
import { type InsertedEvent, Transition, type TransitionOptions, timeoutChanges } from './state-machine-transition.js';

type MachineEvent = InsertedEvent | TimeoutEvent;

type Callbacks<State extends string, Data> = StateMachineCallbacks<
  readonly unknown[],
  Data,
  State,
  unknown,
  StateCallbacks<State, Data>
>;

type Handler = (machine: unknown, ...args: readonly unknown[]) => unknown;

/** No callback takes the event. */
const UNKNOWN = Symbol('unknown');

const DEFAULTS = { maxQueuedEvents: 100_000 };
const CHECKS = { maxQueuedEvents: wholeNumber(1) };

/** The body of a state machine's process. */
export function runStateMachine<State extends string, Data>(
  given: unknown,
): (self: Self, start: StartContext, ...args: readonly unknown[]) => Promise<void> {
  const callbacks = given as Callbacks<State, Data>;
  const { maxQueuedEvents } = callbacks;
  const options = resolveOptions<typeof DEFAULTS>(
    maxQueuedEvents === undefined ? {} : { maxQueuedEvents },
    DEFAULTS,
    CHECKS,
  );
  return async (self, start, ...args) => {
    beginStart(self, start);
    const machine = new StateMachine<State, Data>(self, start, callbacks, options.maxQueuedEvents);
    const beginning = await callbacks.init(machine, ...args);
    if (beginning instanceof Stop) return self.exit(beginning.reason);
    machine.prepare(beginning);
    finishStart(self, start);
    await machine.run(beginning);
  };
}

class StateMachine<State extends string, Data> implements MachineContext<State, Data> {
  readonly self: Self;
  readonly #start: StartContext;
  readonly #callbacks: Callbacks<State, Data>;
  readonly #queue: EventQueue<MachineEvent>;
  /** Whom the call that is being handled came from. */
  #from: From<unknown> | undefined;
  /** The monitor whose down message is the mark in the mailbox for a timeout that is due. */
  #mark: Ref | undefined;
  declare state: State;
  declare data: Data;

  constructor(self: Self, start: StartContext, callbacks: Callbacks<State, Data>, maxQueuedEvents: number) {
    this.self = self;
    this.#start = start;
    this.#callbacks = callbacks;
    this.#queue = new EventQueue(maxQueuedEvents);
  }

  next<Result = never>(state: State, options: TransitionOptions<Result> = {}): Transition<Result> {
    return this.#transition(this.#known(state), false, options);
  }

  keep<Result = never>(options: TransitionOptions<Result> = {}): Transition<Result> {
    return this.#transition(undefined, false, options);
  }

  repeat<Result = never>(options: TransitionOptions<Result> = {}): Transition<Result> {
    return this.#transition(undefined, true, options);
  }

  stop<Result = never>(reason: ExitReason, ...reply: [Result?]): Stop<Result> {
    return new Stop(reason, reply);
  }

  prepare({ state, data }: Beginning<State, Data>): void {
    this.state = this.#known(state);
    this.data = data;
  }

  async run(beginning: Beginning<State, Data>): Promise<void> {
    const terminate = async (reason: ExitReason) => this.#callbacks.terminate?.(this, reason);
    const stop = await terminatingAfterFaults(this.self, terminate, () => this.#handleUntilStopped(beginning));
    if (this.#from !== undefined) for (const value of stop.reply) reply(this.self, this.#from, value);
    await terminate(stop.reason);
    this.self.exit(stop.reason);
  }

  async #handleUntilStopped(beginning: Beginning<State, Data>): Promise<Stop<unknown>> {
    const first = new Transition<unknown>(undefined, true, beginning);
    let stop = await this.#carryOut(first, undefined);
    while (stop === undefined) {
      this.#from = undefined;
      const event = await this.#nextEvent();
      stop = event instanceof Stop ? event : await this.#handle(event);
    }
    return stop;
  }

  async #handle(event: MachineEvent): Promise<Stop<unknown> | undefined> {
    this.#queue.begin();
    if (event.type === 'call') this.#from = event.from;
    const outcome = await this.#callBack(event);
    if (outcome === UNKNOWN) return this.#refuse(event);
    if (outcome instanceof Stop) return outcome;
    if (outcome instanceof Transition) return this.#carryOut(outcome, event);
    if (event.type === 'call') reply(this.self, event.from, outcome);
    return undefined;
  }

  /** @returns what the callback for the event did, or UNKNOWN. */
  #callBack(event: MachineEvent): unknown {
    switch (event.type) {
      case 'call':
        return this.#callNamed('calls', event.name, event.args);
      case 'cast':
        return this.#callNamed('casts', event.name, event.args);
      case 'timeout':
        return this.#callNamed('timeouts', event.name, [event.content]);
      case 'info':
        return this.#callOne('info', event.message);
      case 'internal':
      case 'stateTimeout':
      case 'eventTimeout':
        return this.#callOne(event.type, event.content);
      default:
        return event satisfies never;
    }
  }

  #callNamed(kind: 'calls' | 'casts' | 'timeouts', name: string, args: readonly unknown[]): unknown {
    for (const callbacks of this.#present()) {
      const handlers = callbacks[kind] as Readonly<Record<string, Handler>> | undefined;
      if (handlers !== undefined && Object.hasOwn(handlers, name)) return handlers[name]?.(this, ...args);
    }
    return UNKNOWN;
  }

  #callOne(kind: 'info' | 'internal' | 'stateTimeout' | 'eventTimeout', content: unknown): unknown {
    const callbacks = this.#present().find((found) => found[kind] !== undefined);
    return callbacks === undefined ? UNKNOWN : callbacks[kind]?.(this, content);
  }

  /** The callbacks of the present state, then those of any. */
  #present(): StateCallbacks<State, Data>[] {
    const { states, any } = this.#callbacks;
    const present = states[this.state];
    return any === undefined ? [present] : [present, any];
  }

  #refuse(event: MachineEvent): undefined {
    switch (event.type) {
      case 'call':
        this.self.send<RefusedMessage>(event.from, { signal: 'refused', reason: { noSuchCall: event.name } });
        return undefined;
      case 'cast':
      case 'info':
        return undefined;
      case 'timeout':
        throw new TypeError(`state "${this.state}" has no callback for the timeout "${event.name}"`);
      default:
        throw new TypeError(`state "${this.state}" has no callback "${event.type}"`);
    }
  }

  async #carryOut(made: Transition<unknown>, event: MachineEvent | undefined): Promise<Stop<unknown> | undefined> {
    const { next, repeats, options } = made;
    if (this.#from !== undefined && 'reply' in options) reply(this.self, this.#from, options.reply);
    const former = this.state;
    const changed = next !== undefined && next !== former;
    if (changed) this.state = next as State;
    const timeouts = timeoutChanges(options);
    if (changed || repeats) {
      const entered = await this.#enter(former);
      if (entered instanceof Stop) return entered;
      if (entered instanceof Transition) timeouts.push(...timeoutChanges(entered.options));
    }
    const postponed = options.postpone === true && event !== undefined ? { postponed: event } : {};
    const { insert: inserted = [] } = options;
    const fits = this.#queue.transition({ changed, ...postponed, inserted, timeouts }, this.self.environment.now());
    return fits ? undefined : new Stop({ eventQueueFull: { events: this.#queue.length } }, []);
  }

  async #enter(former: State): Promise<unknown> {
    const callbacks = this.#present().find(({ enter }) => enter !== undefined);
    const entered: unknown = await callbacks?.enter?.(this, former);
    if (!(entered instanceof Transition)) return entered;
    const { stateTimeout, eventTimeout, timeouts, ...others } = entered.options;
    if (entered.next !== undefined || entered.repeats || Object.keys(others).length > 0) {
      throw new TypeError(`"enter" of state "${this.state}" can set timeouts, or stop, and nothing else`);
    }
    return entered;
  }

  async #nextEvent(): Promise<MachineEvent | Stop<unknown>> {
    for (;;) {
      const event = this.#queue.take() ?? (await this.#receive());
      if (event !== undefined) return event;
    }
  }

  /** The next message, or a timeout that is due; undefined where neither has come. */
  async #receive(): Promise<MachineEvent | Stop<unknown> | undefined> {
    const { environment } = this.self;
    const left = this.#queue.deadline - environment.now();
    if (left <= 0) this.#mark ??= this.#setMark();
    try {
      const message = await this.self.receive({
        timeoutMs: this.#mark === undefined ? left : Number.POSITIVE_INFINITY,
      });
      if (!isDown(message) || message.ref !== this.#mark) return this.#eventOf(message);
      this.#mark = undefined;
    } catch (error) {
      if (!(error instanceof ReceiveTimeoutError)) throw error;
    }
    return this.#queue.takeDue(environment.now());
  }

  #setMark(): Ref {
    const process = this.self.attach({ label: 'timeout' });
    const mark = this.self.monitor(process.pid);
    process.close();
    return mark;
  }

  #eventOf(message: unknown): MachineEvent | Stop<unknown> {
    if (isExitOfParent(this.self, this.#start, message)) return new Stop(message.reason, []);
    if (!isServerMessage(message)) return { type: 'info', message };
    if (message.signal === 'stop') return new Stop(message.reason, []);
    const { signal: type, ...named } = message;
    return { type, ...named } as MachineEvent;
  }

  #known(state: State): State {
    if (!Object.hasOwn(this.#callbacks.states, state)) throw new TypeError(`there is no state "${state}"`);
    return state;
  }

  #transition<Result>(
    next: State | undefined,
    repeats: boolean,
    options: TransitionOptions<Result>,
  ): Transition<Result> {
    if ('reply' in options || options.later !== undefined) {
      const from = this.#from as From<Result> | undefined;
      if (from === undefined) throw new TypeError('only a call has a caller that can be answered');
      options.later?.(from);
    }
    return new Transition(next, repeats, options);
  }
}
