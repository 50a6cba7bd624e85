/** Ends a run of the whole suite with the table of the statements that it has shown. */
import { readFileSync } from 'node:fs';
import type { Reporter, TestModule, Vitest } from 'vitest/node';
import { differencesIn, tableOf } from './cases.js';

const DIFFERENCES = new URL('../../docs/differences-from-otp.md', import.meta.url);

export default class ConformanceReporter implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  async onTestRunEnd(modules: readonly TestModule[]): Promise<void> {
    // A part of the suite leaves most statements without a case, which says nothing of them.
    if (this.#vitest === undefined || !(await isWhole(this.#vitest, modules))) return;
    const results = modules.flatMap(({ children }) =>
      [...children.allTests()].map((test) => ({ name: test.name, state: test.result().state })),
    );
    this.#vitest.logger.log(`\n${tableOf(results, differencesIn(readFileSync(DIFFERENCES, 'utf8')))}`);
  }
}

async function isWhole(vitest: Vitest, modules: readonly TestModule[]): Promise<boolean> {
  const { project = [], testNamePattern } = vitest.config;
  if (project.length > 0 || testNamePattern !== undefined) return false;
  return modules.length === (await vitest.globTestSpecifications()).length;
}
