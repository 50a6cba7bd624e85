/**
 * All that may happen next in a simulation, in lanes: what is in one lane happens in its order, and between
 * lanes nothing is promised. A lane belongs to the thread on which its steps run, and ends with it.
 */
import type { Choices } from './choices.js';

interface Step {
  /** Counts up: the oldest step is the one that the plain order takes. */
  readonly age: number;
  readonly addedAt: number;
  readonly run: () => void;
  readonly isOff: () => boolean;
}

/** How likely lanes are to be chosen, against one another: some are fast and some are slow in each run. */
const WEIGHTS = [1, 1, 1, 1, 8, 0.05];

/** One in so many choices gives its lane another weight. */
const CHOICES_PER_WEIGHT = 32;

const never = (): boolean => false;

export class Lane {
  readonly name: string;
  readonly thread: number;
  weight = 0;
  /** Forgotten once it is empty. */
  isTransient = false;
  readonly #agenda: Agenda;
  #steps: Step[] = [];
  #isClosed = false;

  constructor(agenda: Agenda, thread: number, name: string) {
    this.#agenda = agenda;
    this.thread = thread;
    this.name = name;
  }

  /** The step that would be taken. Those that are off are forgotten. */
  get head(): Step | undefined {
    while (this.#steps[0]?.isOff()) this.#steps.shift();
    return this.#steps[0];
  }

  get isEmpty(): boolean {
    return this.head === undefined;
  }

  /** @param isOff whether the step has become pointless. */
  push(run: () => void, isOff: () => boolean = never): void {
    if (this.#isClosed) return;
    this.#steps.push({ age: this.#agenda.nextAge(), addedAt: this.#agenda.now(), run, isOff });
  }

  /** Takes the oldest step out. */
  shift(): Step | undefined {
    return this.#steps.shift();
  }

  /** Forgets its steps; what is pushed from now on is nothing. */
  close(): void {
    this.#isClosed = true;
    this.#steps = [];
  }
}

export class Agenda {
  readonly now: () => number;
  #lanes: Lane[] = [];
  readonly #held = new Set<number>();
  #age = 0;

  constructor(now: () => number) {
    this.now = now;
  }

  /** A lane for steps of a thread. */
  lane(thread: number, name: string): Lane {
    const lane = new Lane(this, thread, name);
    this.#lanes.push(lane);
    return lane;
  }

  /** A lane for one step. */
  once(thread: number, name: string, run: () => void): void {
    const lane = this.lane(thread, name);
    lane.isTransient = true;
    lane.push(run);
  }

  nextAge(): number {
    return this.#age++;
  }

  /** Lanes that have a step and whose thread is not held, the oldest step first. */
  get ready(): readonly Lane[] {
    if (this.#lanes.some((lane) => lane.isTransient && lane.isEmpty)) {
      this.#lanes = this.#lanes.filter((lane) => !lane.isTransient || !lane.isEmpty);
    }
    const ready = this.#lanes.filter((lane) => !this.#held.has(lane.thread) && !lane.isEmpty);
    return ready.sort((one, other) => (one.head?.age ?? 0) - (other.head?.age ?? 0));
  }

  hold(thread: number): void {
    this.#held.add(thread);
  }

  release(thread: number): void {
    this.#held.delete(thread);
  }

  /** Ends every lane of a thread. */
  close(thread: number): void {
    for (const lane of this.#lanes) if (lane.thread === thread) lane.close();
    this.#lanes = this.#lanes.filter((lane) => lane.thread !== thread);
  }
}

/** Which of `lanes` has its step next. */
export function chooseLane(choices: Choices, lanes: readonly Lane[]): Lane {
  const chosen = choices.choose(
    lanes.length,
    (at) => `${lanes[at]?.name}, ahead of ${lanes[0]?.name}`,
    (random) => weighted(random, lanes),
  );
  return lanes[chosen] as Lane;
}

function weighted(random: () => number, lanes: readonly Lane[]): number {
  let sum = 0;
  for (const lane of lanes) {
    if (lane.weight === 0) lane.weight = drawWeight(random);
    sum += lane.weight;
  }
  let left = random() * sum;
  const found = lanes.findIndex(({ weight }) => {
    left -= weight;
    return left < 0;
  });
  const chosen = lanes[found];
  if (chosen !== undefined && random() * CHOICES_PER_WEIGHT < 1) chosen.weight = drawWeight(random);
  return Math.max(0, found);
}

function drawWeight(random: () => number): number {
  return WEIGHTS[Math.floor(random() * WEIGHTS.length)] ?? 1;
}
