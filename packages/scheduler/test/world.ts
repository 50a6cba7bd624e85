/** A running scheduler with puppets on it, for rules that hold whatever thread a process lives on. */
import {
  type AttachedProcess,
  type DownMessage,
  type ExitReason,
  type Pid,
  Scheduler,
  type SchedulerOptions,
} from '@liminal-node/scheduler';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { type Answer, ask, puppet, type Step } from './fixtures/puppet.js';

type Place = number | 'home';

/** One rule, shown on puppets. */
export type Case = (world: World) => Promise<void>;

/** One puppet, as the test sees it. */
export class Actor {
  readonly pid: Pid;
  /** Why it ended. */
  readonly ended: Promise<ExitReason>;
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler, pid: Pid) {
    this.pid = pid;
    this.#scheduler = scheduler;
    const watcher = scheduler.attach();
    watcher.monitor(pid);
    this.ended = watcher.receive<DownMessage>().then(({ reason }) => {
      watcher.close();
      return reason;
    });
  }

  /** Has it take a step; resolves with the result. Rejects with what the step threw. */
  async do<T = unknown>(...step: Step): Promise<T> {
    const caller = this.#scheduler.attach();
    const { value, error } = await ask(caller, this.pid, step).finally(() => caller.close());
    if (error !== undefined) throw Object.assign(new Error(error.message), error);
    return value as T;
  }

  /** Has it take a step that it will not answer. */
  tell(...step: Step): void {
    const command = this.#scheduler.root as unknown as Answer['command'];
    this.#scheduler.send(this.pid, { command, from: this.#scheduler.root, step });
  }

  heard(): Promise<unknown[]> {
    return this.do('heard');
  }
}

export class World implements AsyncDisposable {
  readonly scheduler: Scheduler;
  readonly places: readonly Place[];
  readonly #gates = new Map<string, { reached: () => void; opened: Promise<void> }>();
  #guides: readonly Actor[] = [];

  private constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
    this.places = [...scheduler.threads, ...Array.from({ length: 3 }, () => 'home' as const)].slice(0, 3);
    scheduler.provide('gate', (_from, name) => {
      const gate = this.#gates.get(String(name));
      gate?.reached();
      return gate?.opened;
    });
  }

  /** With threads, the first places are on threads of their own; without, all are on the home thread. */
  static async start(threads: number, options: Partial<SchedulerOptions> = {}): Promise<World> {
    const world = new World(await Scheduler.start({ threads, creation: 1, ...options }));
    world.#guides = await Promise.all(world.places.map((_, place) => world.actor(place)));
    return world;
  }

  async actor(place: number, options: { trapExit?: boolean; name?: string } = {}): Promise<Actor> {
    const pid = await this.scheduler.spawn(puppet, [], { ...options, thread: this.places[place] ?? 'home' });
    return new Actor(this.scheduler, pid);
  }

  async actors(trapExit = false): Promise<[a: Actor, b: Actor, c: Actor]> {
    return [await this.actor(0, { trapExit }), await this.actor(1, { trapExit }), await this.actor(2, { trapExit })];
  }

  /** The pid of a process that has ended. */
  async dead(place: number): Promise<Pid> {
    const actor = await this.actor(place);
    actor.tell('return');
    await actor.ended;
    return actor.pid;
  }

  /** Resolves when every signal that was sent before, and all that follows from it, has arrived. */
  async settle(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      for (const from of this.#guides) {
        for (const to of this.#guides) if (from !== to) await from.do('visit', to.pid);
      }
    }
  }

  /** A point where a puppet waits for something that is no message: `['request', 'gate', name]`. */
  gate(name: string): { reached: Promise<void>; open: () => void } {
    const [reached, reach] = signpost();
    const [opened, open] = signpost();
    this.#gates.set(name, { reached: reach, opened });
    return { reached, open };
  }

  attach(trapExit = false): AttachedProcess {
    return this.scheduler.attach({ trapExit });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scheduler.stop();
  }
}

/** A promise, and what resolves it. */
export function signpost(): [reached: Promise<void>, reach: () => void] {
  let reach = (): void => {};
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  return [reached, reach];
}

/** Declares each case as a test, once with every process on one thread and once with them on three. */
export function inBothWorlds(cases: Readonly<Record<string, Case>>): void {
  describe.each([
    ['on one thread', 0],
    ['across threads', 2],
  ])('%s', (_, threads) => {
    let world: World;
    beforeAll(async () => {
      world = await World.start(threads);
    });
    afterAll(() => world.scheduler.stop());
    test.each(Object.entries(cases))('%s', (_name, show) => show(world));
  });
}

/** The message that an exit of that process becomes. */
export function exitFrom({ pid }: Actor, reason: ExitReason): object {
  return { signal: 'exit', from: pid, reason };
}

let names = 0;

/** A name that no other case has used. */
export function freshName(): string {
  return `name ${names++}`;
}
