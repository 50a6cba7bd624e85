/** The three ways between a proxy and its object: one thread, two threads, two nodes. */
import {
  type AttachedProcess,
  inOnePiece,
  type NodeName,
  type ObjectDefinition,
  type ObjectPid,
  Scheduler,
  startObject,
} from '@liminal-node/scheduler';
import { afterAll, beforeAll, describe, test } from 'vitest';

export class Path implements AsyncDisposable {
  /** Where the proxies are. */
  readonly near: Scheduler;
  /** Where the objects are. */
  readonly far: Scheduler;
  readonly thread: number | 'home';

  private constructor(near: Scheduler, far: Scheduler) {
    this.near = near;
    this.far = far;
    this.thread = far.threads[0] ?? 'home';
  }

  static async open(kind: 'thread' | 'threads' | 'nodes'): Promise<Path> {
    const threads = kind === 'thread' ? 0 : 1;
    if (kind !== 'nodes') {
      const scheduler = await Scheduler.start({ threads });
      return new Path(scheduler, scheduler);
    }
    const near = await Scheduler.start({ threads: 0, node: 'near@127.0.0.1' as NodeName });
    const far = await Scheduler.start({ threads, node: 'far@127.0.0.1' as NodeName });
    join(near, far);
    join(far, near);
    return new Path(near, far);
  }

  attach(trapExit = false): AttachedProcess {
    return this.near.attach({ trapExit });
  }

  start<Args extends readonly unknown[], T>(definition: ObjectDefinition<Args, T>, args: Args): Promise<ObjectPid<T>> {
    return startObject(this.far.attach(), definition, args, { thread: this.thread });
  }

  /** How many messages of the thread of the objects were dropped for that reason. */
  async dropped(reason: string): Promise<number> {
    const threads = await this.far.inspect();
    return threads.reduce((sum, { counters }) => sum + (counters.dropped[reason] ?? 0), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.near.stop();
    await this.far.stop();
  }
}

/** Gives what `from` sends to the node of `to`, in order, as a connection would. */
function join(from: Scheduler, to: Scheduler): void {
  from.setRemote({
    send: (node, creation, signal) => {
      if (node !== to.node || (creation !== 0 && creation !== to.creation)) return false;
      const bytes = Uint8Array.from(inOnePiece(signal));
      setImmediate(() => to.receiveRemote(from.node, from.creation, bytes));
      return true;
    },
    broadcast: (notice) => {
      const bytes = Uint8Array.from(notice);
      setImmediate(() => to.receiveRemote(from.node, from.creation, bytes));
    },
  });
}

export function onEveryPath(cases: Readonly<Record<string, (path: Path) => Promise<void>>>): void {
  describe.each([
    ['on one thread', 'thread'],
    ['across threads', 'threads'],
    ['across nodes', 'nodes'],
  ] as const)('%s', (_, kind) => {
    let path: Path;
    beforeAll(async () => {
      path = await Path.open(kind);
    });
    afterAll(() => path[Symbol.asyncDispose]());
    test.each(Object.entries(cases))('%s', (_name, show) => show(path));
  });
}

/** Resolves when `condition` holds; it is asked again after each turn of the event loop. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}
