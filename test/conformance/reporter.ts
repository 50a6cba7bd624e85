/** Ends a run of the whole suite with the tables of what it has shown: by statement, and beside Erlang/OTP. */
import { readFileSync } from 'node:fs';
import type { Reporter, TestModule, Vitest } from 'vitest/node';
import { comparisonTable } from '../oracle/comparison.js';
import { differencesIn, tableOf } from './cases.js';

const DIFFERENCES = new URL('../../docs/differences-from-otp.md', import.meta.url);

export default class ConformanceReporter implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  async onTestRunEnd(modules: readonly TestModule[]): Promise<void> {
    if (this.#vitest === undefined) return;
    const document = readFileSync(DIFFERENCES, 'utf8');
    const tests = modules.flatMap(({ children }) => [...children.allTests()]);
    const isAll = await isWhole(this.#vitest, modules);
    // A part of the suite leaves most statements without a case, which says nothing of them.
    if (isAll) {
      const results = tests.map((test) => ({ name: test.name, state: test.result().state }));
      this.#vitest.logger.log(`\n${tableOf(results, differencesIn(document))}`);
    }
    const comparisons = tests.flatMap((test) => test.meta().oracle ?? []);
    if (comparisons.length > 0) this.#vitest.logger.log(`\n${comparisonTable(comparisons, document)}`);
    else if (isAll) this.#vitest.logger.log('\nSkipped: the scenarios on Erlang/OTP, because there is no erl here.');
  }
}

async function isWhole(vitest: Vitest, modules: readonly TestModule[]): Promise<boolean> {
  const { project = [], testNamePattern } = vitest.config;
  if (project.length > 0 || testNamePattern !== undefined) return false;
  return modules.length === (await vitest.globTestSpecifications()).length;
}
