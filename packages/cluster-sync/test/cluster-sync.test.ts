/** The bridge, with real process groups over sessions in memory. */
import { Channels } from '@liminal-node/channels';
import { FrameType } from '@liminal-node/distribution';
import { flowOfPid, inOnePiece, type NodeName, type Pid, Scheduler, silentLogger } from '@liminal-node/scheduler';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect, disconnect, type MemoryNode, settle, startNode } from '../../pg/test/memory-network.js';
import { ClusterSync, connectChannels, type SessionsPort } from '../src/index.js';

type Outcome = ReturnType<SessionsPort['send']>;

/** Sessions that keep what is sent; `outcomes` says how the sends to a node end, queued where it does not. */
class RecordedSessions {
  readonly outcomes = new Map<string, Outcome>();
  readonly sent: { readonly node: string; readonly type: number; readonly body: Uint8Array; readonly lane: string }[] =
    [];
  readonly flushed: string[][] = [];
  readonly told: { readonly node: string; readonly type: number; readonly label: Uint8Array }[] = [];
  readonly port: SessionsPort;
  #handler: Parameters<SessionsPort['onFrame']>[1] = () => {};
  #listener: Parameters<SessionsPort['onMembership']>[1] = () => {};

  constructor({ distribution }: MemoryNode) {
    this.port = {
      session: (node) => distribution.sessions().find((session) => session.node === node) as never,
      send: ({ node }, type, body, lane) => {
        const outcome = this.outcomes.get(node) ?? 'queued';
        if (outcome === 'queued') this.sent.push({ node, type, body: inOnePiece(body), lane });
        return outcome;
      },
      // The sessions here are of peers that take publications one by one.
      sendGrowing: () => expect.unreachable(),
      sendWhenRoom: ({ node }, type, body) => {
        const outcome = this.outcomes.get(node) ?? 'queued';
        if (outcome === 'queued') this.sent.push({ node, type, body: inOnePiece(body), lane: 'waiting' });
        return outcome;
      },
      tellLoss: ({ node }, type, label) => void this.told.push({ node, type, label }),
      onLoss: (type) => expect(type).toBe(FrameType.PUBLISH),
      flush: async (sessions = []) => void this.flushed.push(sessions.map(({ node }) => node)),
      onFrame: (type, handler) => {
        if (type === FrameType.PUBLISH) this.#handler = handler;
        else expect(type).toBe(FrameType.PUBLISH_BLOCK);
      },
      onMembership: (stage, listener) => {
        // pg has purged before anybody is told here.
        expect(stage).toBe('everyone');
        this.#listener = listener;
        return () => {};
      },
    };
  }

  receive(session: unknown, body: Uint8Array): void {
    this.#handler(session as never, body);
  }

  tell(event: unknown): void {
    this.#listener(event as never);
  }
}

interface SyncNode extends MemoryNode {
  readonly sessions: RecordedSessions;
  readonly sync: ClusterSync;
  /** A new process that subscribes. */
  subscriber(channel: string): Pid;
}

function startSync(name: string): SyncNode {
  const node = startNode(name);
  const sessions = new RecordedSessions(node);
  const sync = new ClusterSync(node.pg, sessions.port, silentLogger);
  return Object.assign(node, {
    sessions,
    sync,
    subscriber: (channel: string) => {
      const pid = node.processes.spawn();
      sync.onSubscribe(channel, pid);
      return pid;
    },
  });
}

let a: SyncNode;
let b: SyncNode;
let c: SyncNode;
beforeEach(() => {
  [a, b, c] = [startSync('a@127.0.0.1'), startSync('b@127.0.0.1'), startSync('c@127.0.0.1')];
});

/** Lets everything that is on its way arrive. */
function settled(): void {
  settle(a.distribution, b.distribution, c.distribution);
}

const PUBLISHER = 'b@h#1.0.7' as Pid;

function publish(node: SyncNode, channel: string): ReturnType<ClusterSync['onPublish']> & { encoded: number } {
  let encoded = 0;
  const encode = (): Uint8Array => {
    encoded++;
    return new Uint8Array([1, 2, 3]);
  };
  const receipt = node.sync.onPublish({ channel, publisher: PUBLISHER, flow: flowOfPid(PUBLISHER), encode }, false);
  return { ...receipt, encoded, flushed: () => receipt.flushed() };
}

