/**
 * `--row NAME --prof`: one run of a row of ours with a profile of the CPU of every OS process and thread, and the functions in
 * which each thread spent its time. The times are of the whole life of a thread, with what it takes to start.
 */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { profileInto } from './run-file.mjs';

const FUNCTIONS = 25;
const LOADING = /^node:internal\/(modules|bootstrap)\//;
const root = fileURLToPath(new URL('../../', import.meta.url));

/** Who was started by a row may need a moment to write its profile after the row has its figure. */
const SETTLED_MS = 1_000;

/** Runs the row once and prints where the time went. */
export async function profileRow(row) {
  const folder = mkdtempSync(join(tmpdir(), 'liminal-profile-'));
  profileInto(folder);
  const { figure } = await row.run();
  console.log(`${row.title}: ${row.show(figure)}, with profiling\n`);
  for (const file of await settledFiles(folder)) printProfile(file, readProfile(join(folder, file)));
  console.log(`Chrome's and VS Code's tools open these profiles: ${folder}`);
}

async function settledFiles(folder) {
  for (let before = -1; ; ) {
    const files = readdirSync(folder);
    const bytes = files.reduce((sum, file) => sum + readFileSync(join(folder, file)).length, 0);
    if (bytes > 0 && bytes === before) return files.sort();
    before = bytes;
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
  }
}

/** @returns microseconds of each function itself, by name and place. */
function readProfile(path) {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(path, 'utf8'));
  const placeOf = places(nodes);
  const selfMicros = new Map();
  samples.forEach((id, at) => {
    const key = placeOf.get(id);
    // A delta leads to the sample, so that what follows is the time that the sample stands for.
    selfMicros.set(key, (selfMicros.get(key) ?? 0) + (timeDeltas[at + 1] ?? 0));
  });
  return selfMicros;
}

/** @returns name and place by id of node; what Node.js does to find and compile modules has one name. */
function places(nodes) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const placeOf = new Map();
  const visit = ({ id, callFrame, children = [] }, isLoading) => {
    const { url } = callFrame;
    const loads = LOADING.test(url) || (isLoading && !url.startsWith('file:'));
    placeOf.set(id, loads ? '(loading modules)' : place(callFrame));
    for (const child of children) visit(byId.get(child), loads);
  };
  visit(nodes[0], false);
  return placeOf;
}

function place({ functionName, url, lineNumber }) {
  const name = functionName || '(anonymous)';
  if (url === '') return name;
  const path = url.startsWith('file:') ? relative(root, fileURLToPath(url)) : url;
  return `${name}  ${path.replace('node_modules/', '')}:${lineNumber + 1}`;
}

/** The name of a file is `CPU.DATE.TIME.PID.THREAD.NUMBER.cpuprofile`. */
function printProfile(file, selfMicros) {
  const [, , , pid, thread] = file.split('.');
  const idle = selfMicros.get('(idle)') ?? 0;
  selfMicros.delete('(idle)');
  const busy = [...selfMicros.values()].reduce((sum, micros) => sum + micros, 0);
  const ms = (micros) => `${(micros / 1_000).toFixed(0)} ms`;
  const who = thread === '0' ? 'its main thread' : `thread ${thread}`;
  console.log(`OS process ${pid}, ${who}: busy ${ms(busy)}, idle ${ms(idle)}`);
  const most = [...selfMicros].sort(([, a], [, b]) => b - a).slice(0, FUNCTIONS);
  for (const [key, micros] of most) {
    const share = `${((100 * micros) / busy).toFixed(1)} %`;
    console.log(`${share.padStart(8)} ${ms(micros).padStart(9)}  ${key}`);
  }
  console.log();
}
