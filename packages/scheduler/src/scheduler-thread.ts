/** One scheduler thread from within: a runtime, reached by every other thread and controlled by home. */
import { type Remote, transfer } from 'comlink';
import type { Environment } from './environment.js';
import { BlockingWorkError } from './errors.js';
import { memoryOf, snapshotOfThread, type ThreadSnapshot } from './inspection/snapshot.js';
import { limitLog } from './log-limit.js';
import type { Logger } from './logger.js';
import type { MeshPort } from './mesh-port.js';
import { registerProcess } from './names.js';
import { Placement } from './placement.js';
import type { SelfServices } from './process-self.js';
import { HOME, Runtime } from './runtime.js';
import { Spawner } from './spawner.js';
import type { HomeControl, ThreadControl, ThreadInfo, ThreadSettings } from './thread-control.js';

/**
 * @param home what it asks of the home thread.
 * @param meshPort makes the thread's end of a way to another.
 * @returns what home asks of it.
 */
export function startSchedulerThread<Port>(
  settings: Omit<ThreadSettings<Port>, 'control' | 'home'>,
  environment: Environment,
  home: Remote<HomeControl>,
  meshPort: (port: Port) => MeshPort,
): ThreadControl<Port> {
  const { node, creation, thread, slot, loads, mailbox, checkMessages } = settings;
  const tell =
    (level: keyof Logger) =>
    (fields: object, message: string): void =>
      // A line that cannot be sent is lost; it must not cost the thread its life.
      void home.log(level, fields, message).catch(() => {});
  const toHome: Logger = { debug: tell('debug'), info: tell('info'), warn: tell('warn'), error: tell('error') };
  const logger = limitLog(toHome, environment);

  const runtime = new Runtime({
    node,
    creation,
    thread,
    environment,
    logger,
    mailbox,
    checkMessages,
    onLoad: (processes) => {
      loads[slot] = processes;
    },
  });

  const placement = new Placement(loads);
  placement.add(thread, slot);
  const spawner = new Spawner(runtime, placement, askingHome(runtime, home));
  runtime.onSpawnControl = (from, control) => spawner.control(from, control);
  runtime.onThreadDown = (gone) => spawner.threadDown(gone);

  const attach = (other: number, otherSlot: number, port: Port): void => {
    runtime.mesh.attach(other, meshPort(port));
    if (other !== HOME) placement.add(other, otherSlot);
    // Home shall know of every name that was freed before the other thread could be told.
    runtime.mesh.flush();
  };
  for (const [name, pid] of settings.names) runtime.names.set(name, pid);
  for (const { thread: other, slot: otherSlot, port } of settings.ports) attach(other, otherSlot, port);

  return {
    ready: () => {},
    attach,
    setName: (name, pid) => void runtime.names.set(name, pid),
    inspect: (): ThreadInfo => runtime.inspect(),
    snapshot: async (): Promise<ThreadSnapshot> => {
      const snapshot = await snapshotOfThread(runtime);
      return transfer(snapshot, memoryOf(snapshot));
    },
    shutDown: () => runtime.shutDown(),
  };
}

/** The services of a thread that is not home. */
function askingHome(runtime: Runtime, home: Remote<HomeControl>): SelfServices {
  let jobs = 0;
  return {
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
}
