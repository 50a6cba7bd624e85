/**
 * An OS process and all that it has started, by what Linux tells under `/proc`: the peak of their memory, and their end.
 * The peak of one is what the kernel has kept, as of the last look; that of all is the sum. Elsewhere than on Linux there is none.
 */
import { readdirSync, readFileSync } from 'node:fs';

const LOOK_INTERVAL_MS = 250;

/** Looks at the tree below `root` until `stop`, which gives the sum of the peaks in bytes, or undefined. */
export function watchPeakRss(root) {
  const peaks = new Map();
  const look = () => {
    for (const pid of treeOf(root)) {
      const peak = peakRss(pid);
      if (peak !== undefined) peaks.set(pid, peak);
    }
  };
  look();
  const timer = setInterval(look, LOOK_INTERVAL_MS);
  return () => {
    clearInterval(timer);
    return peaks.size === 0 ? undefined : [...peaks.values()].reduce((sum, peak) => sum + peak);
  };
}

/** Ends all of them, as what a run left behind would disturb the next. */
export function killTree(root) {
  for (const pid of treeOf(root)) attempt(() => process.kill(pid, 'SIGKILL'));
}

/** Ends all that this OS process has started, and what those have. */
export function killStarted() {
  for (const pid of treeOf(process.pid)) if (pid !== process.pid) attempt(() => process.kill(pid, 'SIGKILL'));
}

function treeOf(pid) {
  const all = [pid];
  for (const thread of attempt(() => readdirSync(`/proc/${pid}/task`)) ?? []) {
    const children = attempt(() => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8'));
    for (const child of children?.match(/\d+/g) ?? []) all.push(...treeOf(Number(child)));
  }
  return all;
}

function peakRss(pid) {
  const status = attempt(() => readFileSync(`/proc/${pid}/status`, 'utf8'));
  const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(status ?? '')?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1_024;
}

/** Whoever is asked about may have ended meanwhile. */
function attempt(act) {
  try {
    return act();
  } catch {
    return undefined;
  }
}
