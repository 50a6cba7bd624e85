/**
 * State machines: servers that do different things with the same event in different states, after OTP's
 * gen_statem.
 *
 *     export const door = defineStateMachine(import.meta.url, 'door', {
 *       init: (_machine, code: string) => ({ state: 'locked', data: { code, entered: '' } }),
 *       states: {
 *         locked: {
 *           enter: ({ data }) => void (data.entered = ''),
 *           calls: {
 *             press(machine, digit: string) {
 *               const { data } = machine;
 *               data.entered = (data.entered + digit).slice(-data.code.length);
 *               return data.entered === data.code ? machine.next('open', { reply: true }) : false;
 *             },
 *           },
 *         },
 *         open: {
 *           enter: (machine) => machine.keep({ stateTimeout: 10_000 }),
 *           stateTimeout: (machine) => machine.next('locked'),
 *           calls: { press: (machine) => machine.keep({ postpone: true }) },
 *         },
 *       },
 *     });
 *
 *     const pid = await startServer(self, door, ['1234']);
 *     await call(self, pid, 'press', ['1']); // false
 *
 * - It is a server to everybody else: `startServer`, `stopServer`, `call`, `cast`, `reply` and child specs take it.
 * - The callback of an event is that of the present state, or else the one under `any`. Callbacks may be async;
 *   one runs at a time. The state is changed by what a callback returns, the data as in a server.
 * - What a call returns is the reply and keeps the state, unless it is a transition: that replies with its `reply`
 *   where it has one, and otherwise leaves the caller waiting.
 * - `enter` of the new state runs after a change of state, and first of all in the first one, before any event.
 * - The order of events, and the life of timeouts over changes of state, are those of `event-queue.ts`.
 * - A call that neither the state nor `any` knows is refused with `{ noSuchCall: name }`; such a cast and such a
 *   plain message are dropped; such a timeout or internal event is a fault of the machine and ends it.
 * - What a callback throws ends it, as it does a server.
 */
import { defineProcess } from '../definition.js';
import type { ExitReason } from '../exit-reason.js';
import type { Self } from '../self.js';
import type { ServerDefinition } from './server.js';
import type { Stop } from './server-loop.js';
import type { StartContext } from './server-start.js';
import { runStateMachine } from './state-machine-loop.js';
import type { BeginOptions, TimeoutOptions, Transition, TransitionOptions } from './state-machine-transition.js';

/** What `init` is given first. */
export interface MachineSetup {
  /** The machine as a process: to send, to monitor, to start others, to set timers. */
  readonly self: Self;
  /**
   * To return from a callback: ends the machine with `reason`, after `terminate`. A call may give a reply, which is
   * sent before that; without one its caller fails with the reason.
   */
  stop<Result = never>(reason: ExitReason, ...reply: [Result?]): Stop<Result>;
}

/** What `enter` and `terminate` are given first. */
export interface EnterContext<State extends string, Data> extends MachineSetup {
  readonly state: State;
  /** What `init` returned, or what was put in its place since. */
  data: Data;
  /** To return: sets timeouts. They count as set by the transition that led here, after its own. */
  keep(options: TimeoutOptions): Transition<never>;
}

/** What the other callbacks are given first. */
export interface MachineContext<State extends string, Data> extends MachineSetup {
  readonly state: State;
  /** What `init` returned, or what was put in its place since. */
  data: Data;
  /** To return: goes to a state. Where that is the present one it is no change. */
  next<Result = never>(state: State, options?: TransitionOptions<Result>): Transition<Result>;
  /** To return: stays in the state. */
  keep<Result = never>(options?: TransitionOptions<Result>): Transition<Result>;
  /** To return: stays in the state and has it entered once more. Postponed events stay so, as in OTP. */
  repeat<Result = never>(options?: TransitionOptions<Result>): Transition<Result>;
}

type Handlers<State extends string, Data> = Readonly<
  Record<string, (machine: MachineContext<State, Data>, ...args: never[]) => unknown>
>;

type Step = void | Transition<never> | Stop<never>;
type Outcome = Step | Promise<Step>;

