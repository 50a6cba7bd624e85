/**
 * Scheduler threads as worker threads, joined by message ports: for each a worker, and control calls that fail
 * when it ends (a comlink call whose worker exits would never settle).
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import * as comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { ThreadDownError } from './errors.js';
import type { ExitReason } from './exit-reason.js';
import { meshPort } from './mesh-port.js';
import type { HomeControl, ThreadControl, ThreadSettings } from './thread-control.js';
import type { NewThread, ThreadHandle, ThreadHost } from './thread-host.js';

export const workerThreads: ThreadHost<MessagePort> = {
  makeWay: () => {
    const { port1, port2 } = new MessageChannel();
    return [port1, port2];
  },
  meshPort: (port) => meshPort(port, false),
  start: (settings, home, onDown) => new WorkerThread(settings, home, onDown),
};

class WorkerThread implements ThreadHandle<MessagePort> {
  readonly thread: number;
  readonly slot: number;
  readonly #worker: Worker;
  readonly #control: comlink.Remote<ThreadControl<MessagePort>>;
  readonly #waiting = new Set<(error: Error) => void>();
  #cause: unknown;
  #ended = false;

  constructor(
    settings: NewThread<MessagePort>,
    home: HomeControl,
    onDown: (handle: ThreadHandle<MessagePort>, reason: ExitReason) => void,
  ) {
    this.thread = settings.thread;
    this.slot = settings.slot;
    const control = new MessageChannel();
    const homeward = new MessageChannel();
    this.#worker = new Worker(new URL('./thread-worker.js', import.meta.url), {
      name: `liminal-${settings.thread}`,
      workerData: { ...settings, control: control.port2, home: homeward.port2 } satisfies ThreadSettings<MessagePort>,
      transferList: [control.port2, homeward.port2, ...settings.ports.map(({ port }) => port)],
    });
    this.#control = comlink.wrap<ThreadControl<MessagePort>>(nodeEndpoint(control.port1));
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

  call<T>(ask: (control: comlink.Remote<ThreadControl<MessagePort>>) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(new ThreadDownError(`thread ${this.thread} has ended`));
      this.#waiting.add(reject);
      ask(this.#control)
        .then(resolve, reject)
        .finally(() => this.#waiting.delete(reject));
    });
  }

  attach(thread: number, slot: number, port: MessagePort): Promise<void> {
    return this.call((control) => control.attach(thread, slot, comlink.transfer(port, [port])));
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}
