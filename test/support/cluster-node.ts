/**
 * A node in an OS process of its own. The test that forked it tells it over IPC what to do: each message is
 * one call of {@link commands}, each answer what that returned or threw. It ends with the test, whatever happens.
 */
import { createHook } from 'node:async_hooks';
import {
  type Channel,
  type ClusterMember,
  type Envelope,
  type LiminalNode,
  type NodeOptions,
  type ObjectPid,
  type Pid,
  type PublishOptions,
  proxy,
  type Receipt,
  type SubscribeOptions,
  type Subscription,
  startNode,
  startObject,
  startServer,
  type Via,
  wrap,
} from 'liminal-node';
import { answerCalls } from './answer-calls.js';
import { clerk, type Ledger, ledger, obedient } from './cluster-processes.js';

let running: LiminalNode | undefined;
const subscriptions = new Map<Pid, { readonly subscription: Subscription; readonly received: Envelope[] }>();
const mailboxes = new Map<Pid, unknown[]>();
let publishing: { stopped: boolean; readonly done: Promise<Published> } | undefined;

/** What a run of publishes came to. */
export interface Published {
  readonly count: number;
  readonly dropped: number;
  readonly errors: readonly string[];
  /** The longest that one publish took, in milliseconds. */
  readonly longestMs: number;
}

export interface SessionView {
  readonly id: number;
  readonly node: string;
  readonly creation: number;
  readonly hidden: boolean;
}

function node(): LiminalNode {
  if (running === undefined) throw new Error('the node has not been started');
  return running;
}

function collected(pid: Pid): { readonly subscription: Subscription; readonly received: Envelope[] } {
  const found = subscriptions.get(pid);
  if (found === undefined) throw new Error(`no subscription ${pid}`);
  return found;
}

async function publishWhile(channel: Channel<number>, go: () => boolean): Promise<Published> {
  let count = 0;
  let dropped = 0;
  let longestMs = 0;
  const errors: string[] = [];
  while (go()) {
    const before = performance.now();
    try {
      dropped += (await channel.publish(count)).dropped;
      count++;
    } catch (error) {
      errors.push(String(error));
    }
    longestMs = Math.max(longestMs, performance.now() - before);
    if (count % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return { count, dropped, errors, longestMs };
}

const commands = {
  async start(options: Partial<NodeOptions>) {
    running = await startNode(options);
    const { name, listen, http, creation } = running;
    return { name, listen: listen ?? '', http, creation };
  },

  /** Subscribes and collects. @returns the subscription's pid, by which the other commands know it. */
  subscribe(channel: string, options?: SubscribeOptions): Pid {
    const subscription = node().channel(channel).subscribe(options);
    const received: Envelope[] = [];
    subscriptions.set(subscription.pid, { subscription, received });
    void (async () => {
      for await (const envelope of subscription) received.push(envelope);
    })();
    return subscription.pid;
  },
  subscribeMany(channel: string, count: number): readonly Pid[] {
    return Array.from({ length: count }, () => commands.subscribe(channel));
  },
  subscribeProcess(channel: string, pid: Pid): void {
    node().channel(channel).subscribe(pid);
  },
  unsubscribe(pid: Pid): void {
    collected(pid).subscription.close();
  },
  async dispose(pid: Pid): Promise<void> {
    await using _subscription = collected(pid).subscription;
  },
  receivedCount: (pid: Pid): number => collected(pid).received.length,
  envelopes: (pid: Pid): readonly Envelope[] => collected(pid).received,
  payloads: (pid: Pid): readonly unknown[] => collected(pid).received.map(({ payload }) => payload),

  publish: (channel: string, payload: unknown, options?: PublishOptions): Promise<Receipt> =>
    node().channel(channel).publish(payload, options),
  /** Publishes the numbers below `count`, in bursts: the last of each is awaited until it has left. */
  async publishNumbers(channel: string, count: number, burst = 500): Promise<Receipt[]> {
    const handle = node().channel<number>(channel);
    const receipts: Receipt[] = [];
    for (let number = 0; number < count; number++) {
      receipts.push(await handle.publish(number, { flush: number % burst === burst - 1 }));
    }
    return receipts;
  },
  startPublishing(channel: string): void {
    const state = { stopped: false };
    const done = publishWhile(node().channel<number>(channel), () => !state.stopped);
    publishing = Object.assign(state, { done });
  },
  async stopPublishing(): Promise<Published> {
    if (publishing === undefined) throw new Error('nothing is being published');
    publishing.stopped = true;
    return publishing.done;
  },

  /** A process of the program that keeps what it is sent. */
  attach(): Pid {
    const attached = node().attach();
    const messages: unknown[] = [];
    mailboxes.set(attached.pid, messages);
    void (async () => {
      for await (const message of attached.messages()) messages.push(message);
    })();
    return attached.pid;
  },
  messages: (pid: Pid): readonly unknown[] => mailboxes.get(pid) ?? [],

  remoteTargets: (channel: string) => node().clusterSync.remoteTargets(channel),
  sessions: (): SessionView[] =>
    node()
      .distribution.sessions()
      .map(({ id, node, creation, hidden }) => ({ id, node, creation, hidden })),
  members: (): readonly ClusterMember[] => node().members(),
  peers: () => node().distribution.peers(),
  health: () => node().health(),
  distributionCounters: () => node().distribution.counters,
  syncCounters: () => node().clusterSync.counters,
  async droppedSignals(): Promise<Readonly<Record<string, number>>> {
    const [home] = await node().scheduler.inspect();
    return home?.counters.dropped ?? {};
  },
  /** The delays of all timers that are set within so many milliseconds, and the CPU time of all threads meanwhile. */
  async watchIdle(ms: number): Promise<{ timerDelays: number[]; cpuMs: number }> {
    const timerDelays: number[] = [];
    const hook = createHook({
      init(_id, type, _trigger, resource: { _idleTimeout?: number }) {
        if (type === 'Timeout') timerDelays.push(resource._idleTimeout ?? 0);
      },
    });
    const before = process.cpuUsage();
    const window = new Promise((resolve) => setTimeout(resolve, ms));
    hook.enable();
    await window;
    hook.disable();
    const { user, system } = process.cpuUsage(before);
    return { timerDelays, cpuMs: (user + system) / 1_000 };
  },
  /** TCP connections of this OS process, as the kernel's handles tell. */
  sockets: (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length,

  spawnObedient: (observer: Pid, options: { name?: string | Via; trapExit?: boolean; thread?: number | 'home' } = {}) =>
    node().spawn(obedient, [observer], options),
  startLedger: (name: string): Promise<ObjectPid<Ledger>> => startObject(node().attach(), ledger, [], { name }),
  /** Keeps a callback of this node in an object of another. */
  async listenTo(to: ObjectPid<Ledger>): Promise<void> {
    await wrap(node(), to).listen(proxy((entry) => `${node().name} heard ${entry}`));
  },
  startClerk: (name: string, thread: number | 'home' = 'home'): Promise<Pid> =>
    startServer(node().attach(), clerk, [], { name, thread }),
  send(to: Pid, message: unknown): void {
    node().send(to, message);
  },
  exitProcess(pid: Pid, reason: string): void {
    node().scheduler.exitProcess(pid, reason);
  },
  http: (): string | null => node().http,
  whereisGlobally: (name: string): Pid | undefined => node().names.whereis(name),
  connect: (address: string) => node().connect(address),
  threads: (): readonly number[] => node().scheduler.threads,
  endThread: (thread: number): Promise<void> => node().scheduler.endThread(thread),
  drain: () => node().drain(),
};

export type Commands = typeof commands;

answerCalls(commands);
