/**
 * What a visited node answers, as the visitor takes it: a peer's bytes, whose shape is checked before a tool relies
 * on it. What a later version adds is kept and not looked at.
 */
import type { Receipt } from '@liminal-node/channels';
import { isPid, type NodeName, type Pid, type ProcessRow, ProtocolError } from '@liminal-node/scheduler';
import * as v from 'valibot';
import type { Joined } from './joined.js';
import type { ClusterMember } from './members.js';
import type { NodeAnswer } from './node-requests.js';
import type { SupervisionLine } from './supervision-lines.js';
import type { SnapshotSummary, TracePage } from './visits.js';

const pid = v.custom<Pid>(isPid, 'a pid');
const optionalText = v.optional(v.string());
const status = v.optional(v.string());

const ANSWER = v.variant('ok', [
  v.looseObject({ ok: v.literal(true), request: v.number() }),
  v.looseObject({ ok: v.literal(false), request: v.number(), code: v.string(), message: v.string() }),
]);

const RECEIPT = v.looseObject({
  local: v.number(),
  nodes: v.number(),
  dropped: v.number(),
  losses: v.optional(v.array(v.looseObject({ node: v.string(), reason: v.string(), count: v.number() }))),
});

const MEMBERS = v.array(
  v.looseObject({
    name: v.string(),
    address: v.nullable(v.string()),
    state: v.picklist(['self', 'up', 'leaving']),
    since: v.number(),
    roundTripMs: v.optional(v.number()),
  }),
);

const JOINED = v.looseObject({ connected: v.number(), known: v.number(), missing: v.array(v.string()) });

const counters = v.looseObject({
  spawned: v.number(),
  exited: v.number(),
  dropped: v.record(v.string(), v.number()),
});

const SNAPSHOT = v.looseObject({
  node: v.string(),
  creation: v.number(),
  takenAt: v.number(),
  tookMs: v.number(),
  threads: v.array(v.looseObject({ thread: v.number(), processes: v.number(), counters })),
  silent: v.array(v.number()),
  processes: v.number(),
  supervisors: v.number(),
});

const ROWS = v.array(
  v.looseObject({
    pid,
    thread: v.number(),
    status: v.string(),
    current: v.string(),
    label: v.string(),
    name: optionalText,
    parent: v.optional(pid),
    trapExit: v.boolean(),
    mailbox: v.looseObject({ messages: v.number(), bytes: v.number(), dropped: v.number() }),
    handled: v.number(),
    links: v.number(),
    monitors: v.number(),
    watchers: v.number(),
    ageMs: v.number(),
  }),
);

const LINES = v.array(
  v.variant('type', [
    v.looseObject({
      type: v.literal('supervisor'),
      depth: v.number(),
      id: optionalText,
      pid,
      label: v.string(),
      name: optionalText,
      strategy: v.string(),
      children: v.number(),
      status,
      restart: optionalText,
      restarts: v.number(),
      childRestarts: v.number(),
    }),
    v.looseObject({
      type: v.literal('worker'),
      depth: v.number(),
      id: v.string(),
      pid: v.optional(pid),
      status,
      restart: optionalText,
      restarts: v.number(),
    }),
    v.looseObject({ type: v.literal('more'), depth: v.number(), count: v.number() }),
  ]),
);

const atMs = v.number();
const TRACED = v.looseObject({
  over: v.boolean(),
  events: v.array(
    v.variant('type', [
      v.looseObject({ atMs, type: v.picklist(['receive', 'drop']), message: v.string() }),
      v.looseObject({ atMs, type: v.literal('send'), to: v.string(), message: v.string() }),
      v.looseObject({
        atMs,
        type: v.literal('signal'),
        direction: v.picklist(['in', 'out']),
        signal: v.string(),
        peer: pid,
        reason: optionalText,
      }),
      v.looseObject({ atMs, type: v.literal('exit'), reason: v.string() }),
      v.looseObject({ atMs, type: v.literal('end'), because: v.string() }),
    ]),
  ),
});

type Answers = {
  readonly publish: Receipt;
  readonly members: readonly ClusterMember[];
  readonly joined: Joined;
  readonly connect: NodeName;
  readonly disconnect: boolean;
  readonly snapshot: SnapshotSummary;
  readonly processes: readonly ProcessRow[];
  readonly supervision: readonly SupervisionLine[];
  readonly trace: Pid;
  readonly traced: TracePage;
};

const SCHEMAS: Readonly<Record<keyof Answers, v.GenericSchema>> = {
  publish: RECEIPT,
  members: MEMBERS,
  joined: JOINED,
  connect: v.string(),
  disconnect: v.boolean(),
  snapshot: SNAPSHOT,
  processes: ROWS,
  supervision: LINES,
  trace: pid,
  traced: TRACED,
};

/** The answer that a message is; undefined for any other message. */
export function parseAnswer(message: unknown): NodeAnswer | undefined {
  return v.is(ANSWER, message) ? (message as NodeAnswer) : undefined;
}

/**
 * What was asked for, out of its answer.
 * @throws ProtocolError where it is something else.
 */
export function answerTo<Type extends keyof Answers>(type: Type, value: unknown): Answers[Type] {
  if (v.is(SCHEMAS[type], value)) return value as Answers[Type];
  throw new ProtocolError('bad answer', `the node answered "${type}" with something else`);
}
