import { defineConfig } from 'vitest/config';

/** Real threads and sockets on shared machines: deadlines are generous, and nothing is retried. */
const shared = {
  pool: 'forks' as const,
  // Scheduler threads inherit it, so that test processes may be defined in TypeScript.
  execArgv: ['--import', 'tsx'],
  testTimeout: 60_000,
  hookTimeout: 60_000,
  server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
};

export default defineConfig({
  test: {
    projects: [
      { test: { ...shared, name: 'repository', include: ['test/repository.test.ts'] } },
      { test: { ...shared, name: 'packages', include: ['packages/*/test/**/*.test.ts'] } },
      { test: { ...shared, name: 'cluster', include: ['test/**/*.test.ts'], exclude: ['test/repository.test.ts'] } },
    ],
  },
});
