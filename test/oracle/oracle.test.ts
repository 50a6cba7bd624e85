/**
 * The same scenarios on Erlang/OTP and on Liminal, on one thread and on three: what is observed is the same, or
 * differs as docs/differences-from-otp.md says. Where there is no `erl` the cases are skipped. ORACLE_RUNS and
 * ORACLE_SEED play other random scenarios.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Comparison, comparisonTable, rowOf, translated } from './comparison.js';
import { Liminal } from './liminal.js';
import { Otp } from './otp.js';
import { randomScenario } from './random-scenario.js';
import { SCENARIOS } from './scenarios.js';

const RANDOM_SCENARIOS = Number(process.env['ORACLE_RUNS'] ?? 100);
const release = await Otp.release();
const document = readFileSync(new URL('../../docs/differences-from-otp.md', import.meta.url), 'utf8');

describe.runIf(release !== undefined)(`beside OTP ${release}`, () => {
  let otp: Otp;
  let liminals: readonly (readonly [where: string, player: Liminal])[];
  beforeAll(async () => {
    otp = await Otp.start();
    liminals = [
      ['one thread', await Liminal.start(0)],
      ['three threads', await Liminal.start(2)],
    ];
  });
  afterAll(async () => {
    await otp[Symbol.asyncDispose]();
    await Promise.all(liminals.map(([, player]) => player[Symbol.asyncDispose]()));
  });

  test.for(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))(
    '%s',
    async ([name, scenario], { task }) => {
      const { differs } = scenario;
      const theirs = await otp.play(scenario);
      const wanted = translated(theirs, differs);
      if (differs !== undefined) {
        expect(wanted, 'a difference that is none').not.toEqual(theirs);
        expect(rowOf(document, differs.because), `a row about ${differs.because}`).toBeDefined();
      }
      for (const [where, player] of liminals)
        expect([where, ...(await player.play(scenario))]).toEqual([where, ...wanted]);
      task.meta.oracle = {
        name,
        scenarios: 1,
        verdict: differs?.verdict ?? 'same',
        ...(differs && { because: differs.because }),
      };
    },
  );

  test(`${RANDOM_SCENARIOS} random scenarios are the same on all three`, async ({ task }) => {
    await fc.assert(
      fc.asyncProperty(randomScenario, async (scenario) => {
        const theirs = await otp.play(scenario);
        for (const [where, player] of liminals) {
          expect([where, ...(await player.play(scenario))]).toEqual([where, ...theirs]);
        }
      }),
      { numRuns: RANDOM_SCENARIOS, seed: Number(process.env['ORACLE_SEED'] ?? 1) },
    );
    task.meta.oracle = { name: 'random scenarios', scenarios: RANDOM_SCENARIOS, verdict: 'same' };
  }, 300_000);
});

test('the table counts scenarios by verdict, and says why', () => {
  const comparisons: Comparison[] = [
    { name: 'A1: order', verdict: 'same', scenarios: 1 },
    { name: 'random scenarios', verdict: 'same', scenarios: 40 },
    { name: 'J7: two replies', verdict: 'stricter', because: 'J7', scenarios: 1 },
  ];
  expect(comparisonTable(comparisons, '| a rule (J6) | x | y |\n| a rule (J1, J7) | the rule here | a reason |')).toBe(
    [
      'Scenarios on Erlang/OTP and here: 41 same, 1 stricter, 0 different',
      '  stricter   J7: two replies',
      '             here: the rule here (a reason)',
    ].join('\n'),
  );
});