/** The callbacks of one state. */
export interface StateCallbacks<State extends string, Data> {
  /** Runs when the machine comes into the state, from `former`, which in the first state is that state itself. */
  enter?(machine: EnterContext<State, Data>, former: State): Outcome;
  /** By name. What they return is the reply, or a transition. */
  calls?: Handlers<State, Data>;
  /** By name. */
  casts?: Handlers<State, Data>;
  /** Takes every other message. */
  info?(machine: MachineContext<State, Data>, message: unknown): Outcome;
  /** Takes the internal events that the machine inserts. */
  internal?(machine: MachineContext<State, Data>, content: unknown): Outcome;
  stateTimeout?(machine: MachineContext<State, Data>, content: unknown): Outcome;
  eventTimeout?(machine: MachineContext<State, Data>, content: unknown): Outcome;
  /** By the names of the timeouts. */
  timeouts?: Readonly<Record<string, (machine: MachineContext<State, Data>, content: unknown) => Outcome>>;
}

/** Where a machine begins, what it knows, and its first timeouts and events. */
export interface Beginning<State extends string, Data> extends BeginOptions {
  readonly state: State;
  readonly data: Data;
}

type Begin<State extends string, Data> = Beginning<State, Data> | Stop<never>;

export interface StateMachineCallbacks<Args extends readonly unknown[], Data, State extends string, States, Any> {
  /** Makes the data. The machine has started once it has resolved; where it fails or stops, the start fails. */
  init(machine: MachineSetup, ...args: Args): Begin<NoInfer<State>, Data> | Promise<Begin<NoInfer<State>, Data>>;
  /** By name: all that there are. */
  states: States & { readonly [Name in State]: StateCallbacks<NoInfer<State>, NoInfer<Data>> };
  /** For the events that a state has no callback for. Its `enter` is for the states that have none. */
  any?: Any & StateCallbacks<NoInfer<State>, NoInfer<Data>>;
  /** Cleans up, where a server's would. */
  terminate?(machine: EnterContext<NoInfer<State>, NoInfer<Data>>, reason: ExitReason): void | Promise<void>;
  /**
   * Events that it holds besides its mailbox: postponed and inserted ones. With one more it ends with the reason
   * `{ eventQueueFull: { events } }`. @default 100,000 events
   */
  maxQueuedEvents?: number;
}

type ArgsOf<Handler> = Handler extends (machine: never, ...args: infer Args) => unknown ? Args : never;
type ReturnOf<Handler> = Handler extends (machine: never, ...args: never) => infer Returned ? Returned : never;
type ResultOf<Returned> = Returned extends Transition<infer Result> | Stop<infer Result> ? Result : Returned;

/** Of the parameters of the callbacks in several states, those that suit all: a callback may leave out the last. */
type Shared<Args, All = Args> = Args extends readonly unknown[]
  ? [All extends readonly unknown[] ? (...args: All) => void : never] extends [(...args: Args) => void]
    ? Args
    : never
  : never;

type Handlings<Callbacks, Kind extends string> = Callbacks extends Readonly<Record<Kind, infer Found>> ? Found : never;
type NamesIn<Found> = Found extends unknown ? keyof Found : never;
type HandlingOf<Found, Name extends PropertyKey> =
  Found extends Readonly<Record<Name, infer Handler>> ? Handler : never;

/** The functions that a client sees: one for each name, whichever states have a callback for it. */
type Signatures<Found> = {
  readonly [Name in NamesIn<Found>]: (
    ...args: Shared<ArgsOf<HandlingOf<Found, Name>>>
  ) => ResultOf<Awaited<ReturnOf<HandlingOf<Found, Name>>>>;
};

/** What a machine takes, from its callbacks in every state and in any. */
export interface ServedByStates<Callbacks> {
  readonly calls: Signatures<Handlings<Callbacks, 'calls'>>;
  readonly casts: Signatures<Handlings<Callbacks, 'casts'>>;
}

/**
 * Defines a state machine, to be started with `startServer`. Throws as `defineProcess` does.
 * @param module the URL of the module that makes this call at its top level: `import.meta.url`.
 * @param name unique in that module.
 * @throws OptionError (`ERR_LIMINAL_OPTION`) for a `maxQueuedEvents` that is no whole number above 0.
 */
export function defineStateMachine<
  Args extends readonly unknown[],
  Data,
  State extends string,
  States,
  Any = Record<never, never>,
>(
  module: string,
  name: string,
  callbacks: StateMachineCallbacks<Args, Data, State, States, Any>,
): ServerDefinition<Args, ServedByStates<States[keyof States] | Any>> {
  const run = runStateMachine<State, Data>(callbacks);
  const process = defineProcess<[start: StartContext, ...args: Args]>(module, name, run);
  return { kind: 'server', module, name, process };
}
