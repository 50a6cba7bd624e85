/**
 * A node of a chaos run, in an OS process of its own. While it is under load it publishes to each other node, joins
 * and leaves groups, subscribes and unsubscribes, monitors a process of each peer, and lets members die; all that
 * matters of it goes into its history first. What it does follows from its seed and from when it does it.
 */
import { createHash } from 'node:crypto';
import type { AttachedProcess, LiminalNode, MembershipEvent, NodeName, NodeOptions, Pid, Session } from 'liminal-node';
import { isDown, startNode } from 'liminal-node';
import { answerCalls } from '../support/answer-calls.js';
import { randomFrom } from '../support/random.js';
import { HistoryFile, type Members, type MessageId } from './history.js';

/** Milliseconds between two rounds of the load. */
const ROUND_MS = 10;
const GROUPS = Array.from({ length: 8 }, (_, at) => `group ${at}`);
const CHURNED = Array.from({ length: 8 }, (_, at) => `churned ${at}`);

let node: LiminalNode;
let history: HistoryFile;
let random: () => number;
let names: readonly string[] = [];
let loaded = false;
/** The next message of each session. */
const nextSeq = new Map<number, number>();
let watcher: AttachedProcess;
/** Sessions in which a process of the peer is monitored. */
const watched = new Set<number>();
const members: { readonly pid: Pid; readonly exit: () => void }[] = [];
const subscriptions: (() => void)[] = [];
const PADDING = 'x'.repeat(300_000);

const inboxOf = (name: string): string => `to ${name}`;
const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)];

function onMembership(event: MembershipEvent): void {
  const { id: session, node: peer, creation } = event.session;
  if (event.type === 'up') history.write({ t: 'up', session, node: peer, creation });
  else history.write({ t: 'down', session, node: peer, reason: event.reason, traffic: { ...event.session.traffic } });
}

function publish(session: Session): void {
  const { id, node: to } = session;
  const seq = nextSeq.get(id) ?? 0;
  nextSeq.set(id, seq + 1);
  const message: MessageId = { from: node.name, creation: node.creation, session: id, seq };
  history.write({ t: 'try', to, session: id, seq });
  // Mostly short, now and then one that travels in fragments.
  const padding = random() < 0.01 ? PADDING : PADDING.slice(0, Math.floor(random() * 2_000));
  // It is queued, or not, before the call returns; only the receipt comes later.
  node
    .channel(inboxOf(to))
    .publish({ ...message, padding, sum: sumOf(message, padding) })
    .then(({ nodes, dropped }) => {
      const outcome = nodes > 0 ? 'queued' : dropped > 0 ? 'dropped' : 'nobody';
      history.write({ t: 'receipt', session: id, seq, outcome });
    });
}

/** Frames have no checksum of their own, so that a bit that was flipped may arrive unnoticed. */
function sumOf({ from, creation, session, seq }: MessageId, padding: string): string {
  return createHash('md5').update(`${from} ${creation} ${session} ${seq} ${padding}`).digest('base64');
}

async function read(channel: string): Promise<void> {
  const subscription = node
    .channel<MessageId & { padding: string; sum: string }>(channel)
    .subscribe({ maxItems: 1_000_000, maxBytes: 2 ** 30 });
  for await (const { payload } of subscription) {
    const { from, creation, session, seq, padding, sum } = payload;
    if (sum === sumOf(payload, padding)) history.write({ t: 'got', from, creation, session, seq });
    else history.write({ t: 'damaged' });
  }
}

async function notice(): Promise<void> {
  for await (const message of watcher.messages()) {
    if (isDown(message)) history.write({ t: 'noticed', ref: message.ref, reason: String(message.reason) });
  }
}

function watch({ id, node: peer, creation }: Session): void {
  const target = node.clusterSync.remoteTargets(inboxOf(peer)).find((each) => each.node === peer);
  // The reader of its inbox lives as long as the node does.
  if (target === undefined || watched.has(id) || node.distribution.session(peer)?.creation !== creation) return;
  watched.add(id);
  history.write({ t: 'watch', ref: watcher.monitor(target.pid), session: id });
}

