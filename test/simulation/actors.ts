/**
 * The processes of a simulated cluster: each does what it is told by number, in its own turn, and gives account of all
 * that it receives. What it must not receive fails the run.
 */
import type { Envelope } from '@liminal-node/channels';
import type { DownMessage, ExitMessage, NodeName, Pid, ProcessDefinition, Ref, Self } from '@liminal-node/scheduler';
import type { Api } from './api.js';
import { askEcho } from './echo.js';
import { type Life, nodeName } from './life.js';
import { CHANNELS, type Load } from './schedule.js';

/** From one actor to another. */
interface Told {
  readonly from: Pid;
  readonly to: Pid | undefined;
  readonly number: number;
  readonly filling: Uint8Array;
}

type Command = { readonly step: number } | { readonly closed: string } | { readonly say: readonly Pid[] };

type Message = Command | Told | ExitMessage | DownMessage | Envelope<Told>;

const TOLD_TO_EXIT = 'told to exit';

/** How long a subscription waits to be acknowledged. */
const READY_TIMEOUT_MS = 800;

/** Monitors at once. */
const MANY = 20;

interface Watch {
  readonly target: Pid | undefined;
  /** Where a name was monitored. */
  readonly name?: { readonly name: string; readonly host: number };
  state: 'open' | 'down' | 'ended';
  /** Whether a session with the life of the target was up at the node when the monitor was made. */
  readonly wasUp: boolean;
}

/** One process, and what it has seen. */
export class Actor {
  readonly key: number;
  readonly self: Self;
  readonly life: Life;
  readonly thread: number;
  hasEnded = false;
  /** By channel: subscriptions less those that were ended. */
  readonly subscribed = new Map<string, number>();
  /** By channel: subscriptions less those of whose end it knows that nothing follows. */
  readonly open = new Map<string, number>();
  /** Channels of which it waits until the cluster has acknowledged that it subscribes. */
  readonly asking = new Set<string>();
  readonly watches = new Map<Ref, Watch>();
  /** By process: links made by this one, less those that an exit or an unlink has ended. */
  readonly links = new Map<Pid, number>();
  /** Others that have unlinked it: a link that it makes before it hears of that counts for nothing, and need not end. */
  readonly unlinkedBy = new Set<Pid>();
  /** The last numbers by sender, of messages and of publishes. */
  readonly heard = new Map<string, number>();
  /** How much it has heard of each since that was last forgotten. */
  readonly lately = new Map<Pid, { publishes: number; messages: number }>();
  /** Senders of other nodes whose end, with a reason of their own, was told. */
  readonly over = new Set<Pid>();
  name: string | undefined;
  /** All that it ever had. */
  readonly names = new Set<string>();
  /** Calls that have no outcome yet. */
  calls = 0;
  numbers = 0;
  /** Messages that others sent to its pid, and those of them that it was given. */
  sentTo = 0;
  told = 0;

  constructor(key: number, self: Self, life: Life, thread: number) {
    this.key = key;
    this.self = self;
    this.life = life;
    this.thread = thread;
  }

  get pid(): Pid {
    return this.self.pid;
  }
}

/** What actors need of the run that they are in. */
export interface Stage {
  readonly api: Api;
  readonly steps: readonly Load[];
  readonly actors: Map<number, Actor>;
  readonly byPid: Map<Pid, Actor>;
  lifeOf(node: NodeName, creation: number): Life;
  fail(what: string): void;
  /** Tells the log of the run, where there is one. */
  note(what: () => string): void;
  /** Checks something behind the step that is being taken. */
  later(check: () => void): void;
  /** Lives that run. */
  readonly living: readonly Life[];
  readonly outstanding: Map<number, Actor>;
  /** Exits that one process may yet be told of by links with the other. */
  readonly bonds: Map<string, number>;
}

/** The run under way: bodies of processes are given values only. */
let stage: Stage | undefined;

export function enter(next: Stage | undefined): void {
  stage = next;
}

const definitions = new WeakMap<Api, ProcessDefinition<[number]>>();

