/** Tries a decoder with many inputs, and makes small what breaks it. */
import { readCorpus } from './corpus.js';
import type { Decoder } from './decoders.js';
import { type InputSource, inputOf } from './inputs.js';
import { outcomeOf, prototypes } from './properties.js';

export interface Found {
  readonly decoder: string;
  readonly violation: string;
  /** The smallest input that was found to break it, in hexadecimal: a line for the corpus. */
  readonly input: string;
  /** Which input of the seed it was; undefined for one of the corpus. */
  readonly number: number | undefined;
}

export interface Tally {
  readonly inputs: number;
  readonly taken: number;
  readonly refused: number;
  readonly found: Found | undefined;
}

const untouched = prototypes();

/** Inputs between two looks at the prototypes. */
const STRIDE = 1_024;

/** The corpus of a decoder alone: each entry does what it is said to do. */
export function tryCorpus(decoder: Decoder): Found[] {
  return readCorpus(decoder.name).flatMap(({ taken, bytes, what }) => {
    const outcome = outcomeOf(decoder, bytes);
    const isWrong = outcome.taken === taken ? undefined : `is ${outcome.taken ? 'taken' : 'refused'}: ${what}`;
    const violation = outcome.violation ?? isWrong;
    return violation === undefined ? [] : [foundIn(decoder, violation, bytes, undefined)];
  });
}

/** @param goesOn asked before each input, with its number. */
export function fuzz(decoder: Decoder, seed: number, goesOn: (number: number) => boolean): Tally {
  const source: InputSource = { corpus: readCorpus(decoder.name).map(({ bytes }) => bytes), make: decoder.make };
  let taken = 0;
  let number = 0;
  for (; goesOn(number); number++) {
    const input = inputOf(source, seed, number);
    const outcome = outcomeOf(decoder, input);
    if (outcome.taken) taken++;
    const violation = outcome.violation ?? (number % STRIDE === 0 && !arePrototypesUntouched() ? CHANGED : undefined);
    if (violation === undefined) continue;
    const small = violation === CHANGED ? input : shrunk(decoder, input);
    const found = foundIn(decoder, outcomeOf(decoder, small).violation ?? violation, small, number);
    return { inputs: number + 1, taken, refused: number + 1 - taken, found };
  }
  const found = arePrototypesUntouched() ? undefined : foundIn(decoder, CHANGED, Buffer.alloc(0), number);
  return { inputs: number, taken, refused: number - taken, found };
}

const CHANGED = `a prototype was changed by one of the last ${STRIDE} inputs`;

function arePrototypesUntouched(): boolean {
  return prototypes() === untouched;
}

function foundIn({ name }: Decoder, violation: string, input: Buffer, number: number | undefined): Found {
  return { decoder: name, violation, input: input.toString('hex'), number };
}

/** Without every part that it does not need to break the decoder. */
function shrunk(decoder: Decoder, input: Buffer): Buffer {
  let small = input;
  for (let size = Math.ceil(small.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < small.length; ) {
      const shorter = Buffer.concat([small.subarray(0, at), small.subarray(at + size)]);
      if (outcomeOf(decoder, shorter).violation === undefined) at += size;
      else small = shorter;
    }
  }
  return small;
}
