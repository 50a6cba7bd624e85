/**
 * What home tells a thread and wants no answer to: ways to new threads, who takes processes, names that were
 * granted.
 *
 * News needs no answer because it is never late: a thread takes in what home had told it before it looks at
 * anything else that was sent to it afterwards, by whomever. So home need not wait for a thread that is blocked:
 * nothing that happens there can show that it has not heard yet.
 */
import type { Pid } from '../pid.js';

export type News<Port> =
  /** This thread's end of the way to a new one. */
  | { readonly type: 'way'; readonly thread: number; readonly port: Port }
  /** Processes can be placed on that thread from now on. */
  | { readonly type: 'placeable'; readonly thread: number; readonly slot: number }
  /** What home lists by that key from now on; nothing without a pid. */
  | { readonly type: 'listed'; readonly key: string; readonly pid?: Pid }
  | { readonly type: 'named'; readonly name: string; readonly pid: Pid; readonly grant: number };
