/**
 * Where a scheduler gets its threads from and what joins them: worker threads in production
 * (`worker-threads.ts`), threads of a simulation in the test kit. `Port` is one end of a way between two threads,
 * before the thread that it is for has made a `MeshPort` of it.
 */
import type { Remote } from 'comlink';
import type { ThreadDownCause } from '../exit-reason.js';
import type { MeshPort } from './mesh-port.js';
import type { News } from './news.js';
import type { ThreadResourceLimits } from './resource-limits.js';
import type { HomeControl, ThreadControl, ThreadSettings } from './thread-control.js';
import type { ThreadStack } from './thread-stack.js';

/** How a thread that may be blocked is looked at without its help. */
export interface ThreadWatch {
  /** For how long its event loop has been idle in all, in ms. */
  idleMs(): number;
  /** Milliseconds by the clock that all threads share. */
  now(): number;
  /** Where it is. Never rejects. */
  stack(): Promise<ThreadStack>;
  /** Whether a debugger may hold it. */
  isOpenToDebugger(): boolean;
}

/** One scheduler thread, as home sees it. */
export interface ThreadHandle<Port> {
  readonly thread: number;
  readonly slot: number;
  /** Missing where a thread cannot be blocked. */
  readonly watch?: ThreadWatch;
  /** Asks the thread. Rejects with `ThreadDownError` when it ends before it answers. */
  call<T>(ask: (control: Remote<ThreadControl<Port>>) => Promise<T>): Promise<T>;
  /** Gives the thread news, which it takes in before anything that is sent to it after this call. */
  tell(news: News<Port>): void;
  /**
   * Ends it, whatever it is doing; resolves when it counts as gone. A thread that waits in native code cannot be
   * ended: it is left to itself after a second, runs no more code, and ends when the native call returns.
   * @param cause what its processes end with, where it has not ended by itself before.
   */
  terminate(cause: ThreadDownCause): Promise<void>;
}

/** What a thread is started with, but for how it talks with home. */
export type NewThread<Port> = Omit<ThreadSettings<Port>, 'control' | 'home' | 'news' | 'newsTold'>;

export interface ThreadHost<Port> {
  /** Both ends of a new way between two threads; home may be at the other one. */
  makeWay(isHomes: boolean): readonly [Port, Port];
  /** Home's end of a way. */
  meshPort(port: Port): MeshPort;
  /** @param onDown called once, when the thread has ended. */
  start(
    settings: NewThread<Port>,
    limits: ThreadResourceLimits,
    home: HomeControl,
    onDown: (handle: ThreadHandle<Port>, cause: ThreadDownCause) => void,
  ): ThreadHandle<Port>;
}
