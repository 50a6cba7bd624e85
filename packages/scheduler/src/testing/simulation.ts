/**
 * A node in one thread of the operating system, on a virtual clock: the production code, but for what makes its
 * threads, its time and its chance.
 *
 *   1. Everything that a thread does is a step: a turn of its event loop, a run of one process or of a few, a
 *      timer, a batch from another thread, a control call. A step runs to its end, and so do all the promise
 *      continuations that follow from it, before the next is chosen.
 *   2. Which step is next is a choice. Promised orders are kept: batches and control calls of one way, turns of
 *      one thread, timers of one thread with one due time.
 *   3. When there is no step left, whoever waits in `idle` goes on; then the clock moves to whatever is due next;
 *      where nothing is, the run is stuck, and fails.
 *
 * What is real stays outside: a body that waits for a real timer, a socket or a file looks stuck.
 */
import {
  defineProcess,
  forgetProcess,
  modulesLoading,
  type ProcessBody,
  type ProcessDefinition,
} from '../definition.js';
import type { Environment } from '../environment.js';
import type { ThreadDownCause } from '../exit-reason.js';
import type { AnyPid, Pid } from '../pid.js';
import { HOME } from '../runtime.js';
import { Scheduler } from '../scheduler.js';
import type { SchedulerOptions } from '../scheduler-options.js';
import type { SpawnOptions } from '../self.js';
import { Agenda, chooseLane, type Lane } from './agenda.js';
import type { Choices } from './choices.js';
import { SimulationStuckError, SimulationTooLongError } from './errors.js';
import { bytesFrom, randomFrom } from './random.js';
import { SimulatedThreads } from './simulated-threads.js';
import { VirtualClock } from './virtual-clock.js';
import { quiet } from './virtual-environment.js';

export interface SimulationOptions {
  /** Scheduler threads besides home. @default 2 */
  readonly threads?: number;
  /** Steps after which a run fails with `SimulationTooLongError`. @default 100,000 */
  readonly maxSteps?: number;
  /**
   * A step that could be taken is put off for this long at most while timers fire, in ms; with 0 the clock stands
   * still until nothing is left to do. @default 0
   */
  readonly maxDelayMs?: number;
  /** What the scheduler is told besides. */
  readonly scheduler?: Partial<Pick<SchedulerOptions, 'node' | 'creation' | 'mailbox' | 'checkMessages' | 'logger'>>;
}

interface Awaited {
  readonly at: number;
  readonly resolve: () => void;
}

/** So many of the last steps are told where a run is too long. */
const LAST_STEPS = 10;

export class Simulation {
  /** Random numbers for the run itself, in [0, 1): the same for a seed in whatever order things happen. */
  readonly random: () => number;
  readonly #options: SimulationOptions;
  readonly #choices: Choices;
  readonly #clock = new VirtualClock();
  readonly #agenda = new Agenda(() => this.#clock.now);
  readonly #environments = new Map<number, { environment: Environment; turns: Lane }>();
  readonly #threads: SimulatedThreads;
  readonly #defined: ProcessDefinition<never>[] = [];
  readonly #last: string[] = [];
  #scheduler: Scheduler | undefined;
  #idle: (() => void)[] = [];
  #awaited: Awaited[] = [];
  #steps = 0;
  #inline = 0;

