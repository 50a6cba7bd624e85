/** The command line of `npm run chaos`, and what it makes of the machine. */
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { Namespaces } from './namespaces.js';

const SCRIPT = fileURLToPath(new URL('../../scripts/chaos.mjs', import.meta.url));

function chaos(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

it('npm run chaos explains itself, and refuses a flag that it does not know, or whose value is none, with exit code 2', () => {
  const help = chaos('--help');
  expect(help.status).toBe(0);
  expect(help.stdout).toContain('npm run chaos -- --seed 7 --minutes 2 --nodes 3');
  for (const args of [
    ['--nodes', '1'],
    ['--minutes', 'two'],
    ['--sede', '7'],
  ]) {
    const wrong = chaos(...args);
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toContain(args[0]);
  }
});

it('a node has a network of its own where that may be made, and nothing is left of it; elsewhere the reason is told', () => {
  let namespaces: Namespaces;
  try {
    namespaces = Namespaces.create(2);
  } catch (error) {
    expect(String(error)).toMatch(/Error: .+/);
    return;
  }
  const inside = (...command: readonly string[]): string => {
    const [program = '', ...args] = [...namespaces.prefix(1), ...command];
    return execFileSync(program, args, { encoding: 'utf8' });
  };
  try {
    expect(inside('ip', '-brief', 'addr', 'show', 'eth0')).toContain(namespaces.host(1));
    namespaces.cutOff(1, true);
    expect(inside('ip', '-brief', 'link', 'show', 'eth0')).toMatch(/DOWN/);
    namespaces.cutOff(1, false);
    for (const fault of ['mute', 'deaf', 'slowLine'] as const) {
      namespaces[fault](1, true);
      namespaces[fault](1, false);
    }
  } finally {
    namespaces[Symbol.dispose]();
  }
  const [space = ''] = namespaces.prefix(1).slice(-1);
  expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })).not.toContain(space);
});
