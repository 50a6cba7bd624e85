/**
 * What can be seen of one process. After `erlang:process_info/1`.
 */
import type { ProcessDefinition } from '../definition.js';
import type { NodeName, Pid } from '../pid.js';

/**
 * - `starting`: its body has not begun;
 * - `ready`: in the run queue of its thread, to be run as soon as those before it have had their turn;
 * - `waiting`: for a message that has not come;
 * - `running`: neither: its body waits for something that is no message, or asks about itself. An attached process is
 *   `running` while the program that acts as it does not receive.
 */
export type ProcessStatus = 'starting' | 'ready' | 'waiting' | 'running';

/** By the numbers under which rows name them; appended to, never renumbered. */
export const PROCESS_STATUSES: readonly ProcessStatus[] = ['starting', 'ready', 'waiting', 'running'];

export interface MailboxInfo {
  /** Messages that wait, signals included. */
  readonly messages: number;
  /** Their size, as far as it is known: see `MailboxBound.maxBytes`. */
  readonly bytes: number;
  /** Messages that the bound has cost the process so far. */
  readonly dropped: number;
}

/** One process as the list of all shows it. */
export interface ProcessRow {
  readonly pid: Pid;
  readonly thread: number;
  readonly status: ProcessStatus;
  /** What it runs, `module#name`, the module without its folder; its label where that has no definition. At most 200 characters. */
  readonly current: string;
  /** What it is called in logs. At most 200 characters; here and in `current` a longer text is cut. */
  readonly label: string;
  /** The name under which it is registered. */
  readonly name: string | undefined;
  /** Who spawned it, alive or not; undefined where the program did. */
  readonly parent: Pid | undefined;
  readonly trapExit: boolean;
  readonly mailbox: MailboxInfo;
  /** Messages taken out of its mailbox by its code. */
  readonly handled: number;
  readonly links: number;
  /** Monitors that it holds on others. */
  readonly monitors: number;
  /** Monitors that others hold on it. */
  readonly watchers: number;
  /** Time since it was spawned, in ms of a monotonic clock, as exact as a turn of its thread's event loop. */
  readonly ageMs: number;
}

/** One process as it is asked for by its pid. */
export interface ProcessInfo extends Omit<ProcessRow, 'links' | 'monitors'> {
  /** Its parent, the parent of that, and so on: up to the first that is dead or of another node, which still is in it, and 32 at most. */
  readonly ancestors: readonly Pid[];
  readonly links: readonly Pid[];
  readonly monitors: readonly MonitoredInfo[];
}

export interface MonitoredInfo {
  /** Missing for a name of another node, until that node has said who holds it. */
  readonly pid?: Pid;
  /** The name, where one was monitored. */
  readonly name?: string;
  /** The node of the name. */
  readonly node?: NodeName;
}

/** A longer label is cut, so that a process with a huge one costs the others nothing. */
const MAX_LABEL_CHARS = 200;

export function shortLabel(label: string): string {
  return label.length > MAX_LABEL_CHARS ? `${label.slice(0, MAX_LABEL_CHARS - 1)}…` : label;
}

/** `module#name`, the module without its folder. */
export function shortName({ module, name }: Pick<ProcessDefinition, 'module' | 'name'>): string {
  const [path = ''] = module.split(/[?#,]/, 1);
  const file = module.startsWith('data:') ? 'data:' : path.slice(path.lastIndexOf('/') + 1);
  return shortLabel(`${file}#${name}`);
}