describe('a subscription', () => {
  it('joins the channel’s group when it begins', () => {
    const pid = a.subscriber('orders');
    expect(a.pg.localMembers('orders')).toEqual([pid]);
    expect(a.pg.whichGroups()).toEqual(['orders']);
  });

  it('leaves the group when it ends', () => {
    const [one, other] = [a.subscriber('orders'), a.subscriber('orders')];
    a.sync.onUnsubscribe('orders', one);
    expect(a.pg.localMembers('orders')).toEqual([other]);
  });

  it('leaves the group when its process ends, whoever hears of that first', () => {
    const pid = a.subscriber('orders');
    a.processes.end(pid);
    expect(a.pg.localMembers('orders')).toEqual([]);
    a.sync.onUnsubscribe('orders', pid);
    expect(a.sync.memberships()).toEqual(new Map());
  });
});

describe('the memberships to backfill', () => {
  it('follow the subscriptions, and an emptied channel is gone', () => {
    expect(a.sync.memberships()).toEqual(new Map());
    const [one, other] = [a.subscriber('orders'), a.subscriber('orders')];
    const third = a.subscriber('returns');
    expect(a.sync.memberships()).toEqual(
      new Map([
        ['orders', [one, other]],
        ['returns', [third]],
      ]),
    );
    a.sync.onUnsubscribe('returns', third);
    a.sync.onUnsubscribe('orders', one);
    expect(a.sync.memberships()).toEqual(new Map([['orders', [other]]]));
    a.sync.onUnsubscribe('orders', other);
    expect(a.sync.memberships()).toEqual(new Map());
  });

  it('are what a peer learns that connects later', () => {
    const pid = a.subscriber('orders');
    a.sync.onUnsubscribe('returns', a.subscriber('returns'));
    connect(a.distribution, b.distribution);
    settled();
    expect(b.pg.membersOf(a.name)).toEqual(a.sync.memberships());
    expect(b.sync.remoteTargets('orders')).toEqual([{ node: a.name, pid }]);
  });
});

describe('the remote targets of a channel', () => {
  it('are none without remote members', () => {
    connect(a.distribution, b.distribution);
    a.subscriber('orders');
    settled();
    expect(a.sync.remoteTargets('orders')).toEqual([]);
    expect(a.sync.remoteTargets('never heard of')).toEqual([]);
  });

  it('are the node and the pid of each member of another node, once its join has been applied', () => {
    connect(a.distribution, b.distribution);
    connect(a.distribution, c.distribution);
    settled();
    const targets = [b.subscriber('orders'), b.subscriber('orders'), c.subscriber('orders')];
    expect(a.sync.remoteTargets('orders')).toEqual([]);
    settled();
    expect(a.sync.remoteTargets('orders')).toEqual([
      { node: b.name, pid: targets[0] },
      { node: b.name, pid: targets[1] },
      { node: c.name, pid: targets[2] },
    ]);
  });

  it('are exactly those of the nodes that are left when one is lost', () => {
    connect(a.distribution, b.distribution);
    connect(a.distribution, c.distribution);
    b.subscriber('orders');
    const left = c.subscriber('orders');
    settled();
    disconnect(a.distribution.session(b.name));
    expect(a.sync.remoteTargets('orders')).toEqual([{ node: c.name, pid: left }]);
  });
});

