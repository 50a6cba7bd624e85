/**
 * Events for instrumentation, on `node:diagnostics_channel`; `docs/diagnostics.md` shows how to take them.
 *
 * An event is published on the thread where it happens, as a microtask behind it: subscribers are code of others, which must
 * not run between two signals. Events of one thread come in their order. Where nobody subscribes nothing is built.
 */
import { channel } from 'node:diagnostics_channel';
import type { RestartReport } from './behaviours/supervision-report.js';
import type { Blocker, ExitReason } from './exit-reason.js';
import type { Pid } from './pid.js';

/** A process was spawned, or attached. Its body has not begun. */
export interface SpawnEvent {
  readonly pid: Pid;
  readonly parent: Pid | undefined;
  readonly label: string;
  readonly thread: number;
}

/** A process has ended; its name is free, and links and monitors are on their way. */
export interface ExitEvent {
  readonly pid: Pid;
  readonly label: string;
  readonly reason: ExitReason;
  readonly thread: number;
}

/** A supervisor has tried to start a child again. */
export type RestartEvent = RestartReport;

/** A process did not yield its thread for `watchdog.warnAfterMs`. Told on the home thread. */
export interface StallEvent extends Blocker {
  readonly thread: number;
}

/** A scheduler thread was lost with all its processes. Told on the home thread, which replaces it. */
export interface ThreadDownEvent {
  readonly thread: number;
  /** What its processes ended with. */
  readonly reason: ExitReason;
}

/** Messages or signals reached nobody. */
export interface DropEvent {
  /** `mailbox full`, `no such process`, …: the reasons that `RuntimeCounters.dropped` counts. */
  readonly reason: string;
  /** All of this reason, up to when they are told. */
  readonly count: number;
  readonly thread: number;
}

/** The channels of this package, by what they tell. */
export const DIAGNOSTICS = {
  spawn: channel('liminal:process:spawn'),
  exit: channel('liminal:process:exit'),
  restart: channel('liminal:supervisor:restart'),
  stall: channel('liminal:thread:stall'),
  threadDown: channel('liminal:thread:down'),
  drop: channel('liminal:message:drop'),
} as const;

interface Events {
  readonly spawn: SpawnEvent;
  readonly exit: ExitEvent;
  readonly restart: RestartEvent;
  readonly stall: StallEvent;
  readonly threadDown: ThreadDownEvent;
  readonly drop: DropEvent;
}

/** Publishes behind what runs now. Ask `DIAGNOSTICS[name].hasSubscribers` before anything is built for it. */
export function publishEvent<Name extends Exclude<keyof Events, 'drop'>>(name: Name, event: Events[Name]): void {
  queueMicrotask(() => DIAGNOSTICS[name].publish(event));
}

/** Drops that are not told yet, by thread and reason: a flood of them is one event. */
const drops = new Map<string, DropEvent>();

/** Publishes a drop, together with all of the same reason that happen before it is told. */
export function publishDrop(thread: number, reason: string, count: number): void {
  if (drops.size === 0) queueMicrotask(publishDrops);
  const key = `${thread} ${reason}`;
  drops.set(key, { reason, thread, count: count + (drops.get(key)?.count ?? 0) });
}

function publishDrops(): void {
  const events = [...drops.values()];
  drops.clear();
  for (const event of events) DIAGNOSTICS.drop.publish(event);
}
