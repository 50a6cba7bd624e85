/**
 * Every choice that a simulation makes, in order: drawn from a seed, or taken from a script of an earlier run.
 *
 * Choice 0 is always what would happen in the plain order, first come, first served. A run is its choices: the
 * same script gives the same run, and a script that is zero but for a few places says where a run left the
 * plain order.
 */
import { randomFrom } from './random.js';

export class Choices {
  /** What was chosen so far. */
  readonly taken: number[] = [];
  /** What each choice other than 0 meant, where it is wanted. */
  readonly notes: string[] | undefined;
  readonly #random: (() => number) | undefined;
  readonly #script: readonly number[];
  #isPlain = false;

  private constructor(random: (() => number) | undefined, script: readonly number[], notes?: string[]) {
    this.#random = random;
    this.#script = script;
    this.notes = notes;
  }

  static ofSeed(seed: number): Choices {
    return new Choices(randomFrom(seed), []);
  }

  /** Beyond its end every choice is 0. With `notes`, it writes down what those that are not 0 meant. */
  static ofScript(script: readonly number[], notes?: string[]): Choices {
    return new Choices(undefined, script, notes);
  }

  /**
   * One of `count` possibilities, from 0.
   * @param note what it means that this one was chosen.
   * @param draw how the seed chooses. @default all alike
   */
  choose(
    count: number,
    note: (chosen: number) => string,
    draw: (random: () => number) => number = (random) => Math.floor(random() * count),
  ): number {
    if (count < 2 || this.#isPlain) return 0;
    const wanted = this.#random === undefined ? (this.#script[this.taken.length] ?? 0) : draw(this.#random);
    const chosen = wanted < count ? wanted : 0;
    this.taken.push(chosen);
    if (chosen !== 0) this.notes?.push(note(chosen));
    return chosen;
  }

  /** Has everything take the plain order, and nothing written down, until `work` is done. */
  async plainly<T>(work: Promise<T>): Promise<T> {
    this.#isPlain = true;
    try {
      return await work;
    } finally {
      this.#isPlain = false;
    }
  }
}
