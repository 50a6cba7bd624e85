/**
 * Gaps that a thread is to be told of and cannot be yet, because it has fallen behind: the thread queue that had no
 * room for an envelope has none for its gap. They are told ahead of the next envelope for which there is room, and
 * looked at again every few milliseconds for as long as there are any.
 */
import { addLost, type Environment } from '@liminal-node/scheduler';
import type { Gap } from './loss.js';

const RETRY_MS = 20;

/** Tells the members on one thread; false where it has no room. */
export type TellThread = (thread: number, gap: Gap) => boolean;

export class UntoldGaps {
  readonly #environment: Environment;
  readonly #tell: TellThread;
  /** By thread and channel: as many as there are channels with subscribers, at most, on each thread. */
  readonly #untold = new Map<number, Map<string, Gap>>();
  #waits = false;

  constructor(environment: Environment, tell: TellThread) {
    this.#environment = environment;
    this.#tell = tell;
  }

  get isEmpty(): boolean {
    return this.#untold.size === 0;
  }

  add(thread: number, channel: string, count: number | undefined): void {
    const gaps = this.#untold.get(thread) ?? new Map<string, Gap>();
    this.#untold.set(thread, gaps);
    const before = gaps.get(channel)?.count;
    const sum = gaps.has(channel) ? addLost(before, count) : count;
    gaps.set(channel, { signal: 'gap', channel, count: sum, reason: 'thread queue full' });
    this.#retryLater();
  }

  /** Tells what can be told now. */
  flush(): void {
    for (const [thread, gaps] of this.#untold) {
      for (const [channel, gap] of gaps) {
        if (!this.#tell(thread, gap)) break;
        gaps.delete(channel);
      }
      if (gaps.size === 0) this.#untold.delete(thread);
    }
  }

  #retryLater(): void {
    if (this.#waits) return;
    this.#waits = true;
    this.#environment.setTimer(RETRY_MS, () => {
      this.#waits = false;
      this.flush();
      if (!this.isEmpty) this.#retryLater();
    });
  }
}
