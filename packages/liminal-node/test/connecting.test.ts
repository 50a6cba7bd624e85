/** Whom a node connects to while it runs, and what that means for its processes. */
import { FrameType, startDistribution } from '@liminal-node/distribution';
import { type LiminalNode, type NodeOptions, type Pid, startNode } from 'liminal-node';
import { afterEach, describe, expect, test } from 'vitest';

const nodes: LiminalNode[] = [];
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.drain()));
});

async function start(name: string, options: Partial<NodeOptions> = {}): Promise<LiminalNode & { listen: string }> {
  const node = await startNode({
    name: `${name}@127.0.0.1`,
    cookie: 'the cookie of this test',
    threads: 0,
    ...options,
  });
  nodes.push(node);
  return node as LiminalNode & { listen: string };
}

/** Two nodes that are connected. */
async function startPair(): Promise<readonly [LiminalNode & { listen: string }, LiminalNode & { listen: string }]> {
  const a = await start('a');
  const b = await start('b');
  await a.connect(b.listen);
  return [a, b];
}

/** What waits in a process of the program, read until `last` has come. */
async function readUntil(process: ReturnType<LiminalNode['attach']>, last: unknown): Promise<unknown[]> {
  const read: unknown[] = [];
  for await (const message of process.messages()) {
    read.push(message);
    if (message === last) return read;
  }
  return read;
}

/** Its first is told at once: who is up. */
async function secondOf<T>(events: AsyncIterable<T>): Promise<IteratorResult<T>> {
  const iterator = events[Symbol.asyncIterator]();
  await iterator.next();
  return iterator.next();
}

describe('connect', () => {
  test('resolves with the name of the node, also where it is connected already or is this very node', async () => {
    const [a, b] = await startPair();
    expect(a.members().map(({ name }) => name)).toEqual([a.name, b.name]);
    expect(await Promise.all([a.connect(b.listen), b.connect(a.name), a.connect(a.listen), a.connect(a.name)])).toEqual(
      [b.name, a.name, a.name, a.name],
    );
  });

  test('rejects where nothing listens, where it is not known where a node is, and on abort; dialling goes on', async () => {
    const a = await start('a');
    const b = await start('b');
    const { listen } = b;
    await b.drain();
    await expect(a.connect(listen)).rejects.toMatchObject({
      code: 'ERR_LIMINAL_CONNECT',
      message: expect.stringMatching(`cannot connect to ${listen}.*ECONNREFUSED`),
    });
    await expect(a.connect('x@127.0.0.1')).rejects.toMatchObject({ code: 'ERR_LIMINAL_CONNECT' });
    await expect(a.connect('nowhere')).rejects.toThrow(TypeError);
    const signal = AbortSignal.abort(new Error('never mind'));
    await expect(a.connect(listen, { signal })).rejects.toThrow('never mind');
    const again = await start('b', { listen });
    for await (const { type } of a.membership()) if (type === 'up') break;
    expect(a.members().map(({ name }) => name)).toContain(again.name);
  });

  test('rejects with the reason where the other node does not take this one', async () => {
    const a = await start('a');
    const b = await start('b', { allow: ['c@*'] });
    await expect(a.connect(b.listen)).rejects.toThrow('not allowed');
    expect(b.distribution.counters.handshakesRefused).toMatchObject({ 'not allowed': 1 });
  });
});

describe('disconnect', () => {
  test('ends what leads to the node, and connect by name mends it', async () => {
    const [a, b] = await startPair();
    const me = a.attach();
    const target = b.attach();
    const ref = me.monitor(target.pid);
    expect([a.disconnect(b.name), a.disconnect(b.name)]).toEqual([true, false]);
    expect(await me.receive()).toMatchObject({ ref, reason: 'noconnection' });
    expect(a.members()).toHaveLength(1);
    expect(a.distribution.peers().map(({ state }) => state)).toEqual(['disconnected']);
    expect(await a.connect(b.name)).toBe(b.name);
    me.send(target.pid, 'hello again');
    expect(await target.receive()).toBe('hello again');
  });
});

