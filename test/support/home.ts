/**
 * A home directory of a test's own, so that no test reads or makes the cookie of whoever runs it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const homes = new Set<string>();
process.on('exit', () => {
  for (const home of homes) rmSync(home, { recursive: true, force: true });
});

/** An empty directory that is removed when the test run ends. */
export function temporaryHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'liminal-test-'));
  homes.add(home);
  return home;
}

let shared: string | undefined;

/** The home of every process of this test file that asks for no other: they all share its cookie. */
export function sharedHome(): string {
  shared ??= temporaryHome();
  return shared;
}
