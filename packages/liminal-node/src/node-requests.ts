/**
 * What a node does for tools on hidden nodes, such as the command line: publish on their behalf, list the members,
 * connect and disconnect, and let itself be looked into. They send to the process registered as `liminal`, and are answered at a pid of their own.
 *
 * A request is a peer's bytes: its shape is checked, anything else is dropped and counted. No request changes
 * what is subscribed or joined on this node.
 */
import type { Channels } from '@liminal-node/channels';
import type { Distribution } from '@liminal-node/distribution';
import type { AttachedProcess, Logger, Pid } from '@liminal-node/scheduler';
import { isPid, PROCESS_ORDERS, systemEnvironment } from '@liminal-node/scheduler';
import * as v from 'valibot';
import { connectTo } from './connecting.js';
import { joinedOf } from './joined.js';
import type { ClusterMember } from './members.js';
import type { Visits } from './visits.js';

export const REQUESTS_NAME = 'liminal';

const answerTo = { replyTo: v.custom<Pid>(isPid, 'a pid'), request: v.number() };

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const page = { from: count, count };

const schema = v.variant('type', [
  v.strictObject({ type: v.literal('members'), ...answerTo }),
  v.strictObject({ type: v.literal('joined'), ...answerTo }),
  v.strictObject({ type: v.picklist(['connect', 'disconnect']), ...answerTo, peer: v.string() }),
  v.strictObject({ type: v.literal('snapshot'), ...answerTo }),
  v.strictObject({ type: v.literal('processes'), ...answerTo, order: v.nullable(v.picklist(PROCESS_ORDERS)), ...page }),
  v.strictObject({ type: v.literal('supervision'), ...answerTo, maxChildren: count, ...page }),
  v.strictObject({
    type: v.literal('trace'),
    ...answerTo,
    process: v.string(),
    forMs: v.number(),
    maxEvents: v.number(),
  }),
  v.strictObject({ type: v.literal('traced'), ...answerTo }),
  v.strictObject({ type: v.literal('publish'), ...answerTo, channel: v.string(), payload: v.unknown() }),
]);

export type NodeRequest = v.InferOutput<typeof schema>;

/** What can be asked for, without where the answer goes. */
export type NodeQuestion = NodeRequest extends infer R
  ? R extends unknown
    ? Omit<R, keyof typeof answerTo>
    : never
  : never;

export type NodeAnswer =
  | { readonly request: number; readonly ok: true; readonly value: unknown }
  | { readonly request: number; readonly ok: false; readonly code: string; readonly message: string };

export interface RequestCounters {
  answered: number;
  readonly refused: Record<'malformed' | 'failed', number>;
}

/** The request that a message is, or what is wrong with it. */
export function parseRequest(message: unknown): v.SafeParseResult<typeof schema> {
  return v.safeParse(schema, message);
}

/** What a visitor reaches. */
export interface Visited {
  readonly channels: Channels;
  readonly distribution: Distribution;
  readonly members: () => readonly ClusterMember[];
  readonly visits: Visits;
}

/** Answers for as long as `process` lives. */
export async function answerRequests(
  process: AttachedProcess,
  { channels, distribution, members, visits }: Visited,
  counters: RequestCounters,
  logger: Logger,
): Promise<void> {
  /** The last publish of each visitor: the next one begins when there was room for it. */
  const turns = new Map<Pid, Promise<void>>();
  const inTurn = <T>(visitor: Pid, work: () => Promise<T>): Promise<T> => {
    const turn = (turns.get(visitor) ?? Promise.resolve()).then(work);
    const done: Promise<void> = turn
      .then(
        () => {},
        () => {},
      )
      .then(() => {
        if (turns.get(visitor) === done) turns.delete(visitor);
      });
    turns.set(visitor, done);
    return turn;
  };
  const publish = async ({ channel, payload, replyTo }: NodeRequest & { type: 'publish' }): Promise<unknown> => {
    // Refuses what cannot name a channel.
    const { name } = channels.channel(channel);
    const { receipt, remote } = await inTurn(replyTo, async () => {
      const published = channels.publish(name, payload, { whenFull: 'wait' }, process.pid);
      return { receipt: await published.receipt, remote: published.remote };
    });
    await remote.flushed();
    return receipt;
  };
  const perform = (request: NodeRequest): unknown => {
    switch (request.type) {
      case 'members':
        return members();
      case 'joined':
        return joinedOf(distribution);
      case 'connect':
        return connectTo(distribution, request.peer, {}, systemEnvironment);
      case 'disconnect':
        return distribution.disconnect(request.peer);
      case 'publish':
        return publish(request);
      case 'snapshot':
        return visits.snapshot(request.replyTo);
      case 'processes':
        return visits.processes(request.replyTo, request);
      case 'supervision':
        return visits.supervision(request.replyTo, request);
      case 'trace':
        return visits.trace(request.replyTo, request);
      case 'traced':
        return visits.traced(request.replyTo);
      default:
        return request satisfies never;
    }
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
    const parsed = parseRequest(message);
    if (parsed.success) void answer(parsed.output);
    else {
      counters.refused.malformed++;
      logger.warn({ issues: v.flatten(parsed.issues) }, 'refused a malformed request');
    }
  }
}
