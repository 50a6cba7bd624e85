/**
 * `npm run fuzz -- [--minutes N] [--seed K] [--decoder NAME]`: every decoder of a peer's bytes under random, changed
 * and structured inputs, for as long as one likes. See test/fuzz.
 */
import { DECODERS } from '../test/fuzz/decoders.ts';
import { fuzz, tryCorpus } from '../test/fuzz/fuzz.ts';
import { numberFlag, readFlags, refuse } from './flags.mjs';

const HELP = `npm run fuzz -- [--minutes N] [--seed K] [--decoder NAME]

  --minutes N     in all, shared between the decoders (default 1)
  --seed K        the same seed gives the same inputs (default: by the clock, and printed)
  --decoder NAME  that one only, of: ${DECODERS.map(({ name }) => name).join(' ')}

It ends with 1 where an input breaks a decoder, and prints the smallest such input: a line for test/fuzz/corpus.`;

const flags = readFlags(
  {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    decoder: { type: 'string' },
  },
  HELP,
);
const minutes = numberFlag('minutes', flags.minutes, { min: 0.01 }, HELP);
const seed = numberFlag('seed', flags.seed, { min: 0, isWhole: true }, HELP);
const chosen = DECODERS.filter(({ name }) => flags.decoder === undefined || name === flags.decoder);
if (chosen.length === 0) refuse(`there is no decoder "${flags.decoder}"`, HELP);

console.log(`seed ${seed}`);
let broken = 0;
for (const decoder of chosen) {
  const end = performance.now() + (minutes * 60_000) / chosen.length;
  const [inCorpus] = tryCorpus(decoder);
  const { inputs, taken, found } = fuzz(decoder, seed, (number) => number % 64 !== 0 || performance.now() < end);
  console.log(`${decoder.name.padEnd(20)} ${inputs} inputs, ${taken} taken`);
  for (const { violation, input, number } of [inCorpus, found].filter(Boolean)) {
    broken++;
    console.log(`  ${number === undefined ? 'corpus' : `input ${number} of seed ${seed}`}: ${violation}\n  ${input}`);
  }
}
process.exit(broken === 0 ? 0 : 1);
