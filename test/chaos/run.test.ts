/** A short run of chaos under a fixed seed; `npm run chaos` makes longer ones. */
import { expect, it } from 'vitest';
import { type ChaosOptions, reportLines, runChaos } from './run.js';

const OPTIONS: ChaosOptions = { seed: 11, seconds: 16, nodes: 3, namespaces: 'off', log: () => {} };

it('every message and every view of three nodes is accounted for after kills, freezes, partitions and broken connections', async () => {
  const report = await runChaos(OPTIONS);
  expect(report.violations, reportLines(report, OPTIONS).join('\n')).toEqual([]);
  expect(report.converged).toBe(true);
  // It was no idle run.
  expect(report.lives).toBeGreaterThan(3);
  expect(report.account.delivered).toBeGreaterThan(200);
  expect(report.account.inFlight + report.account.droppedWithSession + report.account.lostWithSender).toBeGreaterThan(
    0,
  );
}, 240_000);
