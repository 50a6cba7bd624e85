/**
 * Runs a file of the benchmark as an OS process of its own, for one run of one row. Where a folder for profiles has been
 * named, each OS process and thread that comes of it writes the profile of its CPU there as it ends.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Who needs longer than this for one run is left out of the row. */
export const TIMEOUT_MS = 120_000;

/** Where it matters, libraries are told that this is not a place for development. */
export const env = { ...process.env, NODE_ENV: 'production' };

/** Flags of Node.js that make profiles; forks and threads inherit them. */
let profiling = [];

/** From now on, runs are profiled, with a sample every half millisecond of each thread. */
export function profileInto(folder) {
  profiling = ['--cpu-prof', '--cpu-prof-interval=500', `--cpu-prof-dir=${folder}`];
}

/** @returns the path of a file of the benchmark. */
export const here = (file) => fileURLToPath(new URL(file, import.meta.url));

/**
 * @param file relative to this one.
 * @param flags of Node.js.
 * @returns what it prints, which is JSON.
 */
export async function runFile(file, args, flags = []) {
  const all = [...profiling, ...flags, here(file), ...args];
  const { stdout } = await promisify(execFile)(process.execPath, all, { env, timeout: TIMEOUT_MS });
  return JSON.parse(stdout);
}
