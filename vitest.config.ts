import { defineConfig } from 'vitest/config';

/** Real threads and sockets on shared machines: deadlines are generous, and nothing is retried. */
const shared = {
  pool: 'forks' as const,
  // Scheduler threads inherit it, so that test processes may be defined in TypeScript.
  execArgv: ['--import', new URL('./test/support/load-typescript.mjs', import.meta.url).href],
  testTimeout: 60_000,
  hookTimeout: 60_000,
  server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
};

/** Where CI wants a report for counting, beside the usual output. */
const report = process.env['TEST_REPORT_FILE'];

export default defineConfig({
  test: {
    reporters: [
      'default',
      './test/conformance/reporter.ts',
      ...(report === undefined ? [] : [['json', { outputFile: report }] satisfies [string, object]]),
    ],
    // Every file runs OS processes or threads of its own: as many at a time as there are cores.
    maxWorkers: 2,
    projects: [
      { test: { ...shared, name: 'repository', include: ['test/repository.test.ts'] } },
      { test: { ...shared, name: 'packages', include: ['packages/*/test/**/*.test.ts'] } },
      { test: { ...shared, name: 'cluster', include: ['test/**/*.test.ts'], exclude: ['test/repository.test.ts'] } },
    ],
  },
});
