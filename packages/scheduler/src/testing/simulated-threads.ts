/**
 * Threads of a simulation: each a runtime as on a worker thread, whose turns, timers, batches and control calls
 * are steps of the simulation.
 *
 * A thread that is lost ends between two steps, or in the midst of posting its batches: those that it had posted
 * arrive, everything else of it is gone, and home hears of its end later.
 */
import type { Remote } from 'comlink';
import type { Environment } from '../environment.js';
import { ThreadDownError } from '../errors.js';
import { describeCause, type ThreadDownCause } from '../exit-reason.js';
import { HOME } from '../runtime.js';
import type { MeshPort } from '../threads/mesh-port.js';
import type { News } from '../threads/news.js';
import type { ThreadResourceLimits } from '../threads/resource-limits.js';
import { startSchedulerThread } from '../threads/scheduler-thread.js';
import type { HomeControl, ThreadControl } from '../threads/thread-control.js';
import type { NewThread, ThreadHandle, ThreadHost } from '../threads/thread-host.js';
import type { Agenda, Lane } from './agenda.js';
import type { Choices } from './choices.js';
import { remoteControl } from './remote-control.js';
import { SimulatedPort } from './simulated-port.js';

/** What a simulated thread needs of its simulation. */
export interface SimulatedWorld {
  readonly agenda: Agenda;
  readonly choices: Choices;
  /** The environment of a thread, and the lane of its turns of the event loop. */
  environment(thread: number): { readonly environment: Environment; readonly turns: Lane };
  /** Takes away what the thread has set. */
  forget(thread: number): void;
}

export class SimulatedThreads implements ThreadHost<SimulatedPort> {
  readonly #world: SimulatedWorld;
  readonly #threads = new Map<number, SimulatedThread>();

  constructor(world: SimulatedWorld) {
    this.#world = world;
  }

  makeWay(): readonly [SimulatedPort, SimulatedPort] {
    return SimulatedPort.makeWay();
  }

  meshPort(port: SimulatedPort): MeshPort {
    const lane = this.#world.agenda.lane(HOME, 'home takes a batch');
    return port.open({ lane, mayPost: () => true });
  }

  start(
    settings: NewThread<SimulatedPort>,
    _limits: ThreadResourceLimits,
    home: HomeControl,
    onDown: (handle: ThreadHandle<SimulatedPort>, cause: ThreadDownCause) => void,
  ): ThreadHandle<SimulatedPort> {
    const thread = new SimulatedThread(this.#world, settings, home, (cause) => {
      this.#threads.delete(settings.thread);
      onDown(thread, cause);
    });
    this.#threads.set(settings.thread, thread);
    return thread;
  }

  /** Ends a thread as if it had crashed. @returns false where there is no such thread. */
  lose(thread: number, cause: ThreadDownCause): boolean {
    const found = this.#threads.get(thread);
    found?.lose(cause);
    return found !== undefined;
  }
}

class SimulatedThread implements ThreadHandle<SimulatedPort> {
  readonly thread: number;
  readonly slot: number;
  readonly #world: SimulatedWorld;
  readonly #control: Remote<ThreadControl<SimulatedPort>>;
  readonly #turns: Lane;
  /** What home hears of it by control calls. */
  readonly #homeward: readonly Lane[];
  readonly #news: News<SimulatedPort>[] = [];
  readonly #hear: () => void;
  readonly #waiting = new Set<(error: Error) => void>();
  readonly #onDown: (cause: ThreadDownCause) => void;
  readonly #down: Promise<void>;
  #isDown: () => void = () => {};
  #ways = 0;
  /** Batches that it may still post; less than infinity while it is being lost. */
  #postsLeft = Number.POSITIVE_INFINITY;
  #isLost = false;
  #hasEnded = false;

  constructor(
    world: SimulatedWorld,
    settings: NewThread<SimulatedPort>,
    home: HomeControl,
    onDown: (cause: ThreadDownCause) => void,
  ) {
    const { thread, slot } = settings;
    const { agenda } = world;
    const { environment, turns } = world.environment(thread);
    this.thread = thread;
    this.slot = slot;
    this.#world = world;
    this.#turns = turns;
    this.#onDown = onDown;
    this.#down = new Promise((resolve) => {
      this.#isDown = resolve;
    });
    const asked = agenda.lane(HOME, `home hears thread ${thread} ask`);
    const homeward = remoteControl(() => home, asked, agenda.lane(thread, `thread ${thread} hears home answer`));
    const requests = agenda.lane(thread, `thread ${thread} hears home ask`);
    const answers = agenda.lane(HOME, `home hears thread ${thread} answer`);
    let control: ThreadControl<SimulatedPort> | undefined;
    const catchUp = (): void => {
      if (control === undefined) return;
      for (const news of this.#news.splice(0)) control.hear(news);
    };
    this.#hear = catchUp;
    // Its first step: until then what is asked of it waits.
    requests.push(() => {
      control = startSchedulerThread(settings, environment, homeward, (port) => this.#open(port), catchUp);
      catchUp();
    });
    this.#homeward = [asked, answers];
    this.#control = remoteControl(() => control as ThreadControl<SimulatedPort>, requests, answers);
  }

  call<T>(ask: (control: Remote<ThreadControl<SimulatedPort>>) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#hasEnded) return reject(new ThreadDownError(`thread ${this.thread} has ended`));
      this.#waiting.add(reject);
      ask(this.#control)
        .then(resolve, reject)
        .finally(() => this.#waiting.delete(reject));
    });
  }

  tell(news: News<SimulatedPort>): void {
    if (this.#isLost) return;
    this.#news.push(news);
    // At once: nobody can tell, because a thread hears news before anything that could show that it has not.
    this.#hear();
  }

  async terminate(cause: ThreadDownCause): Promise<void> {
    this.lose(cause);
    await this.#down;
  }

  lose(cause: ThreadDownCause): void {
    if (this.#isLost) return;
    const { agenda, choices } = this.#world;
    const turnEnd = this.#turns.head;
    const posts = choices.choose(
      this.#ways + 1,
      (count) => `thread ${this.thread} ends after posting ${count} batches`,
    );
    if (turnEnd !== undefined && posts > 0) {
      this.#postsLeft = posts;
      turnEnd.run();
    }
    this.#isLost = true;
    agenda.close(this.thread);
    this.#world.forget(this.thread);
    agenda.once(HOME, `home hears of the end of thread ${this.thread}`, () => {
      this.#hasEnded = true;
      for (const lane of this.#homeward) lane.close();
      const why = describeCause(cause);
      for (const fail of this.#waiting) fail(new ThreadDownError(`thread ${this.thread} has ended: ${why}`));
      this.#waiting.clear();
      this.#onDown(cause);
      this.#isDown();
    });
  }

  #open(port: SimulatedPort): MeshPort {
    this.#ways++;
    const lane = this.#world.agenda.lane(this.thread, `thread ${this.thread} takes a batch`);
    return port.open({ lane, mayPost: () => !this.#isLost && this.#postsLeft-- > 0 });
  }
}
