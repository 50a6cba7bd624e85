/** Two nodes in one OS process: their schedulers are real, and the connection between them hands bytes over. */
import { inOnePiece, type NodeName, Scheduler, type SchedulerOptions } from '@liminal-node/scheduler';
import { SIGNAL_OP } from '../src/encoding/signal-codec.js';
import { puppet } from './fixtures/puppet.js';
import { Actor } from './world.js';

type Op = keyof typeof SIGNAL_OP;

/** A node that is connected to both and never says anything. */
export const SILENT = 'silent@host' as NodeName;

/** Where both nodes have their modules. */
export const ROOT = new URL('./', import.meta.url).href;

export class TwoNodes implements AsyncDisposable {
  readonly near: Scheduler;
  readonly far: Scheduler;
  /** Operations that have come to the far node, in order. */
  readonly atFar: Op[] = [];
  /** Counts connections; negative while there is none. */
  #connection = 1;

  private constructor(near: Scheduler, far: Scheduler) {
    this.near = near;
    this.far = far;
    this.#join(near, far, this.atFar);
    this.#join(far, near, []);
  }

  static async start(threads: number, ofFar: Partial<SchedulerOptions> = {}): Promise<TwoNodes> {
    const [near, far] = await Promise.all([
      Scheduler.start({ threads, node: 'near@host' as NodeName, creation: 1, applicationRoot: ROOT }),
      Scheduler.start({ threads, node: 'far@host' as NodeName, creation: 2, applicationRoot: ROOT, ...ofFar }),
    ]);
    return new TwoNodes(near, far);
  }

  /** What is on its way is lost, and each node is told that the other is gone. */
  lose(): void {
    this.#connection = -Math.abs(this.#connection) - 1;
    this.near.nodeDown(this.far.node, this.far.creation);
    this.far.nodeDown(this.near.node, this.near.creation);
  }

  connect(): void {
    this.#connection = Math.abs(this.#connection);
  }

  /** A puppet on a scheduler thread of that node, where it has one. */
  async actor(on: Scheduler, options: { name?: string; trapExit?: boolean } = {}): Promise<Actor> {
    return new Actor(on, await on.spawn(puppet, [], { ...options, thread: on.threads[0] ?? 'home' }));
  }

  /** What a near `actor` has heard, with all that it has asked of the far node and all that was sent to it from there. */
  async heardBy(actor: Actor): Promise<unknown[]> {
    const guide = await this.actor(this.far);
    await actor.do('visit', guide.pid);
    return actor.heard();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.near.stop(), this.far.stop()]);
  }

  #join(from: Scheduler, to: Scheduler, arrived: Op[]): void {
    const names = new Map(Object.entries(SIGNAL_OP).map(([name, op]) => [op as number, name as Op]));
    from.setRemote({
      send: (node, creation, signal) => {
        if (node === SILENT) return true;
        const isMeant = node === to.node && (creation === 0 || creation === to.creation);
        if (this.#connection < 0 || !isMeant) return false;
        const [connection, bytes] = [this.#connection, inOnePiece(signal).slice()];
        setImmediate(() => {
          if (connection !== this.#connection) return;
          arrived.push(names.get(bytes[0] ?? 0) as Op);
          to.receiveRemote(from.node, from.creation, bytes);
        });
        return true;
      },
      broadcast: (notice) => {
        const bytes = notice.slice();
        setImmediate(() => to.receiveRemote(from.node, from.creation, bytes));
      },
    });
  }
}
