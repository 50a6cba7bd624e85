/** The entry of a scheduler thread: one runtime, reached by every other thread and controlled by home. */
import { workerData } from 'node:worker_threads';
import * as comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { systemEnvironment } from './environment.js';
import { BlockingWorkError } from './errors.js';
import type { Logger } from './logger.js';
import { meshPort } from './mesh-port.js';
import { registerProcess } from './names.js';
import { Placement } from './placement.js';
import type { SelfServices } from './process-self.js';
import { HOME, Runtime } from './runtime.js';
import { Spawner } from './spawner.js';
import type { HomeControl, ThreadControl, ThreadInfo, ThreadSettings } from './thread-control.js';

const settings = workerData as ThreadSettings;
const { node, creation, thread, slot, loads, mailbox, checkMessages } = settings;

const home = comlink.wrap<HomeControl>(nodeEndpoint(settings.home));
const tell =
  (level: keyof Logger) =>
  (fields: object, message: string): void =>
    void home.log(level, fields, message);
const logger: Logger = { debug: tell('debug'), info: tell('info'), warn: tell('warn'), error: tell('error') };

const runtime = new Runtime({
  node,
  creation,
  thread,
  environment: systemEnvironment,
  logger,
  mailbox,
  checkMessages,
  onLoad: (processes) => {
    loads[slot] = processes;
  },
});

let jobs = 0;
const services: SelfServices = {
  register: (process, name) =>
    registerProcess(runtime, process, name, (...args) => {
      // The name may be one that was freed in this very turn: home must hear of that first.
      runtime.mesh.flush();
      return home.register(...args);
    }),
  async block({ module, name }, args, signal) {
    signal?.throwIfAborted();
    const job = jobs++;
    const cancel = (): void => void home.cancelBlock(job);
    signal?.addEventListener('abort', cancel);
    try {
      const outcome = await home.block(job, { module, name, args });
      signal?.throwIfAborted();
      if (outcome.ok) return outcome.value;
      throw outcome.refused ? new BlockingWorkError(String(outcome.error)) : outcome.error;
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  },
};

const placement = new Placement(loads);
placement.add(thread, slot);
const spawner = new Spawner(runtime, placement, services);
runtime.onSpawnControl = (from, control) => spawner.control(from, control);
runtime.onThreadDown = (gone) => spawner.threadDown(gone);

for (const [name, pid] of settings.names) runtime.names.set(name, pid);
for (const { thread: other, slot: otherSlot, port } of settings.ports) attach(other, otherSlot, port);

function attach(other: number, otherSlot: number, port: ThreadSettings['control']): void {
  runtime.mesh.attach(other, meshPort(port, true));
  if (other !== HOME) placement.add(other, otherSlot);
  // Home shall know of every name that was freed before the other thread could be told.
  runtime.mesh.flush();
}

const control: ThreadControl = {
  ready: () => {},
  attach,
  setName: (name, pid) => void runtime.names.set(name, pid),
  inspect: (): ThreadInfo => runtime.inspect(),
  shutDown: () => runtime.shutDown(),
};
comlink.expose(control, nodeEndpoint(settings.control));
