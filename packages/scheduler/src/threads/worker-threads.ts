/**
 * Scheduler threads as worker threads, joined by shared memory: for each a worker, and control calls that fail
 * when it ends (a comlink call whose worker exits would never settle).
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import * as comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { sharedNow, systemEnvironment } from '../environment.js';
import { ThreadDownError } from '../errors.js';
import { causeOfThrown, describeCause, type ThreadDownCause } from '../exit-reason.js';
import { makeWay, type Way, WayPort } from './mesh-port.js';
import type { News } from './news.js';
import type { ThreadResourceLimits } from './resource-limits.js';
import type { HomeControl, ThreadControl, ThreadSettings } from './thread-control.js';
import type { NewThread, ThreadHandle, ThreadHost, ThreadWatch } from './thread-host.js';
import { isOpenToDebugger, stackOfThread } from './thread-stack.js';

export const workerThreads: ThreadHost<Way> = {
  makeWay,
  meshPort: (way) => new WayPort(way, false),
  start: (settings, limits, home, onDown) => new WorkerThread(settings, limits, home, onDown),
};

/** A thread that does not end within this time waits in native code. */
const PATIENCE_MS = 1_000;

class WorkerThread implements ThreadHandle<Way> {
  readonly thread: number;
  readonly slot: number;
  readonly watch: ThreadWatch;
  readonly #worker: Worker;
  readonly #control: comlink.Remote<ThreadControl<Way>>;
  readonly #news: MessagePort;
  readonly #newsTold: Int32Array;
  readonly #waiting = new Set<(error: Error) => void>();
  readonly #onEnd: (cause: ThreadDownCause) => void;
  readonly #gone: Promise<void>;
  #cause: ThreadDownCause | undefined;
  #ended = false;

  constructor(
    settings: NewThread<Way>,
    limits: ThreadResourceLimits,
    home: HomeControl,
    onDown: (handle: ThreadHandle<Way>, cause: ThreadDownCause) => void,
  ) {
    this.thread = settings.thread;
    this.slot = settings.slot;
    const control = new MessageChannel();
    const homeward = new MessageChannel();
    const news = new MessageChannel();
    this.#news = news.port1;
    this.#newsTold = new Int32Array(new SharedArrayBuffer(4));
    this.#worker = new Worker(new URL('./thread-worker.js', import.meta.url), {
      name: `liminal-${settings.thread}`,
      workerData: {
        ...settings,
        control: control.port2,
        home: homeward.port2,
        news: news.port2,
        newsTold: this.#newsTold,
      } satisfies ThreadSettings<Way>,
      resourceLimits: { ...limits },
      transferList: [control.port2, homeward.port2, news.port2, ...settings.ports.map(({ port: way }) => way.port)],
    });
    this.#control = comlink.wrap<ThreadControl<Way>>(nodeEndpoint(control.port1));
    comlink.expose(home, nodeEndpoint(homeward.port1));
    const worker = this.#worker;
    this.watch = {
      idleMs: () => worker.performance.eventLoopUtilization().idle,
      now: sharedNow,
      stack: () => stackOfThread(worker.threadId),
      isOpenToDebugger,
    };
    let gone = (): void => {};
    this.#gone = new Promise((resolve) => {
      gone = resolve;
    });
    this.#onEnd = (cause) => {
      if (this.#ended) return;
      this.#ended = true;
      control.port1.close();
      homeward.port1.close();
      news.port1.close();
      for (const fail of this.#waiting) fail(this.#downError(cause));
      this.#waiting.clear();
      onDown(this, cause);
      gone();
    };
    this.#worker.on('error', (thrown) => {
      this.#cause ??= causeOfThrown(thrown);
    });
    this.#worker.on('exit', (code) => this.#onEnd(this.#cause ?? { cause: 'exit', code }));
  }

  call<T>(ask: (control: comlink.Remote<ThreadControl<Way>>) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#downError(this.#cause));
      this.#waiting.add(reject);
      ask(this.#control)
        .then(resolve, reject)
        .finally(() => this.#waiting.delete(reject));
    });
  }

  tell(news: News<Way>): void {
    this.#news.postMessage(news, news.type === 'way' ? [news.port.port] : []);
    Atomics.add(this.#newsTold, 0, 1);
  }

  async terminate(cause: ThreadDownCause): Promise<void> {
    this.#cause ??= cause;
    void this.#worker.terminate();
    const timer = systemEnvironment.setTimer(PATIENCE_MS, () => {
      this.#worker.unref();
      this.#onEnd(this.#cause ?? cause);
    });
    await this.#gone;
    timer.cancel();
  }

  #downError(cause: ThreadDownCause | undefined): ThreadDownError {
    return new ThreadDownError(
      `thread ${this.thread} has ended${cause === undefined ? '' : `: ${describeCause(cause)}`}`,
    );
  }
}
