/**
 * What the simulated threads of the test kit need of their world, on a timeline: lanes whose steps keep their order
 * and come after delays of chance. One agenda is of one life of a node.
 */

import type { Environment } from '@liminal-node/scheduler';
import { bytesFrom, randomFrom } from '../../packages/scheduler/src/testing/random.js';
import { Loop, type Timeline } from './timeline.js';

/** The longest delay of a step of a lane, in ms; each lane draws one. */
const DELAYS = [0, 0.05, 0.05, 0.3, 2, 15];

/** The longest delay between a turn of an event loop and the next, in ms; each thread draws one. */
const TURNS = [0.05, 0.05, 0.05, 1, 8];

interface LaneStep {
  readonly run: () => void;
  readonly cancel: () => void;
}

/** In the manner of the test kit's `Lane`. */
export class TimedLane {
  readonly #timeline: Timeline;
  readonly #loop: Loop;
  readonly #delay: () => number;
  #steps: LaneStep[] = [];
  #lastAt = 0;
  #isClosed = false;

  constructor(timeline: Timeline, loop: Loop, delay: () => number) {
    this.#timeline = timeline;
    this.#loop = loop;
    this.#delay = delay;
  }

  get head(): LaneStep | undefined {
    return this.#steps[0];
  }

  push(run: () => void, isOff: () => boolean = () => false): void {
    if (this.#isClosed) return;
    const { now } = this.#timeline;
    this.#lastAt = Math.max(now + this.#delay(), this.#lastAt);
    const cancel = this.#timeline.after(this.#lastAt - now, this.#loop, () => {
      this.#steps.shift();
      if (!isOff()) run();
    });
    this.#steps.push({ run, cancel });
  }

  /** Takes the oldest step out, which does not come any more. */
  shift(): LaneStep | undefined {
    const step = this.#steps.shift();
    step?.cancel();
    return step;
  }

  close(): void {
    this.#isClosed = true;
    for (const step of this.#steps) step.cancel();
    this.#steps = [];
  }
}

interface Wall {
  /** Ms by which the wall clock of the node is ahead of the virtual time. */
  offset: number;
}

/** In the manner of the test kit's `SimulatedWorld`. */
export class TimedWorld {
  readonly agenda = this;
  readonly choices: { choose(count: number): number };
  readonly wall: Wall = { offset: 1_700_000_000_000 };
  readonly #timeline: Timeline;
  readonly #name: string;
  readonly #random: () => number;
  readonly #loops = new Map<number, Loop>();
  readonly #lanes = new Map<number, TimedLane[]>();
  readonly #environments = new Map<number, { environment: Environment; turns: TimedLane }>();

  constructor(timeline: Timeline, name: string, seed: number) {
    this.#timeline = timeline;
    this.#name = name;
    this.#random = randomFrom(seed);
    this.choices = { choose: (count) => Math.floor(this.#random() * count) };
  }

  /** Of all threads so far. */
  get loops(): Iterable<Loop> {
    return this.#loops.values();
  }

  loop(thread: number): Loop {
    let loop = this.#loops.get(thread);
    if (loop === undefined) {
      loop = new Loop(this.#timeline, `${this.#name} ${thread === 0 ? 'home' : `thread ${thread}`}`);
      this.#loops.set(thread, loop);
    }
    return loop;
  }

  lane(thread: number, _name: string, longest = DELAYS[Math.floor(this.#random() * DELAYS.length)] ?? 0): TimedLane {
    const lane = new TimedLane(this.#timeline, this.loop(thread), () => this.#random() * longest);
    const lanes = this.#lanes.get(thread);
    if (lanes === undefined) this.#lanes.set(thread, [lane]);
    else lanes.push(lane);
    return lane;
  }

  once(thread: number, _name: string, run: () => void): void {
    this.#timeline.after(this.#random() * 2, this.loop(thread), run);
  }

  /** Ends every lane of a thread. */
  close(thread: number): void {
    for (const lane of this.#lanes.get(thread) ?? []) lane.close();
  }

  /** The thread has ended, with its timers. */
  forget(thread: number): void {
    this.loop(thread).end();
  }

  environment(thread: number): { readonly environment: Environment; readonly turns: TimedLane } {
    let made = this.#environments.get(thread);
    if (made === undefined) {
      made = this.#make(thread);
      this.#environments.set(thread, made);
    }
    return made;
  }

  #make(thread: number): { environment: Environment; turns: TimedLane } {
    const timeline = this.#timeline;
    const loop = this.loop(thread);
    const turns = this.lane(thread, 'turns', TURNS[Math.floor(this.#random() * TURNS.length)]);
    const random = randomFrom(this.#random() * 2 ** 32);
    const environment: Environment = {
      now: () => timeline.now,
      wallNow: () => timeline.now + this.wall.offset,
      setTimer: (delayMs, callback) => ({ cancel: timeline.after(delayMs, loop, callback, true) }),
      setImmediate: (callback) => turns.push(callback),
      random,
      randomBytes: (length) => bytesFrom(random, length),
    };
    return { environment, turns };
  }
}
