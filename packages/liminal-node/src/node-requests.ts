/**
 * What a node does for tools on hidden nodes, such as the command line: publish on their behalf, and list the
 * members. They send to the process registered as `liminal`, and are answered at a pid of their own.
 *
 * A request is a peer's bytes: its shape is checked, anything else is dropped and counted. No request changes
 * what is subscribed or joined on this node.
 */
import type { Channels } from '@liminal-node/channels';
import type { AttachedProcess, Logger, Pid } from '@liminal-node/scheduler';
import { isPid } from '@liminal-node/scheduler';
import * as v from 'valibot';
import type { ClusterMember } from './members.js';

export const REQUESTS_NAME = 'liminal';

const answerTo = { replyTo: v.custom<Pid>(isPid, 'a pid'), request: v.number() };

const schema = v.variant('type', [
  v.strictObject({ type: v.literal('members'), ...answerTo }),
  v.strictObject({ type: v.literal('publish'), ...answerTo, channel: v.string(), payload: v.unknown() }),
]);

export type NodeRequest = v.InferOutput<typeof schema>;

export type NodeAnswer =
  | { readonly request: number; readonly ok: true; readonly value: unknown }
  | { readonly request: number; readonly ok: false; readonly code: string; readonly message: string };

export interface RequestCounters {
  answered: number;
  readonly refused: Record<'malformed' | 'failed', number>;
}

/** Answers for as long as `process` lives. */
export async function answerRequests(
  process: AttachedProcess,
  channels: Channels,
  members: () => readonly ClusterMember[],
  counters: RequestCounters,
  logger: Logger,
): Promise<void> {
  const perform = async (request: NodeRequest): Promise<unknown> => {
    if (request.type === 'members') return members();
    // Refuses what cannot name a channel.
    const { name } = channels.channel(request.channel);
    const { flushed, ...receipt } = channels.publish(name, request.payload, {}, process.pid);
    await flushed();
    return receipt;
  };
  const answer = async (request: NodeRequest): Promise<void> => {
    const { replyTo, request: number } = request;
    try {
      const reply: NodeAnswer = { request: number, ok: true, value: await perform(request) };
      counters.answered++;
      process.send(replyTo, reply);
    } catch (error) {
      counters.refused.failed++;
      const message = error instanceof Error ? error.message : String(error);
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'ERR_LIMINAL_REQUEST';
      process.send(replyTo, { request: number, ok: false, code, message } satisfies NodeAnswer);
    }
  };
  for await (const message of process.messages()) {
    const parsed = v.safeParse(schema, message);
    if (parsed.success) void answer(parsed.output);
    else {
      counters.refused.malformed++;
      logger.warn({ issues: v.flatten(parsed.issues) }, 'refused a malformed request');
    }
  }
}