/** The process of all actors: its argument is the actor's number. */
export function actorProcess(api: Api): ProcessDefinition<[number]> {
  let definition = definitions.get(api);
  if (definition === undefined) {
    definition = api.scheduler.defineProcess('data:simulated-cluster', 'actor', (self, key: number) =>
      begin(self, key),
    );
    definitions.set(api, definition);
  }
  return definition;
}

function begin(self: Self, key: number): (message: Message) => void {
  const world = stage as Stage;
  const parts = world.api.scheduler.parsePid(self.pid);
  const life = world.lifeOf(self.node, parts?.creation ?? 0);
  const actor = new Actor(key, self, life, parts?.thread ?? 0);
  world.actors.set(key, actor);
  world.byPid.set(self.pid, actor);
  self.signal.addEventListener('abort', () => {
    actor.hasEnded = true;
    world.note(() => `${actor.pid} ends: ${JSON.stringify(self.signal.reason)}`);
  });
  world.note(() => `${actor.pid} begins as ${key}`);
  return (message) => receive(world, actor, message);
}

function receive(world: Stage, actor: Actor, message: Message): void {
  if (actor.hasEnded) world.fail(`${actor.pid}, which has ended, is given ${JSON.stringify(message)}`);
  if ('step' in message) {
    world.outstanding.delete(message.step);
    return act(world, actor, world.steps[message.step] as Load);
  }
  if ('say' in message) return say(world, actor, message.say);
  if ('closed' in message) return void add(actor.open, message.closed, -1);
  if ('channel' in message) return receivePublish(world, actor, message);
  if ('signal' in message) {
    if (message.signal === 'down') return receiveDown(world, actor, message);
    return receiveExit(world, actor, message);
  }
  receiveTold(world, actor, message);
}

function receiveTold(world: Stage, actor: Actor, { from, to, number }: Told): void {
  world.note(() => `${actor.pid} hears ${number} of ${from}`);
  if (to !== undefined) actor.told++;
  if (to !== undefined && to !== actor.pid) world.fail(`${actor.pid} is given what was sent to ${to}`);
  inOrder(world, actor, `${from}`, number);
  latelyOf(actor, from).messages++;
  if (actor.over.has(from)) world.fail(`${actor.pid} hears ${number} of ${from} after its end`);
}

function receivePublish(world: Stage, actor: Actor, { channel, publisher, payload, id }: Envelope<Told>): void {
  world.note(() => `${actor.pid} is given ${id} on ${channel}`);
  if (payload.from !== publisher) world.fail(`${id} of ${payload.from} comes as of ${publisher}`);
  if ((actor.open.get(channel) ?? 0) <= 0) {
    world.fail(`${actor.pid} is given ${id} on ${channel}, to which it does not subscribe`);
  }
  inOrder(world, actor, `publishes of ${publisher}`, payload.number);
  latelyOf(actor, publisher).publishes++;
  if (actor.over.has(publisher)) world.fail(`${actor.pid} is given ${id} of ${publisher} after its end`);
}

function latelyOf({ lately }: Actor, from: Pid): { publishes: number; messages: number } {
  const heard = lately.get(from) ?? { publishes: 0, messages: 0 };
  lately.set(from, heard);
  return heard;
}

/** Each at most once, and in the order in which it was sent. */
function inOrder(world: Stage, actor: Actor, of: string, number: number): void {
  const last = actor.heard.get(of) ?? 0;
  if (number === last) world.fail(`${actor.pid} is given ${number} of ${of} twice`);
  if (number < last) world.fail(`${actor.pid} is given ${number} of ${of} after ${last}`);
  actor.heard.set(of, number);
}

