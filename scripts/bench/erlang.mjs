/** Erlang/OTP's part: its modules are compiled once, and nodes have an `epmd` of their own, which ends with them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCommand } from './peers/server.mjs';
import { env, here, runCommand } from './run-file.mjs';

let folder;
const compiled = new Set();

/** @returns the folder with that module, for `-pa`. */
export function compiledErlang(module) {
  if (folder === undefined) {
    folder = mkdtempSync(join(tmpdir(), 'liminal-bench-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  }
  if (!compiled.has(module)) execFileSync('erlc', ['-o', folder, here(`erlang/${module}.erl`)]);
  compiled.add(module);
  return folder;
}

/** @returns the environment in which nodes find an `epmd` of their own, until `stop`. */
export async function startEpmd() {
  const epmd = await startCommand('epmd', (port) => ['-port', port, '-address', '127.0.0.1']);
  const [, port] = epmd.address.split(':');
  const own = { ERL_EPMD_PORT: port, ERL_EPMD_ADDRESS: '127.0.0.1', ERL_CRASH_DUMP_SECONDS: '0' };
  return { env: { ...env, ...own }, stop: epmd.stop };
}

/** Runs `erl` with an `epmd` of its own. @returns its figure and peak RSS. */
export async function runErlangNode(args) {
  const epmd = await startEpmd();
  try {
    return await runCommand('erl', args, epmd.env);
  } finally {
    epmd.stop();
  }
}
