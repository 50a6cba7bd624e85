/** What a trace shows. Values are shown as short texts; see `preview.ts`. */
import type { Pid } from '../pid.js';
import type { Signal } from '../signal.js';

interface At {
  /** Since the trace began, in ms of the clock of the process's thread. */
  readonly atMs: number;
}

/** Why a trace ended. */
export type TraceEnd =
  /** The process ended. */
  | 'exit'
  /** `forMs` are over. */
  | 'time'
  /** It has shown `maxEvents`. */
  | 'events'
  /** Whoever traced has stopped it. */
  | 'stopped'
  /** The thread of the process ended; what it did last may be missing. */
  | 'threadDown';

export type TraceEvent =
  /** A message came into its mailbox; also an exit or down message that a signal has become. */
  | (At & { readonly type: 'receive'; readonly message: string })
  /** A message came and its full mailbox has cost a message: this one, or older ones. */
  | (At & { readonly type: 'drop'; readonly message: string })
  /** It sent a message to a pid, or to a name: `name`, or `name@node` where it is one of another node. */
  | (At & { readonly type: 'send'; readonly to: string; readonly message: string })
  /** A signal other than a message, from or to `peer`. `reason` is that of an exit or down. */
  | (At & {
      readonly type: 'signal';
      readonly direction: 'in' | 'out';
      readonly signal: Signal['type'];
      readonly peer: Pid;
      readonly reason?: string;
    })
  /** It ended. */
  | (At & { readonly type: 'exit'; readonly reason: string })
  /** The last event. */
  | (At & { readonly type: 'end'; readonly because: TraceEnd });

/** An event, but for its time. */
export type TracedEvent = TraceEvent extends infer Event ? (Event extends At ? Omit<Event, 'atMs'> : never) : never;
