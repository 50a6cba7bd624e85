/**
 * Draining: the ordered end of a node. Every step is bounded by what is left of the drain's time, and what a
 * bound cut short is said.
 */
import type { Channels } from '@liminal-node/channels';
import type { Distribution } from '@liminal-node/distribution';
import type { Pg } from '@liminal-node/pg';
import type { Environment, Scheduler } from '@liminal-node/scheduler';
import type { NodeApplication } from './application.js';
import type { HttpServer } from './http-server.js';

export interface DrainedParts {
  readonly application: NodeApplication;
  readonly scheduler: Scheduler;
  readonly distribution: Distribution;
  readonly pg: Pg;
  readonly channelGroups: Pg;
  readonly channels: Channels;
  readonly names: AsyncDisposable;
  readonly http: HttpServer | undefined;
}

/** The last steps are kept this much of the time, as a part and in milliseconds, whatever those before them took. */
const RESERVE = { part: 0.25, maxMs: 1_000 };

/**
 * The application is kept this part of the time before that: it is enough, by default, for a child that hangs to
 * be killed after its shutdown time, and named.
 */
const APPLICATION_PART = 0.6;

/** How long peers are waited for that do not say that they know of no member here any more. */
const ACKNOWLEDGE_MS = 2_000;

/** How often mailboxes are looked at while they empty. Only a draining node polls. */
const LOOK_INTERVAL_MS = 10;

export async function drainNode(
  { application, scheduler, distribution, pg, channelGroups, channels, names, http }: DrainedParts,
  timeoutMs: number,
  environment: Environment,
): Promise<{ cut: readonly string[] }> {
  const cut: string[] = [];
  const deadline = environment.now() + timeoutMs;
  const reserveMs = Math.min(RESERVE.maxMs, timeoutMs * RESERVE.part);
  const earlier = deadline - reserveMs;
  const stopAt = application.hasTree ? earlier - (timeoutMs - reserveMs) * APPLICATION_PART : earlier;
  const within = async (step: Promise<unknown>, by: number, whenCut: string): Promise<void> => {
    if (!(await settlesBy(environment, step, by))) cut.push(whenCut);
  };
  // From here on no peer sends new work; publishes of this node still reach the peers.
  for (const groups of [channelGroups, pg]) leaveAll(groups);
  const told = [channelGroups, pg].map((groups) => groups.acknowledged({ timeoutMs: ACKNOWLEDGE_MS }));
  await within(
    Promise.all([distribution.leave(), ...told]),
    stopAt,
    'not every peer acknowledged that this node leaves',
  );
  const unread = await emptyMailboxes(scheduler, environment, stopAt, stopAt + reserveMs / 2);
  if (unread === undefined) cut.push('a scheduler thread is blocked, and its mailboxes were not read');
  else if (unread > 0) cut.push(`${unread} messages in mailboxes were not read`);
  // Its children may still publish and send as they end.
  cut.push(...(await application.stop(Math.max(0, earlier - environment.now()))));
  channels.close();
  channelGroups.stop();
  pg.stop();
  await within(distribution.flush(), deadline, 'not everything that was sent has left for the peers');
  await within(scheduler.stop(), deadline, 'not every scheduler thread stopped');
  // Links and monitors of the peers hear of the end of each process, and not of a lost connection.
  await within(distribution.flush(), deadline, 'not every exit signal has left for the peers');
  await distribution.stop();
  await names[Symbol.asyncDispose]();
  await http?.close();
  return { cut };
}

function leaveAll(groups: Pg): void {
  for (const [group, pids] of groups.localMemberships()) for (const pid of pids) groups.leave(group, pid);
}

/**
 * @param deadline when to look for the last time.
 * @param answerBy when the answer to that look must have come.
 * @returns how many messages were left when time was up; undefined where a thread did not say.
 */
async function emptyMailboxes(
  scheduler: Scheduler,
  environment: Environment,
  deadline: number,
  answerBy: number,
): Promise<number | undefined> {
  for (;;) {
    let queued = 0;
    const look = scheduler.inspect().then((threads) => {
      queued = threads.reduce((sum, thread) => sum + thread.queued, 0);
    });
    if (!(await settlesBy(environment, look, answerBy))) return undefined;
    if (queued === 0 || environment.now() >= deadline) return queued;
    await new Promise<void>((resolve) => environment.setTimer(LOOK_INTERVAL_MS, resolve));
  }
}

/** Whether `step` settled in time. What it rejects with counts as settled: there is nothing left to wait for. */
async function settlesBy(environment: Environment, step: Promise<unknown>, deadline: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = environment.setTimer(Math.max(0, deadline - environment.now()), () => resolve(false));
    const settled = (): void => {
      timer.cancel();
      resolve(true);
    };
    step.then(settled, settled);
  });
}