function receiveDown(world: Stage, actor: Actor, { ref, pid, reason }: DownMessage): void {
  world.note(() => `${actor.pid} is told ${ref} down: ${JSON.stringify(reason)}`);
  const watch = actor.watches.get(ref);
  if (watch === undefined) return world.fail(`${actor.pid} is told of a monitor ${ref} that it has not`);
  if (watch.state === 'down') world.fail(`${actor.pid} is told twice of the end of ${pid} by ${ref}`);
  if (watch.state === 'ended') world.fail(`${actor.pid} is told of the end of ${pid} by ${ref}, which it had ended`);
  watch.state = 'down';
  if (watch.target === undefined) return;
  const target = world.byPid.get(watch.target);
  if (target === undefined) return;
  if (reason === 'noconnection') {
    // A thread may hear of an earlier end of the session later than it made the monitor.
    if (watch.wasUp && target.life !== actor.life && downsOf(actor, target) === 0) {
      world.later(() => {
        if (!target.hasEnded) world.fail(`${actor.pid} is told noconnection of ${target.pid}, which was never lost`);
      });
    }
    return;
  }
  // Who is told at once, on the same thread, may be told before the run is. A node that stops ends threads that are stuck.
  world.later(() => {
    if (!target.hasEnded && target.life.isRunning) {
      world.fail(`${actor.pid} is told the end of ${target.pid}, which lives: ${JSON.stringify(reason)}`);
    }
  });
  // On one node, publishes come by way of the home thread and the end may be faster.
  if (target.life !== actor.life) actor.over.add(target.pid);
}

function receiveExit(world: Stage, actor: Actor, { from, reason }: ExitMessage): void {
  world.note(() => `${actor.pid} is told exit of ${from}: ${JSON.stringify(reason)}`);
  if (reason === TOLD_TO_EXIT) {
    // By somebody who lives; or by a link with somebody who was told so himself, and did not trap it.
    return world.later(() => {
      if (world.byPid.get(from)?.hasEnded === true) actor.links.delete(from);
    });
  }
  actor.links.delete(from);
  const bond = bondOf(actor.pid, from);
  const left = world.bonds.get(bond) ?? 0;
  if (left === 0) world.fail(`${actor.pid} is told of an end of ${from} along no link: ${JSON.stringify(reason)}`);
  world.bonds.set(bond, left - 1);
}

/** Exits that `to` may be told of by links with `from`. */
export function bondOf(to: Pid, from: Pid): string {
  return `${to} ${from}`;
}

function downsOf(actor: Actor, target: Actor): number {
  return actor.life.downs.get(`${target.life.name}/${target.life.creation}`) ?? 0;
}

function act(world: Stage, actor: Actor, step: Load): void {
  const { self } = actor;
  world.note(() => `${actor.pid} does ${JSON.stringify(step)}`);
  const target = 'to' in step ? world.actors.get(step.to) : undefined;
  if ('to' in step && (target === undefined || target === actor)) return;
  if ('channel' in step && step.do !== 'publish' && actor.asking.has(step.channel)) return;
  switch (step.do) {
    case 'spawn':
    case 'kill':
      return;
    case 'subscribe':
      add(actor.subscribed, step.channel, 1);
      add(actor.open, step.channel, 1);
      return ignoreFailure(world.api.channels.channelOf(self, step.channel).subscribe());
    case 'subscribeReady':
      return subscribeReady(world, actor, step.channel);
    case 'unsubscribe': {
      const { channel } = step;
      if ((actor.subscribed.get(channel) ?? 0) === 0) return;
      add(actor.subscribed, channel, -1);
      const ended = world.api.channels.channelOf(self, channel).unsubscribe();
      // What was in the mailbox before is read before this message to itself.
      return ignoreFailure(ended.then(() => self.send(self.pid, { closed: channel })));
    }
    case 'publish': {
      const payload = told(actor, undefined, step.bytes);
      return ignoreFailure(world.api.channels.channelOf(self, step.channel).publish(payload));
    }
    case 'send':
      return self.send((target as Actor).pid, told(actor, (target as Actor).pid, step.bytes));
    case 'talk': {
      const { pid } = target as Actor;
      for (const bytes of [step.bytes, 1, 1]) {
        self.send(pid, told(actor, pid, bytes));
      }
      ignoreFailure(world.api.channels.channelOf(self, CHANNELS[0] as string).publish(told(actor, undefined, 1)));
      return step.ends ? self.exit('done') : undefined;
    }
    case 'exit':
      return self.exit('done');
    case 'exitOther':
      return self.exitProcess((target as Actor).pid, TOLD_TO_EXIT);
    case 'link': {
      const { pid } = target as Actor;
      if (!actor.unlinkedBy.has(pid)) add(actor.links, pid, 1);
      for (const bond of [bondOf(actor.pid, pid), bondOf(pid, actor.pid)]) add(world.bonds, bond, 1);
      return self.link(pid);
    }
    case 'unlink':
      actor.links.delete((target as Actor).pid);
      (target as Actor).links.delete(actor.pid);
      (target as Actor).unlinkedBy.add(actor.pid);
      return self.unlink((target as Actor).pid);
    case 'monitor':
      return monitor(actor, target as Actor);
    case 'watchMuch':
      for (let count = 0; count < MANY; count++) monitor(actor, target as Actor);
      return;
    case 'demonitor': {
      const [ref] = [...actor.watches].find(([, { state }]) => state === 'open') ?? [];
      const watch = ref === undefined ? undefined : actor.watches.get(ref);
      if (ref !== undefined && watch !== undefined && self.demonitor(ref)) watch.state = 'ended';
      return;
    }
    case 'register':
      return ignoreFailure(
        self.register(step.name).then(() => {
          actor.name = step.name;
          actor.names.add(step.name);
        }),
      );
    case 'unregister':
      if (actor.name !== undefined) self.unregister();
      actor.name = undefined;
      return;
    case 'sendName':
      return self.send({ name: step.name, node: nodeName(step.host) }, told(actor, undefined, 1));
    case 'monitorName': {
      const { name, host } = step;
      const ref = self.monitor({ name, node: nodeName(host) });
      actor.watches.set(ref, { target: undefined, name: { name, host }, state: 'open', wasUp: false });
      return;
    }
    case 'call':
      return askEcho(world, actor, nodeName(step.host));
    default:
      step satisfies never;
  }
}

