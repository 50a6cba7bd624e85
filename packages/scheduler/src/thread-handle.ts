/**
 * One scheduler thread, as home sees it: its worker, and control calls that fail when it ends (a comlink call
 * whose worker exits would never settle).
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import * as comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { ThreadDownError } from './errors.js';
import type { ExitReason } from './exit-reason.js';
import type { HomeControl, ThreadControl, ThreadSettings } from './thread-control.js';

export class ThreadHandle {
  readonly thread: number;
  readonly slot: number;
  readonly #worker: Worker;
  readonly #control: comlink.Remote<ThreadControl>;
  readonly #waiting = new Set<(error: Error) => void>();
  #cause: unknown;
  #ended = false;

  /** @param onDown called once, when the worker has ended, with the reason for its processes. */
  constructor(
    settings: Omit<ThreadSettings, 'control' | 'home'>,
    home: HomeControl,
    onDown: (handle: ThreadHandle, reason: ExitReason) => void,
  ) {
    this.thread = settings.thread;
    this.slot = settings.slot;
    const control = new MessageChannel();
    const homeward = new MessageChannel();
    this.#worker = new Worker(new URL('./thread-worker.js', import.meta.url), {
      name: `liminal-${settings.thread}`,
      workerData: { ...settings, control: control.port2, home: homeward.port2 } satisfies ThreadSettings,
      transferList: [control.port2, homeward.port2, ...settings.ports.map(({ port }) => port)],
    });
    this.#control = comlink.wrap<ThreadControl>(nodeEndpoint(control.port1));
    comlink.expose(home, nodeEndpoint(homeward.port1));
    this.#worker.on('error', (error) => {
      this.#cause = error;
    });
    this.#worker.on('exit', (code) => {
      this.#ended = true;
      control.port1.close();
      homeward.port1.close();
      const cause = this.#cause instanceof Error ? this.#cause.message : `exit code ${code}`;
      for (const fail of this.#waiting) fail(new ThreadDownError(`thread ${this.thread} has ended: ${cause}`));
      this.#waiting.clear();
      onDown(this, { threadDown: { thread: this.thread, cause } });
    });
  }

  /** Rejects with `ThreadDownError` when the thread ends before it answers. */
  call<T>(ask: (control: comlink.Remote<ThreadControl>) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(new ThreadDownError(`thread ${this.thread} has ended`));
      this.#waiting.add(reject);
      ask(this.#control)
        .then(resolve, reject)
        .finally(() => this.#waiting.delete(reject));
    });
  }

  /** Gives the thread its port to another. */
  attach(thread: number, slot: number, port: MessagePort): Promise<void> {
    return this.call((control) => control.attach(thread, slot, comlink.transfer(port, [port])));
  }

  /** Ends the worker, whatever it is doing; resolves when it is gone. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}