/** One change of what this node has in groups and channels. */
function churn(): void {
  const what = random();
  const member = pick(members);
  const group = pick(GROUPS) ?? '';
  if (what < 0.2 && members.length < 20) {
    const pid = node.spawnLocal(async (self) => void (await self.receive()), []);
    members.push({ pid, exit: () => node.scheduler.exitProcess(pid, 'kill') });
    node.pg.join(group, pid);
  } else if (what < 0.3 && member !== undefined) {
    members.splice(members.indexOf(member), 1);
    member.exit();
  } else if (what < 0.5 && member !== undefined) node.pg.join(group, member.pid);
  else if (what < 0.7 && member !== undefined) node.pg.leave(group, member.pid);
  else if (what < 0.85 && subscriptions.length < 20) {
    const subscription = node.channel(pick(CHURNED) ?? '').subscribe();
    subscriptions.push(() => subscription.close());
  } else subscriptions.splice(Math.floor(random() * subscriptions.length), 1)[0]?.();
}

function round(): void {
  if (!loaded) return;
  for (const session of node.distribution.sessions()) {
    watch(session);
    for (let left = Math.floor(random() * 4); left > 0; left--) if (session.up) publish(session);
  }
  for (let left = 3; left > 0; left--) churn();
  setTimeout(round, ROUND_MS);
}

function ownMembers(): Members {
  return {
    ...grouped('pg', node.pg.localMemberships()),
    ...grouped('channel', node.clusterSync.memberships()),
  };
}

function viewOf(peer: NodeName): Members {
  const channels = [...CHURNED, ...names.map(inboxOf)].map((channel): [string, Pid[]] => [
    channel,
    node.clusterSync
      .remoteTargets(channel)
      .filter((target) => target.node === peer)
      .map(({ pid }) => pid),
  ]);
  return { ...grouped('pg', node.pg.membersOf(peer)), ...grouped('channel', channels) };
}

function grouped(kind: string, groups: Iterable<readonly [string, readonly Pid[]]>): Members {
  return Object.fromEntries(
    [...groups].filter(([, pids]) => pids.length > 0).map(([name, pids]) => [`${kind} ${name}`, [...pids].sort()]),
  );
}

/** Every node of which it sees a member, and every one that it is connected to. */
function views(): Record<string, Members> {
  const seen = new Set<string>(node.distribution.sessions().map((session) => session.node));
  for (const group of node.pg.whichGroups()) for (const other of node.pg.nodes(group)) seen.add(other);
  for (const channel of [...CHURNED, ...names.map(inboxOf)]) {
    for (const target of node.clusterSync.remoteTargets(channel)) seen.add(target.node);
  }
  return Object.fromEntries([...seen].map((peer) => [peer, viewOf(peer as NodeName)]));
}

function sessions() {
  return node.distribution
    .sessions()
    .map(({ id, node: peer, creation, traffic }) => ({ session: id, node: peer, creation, traffic: { ...traffic } }));
}

const commands = {
  async start(options: Partial<NodeOptions>, path: string, seed: number, all: readonly string[]) {
    random = randomFrom(seed);
    names = all;
    node = await startNode({ threads: 0, ...options, joinTimeoutMs: 0 });
    history = new HistoryFile(path);
    history.write({ t: 'life', name: node.name, creation: node.creation });
    watcher = node.attach({ mailbox: { maxItems: 100_000 } });
    node.distribution.onMembership('everyone', onMembership);
    // Those that came up while the node started.
    for (const session of node.distribution.sessions()) onMembership({ type: 'up', session });
    void notice();
    void read(inboxOf(node.name));
    loaded = true;
    round();
  },
  quiet(): void {
    loaded = false;
  },
  /** For waiting until nothing changes any more. */
  state: () => ({
    creation: node.creation,
    own: ownMembers(),
    views: views(),
    sessions: sessions(),
    received: node.clusterSync.counters.received,
  }),
  /** The last word of this life. */
  async end(): Promise<void> {
    const { sent, received, skipped } = node.clusterSync.counters;
    const page = await (await fetch(`http://${node.http}/metrics`)).text();
    const metric = (name: string): number =>
      Number(new RegExp(`^liminal_${name}{?.*}? (\\d+)$`, 'm').exec(page)?.[1] ?? 0);
    const dropped = (reason: string): number => {
      const line = page
        .split('\n')
        .find((each) => each.includes(`channels_dropped_total`) && each.includes(`"${reason}"`));
      return Number(line?.split(' ').at(-1) ?? 0);
    };
    history.write({
      t: 'end',
      sessions: sessions(),
      own: ownMembers(),
      views: views(),
      counters: {
        sent,
        received,
        skipped: skipped.gone + skipped['queue full'],
        delivered: metric('channels_delivered_total'),
        undelivered: dropped('mailbox full') + dropped('no subscriber'),
      },
    });
    history.close();
  },
};

export type ChaosCommands = typeof commands;

answerCalls(commands);
