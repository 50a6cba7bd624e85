/** A scheduler with nothing but its home thread, whose clock is the test's, and processes on it. */
import { afterEach, beforeEach } from 'vitest';
import type { ProcessBody } from '../src/definition.js';
import type { ExitReason } from '../src/exit-reason.js';
import type { MailboxBound } from '../src/mailbox.js';
import type { Pid } from '../src/pid.js';
import { Scheduler } from '../src/scheduler.js';
import type { Self } from '../src/self.js';
import { ManualEnvironment, microtasks } from './manual-environment.js';

export let environment: ManualEnvironment;
export let scheduler: Scheduler;

beforeEach(async () => {
  environment = new ManualEnvironment();
  scheduler = await Scheduler.start({ threads: 0, environment });
});
afterEach(() => scheduler.stop());

/** Starts a process and keeps its self, for what the test does in its name. */
export async function start<Args extends readonly unknown[]>(
  body: ProcessBody<Args>,
  options: { args?: Args; mailbox?: Partial<MailboxBound>; trapExit?: boolean } = {},
): Promise<{ pid: Pid; reason: () => ExitReason | undefined }> {
  const { args = [] as unknown as Args, ...rest } = options;
  const pid = scheduler.spawnLocal(body, args, rest);
  let reason: ExitReason | undefined;
  scheduler.onExit(pid, (given) => {
    reason = given;
  });
  await microtasks();
  return { pid, reason: () => reason };
}

/** A process that only waits for `wanted` to settle, and what it settled to. */
export async function wait(receive: (self: Self) => Promise<unknown>, mailbox?: Partial<MailboxBound>) {
  const outcome: { value?: unknown; error?: unknown } = {};
  const body = async (self: Self): Promise<void> => {
    await receive(self).then(
      (value) => {
        outcome.value = value;
      },
      (error: unknown) => {
        outcome.error = error;
      },
    );
    await self.receive({ match: (message): message is never => message === 'never' });
  };
  return { outcome, ...(await start(body, mailbox === undefined ? {} : { mailbox })) };
}

export const wanted = (message: unknown): message is unknown => message === 'wanted';

export async function send(pid: Pid, ...messages: unknown[]): Promise<void> {
  for (const message of messages) scheduler.send(pid, message);
  await microtasks();
  await environment.turn();
}