describe('a subscription that waits for the cluster', () => {
  test('is known on every node that is connected when it resolves, whoever subscribes', async () => {
    const [a, b] = await startPair();
    const c = await start('c');
    await Promise.all([a.connect(c.listen), b.connect(c.listen)]);
    for (let round = 0; round < 50; round++) {
      const channel = `orders ${round}`;
      const [subscription] = await Promise.all([
        a.channel<string>(channel).subscribe({ ready: 'cluster' }),
        c.channel<string>(channel).subscribe({ ready: 'cluster' }),
      ]);
      expect(await b.channel(channel).publish('here')).toEqual({ local: 0, nodes: 2, dropped: 0 });
      for await (const { payload } of subscription) {
        expect(payload).toBe('here');
        break;
      }
    }
  });

  test('tells by name who did not answer, for instance a node that does not know the question, and is closed then', async () => {
    const a = await start('a');
    const older = await startDistribution({
      ...{ name: 'older@127.0.0.1' as LiminalNode['name'], creation: 7, cookie: 'the cookie of this test' },
      seeds: [a.listen],
    });
    // It takes what is told of groups, and says nothing of its own.
    const told: unknown[] = [];
    const { PG_SNAPSHOT, PG_UPDATE, PG_RESYNC, PG_HAVE, PG_RESUME } = FrameType;
    for (const type of [PG_SNAPSHOT, PG_UPDATE, PG_RESYNC, PG_HAVE, PG_RESUME]) {
      older.onFrame(type, (_session, body) => told.push(body));
    }
    for await (const { type } of a.membership()) if (type === 'up') break;
    await expect(a.channel('orders').subscribe({ ready: 'cluster', timeoutMs: 200 })).rejects.toMatchObject({
      code: 'ERR_LIMINAL_NOT_ACKNOWLEDGED',
      nodes: ['older@127.0.0.1'],
    });
    expect(await a.channel('orders').publish('nobody')).toMatchObject({ local: 0 });
    // It skips the names of the cluster as well.
    expect([older.counters.unknownOptionalFrames, older.sessions().length]).toEqual([2, 1]);
    const waiting = a.channel('orders').subscribe({ ready: 'cluster' });
    await older.stop();
    (await waiting).close();
    expect(told.length).toBeGreaterThan(0);
  });
});

describe('processes', () => {
  test('N9 (differs): what is sent to an earlier life of a node is dropped, a monitor of it is told, and the connection stays', async () => {
    const [a, b] = await startPair();
    const old = b.attach();
    const stale = old.pid as Pid<string>;
    await b.drain();
    const again = await start('b', { listen: b.listen });
    await a.connect(b.listen);
    const [session] = a.distribution.sessions();
    // The first process that is attached there has the number that the old one had.
    const me = a.attach();
    const ref = me.monitor(stale);
    me.send(stale, 'for the dead');
    const stranger = again.attach();
    me.send(stranger.pid, 'for the living');
    expect(await readUntil(stranger, 'for the living')).toEqual(['for the living']);
    expect(await me.receive()).toMatchObject({ ref, reason: 'noconnection' });
    expect(a.distribution.sessions()).toEqual([session]);
  });

  test('N19: who asks for a process of a node that cannot be reached is told that there is no connection', async () => {
    const a = await start('a');
    const me = a.attach();
    const ref = me.monitor({ name: 'anybody', node: 'nobody@127.0.0.1' as LiminalNode['name'] });
    expect(await me.receive()).toMatchObject({ ref, reason: 'noconnection' });
  });

  test('N28: a send to a node that is not connected opens no connection', async () => {
    const [a, b] = await startPair();
    const target = b.attach({ label: 'target' });
    a.disconnect(b.name);
    const { dialled } = a.distribution.counters;
    const me = a.attach();
    me.send(target.pid, 'lost');
    me.send({ name: 'anybody', node: b.name }, 'lost');
    const ref = me.monitor(target.pid);
    expect(await me.receive()).toMatchObject({ ref, reason: 'noconnection' });
    expect([a.distribution.counters.dialled, a.distribution.sessions()]).toEqual([dialled, []]);
  });

  test('N31: local processes go on when their node leaves its cluster', async () => {
    const [a, b] = await startPair();
    const [one, other] = [a.attach(), a.attach()];
    const far = b.attach();
    const ref = one.monitor(far.pid);
    const downs = b.membership();
    const [, , { value: down }] = await Promise.all([
      a.distribution.leave().then(() => a.distribution.stop()),
      one.receive().then((message) => expect(message).toMatchObject({ ref, reason: 'noconnection' })),
      secondOf(downs),
    ]);
    expect(down).toMatchObject({ type: 'down', reason: 'left' });
    one.send(other.pid, 'still here');
    expect(await other.receive()).toBe('still here');
    expect(b.members().map(({ name }) => name)).toEqual([b.name]);
  });
});
