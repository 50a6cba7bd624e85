/**
 * Work that blocks (the BEAM's dirty schedulers): a piscina pool, loaded and started by its first job, owned by the home
 * thread and used by every process of the node.
 */
import { availableParallelism } from 'node:os';
import type { Piscina } from 'piscina';
import { BlockingWorkError } from '../errors.js';

export interface BlockingWorkOptions {
  /** Threads for blocking work. @default the number of processors, at least 2 */
  readonly maxThreads: number;
  /** Jobs that may wait for a thread; beyond it `block` rejects. @default 1024 */
  readonly maxQueue: number;
}

export const DEFAULT_BLOCKING_WORK: BlockingWorkOptions = {
  maxThreads: Math.max(2, availableParallelism()),
  maxQueue: 1024,
};

/** How the pool stands. */
export interface BlockingWorkState extends BlockingWorkOptions {
  /** Jobs that a thread works on. */
  readonly running: number;
  /** Jobs that wait for a thread. */
  readonly waiting: number;
  /** Threads that there are; idle ones end after 10 s. */
  readonly threads: number;
  /** Jobs that were refused since the start, because too many waited. */
  readonly refused: number;
}

/** What the pool's worker is given. */
export interface BlockingJob {
  readonly module: string;
  readonly name: string;
  readonly args: readonly unknown[];
}

/** An idle thread of the pool ends after this time. */
const IDLE_TIMEOUT_MS = 10_000;

export class BlockingWork {
  readonly #options: BlockingWorkOptions;
  #pool: Piscina | undefined;
  #opening: Promise<Piscina> | undefined;
  /** Jobs that run or wait. Counted here, because the pool does not count those that can be aborted. */
  #unfinished = 0;
  #refused = 0;

  constructor(options: BlockingWorkOptions) {
    this.#options = options;
  }

  get state(): BlockingWorkState {
    const { maxThreads, maxQueue } = this.#options;
    const running = Math.min(this.#unfinished, maxThreads);
    const threads = this.#pool?.threads.length ?? 0;
    return { running, waiting: this.#unfinished - running, threads, refused: this.#refused, maxThreads, maxQueue };
  }

  async run(job: BlockingJob, signal?: AbortSignal): Promise<unknown> {
    signal?.throwIfAborted();
    const { maxThreads, maxQueue } = this.#options;
    if (this.#unfinished >= maxThreads + maxQueue) {
      this.#refused++;
      throw new BlockingWorkError(
        `the blocking-work pool has ${maxThreads} jobs running and ${maxQueue} waiting; try again later`,
      );
    }
    this.#unfinished++;
    try {
      this.#opening ??= this.#open();
      const pool = await this.#opening;
      return await pool.run(job, signal === undefined ? {} : { signal });
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    } finally {
      this.#unfinished--;
    }
  }

  async stop(): Promise<void> {
    await this.#opening;
    await this.#pool?.destroy();
    this.#pool = undefined;
    this.#opening = undefined;
  }

  /** A node without blocking work does not load piscina, which saves it 3 MiB. */
  async #open(): Promise<Piscina> {
    const { Piscina } = await import('piscina');
    this.#pool = new Piscina({
      filename: new URL('./blocking-worker.js', import.meta.url).href,
      minThreads: 0,
      maxThreads: this.#options.maxThreads,
      idleTimeout: IDLE_TIMEOUT_MS,
      // The default parks an idle worker in Atomics.wait, which stops the timers of what it has imported.
      atomics: 'disabled',
    });
    return this.#pool;
  }
}