/** One publish on each channel, and a message to each. */
function say(world: Stage, actor: Actor, to: readonly Pid[]): void {
  for (const channel of CHANNELS) {
    ignoreFailure(world.api.channels.channelOf(actor.self, channel).publish(told(actor, undefined, 1)));
  }
  for (const pid of to) actor.self.send(pid, told(actor, pid, 1));
}

/** Whoever is connected throughout knows of the subscription once it is acknowledged; where it is not, there is none. */
function subscribeReady(world: Stage, actor: Actor, channel: string): void {
  const { self, life } = actor;
  const peers = world.living.flatMap((peer) => {
    const [here, there] = [life.up.get(peer.name), peer.up.get(life.name)];
    return here?.creation === peer.creation && there?.creation === life.creation ? [{ peer, here, there }] : [];
  });
  add(actor.subscribed, channel, 1);
  add(actor.open, channel, 1);
  actor.asking.add(channel);
  const asked = world.api.channels
    .channelOf(self, channel)
    .subscribe({ ready: 'cluster', timeoutMs: READY_TIMEOUT_MS });
  asked.then(
    () => {
      actor.asking.delete(channel);
      world.note(() => `${actor.pid} is acknowledged on ${channel}`);
      for (const { peer, here, there } of peers) {
        const isSame = life.up.get(peer.name) === here && peer.up.get(life.name) === there;
        // A node that stops ends its subscriptions before its threads hear of anything.
        if (!life.isRunning) continue;
        if (actor.hasEnded || !peer.isRunning || !isSame || peer.pg.members(channel).includes(actor.pid)) continue;
        world.fail(`${actor.pid} is acknowledged on ${channel}, and ${peer.name} does not list it`);
      }
    },
    () => {
      actor.asking.delete(channel);
      add(actor.subscribed, channel, -1);
      self.send(self.pid, { closed: channel });
    },
  );
}

function monitor(actor: Actor, target: Actor): void {
  const isUp = actor.life === target.life || actor.life.up.get(target.life.name)?.creation === target.life.creation;
  const ref = actor.self.monitor(target.pid);
  actor.watches.set(ref, { target: target.pid, state: 'open', wasUp: isUp });
}

function told(actor: Actor, to: Pid | undefined, bytes: number): Told {
  const target = to === undefined ? undefined : stage?.byPid.get(to);
  if (target !== undefined) target.sentTo++;
  return { from: actor.pid, to, number: ++actor.numbers, filling: new Uint8Array(bytes) };
}

function add<K>(counts: Map<K, number>, key: K, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}

/** Requests fail where the node goes meanwhile, and a process that has ended has nobody to tell. */
function ignoreFailure(work: Promise<unknown>): void {
  work.catch(() => {});
}
