/**
 * Supervisors: processes that start other processes, start them again when they fail, and stop them in order.
 * After OTP's `supervisor`.
 *
 * A supervisor is a child like any other, so trees of them may span threads: each is linked to its children, and
 * when it ends, whatever the cause, they end with it. It is asked by `call` and can be stopped by `stopServer`.
 *
 * It differs from OTP in this:
 * - the period of the intensity, as every time, is in milliseconds;
 * - it hears of the end of a child that has ended the link between them, because it monitors it as well;
 * - an exit that a living child sends it counts for nothing, where OTP takes it for the end of that child;
 * - it stops when anybody but a child sends it `shutdown`, because a program has no link to what it starts;
 * - `ignore` is the exit reason of an init: a child's start succeeds without a pid, a supervisor's own is a
 *   `StartError` with that reason.
 *
 * A spec names a module, and whoever can send to a supervisor can have it load one, as in a cluster of OTP. Under
 * `simple_one_for_one` only arguments are taken.
 */
import { defineProcess } from '../definition.js';
import { showSupervisor } from '../inspection/supervisor-view.js';
import type { Self } from '../self.js';
import { reply } from './call.js';
import { isServerMessage, type RefusedMessage } from './server-message.js';
import {
  beginStart,
  finishStart,
  type StartableDefinition,
  type StartContext,
  type StartOptions,
  startProcess,
} from './server-start.js';
import { replyTo } from './supervisor-answer.js';
import { resolveSupervisorInit, type SupervisorInit } from './supervisor-init.js';
import { SupervisorProcess } from './supervisor-process.js';
import type { SupervisorPid } from './supervisor-request.js';

/** A supervisor that any thread can start. Made by {@link defineSupervisor}. */
export interface SupervisorDefinition<Args extends readonly unknown[] = readonly unknown[]>
  extends StartableDefinition<Args> {
  readonly kind: 'supervisor';
}

/**
 * Makes a supervisor that can be started on any thread, by {@link startSupervisor} or as a child of another.
 * @param module the URL of the module that makes this call at its top level: `import.meta.url`.
 * @param name unique among the processes of that module.
 * @param init says what it is to be, or `ignore` where it is not needed.
 */
export function defineSupervisor<Args extends readonly unknown[]>(
  module: string,
  name: string,
  init: (...args: Args) => Partial<SupervisorInit> | 'ignore' | Promise<Partial<SupervisorInit> | 'ignore'>,
): SupervisorDefinition<Args> {
  const process = defineProcess<[start: StartContext, ...args: Args]>(module, name, async (self, start, ...args) => {
    self.setTrapExit(true);
    beginStart(self, start);
    const given = await init(...args);
    if (given === 'ignore') return self.exit('ignore');
    const supervisor = new SupervisorProcess(self, name, resolveSupervisorInit(given), start.starter);
    showSupervisor(self, supervisor);
    await supervisor.startAll();
    finishStart(self, start);
    return supervisor.run((message) => answer(self, supervisor, message));
  });
  return { kind: 'supervisor', module, name, process };
}

async function answer(self: Self, supervisor: SupervisorProcess, message: unknown): Promise<void> {
  if (!isServerMessage(message)) return;
  if (message.signal === 'stop') return supervisor.end(message.reason);
  if (message.signal === 'cast') return;
  const { name, args, from } = message;
  const answered = await replyTo(supervisor, name, args);
  if (answered !== undefined) reply(self, from, answered);
  else self.send<RefusedMessage>(from, { signal: 'refused', reason: { noSuchCall: name } });
}

/**
 * Starts a supervisor and resolves with its pid once all its children have started.
 * Rejects with `StartError` (`ERR_LIMINAL_START`) where a child does not start, those before it having been
 * stopped: its reason is `{ shutdown: { failedToStartChild: { id, reason } } }`; where its init throws or
 * refuses a spec; and where its init says `ignore`, with that reason.
 */
export function startSupervisor<Args extends readonly unknown[]>(
  self: Self,
  definition: SupervisorDefinition<Args>,
  args: Args,
  options?: StartOptions,
): Promise<SupervisorPid> {
  return startProcess(self, definition, args, options);
}