  private constructor(seed: number, choices: Choices, options: SimulationOptions) {
    this.random = randomFrom(seed);
    this.#options = options;
    this.#choices = choices;
    this.#threads = new SimulatedThreads({
      agenda: this.#agenda,
      choices,
      environment: (thread) => this.#environment(thread),
      forget: (thread) => this.#clock.forget(thread),
    });
  }

  /** One run. @returns what `run` returns. Throws what it throws, and where the simulation is stuck or too long. */
  static async run<T>(
    seed: number,
    choices: Choices,
    options: SimulationOptions,
    run: (simulation: Simulation) => Promise<T>,
  ): Promise<{ readonly result: T; readonly steps: number }> {
    const simulation = new Simulation(seed, choices, options);
    try {
      await choices.plainly(simulation.#drive(simulation.#start()));
      const result = await simulation.#drive(run(simulation));
      return { result, steps: simulation.#steps };
    } finally {
      for (const definition of simulation.#defined) forgetProcess(definition);
    }
  }

  /** The node. Its `environment` is that of the home thread. */
  get scheduler(): Scheduler {
    if (this.#scheduler === undefined) throw new TypeError('the simulation has not started');
    return this.#scheduler;
  }

  /** Monotonic ms of the virtual clock. */
  get now(): number {
    return this.#clock.now;
  }

  /** Steps taken so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Numbers of the scheduler threads. */
  get threads(): readonly number[] {
    return this.scheduler.threads;
  }

  /** Starts a process, as `Scheduler.spawn` does; a closure can go to any thread here. */
  spawn<Args extends readonly unknown[]>(
    code: ProcessBody<Args> | ProcessDefinition<Args>,
    args: Args,
    options?: Omit<SpawnOptions, 'link' | 'monitor'>,
  ): Promise<Pid> {
    return this.scheduler.spawn(typeof code === 'function' ? this.define(code) : code, args, options);
  }

  /** Makes a closure a process that can be spawned on any thread, until the run ends. */
  define<Args extends readonly unknown[]>(body: ProcessBody<Args>): ProcessDefinition<Args> {
    const name = `${body.name || 'process'} ${this.#inline++}`;
    const definition = defineProcess(`data:simulation,${inlines++}`, name, body);
    this.#defined.push(definition as unknown as ProcessDefinition<never>);
    return definition;
  }

  /** Resolves when a process has ended and home has heard of it, or soon where it is dead already. */
  async ended(pid: AnyPid): Promise<void> {
    await new Promise<void>((resolve) => void this.scheduler.onExit(pid, () => resolve()));
  }

  /** Resolves when nothing is left to do without the clock moving on. */
  idle(): Promise<void> {
    return new Promise((resolve) => void this.#idle.push(resolve));
  }

  /** Lets `ms` milliseconds pass; resolves when what is due meanwhile, and what follows from it, is done. */
  advance(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#awaited.push({ at: this.#clock.now + ms, resolve }));
  }

  /** Sets the wall clock ahead by `ms`, or back where it is negative. No timer notices. */
  jumpWallClock(ms: number): void {
    this.#clock.jumpWallClock(ms);
  }

  /** Ends a scheduler thread as if it had crashed, soon: when, is a choice. Another takes its place. */
  loseThread(thread: number, cause: ThreadDownCause = { cause: 'terminated' }): void {
    this.#agenda.once(HOME, `thread ${thread} is lost`, () => void this.#threads.lose(thread, cause));
  }

  /** Stops a thread, 0 for home, as if one of its processes blocked it, until the result is called. */
  hold(thread: number): () => void {
    this.#agenda.hold(thread);
    return () => this.#agenda.release(thread);
  }

  async #start(): Promise<void> {
    this.#scheduler = await Scheduler.startOn(this.#threads, {
      creation: 1,
      checkMessages: true,
      ...this.#options.scheduler,
      threads: this.#options.threads ?? 2,
      environment: this.#environment(HOME).environment,
    });
  }

  async #drive<T>(run: Promise<T>): Promise<T> {
    const state = { isOver: false };
    const over = (): void => {
      state.isOver = true;
    };
    run.then(over, over);
    for (;;) {
      await quiet();
      while (modulesLoading.size > 0) await Promise.allSettled(modulesLoading);
      if (state.isOver) return run;
      this.#step();
    }
  }

  #step(): void {
    const { ready } = this.#agenda;
    if (ready.length === 0) return this.#rest();
    if (this.#timePasses(ready)) return this.#moveTo(this.#clock.nextDueAt);
    const lane = chooseLane(this.#choices, ready);
    const { maxSteps = 100_000 } = this.#options;
    if (++this.#steps > maxSteps) throw new SimulationTooLongError(maxSteps, this.#last);
    if (this.#steps > maxSteps - LAST_STEPS) this.#last.push(lane.name);
    lane.shift()?.run();
  }

  /** Whether timers come due although there is something to do. */
  #timePasses(ready: readonly Lane[]): boolean {
    const { maxDelayMs = 0 } = this.#options;
    const oldest = ready[0]?.head?.addedAt ?? this.#clock.now;
    if (maxDelayMs === 0 || this.#clock.nextDueAt > oldest + maxDelayMs) return false;
    return this.#choices.choose(2, () => `time passes before ${ready[0]?.name}`, quarter) === 1;
  }

  /** Nothing is left to do at this time. */
  #rest(): void {
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
    const reached = this.#awaited.filter(({ at }) => at <= this.#clock.now);
    this.#awaited = this.#awaited.filter(({ at }) => at > this.#clock.now);
    for (const { resolve } of reached) resolve();
    if (idle.length + reached.length > 0) return;
    const next = Math.min(this.#clock.nextDueAt, ...this.#awaited.map(({ at }) => at));
    if (next === Number.POSITIVE_INFINITY) throw new SimulationStuckError(this.#steps);
    this.#moveTo(next);
  }

  #moveTo(time: number): void {
    this.#clock.moveTo(time);
    const lanes = new Map<string, Lane>();
    for (const timer of this.#clock.takeDue()) {
      const key = `thread ${timer.owner} runs what is due at ${timer.dueAt}`;
      let lane = lanes.get(key);
      if (lane === undefined) {
        lane = this.#agenda.lane(timer.owner, key);
        lane.isTransient = true;
        lanes.set(key, lane);
      }
      lane.push(timer.callback, () => timer.isCancelled);
    }
  }

  #environment(thread: number): { environment: Environment; turns: Lane } {
    let made = this.#environments.get(thread);
    made ??= this.#makeEnvironment(thread);
    this.#environments.set(thread, made);
    return made;
  }

  #makeEnvironment(thread: number): { environment: Environment; turns: Lane } {
    const turns = this.#agenda.lane(thread, `thread ${thread} ends its turn`);
    const passes = this.#agenda.lane(thread, `thread ${thread} runs a process`);
    const random = randomFrom(this.random() * 2 ** 32);
    const environment: Environment = {
      now: () => this.#clock.now,
      wallNow: () => this.#clock.wallNow,
      setTimer: (delayMs, callback) => this.#clock.setTimer(delayMs, callback, thread),
      setImmediate: (callback) => turns.push(callback),
      random,
      randomBytes: (length) => bytesFrom(random, length),
      runOrder: {
        schedule: (pass) => {
          if (passes.isEmpty) passes.push(pass);
        },
        pick: (ready) =>
          this.#choices.choose(ready, (at) => `thread ${thread} runs the process ${at} behind the first`),
        goesOn: () => this.#choices.choose(2, () => `thread ${thread} lets its promises settle first`) === 0,
      },
    };
    return { environment, turns };
  }
}

/** Closures that were made processes, in all runs: their definitions must not meet. */
let inlines = 0;

function quarter(random: () => number): number {
  return random() < 0.25 ? 1 : 0;
}
