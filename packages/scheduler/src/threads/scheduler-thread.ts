/** One scheduler thread from within: a runtime, reached by every other thread and controlled by home. */
import { type Remote, transfer } from 'comlink';
import { type Environment, sharedNow } from '../environment.js';
import { BlockingWorkError, SpawnError } from '../errors.js';
import { memoryOf, snapshotOfThread, type ThreadSnapshot } from '../inspection/snapshot.js';
import { limitLog } from '../log-limit.js';
import type { Logger } from '../logger.js';
import { list } from '../name-table.js';
import { registerProcess } from '../names.js';
import type { SelfServices } from '../process-self.js';
import { HOME, Runtime } from '../runtime.js';
import { Spawner } from '../spawner.js';
import { wakefulness } from './mesh.js';
import type { MeshPort } from './mesh-port.js';
import type { News } from './news.js';
import { Placement } from './placement.js';
import { ThreadActivity } from './thread-activity.js';
import type { HomeControl, ThreadControl, ThreadInfo } from './thread-control.js';
import type { NewThread } from './thread-host.js';

/**
 * @param home what it asks of the home thread.
 * @param meshPort makes the thread's end of a way to another.
 * @param catchUp has the thread `hear` all the news that home has told.
 * @returns what home asks of it.
 */
export function startSchedulerThread<Port>(
  settings: NewThread<Port>,
  environment: Environment,
  home: Remote<HomeControl>,
  meshPort: (port: Port) => MeshPort,
  catchUp: () => void,
): ThreadControl<Port> {
  const { node, creation, thread, slot, loads, mailbox, checkMessages, threadQueueBytes, names, ownedBy, activity } =
    settings;
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
    threadQueueBytes,
    wakefulness: wakefulness(settings.stayAwakeUs, settings.awake, slot),
    names,
    listed: settings.listed,
    applicationRoot: settings.applicationRoot,
    maxRemoteMessageBytes: settings.maxRemoteMessageBytes,
    activity: new ThreadActivity(activity, slot, sharedNow() - environment.now()),
    onLoad: (processes) => {
      loads[slot] = processes;
    },
  });

  const placement = new Placement(loads, settings.otherwise);
  if (ownedBy === undefined) placement.add(thread, slot);
  const spawner = new Spawner(runtime, placement, askingHome(runtime, home));
  runtime.catchUp = catchUp;
  runtime.onSpawnControl = (from, control) => spawner.control(from, control);
  runtime.onThreadDown = (gone) => spawner.threadDown(gone);
  if (ownedBy !== undefined) endWithOneProcess(runtime, spawner, ownedBy);

  for (const { thread: other, slot: otherSlot, port } of settings.ports) {
    runtime.mesh.attach(other, meshPort(port));
    if (otherSlot !== undefined) placement.add(other, otherSlot);
  }

  const hear = (news: News<Port>): void => {
    switch (news.type) {
      case 'way':
        runtime.mesh.attach(news.thread, meshPort(news.port));
        // In order with the names that were freed before: the new thread could not be told of those.
        runtime.sendControl(HOME, { type: 'wayOpen', thread: news.thread });
        break;
      case 'placeable':
        placement.add(news.thread, news.slot);
        break;
      case 'named':
        runtime.names.enter(news.name, news.pid, news.grant);
        break;
      case 'listed':
        list(runtime.listed, news.key, news.pid);
        break;
      default:
        news satisfies never;
    }
  };

  return {
    ready: () => {},
    hear,
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
      registerProcess(runtime, process, name, async (...args) => {
        // The name may be one that was freed in this very turn: home must hear of that first.
        runtime.mesh.flush();
        const answer = await home.register(...args);
        // The grant is news to this thread too, and older than whatever becomes of it here.
        runtime.catchUp();
        return answer;
      }),
    async startOwnThread(limits) {
      const answer = await home.startOwnThread(limits);
      if (typeof answer === 'string') throw new SpawnError(answer);
      runtime.catchUp();
      return answer;
    },
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

/**
 * Ends the thread with the process that it was started for, or without it where that is not to come: whatever
 * else runs here ends with `shutdown`, and home is told behind all that this has caused.
 */
function endWithOneProcess(runtime: Runtime, spawner: Spawner, ownedBy: number): void {
  let isAsked = false;
  const release = (): void => {
    runtime.shutDown();
    runtime.sendControl(HOME, { type: 'released' });
    runtime.mesh.flush();
  };
  const { onSpawnControl, onThreadDown } = runtime;
  runtime.onSpawnControl = (from, control) => {
    isAsked ||= control.type === 'spawn';
    onSpawnControl(from, control);
  };
  runtime.onThreadDown = (gone) => {
    onThreadDown(gone);
    if (gone === ownedBy && !isAsked) release();
  };
  spawner.onAnswered = (owner) => {
    if (owner?.alive !== true) return release();
    owner.abort ??= new AbortController();
    owner.abort.signal.addEventListener('abort', release);
  };
}
