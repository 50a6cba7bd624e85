/**
 * Runs a program as an OS process of its own, for one run of one row. Where a folder for profiles has been named, each OS
 * process and thread of ours that comes of it writes the profile of its CPU there as it ends.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { killTree, watchPeakRss } from './process-tree.mjs';

/** Who needs longer than this for one run is left out of the row. */
const TIMEOUT_MS = 60_000;

/** Where it matters, libraries are told that this is not a place for development. */
export const env = { ...process.env, NODE_ENV: 'production' };

/** Flags of Node.js that make profiles; forks and threads inherit them. */
export let profiling = [];

/** From now on, runs are profiled, with a sample every half millisecond of each thread. */
export function profileInto(folder) {
  profiling = ['--cpu-prof', '--cpu-prof-interval=500', `--cpu-prof-dir=${folder}`];
}

/** @returns the path of a file of the benchmark. */
export const here = (file) => fileURLToPath(new URL(file, import.meta.url));

/**
 * @param file relative to this one.
 * @param flags of Node.js.
 * @returns the figure that it prints as JSON, and the peak RSS of all OS processes that it took.
 */
export function runFile(file, args, flags = [], timeoutMs = TIMEOUT_MS) {
  return runCommand(process.execPath, [...profiling, ...flags, here(file), ...args], env, timeoutMs);
}

/** As `runFile`, for a command that prints its figure as JSON. */
export function runCommand(command, args, commandEnv = env, timeoutMs = TIMEOUT_MS) {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { env: commandEnv }, (error, stdout, stderr) => {
      clearTimeout(timer);
      const peakRss = stopWatching();
      const figure = error === null ? figureIn(stdout) : undefined;
      if (figure !== undefined) return resolve({ figure, peakRss });
      if (error === null) return reject(new Error(`printed no figure: ${stdout.trim().slice(0, 200)}`));
      reject(
        late ?? new Error(stderr.match(/^\w*Error.*$/m)?.[0] ?? stderr.trim().split('\n').at(-1) ?? error.message),
      );
    });
    const stopWatching = child.pid === undefined ? () => undefined : watchPeakRss(child.pid);
    let late;
    const timer = setTimeout(() => {
      late = new Error(`took longer than ${timeoutMs / 1_000} s`);
      killTree(child.pid);
    }, timeoutMs);
  });
}

/** The first line that is JSON: Erlang's own reports go to the same place, as when nodes go down one after the other. */
function figureIn(stdout) {
  for (const line of stdout.split('\n')) {
    try {
      return JSON.parse(line);
    } catch {}
  }
  return undefined;
}