describe('a publish', () => {
  beforeEach(() => {
    connect(a.distribution, b.distribution);
    connect(a.distribution, c.distribution);
    for (const channel of ['orders', 'orders', 'orders', 'returns']) b.subscriber(channel);
    c.subscriber('orders');
    settled();
  });

  it('is one frame for each node that has members, whatever their number, and none for the others', async () => {
    const { flushed, ...receipt } = publish(a, 'orders');
    expect(receipt).toMatchObject({ nodes: 2, losses: [] });
    const body = new Uint8Array([1, 2, 3]);
    expect(a.sessions.sent).toEqual([
      { node: b.name, type: FrameType.PUBLISH, body, lane: 'data' },
      { node: c.name, type: FrameType.PUBLISH, body, lane: 'data' },
    ]);
    publish(a, 'returns');
    expect(a.sessions.sent.slice(2).map(({ node }) => node)).toEqual([b.name]);
    expect(a.sync.counters).toMatchObject({ sent: 3, received: 0, skipped: { gone: 0, 'queue full': 0 } });
    expect(a.sessions.flushed).toEqual([]);
    await flushed();
    expect(a.sessions.flushed).toEqual([[b.name, c.name]]);
  });

  it('that nobody elsewhere subscribes to is not even encoded', async () => {
    const { flushed, encoded, ...receipt } = publish(a, 'local');
    expect({ ...receipt, encoded }).toEqual({ nodes: 0, losses: [], encoded: 0 });
    await flushed();
    expect(a.sessions).toMatchObject({ sent: [], flushed: [] });
  });

  it.each([
    { peer: 'has gone', outcome: 'gone', counted: 'gone', reason: 'noconnection', told: 0 },
    { peer: 'takes no more', outcome: 'dropped', counted: 'queue full', reason: 'queue full', told: 1 },
  ] as const)(
    'skips and counts a peer that $peer, which is no error, and reaches the others',
    async ({ outcome, counted, reason, told }) => {
      a.sessions.outcomes.set(b.name, outcome);
      const { flushed, ...receipt } = publish(a, 'orders');
      expect(receipt).toMatchObject({ nodes: 1, losses: [{ node: b.name, reason, count: 1 }] });
      expect(a.sessions.sent.map(({ node }) => node)).toEqual([c.name]);
      expect(a.sync.counters).toMatchObject({ sent: 1, skipped: { gone: 0, 'queue full': 0, [counted]: 1 } });
      expect(a.sessions.told.map(({ node }) => node)).toEqual(new Array(told).fill(b.name));
      await flushed();
      expect(a.sessions.flushed).toEqual([[c.name]]);
    },
  );

  it('skips and counts a member whose node has no session any more', () => {
    const stale = new ClusterSync({ ...a.pg, nodes: () => ['d@127.0.0.1' as NodeName] }, a.sessions.port, silentLogger);
    const encode = (): Uint8Array => new Uint8Array();
    const publication = { channel: 'orders', publisher: PUBLISHER, flow: flowOfPid(PUBLISHER), encode };
    expect(stale.onPublish(publication, false)).toMatchObject({
      nodes: 0,
      losses: [{ node: 'd@127.0.0.1', reason: 'noconnection', count: 1 }],
    });
    expect(stale.counters.skipped.gone).toBe(1);
    expect(a.sessions.sent).toEqual([]);
  });
});

describe('channels that are connected', () => {
  let scheduler: Scheduler;
  afterEach(() => scheduler.stop());

  it('join what was subscribed before, take publishes of peers, and log who comes and goes', async () => {
    scheduler = await Scheduler.start({ node: a.name, creation: 1, threads: 0 });
    const node = startNode('a@127.0.0.1', { scheduler });
    const sessions = new RecordedSessions(node);
    const channels = new Channels(scheduler);
    const before = channels.channel('orders').subscribe();
    const logged: unknown[] = [];
    const logger = { ...silentLogger, info: (fields: object) => void logged.push(fields) };
    const sync = connectChannels(channels, node.pg, sessions.port, logger);
    const after = channels.channel<number>('orders').subscribe();
    expect(node.pg.localMembers('orders')).toEqual([before.pid, after.pid]);

    const session = { node: b.name, creation: 5 };
    const other = await Scheduler.start({ node: b.name, creation: 5, threads: 0 });
    const theirs = new Channels(other);
    theirs.setObserver({
      ...sync,
      onSubscribe: () => {},
      onUnsubscribe: () => {},
      onPublish: (publication) => {
        sessions.receive(session, inOnePiece(publication.encode()));
        return { nodes: 1, losses: [], flushed: async () => {} };
      },
      onPeerJoin: () => {},
      onPeerLeave: () => {},
      remoteTargets: () => [],
      acknowledged: async () => {},
    });
    await theirs.channel('orders').publish(7);
    for await (const { payload, publisher } of after) {
      expect({ payload, publisher }).toEqual({ payload: 7, publisher: other.root });
      break;
    }
    expect(sync.counters.received).toBe(1);
    // What came from a peer goes no further.
    expect(sessions.sent).toEqual([]);

    before.close();
    after.close();
    expect(node.pg.localMembers('orders')).toEqual([]);
    sessions.tell({ type: 'up', session });
    sessions.tell({ type: 'down', session, reason: 'left' });
    expect(logged).toEqual([{ node: b.name }, { node: b.name, reason: 'left' }]);
    await other.stop();
  });
});
